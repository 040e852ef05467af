package badnet

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

const packets = 1000

// carry sends numbered packets a millisecond apart, and gives the numbers of those that arrive, and when the last does.
func carry(t *testing.T, f Faults) (got []int, last time.Duration, n *Network) {
	synctest.Test(t, func(*testing.T) {
		began := time.Now()
		n = New(7)
		w := n.Way(func(packet []byte) {
			n.mu.Lock()
			defer n.mu.Unlock()
			got = append(got, int(packet[0])<<8|int(packet[1]))
			last = time.Since(began)
		})
		w.Set(f)
		for i := range packets {
			w.Carry([]byte{byte(i >> 8), byte(i)})
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Minute)
		n.Close()
	})
	return got, last, n
}

func TestNoFaults(t *testing.T) {
	got, _, _ := carry(t, Faults{})
	if len(got) != packets || !slices.IsSorted(got) {
		t.Errorf("%d packets arrive, in order: %v", len(got), slices.IsSorted(got))
	}
}

func TestFaults(t *testing.T) {
	if got, _, _ := carry(t, Faults{Cut: true}); len(got) != 0 {
		t.Errorf("cut: %d packets arrive", len(got))
	}
	got, _, n := carry(t, Faults{Loss: 0.1})
	if lost := n.Count(Lost); lost < 50 || lost > 150 || len(got) != packets-lost {
		t.Errorf("%d lost, %d arrive", lost, len(got))
	}
	got, _, n = carry(t, Faults{Duplicate: 0.1})
	if doubled := n.Count(Doubled); doubled < 50 || doubled > 150 || len(got) != packets+doubled {
		t.Errorf("%d doubled, %d arrive", doubled, len(got))
	}
	got, _, n = carry(t, Faults{Reorder: 0.1, Late: 5 * time.Millisecond})
	if late := n.Count(Reordered); late < 50 || late > 150 || len(got) != packets || slices.IsSorted(got) {
		t.Errorf("%d late, %d arrive, in order: %v", late, len(got), slices.IsSorted(got))
	}
	got, last, n := carry(t, Faults{Delay: time.Second})
	if len(got) != packets || !slices.IsSorted(got) || last < time.Second || n.Count(Delayed) != packets {
		t.Errorf("%d arrive until %v", len(got), last)
	}
	got, _, n = carry(t, Faults{Rate: 1000, Backlog: 10 * time.Millisecond}) // a packet takes two milliseconds
	if over := n.Count(Overflowed); over < packets/3 || len(got) != packets-over {
		t.Errorf("%d overflow, %d arrive", over, len(got))
	}
}
