package sched

import (
	"sync/atomic"
	"time"

	"github.com/wnode/wnode/internal/processors"
)

// Body is what a task does.
type Body interface {
	// Run is called once, on the task's own stack. It must not panic, nor end its goroutine.
	Run()
}

// Task is something that runs. Its zero value was not started; see [Scheduler.Start]. Its methods are for its own
// stack, but for Ready.
type Task struct {
	scheduler *Scheduler
	body      Body
	state     atomic.Uint32
	fiber     *fiber  // from its first turn on
	worker    *worker // that it runs on; while it runs, and for the worker itself
	next      *Task   // in a queue

	turns   uint      // that it had
	yielded uint      // the one in which it used a slice up last
	checked uint      // the turn of the last Check
	since   time.Time // of the first one in that turn
}

// States of a task.
const (
	running uint32 = iota // or ready to
	called                // the same, and it does not wait the next time that it would
	parking               // it is about to wait
	parked                // it waits for [Task.Ready]
	ended
)

// Park waits until [Task.Ready] is called, or returns at once when that was done since the last time. It may
// return for a call that has been answered already, so the caller looks again at what it waits for.
func (t *Task) Park() {
	if t.state.CompareAndSwap(running, parking) && !t.worker.host(t) {
		t.suspend()
	}
	t.state.Store(running)
}

// Yield is for a task that has run for a slice: it lets other tasks run, and other goroutines.
func (t *Task) Yield() {
	if t.computes() {
		processors.Want()
	}
	t.yielded = t.turns
	w := t.worker
	if !w.hosting && !t.scheduler.others(w.core) {
		w.giveWay()
		return
	}
	w.pause = true
	if soon := w.core.soon; soon != nil { // which did not come so soon
		w.core.queue.push(soon)
		w.core.soon = nil
	}
	t.suspend()
}

// computes reports whether the task has waited for nothing since it used a slice up: one that talks to others gets through a slice
// in time too.
func (t *Task) computes() bool { return t.turns-t.yielded <= 1 }

// Check is for a task that does many things of which each is short: it yields when the turn has lasted longer than a
// slice since the first check in it.
func (t *Task) Check(slice time.Duration) {
	now := time.Now()
	switch {
	case t.checked != t.turns:
		t.checked, t.since = t.turns, now
	case now.Sub(t.since) > slice:
		t.Yield()
		t.since = now // for the case that no other task was there
	}
}

// suspend has the worker go on with something else, until the worker that takes the task next resumes it.
func (t *Task) suspend() { t.fiber.yield(struct{}{}) }

// Ready has a task that waits in [Task.Park] run, or not wait the next time. by is the task on whose stack this
// is called, nil for none. Safe for concurrent use, also after the task has ended.
func (t *Task) Ready(by *Task) {
	for {
		switch state := t.state.Load(); state {
		case running, parking:
			if t.state.CompareAndSwap(state, called) {
				return
			}
		case parked:
			if t.state.CompareAndSwap(parked, running) {
				t.scheduler.enqueue(t, by)
				return
			}
		default:
			return
		}
	}
}

// Block says that the task is about to wait for something else than [Task.Ready]. Others run on its processor
// meanwhile. [Task.Unblock] must follow before anything else.
func (t *Task) Block() {
	if t.worker.hosting {
		t.suspend() // else its host would wait too
	}
	w := t.worker
	core := w.core
	w.core = nil
	t.scheduler.handOff(core)
}

// Unblock takes [Task.Block] back. It may have to wait for a processor.
func (t *Task) Unblock() {
	if !t.scheduler.claim(t.worker) {
		t.suspend()
	}
}
