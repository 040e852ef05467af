package ship

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/wnode/wnode/abi"
)

// heard gives what a node was told of a node that waits, without what repeats and how far it is.
func (k *member) heard(node abi.NodeID) (from []abi.NodeID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, w := range k.waited {
		if w.Node == node {
			from = append(from, w.From)
		}
	}
	return slices.Compact(from)
}

// Who waits for a module that comes from elsewhere tells so, also to its origin, where somebody may wait for the process.
func TestWaitingElsewhere(t *testing.T) {
	inMesh(t, 3, func(t *testing.T, m *mesh, _ []byte, _ abi.Hash) {
		hash := m.put(1, noise(10<<20)) // which takes ten seconds
		m.nodes[2].far[1], m.nodes[3].far[1] = 100*time.Millisecond, 100*time.Millisecond
		m.wg.Go(func() { m.fetches(2, hash, 1, 1) })
		time.Sleep(time.Second)
		m.fetches(3, hash, 1, 2)
		m.wg.Wait()
		want := []abi.NodeID{2, 3}
		for id := abi.NodeID(1); id <= 3; id += 2 {
			if got := m.nodes[id].heard(3); !slices.Equal(got, want) {
				t.Errorf("node %d has heard that node 3 waits for %v, want %v", id, got, want)
			}
		}
		if w := m.nodes[1].waited; len(w) < 4 || w[len(w)-2].Done == 0 || w[len(w)-2].Total != 10<<20 || w[0].Total != 0 {
			t.Errorf("the origin has heard %+v", w)
		}
	})
}

// A node tells its people who waits for it, and those that wait tell theirs for whom.
func TestWaitingHere(t *testing.T) {
	inMesh(t, 4, func(t *testing.T, m *mesh, _ []byte, _ abi.Hash) {
		hash := m.put(1, noise(5<<20))
		for id := abi.NodeID(2); id <= 4; id++ {
			m.wg.Go(func() { m.fetches(id, hash, 1, 1) })
			time.Sleep(10 * time.Millisecond)
		}
		m.wg.Wait()
		if here, there := m.nodes[1].heard(4), m.nodes[4].heard(4); !slices.Equal(here, []abi.NodeID{1, 4}) || !slices.Equal(there, []abi.NodeID{1, 4}) {
			t.Errorf("the origin has heard that node 4 waits for %v, and that %v", here, there)
		}
		if got := m.nodes[1].heard(2); len(got) > 0 {
			t.Errorf("that one which is sent the module waits for %v", got)
		}
	})
}

// What comes at once is not worth a word, to the origin neither.
func TestNoWait(t *testing.T) {
	inMesh(t, 3, func(t *testing.T, m *mesh, module []byte, hash abi.Hash) {
		m.put(2, module)
		m.nodes[3].far[1] = 100 * time.Millisecond
		m.fetches(3, hash, 1, 2)
		if m.nodes[1].opened != 0 || len(m.nodes[3].waited) > 0 {
			t.Errorf("%d streams, %+v", m.nodes[1].opened, m.nodes[3].waited)
		}
	})
}

// Numbers that nobody can mean are numbers still.
func TestWaitOfHostileNode(t *testing.T) {
	var got Wait
	v := NewServer(newShelf(), ServerOptions{Waits: func(w Wait) { got = w }})
	q := request{hash: abi.Hash{1}, ask: true, offset: math.MaxUint64, from: 7, size: 1 << 63}
	s, ended := requested(t, v, 5, q, FormMaps)
	wantStatus(t, s, FormMaps, statusNotFound)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if want := (Wait{Module: q.hash, Node: 5, From: 7, Done: math.MaxInt64, Total: math.MaxInt64}); got != want {
		t.Errorf("%+v", got)
	}
}
