package guest

import (
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm/module/rewrite"
)

// How long a guest may run before it lets others run. Reductions count instructions, and some
// code takes a hundred times as long for an instruction as other code does: whoever waits for memory all
// the time, say. So the budget follows the time that reductions take. At the end of each slice the garbage collector
// can stop the world, and at the end of a turn, which has several, others run.
const (
	sliceTime   = 250 * time.Microsecond
	maxBudget   = rewrite.DefaultBudget / 4   // some 75 µs of common code
	firstBudget = rewrite.DefaultBudget / 10  // of those of whom nothing is known yet
	minBudget   = rewrite.DefaultBudget / 100 // less would be no use: this is called for each
)

// A guest gets nowhere with less than rewritten code needs: this does not compile then.
const _ = uint(minBudget - rewrite.MinBudget)

// forget is by which part the slowest pace that was seen is forgotten at each slice.
const forget = 256

// turn is how a guest takes its turns. A turn must be short enough for those who wait, so one with a
// high priority has several slices, and one with a low priority a part of one.
type turn struct {
	part   int32 // of a slice
	slices int   // before others run
}

// turns are those of the priorities, 0 being none.
var turns = [...]turn{
	{part: 1, slices: 4},
	abi.PriorityLow:    {part: 2, slices: 1},
	abi.PriorityNormal: {part: 1, slices: 4},
	abi.PriorityHigh:   {part: 1, slices: 16},
	abi.PriorityMax:    {part: 1, slices: 64},
}

// pace is how fast the reductions of a guest go by. It belongs to the guest's goroutine.
type pace struct {
	granted int32         // the budget of the slice that runs; 0 stands for firstBudget
	began   time.Time     // zero before the first slice has ended
	slowest time.Duration // for maxBudget reductions
	waited  bool          // the host was called, and may have waited: the time says nothing
	slices  int           // that have ended in the turn that runs
}

// budget is what the slice that runs may use.
func (p *pace) budget() int32 {
	if p.granted == 0 {
		return firstBudget
	}
	return p.granted
}

// over reports whether the turn is over, at the end of a slice.
func (p *pace) over(priority abi.Priority) bool {
	p.slices++
	if p.slices < turns[priority].slices {
		return false
	}
	p.slices = 0
	return true
}

// next gives the budget of the next slice, after one that has used so many reductions.
func (p *pace) next(used int64, now time.Time, priority abi.Priority) int32 {
	p.granted = max(p.whole(used, now)/turns[priority].part, minBudget)
	return p.granted
}

// whole gives the budget of a whole slice.
func (p *pace) whole(used int64, now time.Time) int32 {
	known := !p.waited && !p.began.IsZero() && used > 0
	p.waited = false
	if !known {
		return firstBudget
	}
	took := time.Duration(float64(now.Sub(p.began)) * maxBudget / float64(used))
	p.slowest = max(p.slowest-p.slowest/forget, took, 1)
	return int32(min(max(maxBudget*int64(sliceTime)/int64(p.slowest), minBudget), maxBudget))
}
