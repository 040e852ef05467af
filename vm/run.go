package vm

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/wnode/wnode/vm/sched"
)

// running gives the task of a process on whose stack something is done, nil for none.
func (p *Process) running() *sched.Task {
	if p == nil || !p.scheduled {
		return nil
	}
	return &p.task
}

// wakeUp has the process look once more at what it waits for, if it waits. by is the process on whose stack that is
// done, nil for none. Safe for concurrent use.
func (p *Process) wakeUp(by *Process) {
	if p.scheduled {
		p.task.Ready(by.running())
		return
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// over gives the cause of the end of a context, nil before that. The process's own needs no lock for it.
func (p *Process) over(ctx context.Context) error {
	if ctx == p.Context() && !p.told.Load() || ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}

// park waits until the process is woken or ctx ends, and may return for less.
func (p *Process) park(ctx context.Context) {
	switch {
	case !p.scheduled:
		select {
		case <-p.wake:
		case <-ctx.Done():
		}
	case ctx == p.Context(): // the end of the process wakes it
		p.task.Park()
	default:
		defer context.AfterFunc(ctx, func() { p.wakeUp(nil) })()
		p.task.Park()
	}
}

// await waits until done says so, or ctx ends, and gives the cause of that. Who changes what done looks at wakes the
// process. It stands still meanwhile.
func (p *Process) await(ctx context.Context, done func() bool) error {
	if done() {
		return nil
	}
	p.setWaiting(true)
	defer p.setWaiting(false)
	for !done() {
		if err := p.over(ctx); err != nil {
			return err
		}
		p.park(ctx)
	}
	return nil
}

// Await waits until done says so, or the process is told to end, and gives the cause of that. Who changes what done
// looks at calls [Process.Wake].
func (p *Process) Await(done func() bool) error { return p.await(p.Context(), done) }

// Wake has the process look once more at what it waits for. Safe for concurrent use.
func (p *Process) Wake() { p.wakeUp(nil) }

// Sleep waits for a time, negative for ever, or until the process is told to end, and gives the cause of that.
func (p *Process) Sleep(d time.Duration) error {
	var a alarm
	a.set(p, d)
	defer a.stop()
	return p.await(p.Context(), a.hasRung)
}

// alarm wakes a process at a time.
type alarm struct {
	timer *time.Timer
	rung  *atomic.Bool
	due   time.Time
}

// set has it ring after a time, negative for never.
func (a *alarm) set(p *Process, d time.Duration) {
	if d < 0 {
		return
	}
	a.due = time.Now().Add(d)
	rung := new(atomic.Bool)
	a.rung, a.timer = rung, time.AfterFunc(d, func() {
		rung.Store(true)
		p.wakeUp(nil)
	})
}

// isSet reports whether it was set.
func (a *alarm) isSet() bool { return a.timer != nil }

// left gives what is left of a timeout, which an alarm that was set was set to.
func (a *alarm) left(timeout time.Duration) time.Duration {
	if !a.isSet() {
		return timeout
	}
	return max(time.Until(a.due), 0)
}

func (a *alarm) hasRung() bool { return a.rung != nil && a.rung.Load() }

func (a *alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}

// StandStill says that the body computes nothing until [Process.GoOn], as it waits for something that is none of the
// machine's. Its status is "waiting" meanwhile, and others run in its place.
func (p *Process) StandStill() {
	p.setWaiting(true)
	if p.scheduled {
		p.task.Block()
	}
}

// GoOn takes [Process.StandStill] back.
func (p *Process) GoOn() {
	if p.scheduled {
		p.task.Unblock()
	}
	p.setWaiting(false)
}

func (p *Process) setWaiting(waiting bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting, p.receiving = waiting, false
	if waiting && !p.answerStackLocked() {
		p.replyLocked(nil) // nobody knows until it has waited
	}
}

// Yield lets others run, and is for who has computed for a slice.
func (p *Process) Yield() {
	if p.scheduled {
		p.task.Yield()
		return
	}
	runtime.Gosched()
}

// Check is [Process.Yield] for who does many things of which each is short, once they have taken longer than a slice.
func (p *Process) Check(slice time.Duration) {
	if p.scheduled {
		p.task.Check(slice)
	}
}

// Block says that the process, nil for none, is about to wait for something else than the machine, until the
// function that it gives is called. Unlike [Process.StandStill] it may be in the middle of something.
func (p *Process) Block() (unblock func()) {
	task := p.running()
	if task == nil {
		return func() {}
	}
	task.Block()
	return task.Unblock
}

// suspend is [Process.Block] for a wait for another node, which takes no more at the moment (SIG-08) or has yet to be connected.
func (p *Process) suspend(congested bool) (resume func()) {
	unblock := p.Block()
	p.setSuspended(congested)
	return func() {
		p.setSuspended(false)
		unblock()
	}
}

func (p *Process) setSuspended(suspended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.suspended = suspended
}

// pauseFor waits on behalf of the process until a channel is closed, or ctx ends, and gives the cause of that.
func (p *Process) pauseFor(ctx context.Context, closed <-chan struct{}) error {
	defer p.Block()()
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
