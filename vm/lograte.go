package vm

import (
	"sync"
	"time"
)

// LogRate is how much of its share of the log somebody has left: a burst of lines, and so many each second
// from then on. Burst and PerSecond are not changed once it is in use; the methods may be called
// concurrently.
type LogRate struct {
	Burst, PerSecond float64

	mu      sync.Mutex
	used    float64 // of the burst, at the time of last
	last    time.Time
	dropped uint64 // lines since the last that was written
}

// Take asks for one line. When it may be written, dropped is how many could not be before it.
func (r *LogRate) Take(now time.Time) (dropped uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used = max(0, r.used-r.PerSecond*now.Sub(r.last).Seconds())
	r.last = now
	if r.used+1 > r.Burst {
		r.dropped++
		return 0, false
	}
	r.used++
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
