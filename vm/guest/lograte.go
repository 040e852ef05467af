package guest

import "time"

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

// mayLog reports whether the guest may write a line, and writes what is to be said of those before
// that it could not.
func (g *guest) mayLog(now time.Time) bool {
	dropped, ok := g.logs.Take(now)
	if !ok {
		return false
	}
	if !g.engine.mayLog(now) {
		g.logs.Drop(dropped)
		return false
	}
	g.logDropped(dropped)
	return true
}

func (e *Engine) mayLog(now time.Time) bool {
	dropped, ok := e.logs.Take(now)
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
	switch lines := g.logs.Rest(); {
	case lines == 0:
	case g.engine.mayLog(time.Now()):
		g.logDropped(lines)
	default:
		g.engine.logs.Drop(lines)
	}
}
