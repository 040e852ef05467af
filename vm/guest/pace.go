package guest

import (
	"time"

	"github.com/wnode/wnode/vm/module/rewrite"
)

// How long a guest may run before it lets others run. Reductions count instructions, and some
// code takes a hundred times as long for an instruction as other code does: whoever waits for memory all
// the time, say. So the budget follows the time that reductions take.
const (
	sliceTime   = time.Millisecond
	maxBudget   = rewrite.DefaultBudget // some 0.3 ms of common code
	firstBudget = maxBudget / 10        // of those of whom nothing is known yet
	minBudget   = maxBudget / 100
)

// forget is by which part the slowest pace that was seen is forgotten at each slice.
const forget = 256

// pace is how fast the reductions of a guest go by. It belongs to the guest's goroutine.
type pace struct {
	granted int32         // the budget of the slice that runs; 0 stands for firstBudget
	began   time.Time     // zero before the first slice has ended
	slowest time.Duration // for maxBudget reductions
	waited  bool          // the host was called, and may have waited: the time says nothing
}

// budget is what the slice that runs may use.
func (p *pace) budget() int32 {
	if p.granted == 0 {
		return firstBudget
	}
	return p.granted
}

// next gives the budget of the next slice, after one that has used so many reductions.
func (p *pace) next(used int64, now time.Time) int32 {
	known := !p.waited && !p.began.IsZero() && used > 0
	p.waited = false
	if !known {
		p.granted = firstBudget
		return p.granted
	}
	took := time.Duration(float64(now.Sub(p.began)) * maxBudget / float64(used))
	p.slowest = max(p.slowest-p.slowest/forget, took, 1)
	p.granted = int32(min(max(maxBudget*int64(sliceTime)/int64(p.slowest), minBudget), maxBudget))
	return p.granted
}
