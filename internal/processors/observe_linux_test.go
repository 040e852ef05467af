package processors

import (
	"testing"
	"time"
)

func TestParseIdle(t *testing.T) {
	for stat, want := range map[string]time.Duration{
		"":                                    0,
		"cpu  1 2 3 4\n":                      0,
		"cpu  10 20 30 400 5 6 7 0 0 0\ncpu0": 405 * tick,
		"cpu  10 20 30 400 5 6 7 0 0 0":       405 * tick,
		"cpu0 10 20 30 400 5 6 7 0 0 0\n":     0,
		"cpu  10 20 30 x 5 6 7\n":             0,
		"cpu  10 20 30 -1 5 6 7\n":            0,
	} {
		if got := parseIdle([]byte(stat)); got != want {
			t.Errorf("%q: %v, not %v", stat, got, want)
		}
	}
}

// The system's own figures grow, and can be read.
func TestObserve(t *testing.T) {
	if idle() <= 0 {
		t.Error("this machine was never idle")
	}
	first := used()
	for used() == first { // which computes
	}
	if o := observe(); o.used <= first || o.at.IsZero() {
		t.Errorf("%v used after %v", o.used, first)
	}
}
