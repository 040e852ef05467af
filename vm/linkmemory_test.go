package vm

import "testing"

// What links may hold: a sixteenth in each direction whatever happens, and what nobody else has, but for what is kept free of guests
// and no more than may wait.
func TestLinkMemory(t *testing.T) {
	const most = 48 << 20
	for name, c := range map[string]struct {
		guests, waiting, other uint64 // other is what the links hold in the other direction
		want                   uint64 // that can be taken
	}{
		"nobody has anything":   {0, 0, 0, 16 << 20},
		"much waits":            {0, 15 << 20, 0, 3 << 20},
		"the other way has it":  {0, 0, 13 << 20, 3 << 20},
		"guests have much":      {30 << 20, 0, 0, 12 << 20},
		"guests have all":       {42 << 20, 0, 0, 3 << 20},
		"more is kept than may": {42 << 20, 20 << 20, 20 << 20, 3 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			m := NewMemory(most)
			if !m.Take(c.guests) {
				t.Fatal("no room for the guests")
			}
			m.waiting.Add(int64(c.waiting))
			m.Outgoing().Force(c.other)
			const step = 64 << 10
			taken := uint64(0)
			for m.Incoming().Take(step) {
				taken += step
			}
			if taken != c.want {
				t.Errorf("%.1f MiB could be taken, want %.1f", float64(taken)/(1<<20), float64(c.want)/(1<<20))
			}
			if m.Links() != taken+c.other {
				t.Errorf("%d bytes are counted", m.Links())
			}
			if m.Incoming().Take(most+1) || m.Incoming().Take(1<<63) {
				t.Error("more than there is could be taken")
			}
			m.Incoming().Release(taken)
			if m.Links() != c.other {
				t.Errorf("%d bytes are counted in the end", m.Links())
			}
		})
	}
}

// What links hold guests cannot have, but for what is kept free of guests anyway; and it ends nobody.
func TestGuestsBesideLinks(t *testing.T) {
	const most = 48 << 20
	for _, c := range []struct{ links, want uint64 }{{0, 42 << 20}, {6 << 20, 42 << 20}, {16 << 20, 32 << 20}} {
		m := NewMemory(most)
		m.Incoming().Force(c.links / 2)
		m.Outgoing().Force(c.links / 2)
		if m.Take(c.want+1) || !m.Take(c.want) {
			t.Errorf("beside %d bytes guests cannot have %d exactly", c.links, c.want)
		}
		if m.Incoming().Force(most); m.crowded() {
			t.Error("somebody would have to end")
		}
	}
}
