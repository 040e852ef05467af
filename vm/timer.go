package vm

import (
	"container/heap"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// Bounds of timers.
const (
	// DefaultMaxTimers bounds the timers of a node that have not fired.
	DefaultMaxTimers = 1 << 21
	// MaxTimerDelay is the longest time that a timer may take, a bit more than what OTP allows.
	MaxTimerDelay = 50 * 24 * time.Hour
	// maxTimerBytes bounds the messages of the timers that one process has set.
	maxTimerBytes = 64 << 20
	// timerOverhead stands for what a timer takes beside its message, in bytes.
	timerOverhead = 400
)

// timer sends one message when its time has come.
type timer struct {
	ref   abi.Ref
	due   time.Time
	order uint64 // among timers due at the same time: the order in which they were set
	sig   abi.Signal
	setBy *Process
	place int // in the heap
}

func (t *timer) bytes() int { return len(t.sig.Data) }

// weight is what a timer is charged with to its family.
func (t *timer) weight() int { return t.bytes() + timerOverhead }

// TimerTarget is who a timer sends its message to: a process of the node, or, with Pid zero, whoever
// has the name when the time has come (TMR-02).
type TimerTarget struct {
	Pid  abi.Pid
	Name string
}

// SendAfter sends a message to a process of this node after a time, never earlier (TMR-01, TMR-05).
// A process that ends takes with it the timers that would send to it (TMR-02), not those it has set. The
// errors are [abi.ErrBadArgument] for a time that is negative or beyond [MaxTimerDelay] and for another
// node's process, [abi.ErrTooLarge] and [abi.ErrLimit].
func (p *Process) SendAfter(delay time.Duration, to TimerTarget, message []byte) (abi.Ref, error) {
	ref := p.sys.NewRef()
	return ref, p.setTimer(ref, delay, to, message)
}

// StartTimer is [Process.SendAfter] of the message ["timeout", ref, message], ref being the timer's.
func (p *Process) StartTimer(delay time.Duration, to TimerTarget, message []byte) (abi.Ref, error) {
	ref := p.sys.NewRef()
	wrapped, err := term.Encode([]any{"timeout", ref, term.Raw(message)})
	if err != nil {
		return abi.Ref{}, fmt.Errorf("start timer: message: %w: %w", abi.ErrBadArgument, err)
	}
	return ref, p.setTimer(ref, delay, to, wrapped)
}

func (p *Process) setTimer(ref abi.Ref, delay time.Duration, to TimerTarget, message []byte) error {
	here := p.sys.opts.Node
	switch {
	case delay < 0 || delay > MaxTimerDelay:
		return fmt.Errorf("timer of %v: %w", delay, abi.ErrBadArgument)
	case to.Pid.IsZero() == (to.Name == ""), !to.Pid.IsZero() && to.Pid.Node != here:
		return fmt.Errorf("timer for %s %q: %w", to.Pid.Text(0), to.Name, abi.ErrBadArgument)
	}
	if err := p.sys.checkSize(message); err != nil {
		return err
	}
	receiver := to.Pid
	if to.Name != "" {
		receiver = abi.Pid{Node: here}
	} else if p.sys.process(receiver) == nil {
		return nil // its timers are cancelled already
	}
	err := p.sys.timers.set(&timer{
		ref: ref, due: time.Now().Add(delay), setBy: p,
		sig: abi.Signal{Kind: abi.SignalMessage, From: p.pid, To: receiver, Name: to.Name, Data: message},
	})
	if to.Name == "" && p.sys.process(receiver) == nil { // it has ended meanwhile, and may have cancelled before this was set
		p.sys.timers.forget(receiver)
	}
	return err
}

// CancelTimer stops a timer, whoever has set it, and gives the time that was left; false when it has
// fired or never was (TMR-03). The message may be in the mailbox already. Safe for concurrent use.
func (s *System) CancelTimer(ref abi.Ref) (left time.Duration, ok bool) {
	return s.timers.find(ref, true)
}

// ReadTimer gives the time until a timer fires; false when it has fired or never was (TMR-04). Safe
// for concurrent use.
func (s *System) ReadTimer(ref abi.Ref) (left time.Duration, ok bool) {
	return s.timers.find(ref, false)
}

// timers holds the timers of a system. One goroutine waits for the one that is due first, so that
// they fire in the order of their times; it runs only while there are any.
type timers struct {
	max     int
	deliver func(abi.Signal)

	mu       sync.Mutex
	heap     timerHeap
	byRef    map[abi.Ref]*timer
	byTarget map[abi.Pid]map[*timer]struct{}
	next     uint64
	running  bool
	closed   bool
	earlier  chan struct{} // holds a token when what is due first has changed
	wg       sync.WaitGroup
}

func (t *timers) init(max int, deliver func(abi.Signal)) {
	t.max, t.deliver = max, deliver
	t.byRef, t.byTarget = map[abi.Ref]*timer{}, map[abi.Pid]map[*timer]struct{}{}
	t.earlier = make(chan struct{}, 1)
}

func (t *timers) set(x *timer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	set := &x.setBy.timers
	switch {
	case t.closed:
		return abi.ErrTerminated
	case len(t.heap) >= t.max || set.count >= x.setBy.rights.Limits.Timers || set.bytes+x.bytes() > maxTimerBytes ||
		!x.setBy.below.has(x.weight()):
		return fmt.Errorf("timer: %w", abi.ErrLimit)
	}
	set.count++
	set.bytes += x.bytes()
	x.setBy.below.charge(x.weight())
	t.next++
	x.order = t.next
	heap.Push(&t.heap, x)
	t.byRef[x.ref] = x
	if to := x.sig.To; to.Num != abi.NodeProcess {
		if t.byTarget[to] == nil {
			t.byTarget[to] = map[*timer]struct{}{}
		}
		t.byTarget[to][x] = struct{}{}
	}
	if x.place == 0 {
		t.wakeLocked()
	}
	return nil
}

// wakeLocked has the goroutine look again at what is due first.
func (t *timers) wakeLocked() {
	if !t.running {
		t.running = true
		t.wg.Go(t.run)
		return
	}
	select {
	case t.earlier <- struct{}{}:
	default:
	}
}

func (t *timers) removeLocked(x *timer) {
	heap.Remove(&t.heap, x.place)
	delete(t.byRef, x.ref)
	if targets := t.byTarget[x.sig.To]; targets != nil {
		delete(targets, x)
		if len(targets) == 0 {
			delete(t.byTarget, x.sig.To)
		}
	}
	x.setBy.timers.count--
	x.setBy.timers.bytes -= x.bytes()
	x.setBy.below.charge(-x.weight())
}

// weights gives what the timers are charged with, by who has set them: they may outlive that process.
func (t *timers) weights() map[*Process]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	weights := map[*Process]int64{}
	for _, x := range t.heap {
		weights[x.setBy] += int64(x.weight())
	}
	return weights
}

