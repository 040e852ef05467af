package ship

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wnode/wnode/abi"
)

// inMesh runs a test with nodes of which the first one has a module of 1 MiB, and sends that in a second.
func inMesh(t *testing.T, nodes int, test func(t *testing.T, m *mesh, module []byte, hash abi.Hash)) {
	module := noise(1 << 20)
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, nodes, 1<<20)
		test(t, m, module, m.put(1, module))
		m.wg.Wait()
		for id, k := range m.nodes {
			ts := &k.exchange.server.turns
			if len(ts.sending)+len(ts.waiting)+len(ts.expected) != 0 {
				t.Errorf("node %d: %d transfers, %d wait, %d are expected", id, len(ts.sending), len(ts.waiting), len(ts.expected))
			}
		}
	})
}

// fetches fails the test unless a node gets the module, from these nodes one after the other.
func (m *mesh) fetches(id abi.NodeID, hash abi.Hash, origin abi.NodeID, from ...abi.NodeID) []Received {
	m.t.Helper()
	if err := m.nodes[id].exchange.Fetch(m.t.Context(), hash, origin); err != nil {
		m.t.Errorf("node %d: %v", id, err)
	}
	nodes, received := m.nodes[id].from()
	if !slices.Equal(nodes, from) {
		m.t.Errorf("node %d got it from %v, want %v", id, nodes, from)
	}
	return received
}

// Of the nodes that have the module the nearest sends it, if it is much nearer than the origin.
func TestNearestSends(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		origin time.Duration
		others map[abi.NodeID]time.Duration // those that have the module
		want   abi.NodeID
	}{
		"the same machine":        {100 * ms, map[abi.NodeID]time.Duration{2: 0, 3: 20 * ms}, 2},
		"the nearer one":          {100 * ms, map[abi.NodeID]time.Duration{2: 40 * ms, 3: 5 * ms}, 3},
		"none is nearer":          {10 * ms, map[abi.NodeID]time.Duration{2: 40 * ms, 3: 8 * ms}, 1},
		"origin on this machine":  {0, map[abi.NodeID]time.Duration{2: 0, 3: 0}, 1},
		"only the origin has it":  {100 * ms, nil, 1},
		"origin is not connected": {-1, map[abi.NodeID]time.Duration{2: 300 * ms, 3: 100 * ms}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			inMesh(t, 4, func(_ *testing.T, m *mesh, module []byte, hash abi.Hash) {
				far := m.nodes[4].far
				far[1], far[2], far[3] = c.origin, time.Millisecond, time.Millisecond
				m.nodes[1].down = c.origin < 0
				for id, distance := range c.others {
					m.put(id, module)
					far[id] = distance
				}
				m.fetches(4, hash, 1, c.want)
			})
		})
	}
}

// A transfer that is cut goes on where it stopped: with the same node, or another one when that is gone.
func TestCutTransferGoesOn(t *testing.T) {
	for name, gone := range map[string]bool{"the same node": false, "another node": true} {
		t.Run(name, func(t *testing.T) {
			inMesh(t, 3, func(t *testing.T, m *mesh, module []byte, hash abi.Hash) {
				m.put(2, module)
				m.nodes[1].cutAfter = 700 << 10
				other := abi.NodeID(1)
				if gone {
					other = 2
					m.wg.Go(func() {
						time.Sleep(500 * time.Millisecond)
						m.nodes[1].set(func() { m.nodes[1].down = true })
					})
				}
				got := m.fetches(3, hash, 1, 1, other)
				if got[1].Offset < 300<<10 || got[0].Bytes != got[1].Offset || got[1].Offset+got[1].Bytes != 1<<20 {
					t.Errorf("received %+v", got)
				}
				if sent := m.nodes[1].sent + m.nodes[2].sent; sent > 1<<20+192<<10 {
					t.Errorf("%d bytes were sent for %d", sent, 1<<20)
				}
			})
		})
	}
}

// When the origin is lost in the middle, and comes back soon, the module comes as well.
func TestLostOriginComesBack(t *testing.T) {
	inMesh(t, 2, func(t *testing.T, m *mesh, _ []byte, hash abi.Hash) {
		down := func(after time.Duration, down bool) {
			time.Sleep(after)
			m.nodes[1].set(func() { m.nodes[1].down = down })
		}
		m.wg.Go(func() { down(500*time.Millisecond, true); down(10*time.Second, false) })
		got := m.fetches(2, hash, 1, 1, 1)
		if got[1].Offset < 300<<10 {
			t.Errorf("received %+v", got)
		}
	})
}

// When it does not, that is an error, and what came is kept for later.
func TestLostOriginStaysAway(t *testing.T) {
	inMesh(t, 2, func(t *testing.T, m *mesh, _ []byte, hash abi.Hash) {
		m.wg.Go(func() {
			time.Sleep(500 * time.Millisecond)
			m.nodes[1].set(func() { m.nodes[1].down = true })
		})
		if err := m.nodes[2].exchange.Fetch(t.Context(), hash, 1); !errors.Is(err, abi.ErrNotConnected) {
			t.Errorf("%v", err)
		}
		if kept := len(m.nodes[2].partial[hash]); kept < 300<<10 {
			t.Errorf("%d bytes are kept", kept)
		}
	})
}

