package vm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/internal/processors"
	"github.com/wnode/wnode/vm/sched"
)

// Defaults of [Options].
const (
	DefaultMaxProcesses    = 1 << 20
	DefaultMaxMonitors     = 1 << 20
	DefaultMaxMessageBytes = 16 << 20
	DefaultPeerProcesses   = 1 << 16
)

// Remote carries signals to other nodes. Its methods keep the order of signals of one sender to
// one receiver, take over sig.Data, and fail with an error that wraps [abi.ErrNotConnected] when
// the node cannot be reached, or [abi.ErrNoProcess] when it has restarted since (PROC-05). They may
// be called concurrently.
type Remote interface {
	// Send may connect first, and waits while the way to the node is congested, until ctx ends.
	Send(ctx context.Context, sig abi.Signal) error
	// SendConnected is Send to a node that is connected, and never connects.
	SendConnected(ctx context.Context, sig abi.Signal) error
	// Post never waits and never connects; the machine's own answers go this way.
	Post(sig abi.Signal) error
}

// Lender is a [Remote] that has a short way for messages.
type Lender interface {
	// SendLent is SendConnected for a message whose Data stays the caller's, if that goes without waiting; it reports
	// false when the message was not sent.
	SendLent(sig abi.Signal) bool
}

// Names resolves the names of this node's processes. It may be called concurrently.
type Names interface {
	Whereis(name string) (abi.Pid, bool)
	// NameOf gives the name a process is registered under, "" for none.
	NameOf(abi.Pid) string
	// Release frees the names of a process that has ended, before any other process hears of its end (PROC-17).
	Release(abi.Pid)
}

// Loader turns a function into something to run. It returns at once: the body loads its code
// when it runs, so that missing code is the process's exit reason, not an error of spawn (PROC-06).
// origin is a node that has the module.
type Loader interface {
	Body(fn abi.Function, origin abi.NodeID) Body
}

// Options are the parameters of a [System].
type Options struct {
	// Node is the id of this node. Required.
	Node abi.NodeID
	// Remote reaches other nodes. nil: there are none. It may be a [Lender].
	Remote Remote
	// Names resolves registered names. nil: there are none.
	Names Names
	// NodeName gives the name of a node, for logs. nil: nodes are shown by their ids.
	NodeName func(abi.NodeID) (string, bool)
	// Loader makes bodies for spawned functions. nil: functions cannot be spawned.
	Loader Loader
	// Logger receives what the machine has to say. nil: nothing is logged.
	Logger *slog.Logger
	// Crashed is told of every process that ended by an error (LOG-01), on that process's stack,
	// after its monitors were; but of no more than a burst of 50 guests of one family and 10 a second from
	// then on, and ten times that in all. How many it is not told of is logged. nil: crashes are only logged.
	Crashed func(Crash)
	// NodeMessage is given what other nodes' services say ([abi.SignalNode]), in order, and must not
	// wait. nil: nobody listens.
	NodeMessage func(abi.Signal)
	// MaxProcesses bounds the live processes. 0: [DefaultMaxProcesses].
	MaxProcesses int
	// MaxPeerProcesses bounds the live processes that one other node has asked for, with all that came of them; the
	// next request is refused with [abi.ErrLimit]. Those of all other nodes together are no more than three quarters
	// of MaxProcesses. 0: [DefaultPeerProcesses].
	MaxPeerProcesses int
	// MaxMonitors bounds the monitors on processes of this node together with the ends of their
	// links, and the monitors on other nodes' processes. One more fires at once, with reason
	// system_limit. 0: [DefaultMaxMonitors].
	MaxMonitors int
	// MaxTimers bounds the timers that have not fired. 0: [DefaultMaxTimers].
	MaxTimers int
	// Memory is what the node may keep. What waits for all processes together, messages, those of timers,
	// arguments and aliases, is a part of it, a third at most. Beyond that, or when all that is taken is more than
	// there is, the guests that keep most end with reason [ReasonNodeFull]; when none is left, there are no more
	// guests. nil: one of the default size.
	Memory *Memory
	// MakeRoom gives back what guests have taken of Memory and nobody uses, until it is enough. nil: there is no
	// such thing.
	MakeRoom func(enough func() bool)
	// MaxMessageBytes bounds one message. 0: [DefaultMaxMessageBytes].
	MaxMessageBytes int
	// Rights are what a process of this node has at most. Where they have no bound on the mailbox,
	// on timers, on children or on the priority, the defaults are in force.
	Rights Rights
	// RemoteRights are what a process that another node asked for has at most, within Rights; but its
	// Reach is all of RemoteRights, and none of Rights. Where they have no bound on the priority, it is
	// [DefaultRemotePriority].
	RemoteRights Rights
}

// System holds the processes of one node. Its methods may be called concurrently.
type System struct {
	opts     Options
	lender   Lender // nil for none
	ctx      context.Context
	cancel   context.CancelCauseFunc
	wg       sync.WaitGroup   // of the live processes
	sched    *sched.Scheduler // of the scheduled ones
	next     atomic.Uint64    // last number given to a pid, a ref or a call
	table    table
	visitors visitors
	remote   remoteWatches
	timers   timers
	named    sync.Map     // watcher of a monitor by name -> *Process that has or had the name
	held     atomic.Int64 // monitors on processes of this node, and ends of their links
	waiting  waiting
	crashes  crashLog
	nodes    nodeWatches
}

