package shell

import (
	"context"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
)

// Node is the node as the shell needs it: a [*wnode.Node] with LoadFile. Its methods may be called concurrently.
type Node interface {
	Cluster
	Processes
	Names
	// LoadFile puts a module from a file into the node's store and gives the function at its default
	// export. The error says in one line what is wrong with it.
	LoadFile(path string) (abi.Function, error)
}

// Cluster is the node among others.
type Cluster interface {
	Name() string
	ID() abi.NodeID
	// Index is the number that printed pids show for a node, 0 for this one (PROC-03).
	Index(abi.NodeID) int
	NodeName(abi.NodeID) (string, bool)
	// Nodes lists the connected nodes.
	Nodes() []string
	Connect(ctx context.Context, name string) error
	Disconnect(ctx context.Context, name string) bool
	Ping(ctx context.Context, name string) bool
	// Resolve gives a node's id, and connects to it when that is needed.
	Resolve(ctx context.Context, name string) (abi.NodeID, error)
}

// Processes are the processes of the node.
type Processes interface {
	Spawn(label string, leader abi.Pid, f wnode.Func) (abi.Pid, error)
	Processes() []abi.Pid
	Info(abi.Pid) (wnode.Info, bool)
	Trace(target, tracer abi.Pid, flags wnode.TraceFlags) error
	Stack(context.Context, abi.Pid) []wnode.Frame
	Memory() wnode.Memory
	SetPriority(abi.Pid, wnode.Priority) (before wnode.Priority, err error)
}

// Names are the registered names, the node's own and the global ones.
type Names interface {
	Register(name string, pid abi.Pid) error
	Unregister(name string) error
	Whereis(name string) (abi.Pid, bool)
	Registered() []string
	GlobalRegister(ctx context.Context, name string, pid abi.Pid) error
	GlobalUnregister(ctx context.Context, name string) error
	GlobalWhereis(name string) (abi.Pid, bool)
	GlobalNames() []string
}
