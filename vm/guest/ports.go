package guest

import (
	"context"

	"github.com/wnode/wnode/abi"
)

// Modules is where the bytes of modules come from. Its methods may be called concurrently.
type Modules interface {
	// Module gives the bytes that have the hash, from this node or else from the node origin. The
	// engine only reads them. An error means that the code cannot be had.
	Module(ctx context.Context, hash abi.Hash, origin abi.NodeID) ([]byte, error)
	// Put takes in a module and copies its bytes: [abi.ErrTooLarge], [abi.ErrLimit].
	Put(module []byte) (abi.Hash, error)
	// Has reports whether this node has the module.
	Has(hash abi.Hash) bool
}

// Names are the registered names of this node. Its methods may be called concurrently.
type Names interface {
	// Register gives a process of this node a name: [abi.ErrNameTaken], or [abi.ErrNoProcess] for
	// one that has ended. It must not leave a name to a process that ends meanwhile.
	Register(name string, pid abi.Pid) error
	// Unregister frees a name: [abi.ErrNoName].
	Unregister(name string) error
	Whereis(name string) (abi.Pid, bool)
}

// Globals are the names that all connected nodes share. Its methods may be called concurrently.
type Globals interface {
	// Register gives a process of any node a name: [abi.ErrNameTaken].
	Register(ctx context.Context, name string, pid abi.Pid) error
	// Unregister frees a name; one that is free already is no error.
	Unregister(ctx context.Context, name string) error
	Whereis(name string) (abi.Pid, bool)
}

// Nodes are this node and those it is connected to. Its methods may be called concurrently.
type Nodes interface {
	// Name is the name of this node.
	Name() string
	// Nodes gives the names of the connected nodes.
	Nodes() []string
	// Connect connects to a node; one that is connected already is no error. [abi.ErrNotConnected].
	Connect(ctx context.Context, name string) error
	// Disconnect reports whether the node was connected.
	Disconnect(ctx context.Context, name string) bool
	// Ping connects if need be and reports whether the node answered.
	Ping(ctx context.Context, name string) bool
	// Resolve gives the id of a node and connects to it first if need be: [abi.ErrNotConnected],
	// [abi.ErrBadArgument] for what is no node name.
	Resolve(ctx context.Context, name string) (abi.NodeID, error)
}

// nodeAlone is the name of a node that is not part of any network.
const nodeAlone = "nonode@nohost"

// alone stands in for names and nodes that a node does not have.
type alone struct{}

func (alone) Register(string, abi.Pid) error { return abi.ErrNotSupported }
func (alone) Unregister(string) error        { return abi.ErrNoName }
func (alone) Whereis(string) (abi.Pid, bool) { return abi.Pid{}, false }

func (alone) Name() string                            { return nodeAlone }
func (alone) Nodes() []string                         { return nil }
func (alone) Connect(context.Context, string) error   { return abi.ErrNotConnected }
func (alone) Disconnect(context.Context, string) bool { return false }
func (alone) Ping(context.Context, string) bool       { return false }
func (alone) Resolve(context.Context, string) (abi.NodeID, error) {
	return 0, abi.ErrNotConnected
}

// noGlobals stands in for global names that a node does not have.
type noGlobals struct{}

func (noGlobals) Register(context.Context, string, abi.Pid) error { return abi.ErrNotSupported }
func (noGlobals) Unregister(context.Context, string) error        { return nil }
func (noGlobals) Whereis(string) (abi.Pid, bool)                  { return abi.Pid{}, false }
