package vm

import (
	"fmt"
	"slices"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// TraceFlags say what is traced of a process.
type TraceFlags uint8

// The flags. Each event is a message ["trace", pid, event, ...] to the tracer, of kind [abi.MessageTrace].
const (
	// TraceSend traces what the process sends: ["trace", pid, "send", message, to].
	TraceSend TraceFlags = 1 << iota
	// TraceReceive traces what comes into its mailbox: ["trace", pid, "receive", message].
	TraceReceive
	// TraceProcs traces its life: "spawn", child, function; "spawned", parent, function; "exit", reason;
	// "register" and "unregister", name; "link", "unlink", "getting_linked" and "getting_unlinked", pid.
	TraceProcs
	// TraceSetOnSpawn traces what the process spawns on this node from then on as it is traced itself.
	TraceSetOnSpawn

	// AllTraceFlags are all there are.
	AllTraceFlags = TraceSetOnSpawn<<1 - 1
)

// traceNames are in the order of the bits.
var traceNames = [...]string{"send", "receive", "procs", "set_on_spawn"}

// ParseTraceFlag gives the flag of a name: send, receive, procs or set_on_spawn.
func ParseTraceFlag(name string) (TraceFlags, error) {
	i := slices.Index(traceNames[:], name)
	if i < 0 {
		return 0, fmt.Errorf("trace flag %q: it is one of %v: %w", name, traceNames, abi.ErrBadArgument)
	}
	return 1 << i, nil
}

// tracing is by whom a process is traced, and what. It never changes.
type tracing struct {
	tracer *Process
	queue  *traceQueue // the tracer's
	flags  TraceFlags
}

// Trace has a process of this node traced by another one, in place of what was traced before, until the
// tracer ends or flags are 0. The traced process never waits for its tracer, and what is too much for it
// is lost: it gets ["trace_dropped", n]. A process has one tracer at most. The errors are [abi.ErrNoProcess]
// and, for a process that is to trace itself or has another tracer, [abi.ErrBadArgument].
func (s *System) Trace(target, tracer abi.Pid, flags TraceFlags) error {
	p := s.process(target)
	if p == nil {
		return fmt.Errorf("trace %s: %w", target.Text(0), abi.ErrNoProcess)
	}
	if flags&^AllTraceFlags != 0 {
		return fmt.Errorf("trace %s: flags %#x: %w", target.Text(0), uint8(flags), abi.ErrBadArgument)
	}
	if flags == 0 {
		p.tracing.Store(nil)
		return nil
	}
	if target == tracer {
		return fmt.Errorf("trace %s by itself: %w", target.Text(0), abi.ErrBadArgument)
	}
	by := s.process(tracer)
	if by == nil {
		return fmt.Errorf("tracer %s: %w", tracer.Text(0), abi.ErrNoProcess)
	}
	queue := by.openTraces()
	if queue == nil {
		return fmt.Errorf("tracer %s: %w", tracer.Text(0), abi.ErrNoProcess)
	}
	return p.traceBy(&tracing{tracer: by, queue: queue, flags: flags})
}

// openTraces gives the queue for a tracer, nil when it has ended.
func (p *Process) openTraces() *traceQueue {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil
	}
	if p.traces.Load() == nil {
		_, largest := p.traceRoom()
		p.traces.Store(&traceQueue{largest: largest})
	}
	return p.traces.Load()
}

func (p *Process) traceBy(t *tracing) error {
	for {
		old := p.tracing.Load()
		if old != nil && old.tracer != t.tracer && !old.queue.isClosed() {
			return fmt.Errorf("trace %s: %s traces it: %w", p.pid.Text(0), old.tracer.pid.Text(0), abi.ErrBadArgument)
		}
		if p.tracing.CompareAndSwap(old, t) {
			return nil
		}
	}
}

// traced gives who has to be told of an event, nil for nobody.
func (p *Process) traced(flag TraceFlags) *tracing {
	t := p.tracing.Load()
	if t == nil || t.flags&flag == 0 {
		return nil
	}
	return t
}

// tell brings an event of p to the tracer. It takes no lock but that of the tracer's queue, so that
// it may be called under any.
func (t *tracing) tell(p *Process, event ...any) {
	data, err := term.Encode(append([]any{"trace", p.pid}, event...))
	if err != nil {
		return // it cannot be: what is within is a term that fits into an array
	}
	if !t.queue.push(Message{Kind: abi.MessageTrace, From: p.pid, Data: data}) {
		p.tracing.CompareAndSwap(t, nil) // the tracer has ended
		return
	}
	t.tracer.wakeUp(nil)
}

// tracePeer tells of an event with another process.
func (p *Process) tracePeer(event string, peer abi.Pid) {
	if t := p.traced(TraceProcs); t != nil {
		t.tell(p, event, peer)
	}
}

// traceSpawn tells of a child, which does not run yet if it is of this node.
func (p *Process) traceSpawn(child abi.Pid, fn abi.Function) {
	if t := p.traced(TraceProcs); t != nil {
		t.tell(p, "spawn", child, functionTerm(fn))
	}
}

// traceSpawned tells of the process's own birth.
func (p *Process) traceSpawned() {
	if t := p.traced(TraceProcs); t != nil {
		t.tell(p, "spawned", p.parent, functionTerm(p.function))
	}
}

// functionTerm gives null for the code of a native process, which is no term.
func functionTerm(fn abi.Function) any {
	if fn == (abi.Function{}) {
		return nil
	}
	return fn
}

// traceSend tells of a message that the process sends.
func (p *Process) traceSend(sig *abi.Signal) {
	t := p.traced(TraceSend)
	if t == nil {
		return
	}
	to := any(sig.To)
	if sig.To.Num == abi.NodeProcess {
		to = []any{sig.Name, p.sys.nodeName(sig.To.Node)}
	}
	t.tell(p, "send", traceTerm(sig.Data), to)
}

// maxTracedBytes bounds a message within an event. Of a larger one its size is told.
const maxTracedBytes = 64 << 10

// traceTerm gives a message as a term: that which it is, its bytes when it is none, or ["large", size].
func traceTerm(message []byte) any {
	if len(message) > maxTracedBytes {
		return []any{"large", len(message)}
	}
	if part, err := canonicalPart(message); err == nil {
		return part
	}
	return message
}

// traceEnd tells of the end of the process, which had a name or "".
func (p *Process) traceEnd(name string) {
	t := p.traced(TraceProcs)
	if t == nil {
		return
	}
	t.tell(p, "exit", term.Raw(p.reason))
	if name != "" {
		t.tell(p, "unregister", name)
	}
}

// TraceName tells the tracer of a process that the process got a name, or lost it. Whoever keeps the
// names calls it; of a process that ends the machine tells by itself.
func (s *System) TraceName(pid abi.Pid, name string, registered bool) {
	p := s.process(pid)
	if p == nil {
		return
	}
	event := "unregister"
	if registered {
		event = "register"
	}
	if t := p.traced(TraceProcs); t != nil {
		t.tell(p, event, name)
	}
}
