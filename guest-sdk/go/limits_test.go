package wnode

import (
	"maps"
	"testing"
	"time"
)

func TestLimitTerms(t *testing.T) {
	if got := (Limits{}).term(); len(got) > 0 {
		t.Errorf("no limits: %v", got)
	}
	got := Limits{1, 2, time.Microsecond, 4, 5, 6, 7, 8}.term()
	want := map[string]uint64{
		"memory": 1, "reductions": 2, "wall_time": 1000,
		"mailbox_messages": 4, "mailbox_bytes": 5, "timers": 6, "children": 7, "files": 8,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
