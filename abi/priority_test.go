package abi

import (
	"errors"
	"testing"
)

func TestPriorityNames(t *testing.T) {
	for p := PriorityLow; p <= PriorityMax; p++ {
		if got, err := ParsePriority(p.String()); got != p || err != nil || !p.Valid() {
			t.Errorf("%s is %d, %v, want %d", p, got, err, p)
		}
	}
	for _, p := range []Priority{-1, 0, PriorityMax + 1} {
		if _, err := ParsePriority(p.String()); p.Valid() || !errors.Is(err, ErrBadArgument) {
			t.Errorf("%s is valid: %v", p, err)
		}
	}
}
