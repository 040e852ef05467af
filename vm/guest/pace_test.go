package guest

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	now := time.Unix(0, 0)
	var p pace
	slice := func(took time.Duration, waited bool) int32 {
		used := int64(p.budget())
		p.began, p.waited = now, waited
		now = now.Add(took * time.Duration(used) / maxBudget)
		return p.next(used, now)
	}
	if got := p.budget(); got != firstBudget {
		t.Errorf("first budget %d", got)
	}
	if got := slice(300*time.Microsecond, false); got != maxBudget {
		t.Errorf("common code gets %d", got)
	}
	if got := slice(10*time.Millisecond, false); got != maxBudget/10 {
		t.Errorf("slow code gets %d", got)
	}
	if got := slice(time.Hour, false); got != minBudget {
		t.Errorf("very slow code gets %d", got)
	}
	if got := slice(time.Hour, true); got != firstBudget {
		t.Errorf("code that waited gets %d", got)
	}
	for range 20_000 {
		slice(300*time.Microsecond, false)
	}
	if got := p.budget(); got != maxBudget {
		t.Errorf("code that was slow long ago gets %d", got)
	}
}
