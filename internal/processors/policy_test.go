package processors

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// world makes observations, a look after another.
type world struct {
	at, used, idle time.Duration
}

// pass has a time pass between two looks, in which the program has used a share of a processor and others of the machine were
// idle for another.
func (w *world) pass(took time.Duration, used, idle float64, wanted bool) observation {
	w.at += took
	w.used += time.Duration(used * float64(took))
	w.idle += time.Duration(idle * float64(took))
	total := w.idle
	return observation{
		at: time.Unix(0, 0).Add(w.at), used: w.used, wanted: wanted, idle: func() time.Duration { return total },
	}
}

func TestPolicy(t *testing.T) {
	type look struct {
		times      int
		used, idle float64
		wanted     bool
		single     bool // after all of them
	}
	for name, looks := range map[string][]look{
		"little to do":                        {{times: 2}, {times: 1, single: true}, {times: 20, used: 0.5, idle: 1.5, single: true}},
		"somebody computes":                   {{times: 30, used: 0.1, wanted: true}},
		"much to do":                          {{times: 30, used: 1.5}},
		"less than a processor's worth":       {{times: 3, used: 0.6, single: true}},
		"the last look counts":                {{times: 2}, {times: 1, wanted: true}, {times: 1}, {times: 1, single: true}},
		"one is full, another idle":           {{times: 3, single: true}, {times: 1, used: 0.95, idle: 1, single: true}, {times: 1, used: 0.95, idle: 1}},
		"one is full for a moment":            {{times: 3, single: true}, {times: 1, used: 0.95, idle: 1, single: true}, {times: 1, idle: 2, single: true}, {times: 1, used: 0.95, idle: 1, single: true}},
		"one is full, and none of the others": {{times: 3, single: true}, {times: 20, used: 0.95, idle: 0.2, single: true}},
	} {
		t.Run(name, func(t *testing.T) {
			var w world
			var p policy
			for i, l := range looks {
				for range l.times {
					p.look(w.pass(lookEvery, l.used, l.idle, l.wanted))
				}
				if p.single != l.single {
					t.Fatalf("single %v after %d of the looks", p.single, i+1)
				}
			}
		})
	}
}

// A program that does nothing is looked at less often, until it does something or has all processors.
func TestNextLook(t *testing.T) {
	var w world
	var p policy
	for _, l := range []struct {
		used   float64
		single bool
		next   time.Duration
	}{{0, false, lookEvery}, {0, false, lookEvery}, {0, true, lookIdle}, {0.2, true, lookEvery}, {0.01, true, lookIdle}} {
		if p.look(w.pass(lookEvery, l.used, 1, false)); p.single != l.single || p.next() != l.next {
			t.Errorf("single %v, next look after %v; want %v, %v", p.single, p.next(), l.single, l.next)
		}
	}
	if p.spread(time.Now()); p.next() != lookEvery {
		t.Errorf("next look after %v with all processors", p.next())
	}
}

// Who wants more soon each time keeps all processors for longer and longer; long after that it is as at first.
func TestPatience(t *testing.T) {
	var w world
	var p policy
	calm := func() (looks int) {
		for !p.single {
			p.look(w.pass(lookEvery, 0, 2, false))
			looks++
		}
		return looks
	}
	first := calm()
	last := 0
	for range 10 {
		p.spread(time.Unix(0, 0).Add(w.at + lookEvery))
		looks := calm()
		if looks < last || looks > maxPatience {
			t.Fatalf("%d looks after %d", looks, last)
		}
		last = looks
	}
	if last != maxPatience {
		t.Errorf("%d looks at last, not %d", last, maxPatience)
	}
	p.spread(time.Unix(0, 0).Add(w.at + 2*forgiven))
	w.at += 2 * forgiven
	if again := calm(); again >= first+1 {
		t.Errorf("%d looks long after that, %d at first", again, first)
	}
}

// Whatever happens, nobody is confined who has just wanted more, and what has little to do is confined in the end.
func TestPolicyAlways(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w world
		var p policy
		for range rapid.IntRange(0, 100).Draw(t, "looks") {
			used := rapid.Float64Range(0, 4).Draw(t, "used")
			wanted := rapid.Bool().Draw(t, "wanted")
			before := p.single
			p.look(w.pass(lookEvery, used, rapid.Float64Range(0, 4).Draw(t, "idle"), wanted))
			if !before && p.single && (wanted || used > little) {
				t.Fatalf("confined with a share of %v, wanted %v", used, wanted)
			}
			if rapid.Bool().Draw(t, "at once") {
				p.spread(time.Unix(0, 0).Add(w.at))
				if p.single {
					t.Fatal("confined after all")
				}
			}
		}
		for range maxPatience + 1 {
			p.look(w.pass(lookEvery, 0.1, 1, false))
		}
		if !p.single {
			t.Fatal("all processors for next to nothing")
		}
	})
}
