package guest

import (
	"sync"
	"time"
)

// What guests may put into the node's log: a burst of lines, and so many each second from then on. The
// bound on all of them together is for a guest that has many children write.
const (
	logBurst      = 200
	logPerSecond  = 50
	logBurstAll   = 2000
	logPerSecAll  = 500
	logDropped    = "log lines of the process dropped: it writes too many"
	logDroppedAll = "log lines dropped: the guests of this node write too many"
)

// logRate is how much of its share of the log somebody has left. Its methods may be called concurrently.
type logRate struct {
	mu sync.Mutex
	allowance
	dropped uint64 // lines since the last that was written
}

// allowance is a burst of something, and so much of it each second from then on.
type allowance struct {
	burst, perSecond float64

	used float64 // of the burst, at the time of last
	last time.Time
}

// spend takes some, and reports false when there is not as much.
func (a *allowance) spend(now time.Time, some float64) bool {
	a.used = max(0, a.used-a.perSecond*now.Sub(a.last).Seconds())
	a.last = now
	if a.used+some > a.burst {
		return false
	}
	a.used += some
	return true
}

// take asks for one line. When it may be written, dropped is how many could not be before it.
func (r *logRate) take(now time.Time) (dropped uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.spend(now, 1) {
		r.dropped++
		return 0, false
	}
	dropped, r.dropped = r.dropped, 0
	return dropped, true
}

// drop counts lines that were not written for another reason.
func (r *logRate) drop(lines uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropped += lines
}

// mayLog reports whether the guest may write a line, and writes what is to be said of those before
// that it could not.
func (g *guest) mayLog(now time.Time) bool {
	dropped, ok := g.logs.take(now)
	if !ok {
		return false
	}
	if !g.engine.mayLog(now) {
		g.logs.drop(dropped)
		return false
	}
	g.logDropped(dropped)
	return true
}

func (e *Engine) mayLog(now time.Time) bool {
	dropped, ok := e.logs.take(now)
	if ok && dropped > 0 {
		e.opts.Logger.Warn(logDroppedAll, "lines", dropped)
	}
	return ok
}

func (g *guest) logDropped(lines uint64) {
	if lines > 0 {
		g.engine.opts.Logger.Warn(logDropped, "lines", lines, "pid", g.process.Pid().Text(0), "module", moduleName(g.fn))
	}
}

// closeLog says how many lines a guest that has ended could not write since its last one.
func (g *guest) closeLog() {
	switch lines := g.logs.dropped; {
	case lines == 0:
	case g.engine.mayLog(time.Now()):
		g.logDropped(lines)
	default:
		g.engine.logs.drop(lines)
	}
}