// New makes a system without processes. [System.Close] ends it.
func New(opts Options) *System {
	setDefault(&opts.MaxProcesses, DefaultMaxProcesses)
	setDefault(&opts.MaxPeerProcesses, DefaultPeerProcesses)
	setDefault(&opts.MaxMonitors, DefaultMaxMonitors)
	setDefault(&opts.MaxTimers, DefaultMaxTimers)
	setDefault(&opts.MaxMessageBytes, DefaultMaxMessageBytes)
	opts.Rights.Limits = opts.Rights.Limits.orDefaults()
	setDefault(&opts.RemoteRights.Limits.Priority, DefaultRemotePriority)
	reach := opts.RemoteRights.Reach
	opts.RemoteRights = opts.RemoteRights.Within(opts.Rights)
	opts.RemoteRights.Reach = reach
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Names == nil {
		opts.Names = noNames{}
	}
	if opts.Memory == nil {
		opts.Memory = NewMemory(0)
	}
	if opts.MakeRoom == nil {
		opts.MakeRoom = func(func() bool) {}
	}
	s := &System{opts: opts, sched: sched.New(processors.All())}
	s.lender, _ = opts.Remote.(Lender)
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.table.init(opts.MaxProcesses)
	s.visitors.init(opts.MaxPeerProcesses, opts.MaxProcesses)
	s.remote.max = opts.MaxMonitors
	s.timers.init(opts.MaxTimers, s.Deliver)
	s.crashes.init(s.crashesDropped)
	s.waiting.init(opts.Memory, s.table.count, s.relieve)
	return s
}

