package vm_test

import (
	"testing"
	"time"

	"github.com/wnode/wnode/vm"
)

func TestLogRate(t *testing.T) {
	r := vm.LogRate{Allowance: vm.Allowance{Burst: 3, PerSecond: 2}}
	now := time.Now()
	take := func(dropped uint64, ok bool) {
		t.Helper()
		if d, o := r.Take(now); d != dropped || o != ok {
			t.Errorf("%d dropped, %v, want %d, %v", d, o, dropped, ok)
		}
	}
	for range 3 {
		take(0, true)
	}
	take(0, false)
	take(0, false)
	now = now.Add(time.Second / 2)
	take(2, true)
	take(0, false)
	now = now.Add(time.Hour)
	take(1, true)
	r.Drop(4)
	take(4, true)
	take(0, true)
	take(0, false) // there is no more than the burst after any time
	take(0, false)
	if rest := r.Rest(); rest != 2 {
		t.Errorf("%d are left, want 2", rest)
	}
	if rest := r.Rest(); rest != 0 {
		t.Errorf("%d are left after they were told", rest)
	}
}
