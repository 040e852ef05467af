package vm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// SpawnOptions say what a new process is.
type SpawnOptions struct {
	// Body is what runs. Required.
	Body Body
	// Label is what people call the code: a file name, "shell".
	Label string
	// Function is the code, for a process that has any but Go's.
	Function abi.Function
	// Args are the arguments, an encoded array; nil for none.
	Args []byte
	// Parent is the spawner, on any node; zero for the node itself.
	Parent abi.Pid
	// Leader is the group leader; zero: the process leads itself (GL-08).
	Leader abi.Pid
	// Overflow says what a full mailbox leads to.
	Overflow Overflow
	// Monitor is a monitor that Parent has on the process from its first moment on; zero for none.
	Monitor abi.Ref
}

// Spawn starts a process. The errors are [abi.ErrLimit] and, once the system is closed,
// [abi.ErrTerminated]. Safe for concurrent use.
func (s *System) Spawn(opts SpawnOptions) (abi.Pid, error) {
	p, err := s.prepare(opts)
	if err != nil {
		return abi.Pid{}, err
	}
	p.start()
	return p.pid, nil
}

// prepare enters a process into the table; start, which must follow, lets it run. Signals that
// come in between find it.
func (s *System) prepare(opts SpawnOptions) (*Process, error) {
	p := &Process{
		sys: s, pid: s.newPid(), opts: opts, started: time.Now(), leader: opts.Leader,
		wake:     make(chan struct{}, 1),
		monitors: map[abi.Ref]abi.Pid{}, watchers: map[abi.Ref]abi.Pid{},
	}
	if p.leader.IsZero() {
		p.leader = p.pid
	}
	if opts.Monitor != (abi.Ref{}) {
		p.watchers[opts.Monitor] = opts.Parent
		s.held.Add(1)
	}
	p.ctx, p.cancel = context.WithCancelCause(s.ctx)
	if err := s.table.addProcess(p, func() { s.wg.Add(1) }); err != nil {
		p.cancel(err)
		s.held.Add(-int64(len(p.watchers)))
		return nil, fmt.Errorf("spawn %s: %w", opts.Label, err)
	}
	return p, nil
}

// start lets a prepared process run, on a goroutine that [System.Close] waits for.
func (p *Process) start() {
	go func() {
		defer p.sys.wg.Done()
		defer p.cancel(nil)
		p.run()
	}()
}

// SpawnRequest asks a node, this one or another, for a process that runs a function.
type SpawnRequest struct {
	Function abi.Function `cbor:"1,keyasint"`
	Args     term.Raw     `cbor:"2,keyasint,omitempty"` // an encoded array; nil for none
	Leader   abi.Pid      `cbor:"3,keyasint"`
	Parent   abi.Pid      `cbor:"4,keyasint"`
	Monitor  abi.Ref      `cbor:"5,keyasint"` // a monitor of the parent's; zero for none
}

// SpawnFunction starts a process that runs a function on a node and returns its pid. Parent and,
// when zero, Leader are p's (GL-01). Missing code is no error: it is the new process's exit reason
// (PROC-06). A node that cannot be reached gives a warning in the log and the pid of a process
// that has ended already (RSP-02). The errors are [abi.ErrLimit], [abi.ErrBadArgument],
// [abi.ErrNotSupported] when the node runs no functions, and the cause of ctx when that ends.
func (p *Process) SpawnFunction(ctx context.Context, node abi.NodeID, req SpawnRequest) (abi.Pid, error) {
	req.Parent = p.pid
	if req.Leader.IsZero() {
		req.Leader = p.GroupLeader()
	}
	pid, err := p.spawnOn(ctx, node, req)
	if errors.Is(err, abi.ErrNotConnected) {
		return p.sys.SpawnFailed(req.Function, p.sys.nodeName(node), err), nil
	}
	return pid, err
}

// SpawnMonitor is [Process.SpawnFunction] with a monitor that is there from the new process's first
// moment on: however soon it ends, DOWN has its real reason (PROC-07). On a node that cannot be
// reached the reason is noconnection (RSP-03). After an error there is no monitor.
func (p *Process) SpawnMonitor(ctx context.Context, node abi.NodeID, req SpawnRequest) (abi.Pid, abi.Ref, error) {
	// Until the pid is known the monitor is on the node, whose loss is the process's.
	ref, nodeItself := p.sys.NewRef(), abi.Pid{Node: node}
	if !p.setMonitor(ref, nodeItself) {
		return abi.Pid{}, abi.Ref{}, fmt.Errorf("spawn %s: too many monitors: %w", req.Function, abi.ErrLimit)
	}
	if node != p.sys.opts.Node && !p.sys.remote.add(watch{ref: ref, watcher: p.pid, target: nodeItself}) {
		p.Demonitor(ref, true)
		return abi.Pid{}, abi.Ref{}, fmt.Errorf("spawn %s: too many monitors: %w", req.Function, abi.ErrLimit)
	}
	req.Monitor, req.Parent = ref, p.pid
	if req.Leader.IsZero() {
		req.Leader = p.GroupLeader()
	}
	pid, err := p.spawnOn(ctx, node, req)
	switch {
	case errors.Is(err, abi.ErrNotConnected):
		pid = p.sys.SpawnFailed(req.Function, p.sys.nodeName(node), err)
		p.Demonitor(ref, true) // its DOWN may have come, with the node's pid
		down := downMessage(abi.Signal{From: pid, Ref: ref, Data: reasonNoConnection})
		p.enqueue(Message{Kind: abi.MessageDown, From: pid, Ref: ref, Data: down})
	case err != nil:
		p.Demonitor(ref, true)
		return abi.Pid{}, abi.Ref{}, err
	default:
		p.moveMonitor(ref, pid)
	}
	return pid, ref, nil
}

