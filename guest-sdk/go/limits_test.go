package wnode

import (
	"maps"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/wnode/wnode/abi/term"
)

func TestLimitTerms(t *testing.T) {
	if got := (Limits{}).Term(); len(got) > 0 {
		t.Errorf("no limits: %v", got)
	}
	if got, want := len((&Limits{}).fields()), reflect.TypeFor[Limits]().NumField(); got != want {
		t.Errorf("%d limits have names, of %d", got, want)
	}
	all := Limits{1, 2, time.Microsecond, 4, 5, 6, 7, 8, 9, PriorityNormal, 11}
	want := map[string]uint64{
		"memory": 1, "reductions": 2, "wall_time": 1000,
		"mailbox_messages": 4, "mailbox_bytes": 5, "timers": 6, "children": 7,
		"tables": 8, "stack": 9, "priority": 2, "files": 11,
	}
	if got := all.Term(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, limits := range []Limits{{}, all} {
		decoded, err := term.Decode(term.MustEncode(limits.Term()))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := ParseLimits(decoded); !ok || got != limits {
			t.Errorf("read %v, %v, want %v", got, ok, limits)
		}
	}
	for _, bad := range []any{
		nil, 1,
		[]any{},
		map[any]any{"memory": "1"},
		map[any]any{"memory": int64(-1)},
		map[any]any{"x": int64(1)},
		map[any]any{1: int64(1)},
	} {
		if got, ok := ParseLimits(bad); ok || got != (Limits{}) {
			t.Errorf("%v is read as %v", bad, got)
		}
	}
	decoded, err := term.Decode(term.MustEncode(Limits{Timers: math.MinInt}.Term()))
	if got, ok := ParseLimits(decoded); err != nil || ok {
		t.Errorf("a negative limit is read as %v, %v", got, err)
	}
}
