package vm

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm/sched"
)

// Body is what a process runs. Run is called once, on the process's own stack; it must return
// soon after the process's context ends, and what it returns then no longer matters.
type Body interface {
	Run(p *Process) Exit
}

// Scheduled is a body whose process the machine's own scheduler runs ([sched.Scheduler]), on a stack of its
// own but on no goroutine: Run waits by methods of its process alone, or between [Process.StandStill] and
// [Process.GoOn]. Any other body has a goroutine.
type Scheduled interface {
	Body
	Scheduled()
}

// Func is a Go function as a body: a native process. It returns the exit reason.
type Func func(p *Process) Exit

// Run calls f.
func (f Func) Run(p *Process) Exit { return f(p) }

// Exit is how a body ended.
type Exit struct {
	// Reason is the exit reason, a term. nil is "normal".
	Reason any
	// Crash marks an error, such as a trap, as against an exit that was asked for: crashes are logged (LOG-01, LOG-02).
	Crash bool
	// Detail are lines for the crash log that the reason does not have. May be "".
	Detail string
}

// Normal is the exit of a body that is done.
var Normal = Exit{Reason: abi.ReasonNormal}

// Crash describes a process that ended by an error.
type Crash struct {
	Pid      abi.Pid
	Leader   abi.Pid
	Label    string
	Name     string // the registered name that the process had, "" for none
	Function abi.Function
	Reason   []byte // the exit reason, a term
	Detail   string
	Last     Message // the message that the process took last, without its data; zero for none
	LastSize int     // of its data, in bytes
}

// ExitError is the cause of a process's context when the process is told to end.
type ExitError struct {
	Reason []byte // the exit reason, a term
}

// Is has it be [context.Canceled], as the error of a context that has ended must.
func (e *ExitError) Is(target error) bool { return target == context.Canceled }

// Error gives the reason in words.
func (e *ExitError) Error() string {
	t, err := term.Decode(e.Reason)
	if err != nil {
		return "process exited"
	}
	return "process exited: " + term.Format(t, nil)
}

// Process is one process of this node. Its methods are for its own stack, the one that runs
// its body, unless they say otherwise.
type Process struct {
	sys      *System
	pid      abi.Pid
	body     Body
	parent   abi.Pid      // on any node; zero for the node itself
	function abi.Function // zero for a native process
	args     []byte       // an encoded array; nil for none
	started  time.Time
	rights   Rights
	family   *family // those that this process is one of; nil for none
	below    *family // those that its children join

	overflow  Overflow
	scheduled bool
	task      sched.Task    // of a scheduled process
	wake      chan struct{} // of any other: holds a token when it is to look at what it waits for

	reductions  atomic.Uint64
	priority    atomic.Int32 // an [abi.Priority]
	nodeWatches atomic.Int32 // of [System.nodes]; changed under its lock
	memory      atomic.Uint64
	told        atomic.Bool                // to end
	asked       atomic.Bool                // question is not nil
	tracing     atomic.Pointer[tracing]    // by whom; nil for nobody
	traces      atomic.Pointer[traceQueue] // what comes from those that the process traces; nil for none ever
	timers      timersSet
	last        Arrival            // taken last; the process's stack only
	recent      *Process           // whom it sent to last; the process's stack only
	unread      map[abi.Pid][]byte // input that was read and not yet wanted; the process's stack only

	linking sync.Mutex // see [Process.unlinkSignal]; taken before mu

	mu        sync.Mutex // guards all below
	box       mailbox
	label     string
	leader    abi.Pid
	reason    []byte           // set once, when the process is to end
	done      chan struct{}    // closed then; nil until somebody asks
	after     map[*byte]func() // what is to be called then
	room      chan struct{}    // closed when there is room again in the mailbox; nil when nobody waits for it
	waiting   bool             // for a message or something else: its goroutine touches nothing that inspector reads
	receiving bool             // for a message
	suspended bool             // until another node takes what the process sends
	question  *stackQuestion   // nil when nobody asks
	inspector Inspector        // nil for native processes
	trapping  bool             // exit signals become messages
	links     few[abi.Pid, link]
	monitors  few[abi.Ref, monitor] // on others, by this process
	watchers  few[watcher, bool]    // others that monitor this process, and whether by a name
	aliases   map[abi.Ref]AliasMode
	spawning  map[abi.Ref]*spawning // requests to other nodes that are not answered yet
	ended     bool                  // no signal is taken any more
}

// Pid is the process's own pid. Safe for concurrent use.
func (p *Process) Pid() abi.Pid { return p.pid }