func setDefault[T int | abi.Priority](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

type noNames struct{}

func (noNames) Whereis(string) (abi.Pid, bool) { return abi.Pid{}, false }
func (noNames) NameOf(abi.Pid) string          { return "" }
func (noNames) Release(abi.Pid)                {}

// Node is the id of this system's node.
func (s *System) Node() abi.NodeID { return s.opts.Node }

// NewRef draws a ref that no other call returns.
func (s *System) NewRef() abi.Ref { return abi.Ref{Node: s.opts.Node, Num: s.next.Add(1)} }

func (s *System) newPid() abi.Pid { return abi.Pid{Node: s.opts.Node, Num: s.next.Add(1)} }

// Route sends a signal to wherever its receiver is and takes over sig.Data. It waits only for a
// congested or not yet connected remote node, until ctx ends. A receiver that does not exist is
// no error (SIG-03); a node that cannot be reached is one, wrapping [abi.ErrNotConnected], and a
// monitor or a link is then answered with noconnection (MON-06, LINK-08).
func (s *System) Route(ctx context.Context, sig abi.Signal) error {
	return s.route(ctx, sig, true, nil)
}

// route is Route on the stack of a process, nil for none, and with connect false to nodes that are connected only.
func (s *System) route(ctx context.Context, sig abi.Signal, connect bool, by *Process) error {
	if sig.To.Node == s.opts.Node {
		s.deliver(sig, by)
		return nil
	}
	return s.leave(sig, func() error { return s.sendAway(ctx, sig, connect, by) })
}

// sendAway sends a signal to another node. A process tries to without waiting first.
func (s *System) sendAway(ctx context.Context, sig abi.Signal, connect bool, by *Process) error {
	if by != nil {
		err := s.opts.Remote.SendConnected(noPatience, sig)
		congested := errors.Is(err, abi.ErrWouldWait)
		if !congested && !(connect && errors.Is(err, abi.ErrNotConnected)) || ctx == noPatience {
			return err
		}
		defer by.suspend(congested)()
	}
	if connect {
		return s.opts.Remote.Send(ctx, sig)
	}
	return s.opts.Remote.SendConnected(ctx, sig)
}

// post is Route for the machine's own answers: it never waits, and loses what cannot be sent.
func (s *System) post(sig abi.Signal) {
	if sig.To.Node == s.opts.Node {
		s.Deliver(sig)
		return
	}
	if err := s.leave(sig, func() error { return s.opts.Remote.Post(sig) }); err != nil {
		s.opts.Logger.Debug("signal lost", "kind", sig.Kind, "err", err)
	}
}

// tell is post to another node for a process that ends: on its own stack it may wait.
func (s *System) tell(sig abi.Signal) {
	if err := s.leave(sig, func() error { return s.opts.Remote.SendConnected(s.ctx, sig) }); err != nil {
		s.opts.Logger.Debug("signal lost", "kind", sig.Kind, "err", err)
	}
}

// leave sends a signal off this node, with the watch that a monitor needs there.
func (s *System) leave(sig abi.Signal, send func() error) error {
	if s.opts.Remote == nil {
		s.unreachable(sig, reasonNoConnection)
		return fmt.Errorf("send to another node: %w", abi.ErrNotConnected)
	}
	if sig.Kind == abi.SignalMonitor && !s.remote.add(watch{ref: sig.Ref, watcher: sig.From, target: sig.To}) {
		s.Deliver(downSignal(sig, reasonLimit))
		return nil
	}
	err := send()
	switch {
	case errors.Is(err, abi.ErrNoProcess) && sig.Kind == abi.SignalSpawnRequest: // nobody would answer
		return fmt.Errorf("%w: %w", abi.ErrNotConnected, err)
	case errors.Is(err, abi.ErrNoProcess):
		s.unreachable(sig, reasonNoProcess)
		return nil
	case errors.Is(err, abi.ErrNotConnected):
		s.unreachable(sig, reasonNoConnection)
	}
	return err
}

// unreachable answers for a process on a node that cannot be reached.
func (s *System) unreachable(sig abi.Signal, reason []byte) {
	if sig.Kind == abi.SignalMonitor {
		s.remote.remove(sig.Ref, sig.To.Node)
	}
	if answer, ok := answerFor(sig, reason); ok {
		s.Deliver(answer)
	}
}

// answerFor gives what the sender of a signal has to hear when the receiver is not there.
func answerFor(sig abi.Signal, reason []byte) (abi.Signal, bool) {
	switch sig.Kind {
	case abi.SignalMonitor:
		return downSignal(sig, reason), true
	case abi.SignalLink:
		return linkExit(sig.To, sig.From, reason), true
	case abi.SignalUnlink:
		return unlinkAck(sig), true
	case abi.SignalSpawnReply: // who asked is told, or has been, that there is no new process, whatever that does about exits
		return abi.Signal{Kind: abi.SignalExit, From: sig.To, To: sig.From, Data: reasonKill}, true
	}
	return abi.Signal{}, false
}

// Deliver brings a signal to its receiver on this node and takes over sig.Data. It never waits.
// The caller vouches for sig.From: a link checks that it is a pid of the peer's.
func (s *System) Deliver(sig abi.Signal) { s.deliver(sig, nil) }

// deliver is Deliver on the stack of a process, nil for none: whom it wakes will run where that runs.
func (s *System) deliver(sig abi.Signal, by *Process) {
	if sig.To.Node != s.opts.Node { // another incarnation's pid (PROC-05), or a peer's invention
		s.absent(sig)
		return
	}
	if sig.To.Num == abi.NodeProcess && sig.Name == "" {
		s.nodeSignal(sig)
		return
	}
	if r := s.receiverOf(sig); r == nil || !r.signal(sig, by) {
		s.absent(sig)
	}
}

// receiverOf finds who a signal is for, nil for nobody. A monitor by name goes to who has the name,
// and its end to who had it then (MON-05).
func (s *System) receiverOf(sig abi.Signal) receiver {
	if sig.To.Num != abi.NodeProcess {
		return s.table.get(sig.To.Num)
	}
	if sig.Kind == abi.SignalDemonitor {
		if p, ok := s.named.Load(watcherOf(sig)); ok {
			return p.(*Process)
		}
		return nil
	}
	pid, ok := s.opts.Names.Whereis(sig.Name)
	if !ok || pid.Node != s.opts.Node {
		return nil
	}
	return s.table.get(pid.Num)
}

// absent answers for a process that is not there: a monitor or a link hears noproc, all else vanishes.
func (s *System) absent(sig abi.Signal) {
	if answer, ok := answerFor(sig, reasonNoProcess); ok {
		s.post(answer)
	}
}

// nodeSignal handles what is addressed to the node itself. A monitor of a node needs nothing
// here: it fires on the watcher's side when the connection is lost.
func (s *System) nodeSignal(sig abi.Signal) {
	switch {
	case sig.Kind == abi.SignalSpawnRequest:
		s.spawnRequested(sig)
	case sig.Kind == abi.SignalNode && s.opts.NodeMessage != nil && sig.From.Num == abi.NodeProcess:
		s.opts.NodeMessage(sig)
	}
}

// NodeDown tells the system that the connection to a node is lost: every monitor and every link
// across it ends, with noconnection on this side (MON-10, LINK-09). Call it once no more signals of that connection come in.
func (s *System) NodeDown(node abi.NodeID) {
	for _, w := range s.remote.drop(node) {
		s.Deliver(abi.Signal{Kind: abi.SignalDown, From: w.target, To: w.watcher, Ref: w.ref, Data: reasonNoConnection})
	}
	for _, p := range s.table.processes() {
		p.lost(node)
	}
}

// Close ends every process with reason shutdown, takes no new ones, and waits until all are gone
// or ctx ends. Closing twice is harmless.
func (s *System) Close(ctx context.Context) error {
	s.table.close()
	for _, p := range s.table.processes() {
		p.exit(reasonShutdown)
	}
	s.cancel(&ExitError{Reason: reasonShutdown})
	s.timers.close()
	s.waiting.close()
	done := make(chan struct{})
	go func() { s.wg.Wait(); s.sched.Close(); close(done) }()
	defer s.crashes.close()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close: %d processes still running: %w", s.table.count(), ctx.Err())
	}
}
