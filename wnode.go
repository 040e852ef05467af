// Package wnode is an Erlang-style node whose processes are WebAssembly, as a library.
//
// [Start] boots a [Node]: processes with mailboxes, pids and group leaders (package vm), guests in
// any language that compiles to wasm (vm/guest), and links to the other nodes that hold the same
// cookie (net/link). A function is an export of a module; spawning one on another node ships the
// module there when it lacks it, and what it prints comes home to its spawner's terminal.
//
// This package is the only place where those parts meet: each of them asks for what it needs of
// the others through interfaces of its own, and the types in this package's files answer:
// peers (the nodes and the links to them), globals (names that all nodes share), modules (the
// store and the transfers), and logs.
package wnode

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/cookie"
	"github.com/wnode/wnode/net/link"
	"github.com/wnode/wnode/net/names"
	"github.com/wnode/wnode/net/ship"
	"github.com/wnode/wnode/net/wire"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/guest"
	"github.com/wnode/wnode/vm/module"
)

// How long a node may be silent until it is taken for dead.
const (
	DefaultIdleTimeout = link.DefaultIdleTimeout
	MinIdleTimeout     = link.MinIdleTimeout
)

// DefaultPeerProcesses is how many processes another node may have here when nothing else is said.
const DefaultPeerProcesses = vm.DefaultPeerProcesses

// What messages may take without [Options] that say otherwise, in bytes.
const (
	DefaultMaxMessageBytes = vm.DefaultMaxMessageBytes
	DefaultLinkQueueBytes  = link.DefaultQueueBytes
)

// MinMessageBytes is the least that [Options.MaxMessageBytes] and [Options.LinkQueueBytes] may be.
const MinMessageBytes = wire.MinSignalBytes

// Options are the parameters of a [Node]. They are not changed by it.
type Options struct {
	// Name is the node's name: name@host, or a bare name, which gets this machine's short host name.
	// "": a name that no other node has.
	Name string
	// Cookie is what this node shares with the nodes that it joins. Required.
	Cookie Cookie
	// Listen is HOST:PORT, the UDP address to listen on. "" is all addresses of the machine; without
	// a port, the well-known one or, when that is taken, a free one.
	Listen string
	// WellKnownPort is the UDP port at which the nodes of a host find each other. 0: 7369.
	WellKnownPort uint16
	// CacheDir keeps modules, compiled code and the secret by which peers notice a restart between
	// runs, for all nodes of a user. "": nothing is kept. So it is, with a warning in the log, when nothing can be written there.
	CacheDir string
	// CodeBytes bounds the compiled code that is kept there; what was not used for longest goes first. 0: 1 GiB.
	CodeBytes int64
	// CompileWorkers is how many goroutines compile a module when no other is being compiled. More than one are faster,
	// but a module that makes the compiler panic then ends the program: they are for nodes whose modules are trusted
	// so far, or that are there for one only. 0: 1.
	CompileWorkers int
	// MaxModuleBytes bounds one module. 0: [module.DefaultMaxModuleBytes].
	MaxModuleBytes int64
	// Threads allows guests the atomic instructions of WebAssembly's proposal for threads, on memories that are
	// their own. Shared memories are refused.
	Threads bool
	// Memory bounds what the node keeps for its processes, in bytes: what guests take, with their modules, what
	// waits for all processes, and what links hold of messages on their way, which wait for room; see [Node.Memory]. When it is used up, memory grows no more and no more guests are
	// spawned; when it is more than used up, the guests that keep most end. 0: three quarters of [MachineMemory].
	Memory uint64
	// IdleTimeout ends a link whose peer is not heard of for so long; of two nodes' time-outs the smaller one
	// counts. 0: [DefaultIdleTimeout]. At least [MinIdleTimeout].
	IdleTimeout time.Duration
	// PeerProcesses bounds the live processes that one other node has spawned here, with all that these have spawned
	// here. Beyond it, it is refused more. 0: [DefaultPeerProcesses].
	PeerProcesses int
	// MaxMessageBytes bounds one message: those that processes of this node send, and those that other nodes may send to
	// them. What a link keeps of them is part of Memory. 0: [DefaultMaxMessageBytes]. At least [MinMessageBytes].
	MaxMessageBytes int
	// LinkQueueBytes is how much may wait to be sent to another node before senders wait; for messages of more than
	// 64 KiB it is how much each sender may have waiting. 0: [DefaultLinkQueueBytes]. At least [MinMessageBytes].
	LinkQueueBytes int
	// Rights are what a process of this node has at most, RemoteRights one that another node asked for.
	// Where they say nothing, the defaults of package vm are in force.
	Rights, RemoteRights Rights
	// Progress is told how far long work on modules is, on any goroutine; it must return soon. nil: nobody is.
	Progress func(Progress)
	// Logger receives what the node has to say. nil: nothing is logged.
	Logger *slog.Logger
}

