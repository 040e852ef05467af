package vm

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// SpawnRequest asks a node, this one or another, for a process that runs a function.
type SpawnRequest struct {
	Function abi.Function `cbor:"1,keyasint"`
	Args     term.Raw     `cbor:"2,keyasint,omitempty"` // an encoded array; nil for none
	Leader   abi.Pid      `cbor:"3,keyasint"`
	Monitor  abi.Ref      `cbor:"4,keyasint"` // a monitor of the parent's; zero for none
	Link     bool         `cbor:"5,keyasint,omitempty"`
	Overflow Overflow     `cbor:"6,keyasint,omitempty"`
	Rights   Rights       `cbor:"7,keyasint"` // what is asked for
	Priority abi.Priority `cbor:"8,keyasint,omitempty"`
}

// validate reports what makes no sense in a request, as [abi.ErrBadArgument].
func (r *SpawnRequest) validate() error {
	if r.Overflow > BlockSenders {
		return fmt.Errorf("overflow %d: %w", r.Overflow, abi.ErrBadArgument)
	}
	if r.Priority != 0 && !r.Priority.Valid() {
		return fmt.Errorf("%s: %w", r.Priority, abi.ErrBadArgument)
	}
	return r.Rights.Validate()
}

// spawning is a request to another node whose reply has not come yet.
type spawning struct {
	node   abi.NodeID
	req    SpawnRequest
	answer chan abi.Signal // capacity 1, sent to by who takes the request out of its process's map: the reply, or DOWN when the node is lost
}

// SpawnFunction starts a process that runs a function on a node and returns its pid. Leader, when
// zero, is p's (GL-01); with Link the two are linked from the first moment on (PROC-07). Missing code
// is no error: it is the new process's exit reason (PROC-06). A node that cannot be reached gives a
// warning in the log and the pid of a process that has ended already, and with Link an exit signal
// noconnection (RSP-02, RSP-03). The errors are [abi.ErrLimit], [abi.ErrDenied], [abi.ErrBadArgument],
// [abi.ErrNotSupported] when the node runs no functions, and the cause of ctx when that ends. When it has ended while
// the reply was on its way, the new process ends with the reply; when the node was lost meanwhile, it may have begun.
func (p *Process) SpawnFunction(ctx context.Context, node abi.NodeID, req SpawnRequest) (abi.Pid, error) {
	req.Monitor = abi.Ref{}
	pid, err := p.spawnOn(ctx, node, p.sys.NewRef(), req)
	if errors.Is(err, abi.ErrNotConnected) {
		return p.SpawnLost(req, p.sys.nodeName(node), err), nil
	}
	return pid, err
}

// SpawnMonitor is [Process.SpawnFunction] with a monitor that is there from the new process's first
// moment on: however soon it ends, DOWN has its real reason (PROC-07). On a node that cannot be
// reached the reason is noconnection (RSP-03). After an error there is no monitor.
func (p *Process) SpawnMonitor(ctx context.Context, node abi.NodeID, req SpawnRequest) (abi.Pid, abi.Ref, error) {
	ref := p.sys.NewRef()
	req.Monitor = ref
	pid, err := p.spawnOn(ctx, node, ref, req)
	if errors.Is(err, abi.ErrNotConnected) {
		return p.SpawnLost(req, p.sys.nodeName(node), err), ref, nil
	}
	return pid, ref, err
}

// SpawnLost gives the pid that a spawn on a node that cannot be reached returns, logs the warning
// that goes with it, and answers the request's link and monitor with noconnection (RSP-02, RSP-03).
// node is the name of the node, err why it cannot be reached.
func (p *Process) SpawnLost(req SpawnRequest, node string, err error) abi.Pid {
	s := p.sys
	if s.ctx.Err() == nil { // a system that is being closed reaches nobody, and need not say so
		s.opts.Logger.Warn(fmt.Sprintf("** Can not start %s on %s **", req.Function, node), "err", err)
	}
	pid := s.newPid()
	if req.Monitor != (abi.Ref{}) {
		down := abi.Signal{From: pid, Ref: req.Monitor, Data: reasonNoConnection}
		p.enqueueDown(down, monitor{target: pid})
	}
	if req.Link {
		p.exitFromLink(pid, reasonNoConnection)
	}
	return pid
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

// spawnOn starts a function on this node or another. ref is the request's, and the monitor's if
// there is one.
func (p *Process) spawnOn(ctx context.Context, node abi.NodeID, ref abi.Ref, req SpawnRequest) (abi.Pid, error) {
	if req.Leader.IsZero() {
		req.Leader = p.GroupLeader()
	}
	permission := PermitSpawn
	if node != p.sys.opts.Node {
		permission = PermitSpawnRemote
	}
	if err := errors.Join(p.Permitted(permission), p.mayTie(req)); err != nil {
		return abi.Pid{}, fmt.Errorf("spawn %s: %w", req.Function, err)
	}
	if node != p.sys.opts.Node {
		if req.Rights.Reach != nil {
			return abi.Pid{}, fmt.Errorf("spawn %s: folders and environment for a process of another node: %w", req.Function, abi.ErrBadArgument)
		}
		req.Rights = req.Rights.Within(p.rights)
		return p.spawnRemote(ctx, node, ref, req)
	}
	child, err := p.sys.prepareFunction(p.pid, req, node)
	if err != nil {
		return abi.Pid{}, err
	}
	if req.Monitor != (abi.Ref{}) {
		p.setMonitor(ref, monitor{target: child.pid})
	}
	child.start(p)
	return child.pid, nil
}

// mayTie reports whether the process may have one more of the links and monitors that req asks for.
func (p *Process) mayTie(req SpawnRequest) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	pending := len(p.spawning)
	if req.Link && (p.links.len()+pending >= maxProcessLinks || !p.mayLinkLocked()) ||
		req.Monitor != (abi.Ref{}) && p.monitors.len()+pending >= maxProcessMonitors {
		return fmt.Errorf("too many links or monitors: %w", abi.ErrLimit)
	}
	return nil
}

