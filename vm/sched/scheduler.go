package sched

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wnode/wnode/internal/processors"
)

// Scheduler runs tasks. Its methods may be called concurrently.
type Scheduler struct {
	cores    []*core
	idling   atomic.Int32 // length of idle
	injected queue        // ready tasks that no processor has in its queue yet
	fresh    queue        // those that were started and had no turn yet; many at a time do not hold up the others

	mu      sync.Mutex // guards all below
	idle    []*core    // those without a worker
	resting []*worker  // those without a core
	fibers  []*fiber   // those without a task
	closed  bool
	wg      sync.WaitGroup // of the workers
}

// worker is a goroutine that gives tasks their turns, while it has a core.
type worker struct {
	scheduler *Scheduler
	core      *core // nil when the task that runs has blocked
	hosting   bool  // the task that runs does so on the stack of another one
	pause     bool  // a slice is over
	paused    time.Time
	wake      chan struct{}
	woken     time.Time // when it was, if the program keeps to one processor
}

// maxResting bounds the workers that are kept for the next task that blocks.
const maxResting = 64

// New makes a scheduler for as many tasks at a time. [Scheduler.Close] ends it.
func New(processors int) *Scheduler {
	s := &Scheduler{}
	for range processors {
		s.cores = append(s.cores, &core{})
	}
	s.idle = append(s.idle, s.cores...)
	s.idling.Store(int32(len(s.idle)))
	return s
}

// Start has a task run, which no scheduler has yet. by is as in [Task.Ready].
func (s *Scheduler) Start(t *Task, body Body, by *Task) {
	t.scheduler, t.body = s, body
	if !s.enqueueBy(t, by) {
		s.fresh.push(t)
		s.wake()
	}
}

// Close ends the workers. All tasks must have ended, and no more may be started.
func (s *Scheduler) Close() {
	s.mu.Lock()
	s.closed = true
	resting, fibers := s.resting, s.fibers
	s.resting, s.fibers = nil, nil
	s.mu.Unlock()
	for _, w := range resting {
		close(w.wake)
	}
	for _, f := range fibers {
		f.stop()
	}
	s.wg.Wait()
}

// enqueue has a task run that is ready.
func (s *Scheduler) enqueue(t, by *Task) {
	if !s.enqueueBy(t, by) {
		s.injected.push(t)
		s.wake()
	}
}

// enqueueBy has a task run on the core of another one, and reports false when that has none. A core whose task has just
// made one other task ready will come to it: only when there are more, another core is woken for them.
func (s *Scheduler) enqueueBy(t, by *Task) bool {
	if by == nil || by.scheduler != s || by.worker.core == nil {
		return false
	}
	if c := by.worker.core; c.soon == nil {
		c.soon = t
	} else {
		c.queue.push(t)
		s.wake()
	}
	return true
}

// wake has an idle core look for work, if there is any core idle.
func (s *Scheduler) wake() {
	if s.idling.Load() == 0 {
		return // a core that becomes idle looks once more at what there is, having said so
	}
	s.mu.Lock()
	last := len(s.idle) - 1
	if last < 0 {
		s.mu.Unlock()
		return
	}
	c := s.takeIdleLocked(last)
	w := s.workerLocked(c)
	s.mu.Unlock()
	w.start()
}

func (s *Scheduler) takeIdleLocked(i int) *core {
	c := s.idle[i]
	s.idle = append(s.idle[:i], s.idle[i+1:]...)
	s.idling.Add(-1)
	return c
}

// workerLocked gives a worker for a core. Its start follows, without the lock.
func (s *Scheduler) workerLocked(c *core) *worker {
	last := len(s.resting) - 1
	if last < 0 {
		return &worker{scheduler: s, core: c}
	}
	w := s.resting[last]
	s.resting[last] = nil
	s.resting = s.resting[:last]
	w.core = c
	return w
}

// start has a worker begin to serve its core.
func (w *worker) start() {
	if processors.Single() {
		w.woken = time.Now()
	}
	if w.wake == nil {
		w.wake = make(chan struct{}, 1)
		w.scheduler.wg.Go(w.work)
		return
	}
	w.wake <- struct{}{}
}

// handOff gives up a core whose task blocks: to another worker if there is anything to do on it.
func (s *Scheduler) handOff(c *core) {
	s.mu.Lock()
	if !s.others(c) {
		s.idle = append(s.idle, c)
		s.idling.Add(1)
		if !s.others(c) { // once more, as others may have seen no idle core
			s.mu.Unlock()
			return
		}
		s.takeIdleLocked(len(s.idle) - 1)
	}
	w := s.workerLocked(c)
	s.mu.Unlock()
	w.start()
}

// claim gives a worker an idle core, and reports false when there is none.
func (s *Scheduler) claim(w *worker) bool {
	if s.idling.Load() == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.idle) - 1
	if last < 0 {
		return false
	}
	w.core = s.takeIdleLocked(last)
	return true
}