// Node is a running node. Its methods may be called concurrently.
type Node struct {
	id           abi.NodeID
	name         names.NodeName
	log          *slog.Logger
	opts         Options
	ctx          context.Context
	cancel       context.CancelFunc
	wg           sync.WaitGroup
	sys          *vm.System
	local        localNames
	globals      *globals
	peers        *peers
	memory       *vm.Memory
	store        *module.Store
	engine       *guest.Engine
	endpoint     *link.Endpoint
	service      *names.Service
	modules      *ship.Exchange
	applications applications
	closing      sync.Once
	closeErr     error
}

// Start boots a node. Errors are for people: one line that says what is wrong and what to do.
// ctx bounds the start only; the node runs until [Node.Close].
func Start(ctx context.Context, opts Options) (*Node, error) {
	n, err := newNode(opts)
	if err != nil {
		return nil, err
	}
	if err := n.boot(ctx); err != nil {
		return nil, errors.Join(err, n.Close(context.WithoutCancel(ctx)))
	}
	return n, nil
}

func newNode(opts Options) (*Node, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.WellKnownPort == 0 {
		opts.WellKnownPort = names.Port
	}
	if opts.IdleTimeout != 0 && opts.IdleTimeout < MinIdleTimeout {
		return nil, fmt.Errorf("a node cannot be given up after %v: give at least %v", opts.IdleTimeout, MinIdleTimeout)
	}
	if opts.PeerProcesses < 0 {
		return nil, fmt.Errorf("%d processes for each other node: give 0, for the default, or more", opts.PeerProcesses)
	}
	for _, size := range []int{opts.MaxMessageBytes, opts.LinkQueueBytes} {
		if size != 0 && size < MinMessageBytes {
			return nil, fmt.Errorf("messages and what waits of them cannot be bounded by %d bytes: give at least %d", size, MinMessageBytes)
		}
	}
	if err := cmp.Or(opts.Rights.Validate(), opts.RemoteRights.Validate()); err != nil {
		return nil, err
	}
	name, err := nodeName(opts.Name)
	if err != nil {
		return nil, err
	}
	opts.CacheDir = usableCache(opts)
	n := &Node{id: abi.NewNodeID(), name: name, opts: opts, log: opts.Logger, memory: vm.NewMemory(opts.Memory)}
	if n.store, err = openStore(opts); err != nil {
		return nil, err
	}
	if n.engine, err = n.newEngine(); err != nil {
		n.store.Close()
		return nil, err
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.local.init()
	n.peers, n.globals = newPeers(n), newGlobals(n)
	n.modules = n.newExchange()
	n.sys = vm.New(vm.Options{
		Node: n.id, Remote: n.peers, Names: processNames{n}, NodeName: n.NodeName, Loader: n.engine,
		Logger: opts.Logger, Crashed: n.crashed, NodeMessage: n.serviceMessage,
		Rights: opts.Rights, RemoteRights: opts.RemoteRights, Memory: n.memory, MakeRoom: n.engine.MakeRoom,
		MaxPeerProcesses: opts.PeerProcesses, MaxMessageBytes: opts.MaxMessageBytes,
	})
	return n, nil
}

// nodeName completes the name that was asked for.
func nodeName(text string) (names.NodeName, error) {
	if text == "" {
		text = fmt.Sprintf("wnode-%08x", uint32(abi.NewNodeID()))
	}
	name, err := names.ParseNodeName(text)
	if err != nil {
		return name, err
	}
	if name.Port != 0 {
		return name, fmt.Errorf("invalid node name %s: the port goes to --listen", text)
	}
	return name.WithHost(names.ShortHostname()), nil
}

// boot starts what the node runs on. What it has started, Close ends.
func (n *Node) boot(ctx context.Context) error {
	if err := n.listen(); err != nil {
		return err
	}
	if err := n.startNames(ctx); err != nil {
		return err
	}
	n.endpoint.Serve()
	return nil
}

// listen opens the node's UDP socket and takes calls on it.
func (n *Node) listen() error {
	auth, err := cookie.NewAuthenticator(cookie.Config{Name: n.Name(), Cookies: n.cookies})
	if err != nil {
		return err
	}
	conn, err := bind(n.opts.Listen, n.opts.WellKnownPort)
	if err != nil {
		return err
	}
	n.endpoint, err = link.Open(link.Options{
		Conn: conn, Hello: n.hello(conn), Auth: auth, IdleTimeout: n.opts.IdleTimeout, ResetKey: n.resetKey(),
		QueueBytes: n.opts.LinkQueueBytes, Inbound: n.memory.Incoming(), Outbound: n.memory.Outgoing(),
		Incoming: n.peers.incoming, Disallowed: n.disallowed, Broken: n.peers.brokenCall, Logger: n.log,
	})
	return err
}

func (n *Node) cookies(string) []cookie.Secret { return []cookie.Secret{n.opts.Cookie} }

// startNames makes the node's name known on its host. A name that is taken ends the node.
func (n *Node) startNames(ctx context.Context) error {
	addr := udpAddr(n.endpoint.Addr())
	opts := names.Options{
		Node: n.name, Port: addr.Port(), Logger: n.log,
		WellKnown: wellKnown(addr, n.opts.WellKnownPort),
	}
	if addr.Port() == n.opts.WellKnownPort {
		opts.Shared = n.endpoint
	}
	var err error
	n.service, err = names.Start(ctx, opts)
	if errors.Is(err, names.ErrNameInUse) {
		return fmt.Errorf("%w: choose another with --name", err)
	}
	if err != nil {
		return err
	}
	n.wg.Go(func() {
		select {
		case <-n.service.Conflict():
			n.log.Error(fmt.Sprintf("the name %s is in use by another node on this host too: stop one of the two", n.name))
		case <-n.ctx.Done():
		}
	})
	return nil
}

// Close stops the node in good order: its applications, all other processes, its links, and its
// socket. It waits until all has ended, or ctx ends. Closing twice is harmless.
func (n *Node) Close(ctx context.Context) error {
	n.closing.Do(func() { n.closeErr = n.close(ctx) })
	return n.closeErr
}

func (n *Node) close(ctx context.Context) error {
	n.peers.refuse()
	n.applications.stop(ctx)
	err := n.closeProcesses(ctx)
	n.peers.close(ctx)
	n.cancel()
	if n.service != nil {
		n.service.Close()
	}
	if n.endpoint != nil {
		err = errors.Join(err, n.endpoint.Close())
	}
	n.wg.Wait()
	err = errors.Join(err, n.engine.Close(ctx))
	n.store.Close()
	return err
}

// closeProcesses gives the processes half of the time that there is, so that one which does not end
// (its output may be stuck) leaves some for the links.
func (n *Node) closeProcesses(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	return n.sys.Close(ctx)
}