// spawnRemote asks another node. The request and what watches that node meanwhile have one ref.
func (p *Process) spawnRemote(ctx context.Context, node abi.NodeID, ref abi.Ref, req SpawnRequest) (abi.Pid, error) {
	data, err := term.Encode(req)
	if err != nil {
		return abi.Pid{}, fmt.Errorf("spawn %s: %w: %w", req.Function, abi.ErrBadArgument, err)
	}
	there := abi.Pid{Node: node}
	if !p.sys.remote.add(watch{ref: ref, watcher: p.pid, target: there}) {
		return abi.Pid{}, fmt.Errorf("spawn %s: too many monitors: %w", req.Function, abi.ErrLimit)
	}
	pending := &spawning{node: node, req: req, answer: make(chan abi.Signal, 1)}
	p.mu.Lock()
	if p.spawning == nil {
		p.spawning = map[abi.Ref]*spawning{}
	}
	p.spawning[ref] = pending
	p.mu.Unlock()
	defer p.abandonSpawn(ref, node)

	request := abi.Signal{Kind: abi.SignalSpawnRequest, From: p.pid, To: there, Ref: ref, Data: data}
	if err := p.route(ctx, request); err != nil {
		return abi.Pid{}, spawnError(req.Function, err)
	}
	answered := func() bool { return len(pending.answer) > 0 }
	if err := p.await(ctx, answered); err != nil && p.abandonSpawn(ref, node) {
		return abi.Pid{}, err
	}
	answer := <-pending.answer
	pid, err := readSpawnReply(answer)
	if err == nil {
		p.traceSpawn(pid, req.Function)
	}
	return pid, spawnError(req.Function, err)
}

// abandonSpawn ends the wait for a reply, and reports false when that has come. One that comes later finds nobody.
func (p *Process) abandonSpawn(ref abi.Ref, node abi.NodeID) bool {
	p.mu.Lock()
	_, pending := p.spawning[ref]
	delete(p.spawning, ref)
	p.mu.Unlock()
	if pending {
		p.sys.remote.remove(ref, node)
	}
	return pending
}

// spawnError names the function, unless what is logged will.
func spawnError(fn abi.Function, err error) error {
	if err == nil || errors.Is(err, abi.ErrNotConnected) {
		return err
	}
	return fmt.Errorf("spawn %s: %w", fn, err)
}

// spawnReplied takes in the reply to a request. It reports false when nobody waits for the reply any more: then that
// process ends.
func (p *Process) spawnReplied(sig abi.Signal) bool {
	pending := p.tieToChild(sig)
	if pending == nil {
		return false
	}
	pending.answer <- sig
	p.wakeUp(nil)
	return true
}

// tieToChild makes this process's end of the link and the monitor with a process that it has asked for,
// as soon as that answers: whatever the new process does comes after its reply (PROC-10).
func (p *Process) tieToChild(sig abi.Signal) *spawning {
	p.mu.Lock()
	defer p.mu.Unlock()
	pending := p.spawning[sig.Ref]
	if pending == nil || pending.node != sig.From.Node {
		return nil
	}
	delete(p.spawning, sig.Ref)
	child, err := readSpawnReply(sig)
	if err == nil && pending.req.Link {
		p.addLinkLocked(child, link{active: true})
	}
	if err == nil && pending.req.Monitor != (abi.Ref{}) {
		p.setMonitorLocked(sig.Ref, monitor{target: child})
		p.sys.remote.add(watch{ref: sig.Ref, watcher: p.pid, target: child}) // takes the place of the request's
	} else {
		p.sys.remote.remove(sig.Ref, pending.node)
	}
	return pending
}

// readSpawnReply reads ["ok", pid] from that very process, or ["error", number]. DOWN says that the
// node was lost.
func readSpawnReply(sig abi.Signal) (abi.Pid, error) {
	if sig.Kind == abi.SignalDown {
		return abi.Pid{}, abi.ErrNotConnected
	}
	t, _ := term.Decode(sig.Data)
	if list, ok := t.([]any); ok && len(list) == 2 {
		switch value := list[1].(type) {
		case abi.Pid:
			if list[0] == "ok" && value == sig.From && value.Num != abi.NodeProcess {
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

// spawnRequested serves another node's request. The reply comes from the new process and leaves
// before anything that it does.
func (s *System) spawnRequested(sig abi.Signal) {
	reply := abi.Signal{Kind: abi.SignalSpawnReply, From: sig.To, To: sig.From, Ref: sig.Ref}
	child, err := s.prepareRequested(sig)
	if err == nil {
		reply.From, reply.Data = child.pid, term.MustEncode([]any{"ok", child.pid})
		defer child.start(nil)
	} else {
		number := abi.ErrBadArgument
		errors.As(err, &number)
		reply.Data = term.MustEncode([]any{"error", int32(number)})
	}
	s.post(reply)
}

// prepareRequested refuses what a later version may ask for and this one does not know: a process with fewer
// bounds than were asked for would be worse than none.
func (s *System) prepareRequested(sig abi.Signal) (*Process, error) {
	var req SpawnRequest
	err := term.DecodeKnown(sig.Data, &req)
	if errors.Is(err, term.ErrUnknownKey) || req.Rights.Denied&^AllPermissions != 0 {
		return nil, errors.Join(err, abi.ErrNotSupported)
	}
	if err != nil {
		return nil, err
	}
	return s.prepareFunction(sig.From, req, sig.From.Node)
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