// others reports whether tasks wait for a core, which is the caller's.
func (s *Scheduler) others(c *core) bool {
	return c.soon != nil || overfull(c) || s.injected.length.Load() > 0 || s.fresh.length.Load() > 0
}

// work is the life of a worker.
func (w *worker) work() {
	for {
		w.begin()
		for w.core != nil {
			if t := w.next(); t != nil {
				w.run(t)
			} else if !w.idle() {
				break
			}
		}
		if !w.rest() {
			return
		}
		<-w.wake
	}
}

// begin tells how long the worker has waited for the program's only processor.
func (w *worker) begin() {
	if !w.woken.IsZero() {
		processors.Ready(w.woken)
		w.woken = time.Time{}
	}
}

// fairness is after how many turns a core looks at what others brought.
const fairness = 61

// How long a worker has the processor at most, but for the turn that it is in, before goroutines may have it that are no
// workers. Where another core is idle they have that one's processor; only if Go keeps it busy with a goroutine that computes
// do they wait for this one, and to let them takes some 30 µs, since Go wakes the processor that is idle.
const (
	pauseAfter  = time.Millisecond
	pauseBeside = 10 * time.Millisecond // an idle core
)

// giveWay lets goroutines have the processor that are no workers, if it is time for that.
func (w *worker) giveWay() {
	after, single := pauseAfter, processors.Single()
	if w.scheduler.idling.Load() > 0 && !single {
		after = pauseBeside
	}
	now := time.Now()
	if now.Sub(w.paused) > after {
		w.paused = now
		runtime.Gosched()
		if single {
			processors.Ready(now)
		}
	}
}

// lookAround looks at what others brought, and gives what of that is to have the next turn, nil for nothing.
func (w *worker) lookAround() *Task {
	s := w.scheduler
	if overfull(w.core) {
		s.wake()
	}
	w.pause = false
	w.giveWay()
	return w.fromOutside()
}

// freshShare is how many of what others brought come before one that was not started yet: those that block come back in
// this way too, again and again, and would keep it from beginning.
const freshShare = 8

// fromOutside takes what others brought, nil for nothing.
func (w *worker) fromOutside() *Task {
	s, c := w.scheduler, w.core
	if c.brought++; c.brought%freshShare == 0 {
		if t := s.fresh.pop(); t != nil {
			return t
		}
	}
	if t := s.injected.pop(); t != nil {
		return t
	}
	return s.fresh.pop()
}

// next gives the task whose turn it is, nil when there is none.
func (w *worker) next() *Task {
	s, c := w.scheduler, w.core
	c.turns++
	if w.pause || c.turns%fairness == 0 {
		if t := w.lookAround(); t != nil {
			return t
		}
	}
	if t := c.next(); t != nil {
		return t
	}
	if t := w.fromOutside(); t != nil {
		return t
	}
	for _, other := range s.cores {
		if c.steal(other) {
			return c.next()
		}
	}
	return nil
}

// host gives the task that t has just made ready its turn from the stack of t, which is about to wait. By way of the worker's it
// would take twice as many changes of stacks for two tasks that talk to each other. It reports whether t was made ready meanwhile, and
// has another turn at once. Whatever makes t ready, it has to wait until the other's turn is over.
func (w *worker) host(t *Task) bool {
	c := w.core
	if w.hosting || w.pause || c.soon == nil || c.passed >= maxPassed || (c.turns+1)%fairness == 0 {
		return false
	}
	next := c.takeSoon()
	if next == nil {
		return false
	}
	c.turns++
	c.passed++
	w.hosting = true
	w.run(next)
	w.hosting = false
	if t.state.Load() != called {
		return false
	}
	t.turns++
	return true
}

// run gives a task a turn.
func (w *worker) run(t *Task) {
	if t.fiber == nil {
		t.fiber = w.scheduler.fiber()
		t.fiber.task = t
	}
	t.worker = w
	t.turns++
	t.fiber.resume()
	switch {
	case t.state.Load() == ended:
		f := t.fiber
		t.fiber = nil
		w.scheduler.rest(f)
	case t.state.CompareAndSwap(parking, parked):
	case w.core != nil && w.pause:
		w.core.spent.push(t)
	case w.core != nil:
		w.core.queue.push(t)
	default:
		w.scheduler.injected.push(t)
		w.scheduler.wake()
	}
}

// idle gives the worker's core up, unless there is something to do for it after all.
func (w *worker) idle() bool {
	s := w.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, w.core)
	s.idling.Add(1)
	if s.others(w.core) || slices.ContainsFunc(s.cores, overfull) {
		s.takeIdleLocked(len(s.idle) - 1)
		return true
	}
	w.core = nil
	return false
}

// rest has a worker without a core wait for one, and reports false when it is to end.
func (w *worker) rest() bool {
	s := w.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.resting) >= maxResting {
		return false
	}
	s.resting = append(s.resting, w)
	return true
}
