package wnode

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/names"
	"github.com/wnode/wnode/vm"
	wio "github.com/wnode/wnode/vm/io"
)

// Name is the node's name, name@host.
func (n *Node) Name() string { return n.name.String() }

// ID names this incarnation of the node.
func (n *Node) ID() abi.NodeID { return n.id }

// Addr is the UDP address that the node listens on.
func (n *Node) Addr() string { return n.endpoint.Addr().String() }

// Nodes lists the connected nodes, sorted.
func (n *Node) Nodes() []string { return n.peers.list() }

// Connect connects to name@host or name@host:port, and to the nodes that that one is connected to.
// It returns nil once the two nodes list each other and know each other's global names (DIST-04,
// GLOB-11), also when they did before, and for the node itself. For the nodes that the other one
// knows it waits two seconds at most; what cannot be reached then is told in the log. The error is a [*ConnectError], or wraps [abi.ErrBadArgument] for what is no name.
func (n *Node) Connect(ctx context.Context, name string) error {
	to, err := parseName(name)
	if err != nil {
		return err
	}
	if err := n.peers.connect(ctx, to); err != nil {
		return err
	}
	n.peers.awaitCluster(ctx, to.WithoutPort().String())
	return nil
}

// parseName reads the name of another node. A bare name is one of this host.
func parseName(name string) (names.NodeName, error) {
	to, err := names.ParseNodeName(name)
	if err != nil {
		return to, &nameError{err}
	}
	return to.WithHost(names.ShortHostname()), nil
}

// Disconnect ends the link to a node and reports whether there was one. Signals sent before arrive,
// unless ctx ends first.
func (n *Node) Disconnect(ctx context.Context, name string) bool {
	to, err := parseName(name)
	return err == nil && n.peers.disconnect(ctx, to.WithoutPort().String())
}

// pingTimeout is how long a connected node has to answer a ping.
const pingTimeout = 5 * time.Second

// Ping connects to a node if need be and reports whether it answers.
func (n *Node) Ping(ctx context.Context, name string) bool {
	to, err := parseName(name)
	if err != nil || n.peers.connect(ctx, to) != nil {
		return false
	}
	if to.WithoutPort().String() == n.Name() {
		return true
	}
	l, _ := n.peers.linkNamed(to.WithoutPort().String())
	if l == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return l.Ping(ctx) == nil
}

// Resolve gives the id of a node, and connects to it first if need be. The errors are those of [Node.Connect].
func (n *Node) Resolve(ctx context.Context, name string) (abi.NodeID, error) {
	if id, ok := n.peers.connected(name); ok {
		return id, nil
	}
	to, err := parseName(name)
	if err != nil {
		return 0, err
	}
	if to.WithoutPort().String() == n.Name() {
		return n.id, nil
	}
	if err := n.peers.connect(ctx, to); err != nil {
		return 0, err
	}
	l, _ := n.peers.linkNamed(to.WithoutPort().String())
	if l == nil {
		return 0, &ConnectError{name, errGone}
	}
	return l.Peer().Node, nil
}

// Index is the number that this node shows for a node in printed pids: 0 for itself, -1 for one that
// it has never met (PROC-03).
func (n *Node) Index(id abi.NodeID) int {
	if id == n.id {
		return 0
	}
	return n.peers.indexOf(id)
}

// NodeName gives the name of a node that is or has been connected, or of this one.
func (n *Node) NodeName(id abi.NodeID) (string, bool) {
	if id == n.id {
		return n.Name(), true
	}
	return n.peers.nameOf(id)
}

// Spawn starts a native process. A zero leader makes it its own.
func (n *Node) Spawn(label string, leader abi.Pid, f Func) (abi.Pid, error) {
	return n.sys.Spawn(vm.SpawnOptions{Body: f, Label: label, Leader: leader})
}

// Processes lists the processes of this node, oldest first.
func (n *Node) Processes() []abi.Pid { return n.sys.Processes() }

// Info describes a process of this node, and reports false when there is none.
func (n *Node) Info(pid abi.Pid) (Info, bool) { return n.sys.Info(pid) }

// Stack gives the calls that a process of this node is in, innermost first: none for a native process,
// and for one that does not answer within a second or until ctx ends.
func (n *Node) Stack(ctx context.Context, pid abi.Pid) []Frame { return n.sys.Stack(ctx, pid) }

// SetPriority sets the share of a processor that a process of this node gets, and gives the one before.
// The errors are [abi.ErrNoProcess], [abi.ErrBadArgument], and [abi.ErrDenied] beyond the process's limit.
func (n *Node) SetPriority(pid abi.Pid, priority Priority) (before Priority, err error) {
	return n.sys.SetPriority(pid, priority)
}

// Trace has a process of this node traced by another one, in place of what was traced before, until the
// tracer ends or flags are 0; see [vm.System.Trace].
func (n *Node) Trace(target, tracer abi.Pid, flags TraceFlags) error {
	return n.sys.Trace(target, tracer, flags)
}

// Alive reports whether pid is a process of this node that has not been told to end.
func (n *Node) Alive(pid abi.Pid) bool { return n.sys.Alive(pid) }

// StartTerminal starts an I/O server for a terminal, which owns the editor. Its pid is what
// processes have as their group leader.
func (n *Node) StartTerminal(editor LineEditor) (abi.Pid, error) {
	return n.startIO("terminal", wio.NewTerminal(editor))
}

// StartStream starts an I/O server over streams, which stay the caller's.
func (n *Node) StartStream(streams Streams) (abi.Pid, error) {
	return n.startIO("stream", wio.NewStream(streams))
}

func (n *Node) startIO(label string, device wio.Device) (abi.Pid, error) {
	server, err := wio.Start(n.sys, wio.Options{Device: device, Label: label})
	if err != nil {
		return abi.Pid{}, err
	}
	return server.Pid(), nil
}

// LocalNames lists the nodes of this host: those whose --listen address is host, or all addresses
// for "". port 0 is the well-known one. It waits a second and a half when there are none.
func LocalNames(ctx context.Context, host string, port uint16) ([]NameEntry, error) {
	addr := netip.Addr{}
	if host != "" {
		var err error
		if addr, err = netip.ParseAddr(host); err != nil {
			return nil, fmt.Errorf("list names: %w", err)
		}
	}
	return names.List(ctx, netip.AddrPortFrom(addr, port))
}
