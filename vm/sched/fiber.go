package sched

import "iter"

// maxIdleFibers bounds the stacks that are kept for tasks to come.
const maxIdleFibers = 256

// fiber is a stack on which one task after another runs. A new one is small, and is copied to a larger place several
// times until a guest runs on it; that takes longer than all else that a short task does.
type fiber struct {
	task   *Task
	resume func() (struct{}, bool) // runs the fiber until it calls suspend
	stop   func()
	yield  func(struct{}) bool
}

func newFiber() *fiber {
	f := &fiber{}
	f.resume, f.stop = iter.Pull(f.life)
	return f
}

// life is what the fiber does until it is stopped, which it is while it has no task.
func (f *fiber) life(yield func(struct{}) bool) {
	f.yield = yield
	for {
		f.task.body.Run()
		f.task.state.Store(ended)
		if !yield(struct{}{}) {
			return
		}
	}
}

// fiber gives a fiber at rest, or a new one.
func (s *Scheduler) fiber() *fiber {
	s.mu.Lock()
	last := len(s.fibers) - 1
	if last < 0 {
		s.mu.Unlock()
		return newFiber()
	}
	f := s.fibers[last]
	s.fibers[last] = nil
	s.fibers = s.fibers[:last]
	s.mu.Unlock()
	return f
}

// rest keeps a fiber whose task has ended, unless there are enough.
func (s *Scheduler) rest(f *fiber) {
	f.task = nil
	s.mu.Lock()
	kept := !s.closed && len(s.fibers) < maxIdleFibers
	if kept {
		s.fibers = append(s.fibers, f)
	}
	s.mu.Unlock()
	if !kept {
		f.stop()
	}
}
