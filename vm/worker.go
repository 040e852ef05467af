package vm

import "sync"

// maxIdleWorkers bounds the goroutines that wait for a process to run.
const maxIdleWorkers = 256

// workers are goroutines that run one process after another. A new goroutine has a small stack, which is
// copied to a larger place several times until a guest runs on it; that takes longer than all else that a short process
// does.
type workers struct {
	wg sync.WaitGroup

	mu     sync.Mutex
	idle   []chan *Process // of those who wait; the one that came last is taken first
	closed bool
}

// run runs a process on a goroutine of its own.
func (w *workers) run(p *Process) {
	w.mu.Lock()
	last := len(w.idle) - 1
	if last < 0 {
		w.mu.Unlock()
		w.wg.Go(func() { w.work(p) })
		return
	}
	next := w.idle[last]
	w.idle = w.idle[:last]
	w.mu.Unlock()
	next <- p
}

// work is the life of a goroutine. A nil process is its end.
func (w *workers) work(p *Process) {
	next := make(chan *Process, 1)
	for p != nil {
		p.live()
		if !w.rest(next) {
			return
		}
		p = <-next
	}
}

// rest has a goroutine wait for the next process, unless enough others do.
func (w *workers) rest(next chan *Process) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.idle) >= maxIdleWorkers {
		return false
	}
	w.idle = append(w.idle, next)
	return true
}

// close ends the goroutines, all of whose processes have ended, and waits for them.
func (w *workers) close() {
	w.mu.Lock()
	w.closed = true
	for _, next := range w.idle {
		next <- nil
	}
	w.idle = nil
	w.mu.Unlock()
	w.wg.Wait()
}