// spawnOn starts a function on this node or another.
func (p *Process) spawnOn(ctx context.Context, node abi.NodeID, req SpawnRequest) (abi.Pid, error) {
	if node == p.sys.opts.Node {
		child, err := p.sys.prepareFunction(req, node)
		if err != nil {
			return abi.Pid{}, err
		}
		child.start()
		return child.pid, nil
	}
	return p.sys.spawnRemote(ctx, node, req)
}

// SpawnFailed gives the pid that a spawn on an unreachable node returns, and logs the warning that
// goes with it (RSP-02). node is its name, err why it cannot be reached.
func (s *System) SpawnFailed(fn abi.Function, node string, err error) abi.Pid {
	if s.ctx.Err() == nil { // a system that is being closed reaches nobody, and need not say so
		s.opts.Logger.Warn(fmt.Sprintf("** Can not start %s on %s **", fn, node), "err", err)
	}
	return s.newPid()
}

// nodeName names a node for people.
func (s *System) nodeName(node abi.NodeID) string {
	if s.opts.NodeName != nil {
		if name, ok := s.opts.NodeName(node); ok {
			return name
		}
	}
	return fmt.Sprintf("node %x", uint64(node))
}

// prepareFunction prepares a process for a function. origin is where its module can be had.
func (s *System) prepareFunction(req SpawnRequest, origin abi.NodeID) (*Process, error) {
	if s.opts.Loader == nil {
		return nil, fmt.Errorf("spawn %s: %w", req.Function, abi.ErrNotSupported)
	}
	if !validArgs(req.Args) {
		return nil, fmt.Errorf("spawn %s: arguments are not an array: %w", req.Function, abi.ErrBadArgument)
	}
	return s.prepare(SpawnOptions{
		Body: s.opts.Loader.Body(req.Function, origin), Label: req.Function.Name, Function: req.Function,
		Args: req.Args, Parent: req.Parent, Leader: req.Leader, Monitor: req.Monitor,
	})
}

// validArgs reports whether args are nil or an encoded array.
func validArgs(args []byte) bool {
	if len(args) == 0 {
		return true
	}
	t, err := term.Decode(args)
	_, array := t.([]any)
	return err == nil && array
}

func (s *System) spawnRemote(ctx context.Context, node abi.NodeID, req SpawnRequest) (abi.Pid, error) {
	data, err := term.Encode(req)
	if err != nil {
		return abi.Pid{}, fmt.Errorf("spawn %s: %w: %w", req.Function, abi.ErrBadArgument, err)
	}
	answer, err := s.Call(ctx, func(replyTo abi.Pid, ref abi.Ref) abi.Signal {
		return abi.Signal{
			Kind: abi.SignalSpawnRequest, From: replyTo, To: abi.Pid{Node: node}, Ref: ref, Data: data,
		}
	})
	if errors.Is(err, abi.ErrNotConnected) {
		return abi.Pid{}, err // what is logged then names the function
	}
	if err != nil {
		return abi.Pid{}, fmt.Errorf("spawn %s: %w", req.Function, err)
	}
	pid, err := readSpawnReply(answer.Data, node)
	if err != nil {
		return abi.Pid{}, fmt.Errorf("spawn %s: %w", req.Function, err)
	}
	return pid, nil
}

// readSpawnReply reads ["ok", pid], whose pid must be one of the node that answers, or ["error", number].
func readSpawnReply(data []byte, node abi.NodeID) (abi.Pid, error) {
	t, _ := term.Decode(data)
	if list, ok := t.([]any); ok && len(list) == 2 {
		switch value := list[1].(type) {
		case abi.Pid:
			if list[0] == "ok" && value.Node == node {
				return value, nil
			}
		case int64:
			if list[0] == "error" && value < 0 && value >= math.MinInt32 {
				return abi.Pid{}, abi.Errno(value)
			}
		}
	}
	return abi.Pid{}, fmt.Errorf("spawn reply: %w", abi.ErrBadArgument)
}

// spawnRequested serves another node's request. The reply leaves before anything that the process
// does (PROC-10).
func (s *System) spawnRequested(sig abi.Signal) {
	child, err := s.prepareRequested(sig)
	var reply []any
	if err == nil {
		reply = []any{"ok", child.pid}
		defer child.start()
	} else {
		number := abi.ErrBadArgument
		errors.As(err, &number)
		reply = []any{"error", int32(number)}
	}
	s.post(abi.Signal{
		Kind: abi.SignalSpawnReply, From: sig.To, To: sig.From, Ref: sig.Ref, Data: term.MustEncode(reply),
	})
}

func (s *System) prepareRequested(sig abi.Signal) (*Process, error) {
	var req SpawnRequest
	if err := term.DecodeInto(sig.Data, &req); err != nil {
		return nil, err
	}
	if req.Parent.Node != sig.From.Node {
		return nil, fmt.Errorf("parent of another node: %w", abi.ErrBadArgument)
	}
	return s.prepareFunction(req, sig.From.Node)
}
