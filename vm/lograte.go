package vm

import (
	"sync"
	"time"
)

// Allowance is how much of something somebody may have: a burst, and so much each second from then on.
type Allowance struct {
	Burst, PerSecond float64

	used float64 // of the burst, at the time of last
	last time.Time
}

// Spend takes some, and reports false when there is not as much.
func (a *Allowance) Spend(now time.Time, some float64) bool {
	a.used = max(0, a.used-a.PerSecond*now.Sub(a.last).Seconds())
	a.last = now
	if a.used+some > a.Burst {
		return false
	}
	a.used += some
	return true
}

// LogRate is how much of its share of the log somebody has left, in lines. Burst and PerSecond are not
// changed once it is in use; the methods may be called concurrently.
type LogRate struct {
	mu sync.Mutex
	Allowance
	dropped uint64 // lines since the last that was written
}

// Take asks for one line. When it may be written, dropped is how many could not be before it.
func (r *LogRate) Take(now time.Time) (dropped uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.Spend(now, 1) {
		r.dropped++
		return 0, false
	}
	dropped, r.dropped = r.dropped, 0
	return dropped, true
}

// Drop counts lines that were not written for another reason.
func (r *LogRate) Drop(lines uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropped += lines
}

// Rest gives how many lines could not be written since the last that could, and forgets them.
func (r *LogRate) Rest() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	dropped := r.dropped
	r.dropped = 0
	return dropped
}