// A lie costs one transfer, and the liar is asked no more.
func TestLiarIsAskedLast(t *testing.T) {
	inMesh(t, 4, func(t *testing.T, m *mesh, module []byte, hash abi.Hash) {
		m.put(2, module)
		m.nodes[2].lies = true
		m.nodes[3].far[1], m.nodes[4].far[1] = 100*time.Millisecond, 100*time.Millisecond
		m.fetches(3, hash, 1, 2, 1)
		other := m.put(1, code(1000))
		m.nodes[2].modules[other] = code(1000)
		asked := m.nodes[2].opened
		if err := m.nodes[3].exchange.Fetch(t.Context(), other, 1); err != nil {
			t.Error(err)
		}
		if m.nodes[2].opened != asked {
			t.Error("the liar was asked again")
		}
		time.Sleep(mistrustTime)
		if !m.nodes[3].exchange.trusts(2) {
			t.Error("it is never asked again")
		}
	})
}

// Nor is one that cuts its transfers, so that another node sends the end of what is false.
func TestLiarThatCuts(t *testing.T) {
	inMesh(t, 3, func(t *testing.T, m *mesh, module []byte, hash abi.Hash) {
		m.put(2, module)
		m.nodes[2].lies, m.nodes[2].cutAfter = true, 700<<10
		m.nodes[3].far[1] = 100 * time.Millisecond
		m.wg.Go(func() {
			time.Sleep(600 * time.Millisecond) // so it cannot go on with it
			m.nodes[2].set(func() { m.nodes[2].down = true })
		})
		m.fetches(3, hash, 1, 2, 1, 1)
		if m.nodes[3].exchange.trusts(2) {
			t.Error("it is trusted")
		}
	})
}

// What is here from earlier and false is thrown away once the hash tells, and the module comes anew.
func TestFalsePartial(t *testing.T) {
	inMesh(t, 2, func(t *testing.T, m *mesh, _ []byte, hash abi.Hash) {
		m.nodes[2].partial[hash] = code(500 << 10)
		got := m.fetches(2, hash, 1, 1, 1)
		if got[0].Offset != 500<<10 || got[1].Offset != 0 || got[1].Bytes != 1<<20 {
			t.Errorf("received %+v", got)
		}
	})
	inMesh(t, 2, func(t *testing.T, m *mesh, _ []byte, hash abi.Hash) {
		m.nodes[2].partial[hash] = noise(2 << 20) // more than the module has
		m.fetches(2, hash, 1, 1)
	})
}

// An origin that lies is no better for being asked again.
func TestLyingOrigin(t *testing.T) {
	inMesh(t, 2, func(t *testing.T, m *mesh, _ []byte, hash abi.Hash) {
		m.nodes[1].lies = true
		if err := m.nodes[2].exchange.Fetch(t.Context(), hash, 1); !errors.Is(err, ErrFalseContent) {
			t.Errorf("%v", err)
		}
		if m.nodes[1].opened != 1 {
			t.Errorf("it was asked %d times", m.nodes[1].opened)
		}
	})
}

// Who waits at a node that loses its own place is told, and gets the module elsewhere.
func TestPlacesAreLost(t *testing.T) {
	inMesh(t, 20, func(t *testing.T, m *mesh, _ []byte, hash abi.Hash) {
		ctx, cancel := context.WithCancelCause(t.Context())
		for id := abi.NodeID(2); id <= 20; id++ {
			m.wg.Go(func() {
				time.Sleep(time.Duration(id) * 10 * time.Millisecond)
				if id <= 3 { // the two that the origin sends to
					if err := m.nodes[id].exchange.Fetch(ctx, hash, 1); !errors.Is(err, errStop) {
						t.Errorf("node %d: %v", id, err)
					}
					return
				}
				if err := m.nodes[id].exchange.Fetch(t.Context(), hash, 1); err != nil {
					t.Errorf("node %d: %v", id, err)
				}
			})
		}
		time.Sleep(time.Second)
		waiting := 0
		for id := abi.NodeID(2); id <= 3; id++ {
			ts := &m.nodes[id].exchange.server.turns
			ts.mu.Lock()
			waiting += len(ts.waiting)
			ts.mu.Unlock()
		}
		if waiting == 0 {
			t.Error("nobody waits at the nodes that are receiving")
		}
		cancel(errStop)
	})
}

// Nodes that know the first form only still get modules, all of them.
func TestFixedForm(t *testing.T) {
	inMesh(t, 12, func(t *testing.T, m *mesh, _ []byte, hash abi.Hash) {
		m.form = FormFixed
		for id := abi.NodeID(2); id <= 12; id++ {
			m.wg.Go(func() {
				if err := m.nodes[id].exchange.Fetch(t.Context(), hash, 1); err != nil {
					t.Errorf("node %d: %v", id, err)
				}
			})
		}
	})
}

// An origin that says for ever that its turn will come is given up.
func TestEndlessWait(t *testing.T) {
	inMesh(t, 2, func(t *testing.T, m *mesh, _ []byte, _ abi.Hash) {
		turns, other := &m.nodes[1].exchange.server.turns, abi.Hash{1}
		turns.expect(other, 1, false)
		begun := time.Now()
		if err := m.nodes[2].exchange.Fetch(t.Context(), other, 1); !errors.Is(err, ErrBusy) {
			t.Errorf("%v", err)
		}
		if took := time.Since(begun); took < patience || took > patience+2*waitPeriod {
			t.Errorf("after %v", took)
		}
		turns.expect(other, -1, false)
	})
}

func TestFetchFails(t *testing.T) {
	inMesh(t, 3, func(t *testing.T, m *mesh, _ []byte, _ abi.Hash) {
		if err := m.nodes[2].exchange.Fetch(t.Context(), abi.Hash{1}, 1); !errors.Is(err, ErrNotFound) {
			t.Errorf("nobody has it: %v", err)
		}
		if err := m.nodes[2].exchange.Fetch(t.Context(), abi.Hash{1}, 77); !errors.Is(err, abi.ErrNotConnected) {
			t.Errorf("of a node that there is not: %v", err)
		}
	})
}
