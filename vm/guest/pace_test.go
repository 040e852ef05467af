package guest

import (
	"testing"
	"time"

	"github.com/wnode/wnode/abi"
)

// A low priority has parts of slices, a high one several of them before others run.
func TestTurns(t *testing.T) {
	now := time.Unix(0, 0)
	for priority, want := range map[abi.Priority]struct {
		budget int32
		slices int
	}{
		abi.PriorityLow:    {maxBudget / 2, 1},
		abi.PriorityNormal: {maxBudget, 4},
		abi.PriorityHigh:   {maxBudget, 16},
		abi.PriorityMax:    {maxBudget, 64},
	} {
		var p pace
		for turn := range 3 {
			for slice := range want.slices {
				used := int64(p.budget())
				p.began, now = now, now.Add(time.Microsecond)
				if got := p.next(used, now, priority); got != want.budget {
					t.Errorf("%s: budget %d, want %d", priority, got, want.budget)
				}
				if over := p.over(priority); over != (slice == want.slices-1) {
					t.Errorf("%s, turn %d: over %v after slice %d", priority, turn, over, slice)
				}
			}
		}
	}
}

func TestPace(t *testing.T) {
	now := time.Unix(0, 0)
	var p pace
	slice := func(took time.Duration, waited bool) int32 {
		used := int64(p.budget())
		p.began, p.waited = now, waited
		now = now.Add(took * time.Duration(used) / maxBudget)
		return p.next(used, now, abi.PriorityNormal)
	}
	if got := p.budget(); got != firstBudget {
		t.Errorf("first budget %d", got)
	}
	if got := slice(75*time.Microsecond, false); got != maxBudget {
		t.Errorf("common code gets %d", got)
	}
	if got := slice(10*sliceTime, false); got != maxBudget/10 {
		t.Errorf("slow code gets %d", got)
	}
	if got := slice(time.Hour, false); got != minBudget {
		t.Errorf("very slow code gets %d", got)
	}
	if got := slice(time.Hour, true); got != firstBudget {
		t.Errorf("code that waited gets %d", got)
	}
	for range 20_000 {
		slice(75*time.Microsecond, false)
	}
	if got := p.budget(); got != maxBudget {
		t.Errorf("code that was slow long ago gets %d", got)
	}
}