// System is where the process lives. Safe for concurrent use.
func (p *Process) System() *System { return p.sys }

// Context ends when the process is told to end; its cause is an [*ExitError]. Every call that
// waits on behalf of the process takes this context, or one made from it. Safe for concurrent use.
func (p *Process) Context() context.Context { return (*lifetime)(p) }

// Told reports whether the process has been told to end: its context ends then. Safe for concurrent use.
func (p *Process) Told() bool { return p.told.Load() }

// Args are the arguments of the process, a CBOR array; nil stands for none. Safe for concurrent
// use; not to be changed.
func (p *Process) Args() []byte { return p.args }

// Function is the code that the process was spawned with, zero for a native process. Safe for concurrent use.
func (p *Process) Function() abi.Function { return p.function }

// GroupLeader is the I/O server that the process's output goes to (GL-01). Safe for concurrent use.
func (p *Process) GroupLeader() abi.Pid {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leader
}

// Reductions is the work that the process has done, as far as its body counts it: for a guest, some
// 16 instructions each. Safe for concurrent use.
func (p *Process) Reductions() uint64 { return p.reductions.Load() }

// AddReductions counts work that the body has done, and ends the process when that is more than its
// limits allow. Safe for concurrent use.
func (p *Process) AddReductions(n uint64) {
	done := p.reductions.Add(n)
	if most := p.rights.Limits.Reductions; most != 0 && done > most {
		p.exit(reasonReductions)
	}
}

// SetMemory says how much linear memory the process has, in bytes. Safe for concurrent use.
func (p *Process) SetMemory(bytes uint64) { p.memory.Store(bytes) }

// SetLabel sets what people call the process, in [Info] and in logs.
func (p *Process) SetLabel(label string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.label = label
}

// life is what the scheduler runs of a process.
type life Process

// Run runs the process.
func (l *life) Run() { (*Process)(l).live() }

// live runs the process, and lets go of what there is of it outside of the table.
func (p *Process) live() {
	defer p.sys.wg.Done()
	p.run()
}

// run is the life of the process.
func (p *Process) run() {
	stopClock := p.startClock()
	exit := p.runBody()
	stopClock()
	byItself := p.exit(encodeReason(exit.Reason))
	name := p.sys.opts.Names.NameOf(p.pid)
	p.finish(name)
	if byItself && exit.Crash && p.sys.crashes.take(p) {
		defer p.Block()()
		p.sys.crashed(Crash{
			Pid: p.pid, Leader: p.leader, Label: p.label, Name: name, Function: p.function,
			Reason: p.reason, Detail: exit.Detail, Last: Message{Kind: p.last.Kind, From: p.last.From, Ref: p.last.Ref}, LastSize: p.last.Size,
		})
	}
}

// runBody runs the body. A panic in it is a defect of the node, and still only this process's end.
func (p *Process) runBody() (exit Exit) {
	defer func() {
		if r := recover(); r != nil {
			text := strings.ToValidUTF8(fmt.Sprint(r), "\ufffd")
			exit = Exit{Reason: []any{"host_error", text}, Crash: true, Detail: string(debug.Stack())}
		}
	}()
	return p.body.Run(p)
}

// encodeReason encodes an exit reason; what is no term becomes its text.
func encodeReason(reason any) []byte {
	if reason == nil || reason == abi.ReasonNormal {
		return reasonNormal
	}
	b, err := term.Encode(reason)
	if err != nil {
		return term.MustEncode(strings.ToValidUTF8(fmt.Sprint(reason), "\ufffd"))
	}
	return canonicalReason(b)
}

// crashesDropped says how many crashes were not told of.
func (s *System) crashesDropped(crashes uint64, last *Process) {
	s.opts.Logger.Warn("crashes not reported: guests crash too often", "crashes", crashes,
		"last", last.pid.Text(0), "function", last.function.String())
}

// crashed tells of a process that ended by an error.
func (s *System) crashed(c Crash) {
	if s.opts.Crashed != nil {
		s.opts.Crashed(c)
		return
	}
	s.opts.Logger.Error("process crashed", "pid", c.Pid.Text(0), "label", c.Label, "reason", FormatReason(c.Reason, nil))
}

// FormatReason prints an encoded exit reason for people.
func FormatReason(reason []byte, index term.Index) string {
	t, err := term.Decode(reason)
	if err != nil {
		return fmt.Sprintf("h'%x'", reason)
	}
	return term.Format(t, index)
}