// revoke cancels the timers that some processes have set.
func (t *timers) revoke(setBy map[*Process]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, x := range slices.Clone(t.heap) {
		if setBy[x.setBy] {
			t.removeLocked(x)
		}
	}
}

func (t *timers) find(ref abi.Ref, cancel bool) (left time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.byRef[ref]
	if x == nil {
		return 0, false
	}
	if cancel {
		t.removeLocked(x)
	}
	return max(0, time.Until(x.due)), true
}

// forget cancels the timers that would send to a process that has ended.
func (t *timers) forget(target abi.Pid) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for x := range t.byTarget[target] {
		t.removeLocked(x)
	}
}

// run fires timers until there are none.
func (t *timers) run() {
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for {
		due, wait, ok := t.due()
		if !ok {
			return
		}
		if due != nil {
			t.deliver(due.sig)
			continue
		}
		alarm.Reset(wait)
		select {
		case <-alarm.C:
		case <-t.earlier:
		}
	}
}

// due takes out the timer whose time has come, or says how long there is to wait for the first; false
// when there is none left.
func (t *timers) due() (fire *timer, wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.heap) == 0 {
		t.running = false
		return nil, 0, false
	}
	first := t.heap[0]
	if wait := time.Until(first.due); wait > 0 {
		return nil, wait, true
	}
	t.removeLocked(first)
	return first, 0, true
}

// close cancels all timers and waits for the goroutine.
func (t *timers) close() {
	t.mu.Lock()
	t.closed = true
	t.heap, t.byRef, t.byTarget = nil, nil, nil
	if t.running {
		t.wakeLocked()
	}
	t.mu.Unlock()
	t.wg.Wait()
}

// timersSet counts what a process has set and what has not fired yet; guarded by the lock of [timers].
type timersSet struct{ count, bytes int }

// timerHeap orders timers by their time.
type timerHeap []*timer

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	if h[i].due.Equal(h[j].due) {
		return h[i].order < h[j].order
	}
	return h[i].due.Before(h[j].due)
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push and Pop are for container/heap.
func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.place = len(*h)
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}
