package ship

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/wnode/wnode/abi"
)

// A node that takes nothing in, and lets others wait for what it will never have, holds them up for a while only.
func TestStuckNode(t *testing.T) {
	inMesh(t, 40, func(t *testing.T, m *mesh, _ []byte, hash abi.Hash) {
		m.nodes[2].stuck = true
		begun, most := time.Now(), time.Duration(0)
		var mu sync.Mutex
		for id := abi.NodeID(2); id <= 40; id++ {
			m.wg.Go(func() {
				time.Sleep(time.Duration(id) * time.Millisecond)
				err := m.nodes[id].exchange.Fetch(t.Context(), hash, 1)
				mu.Lock()
				defer mu.Unlock()
				if id != 2 {
					most = max(most, time.Since(begun))
				}
				if err != nil && id != 2 {
					t.Errorf("node %d: %v", id, err)
				}
			})
		}
		m.wg.Wait()
		nodes := 0
		for _, k := range m.nodes {
			from, _ := k.from()
			if len(from) > 0 && from[len(from)-1] == 1 {
				nodes++
			}
		}
		t.Logf("the origin sends it %d times, and all but one have it after %v", nodes, most)
		if most > 20*time.Second {
			t.Errorf("it has taken %v", most)
		}
	})
}

// says has a node answer questions as one that is about to have the module, and requests with answers, one a second, and
// then with nothing.
func says(answers ...answer) func(net.Conn) {
	return func(s net.Conn) {
		defer s.Close()
		q, err := readRequest(s, FormMaps)
		if err == nil && q.ask {
			_ = send(s, answer{status: statusWait}, FormMaps) // whoever asks may have gone
			return
		}
		for _, a := range answers {
			if send(s, a, FormMaps) != nil {
				return
			}
			time.Sleep(time.Second)
		}
		_, _ = s.Read(make([]byte, 1)) // until the other side gives up
	}
}

// A node that does not do what it has said, or says that it cannot, is left for another one after some seconds, and not
// tried again for a while.
func TestStuckSender(t *testing.T) {
	waits := func(every, idle uint64) answer { return answer{status: statusWait, every: every, idle: idle} }
	var still, stillAsBefore []answer
	for i := range uint64(100) {
		still = append(still, waits(1, i))
		stillAsBefore = append(stillAsBefore, waits(0, i))
	}
	for name, c := range map[string]struct {
		serves      func(net.Conn)
		least, most time.Duration
	}{
		"says nothing":                  {says(), stillTime, stillTime + time.Second},
		"waits, and says nothing":       {says(waits(1, 0)), stillTime, stillTime + 2*time.Second},
		"waits where nothing moves":     {says(still...), stillTime, stillTime + 2*time.Second},
		"has waited long":               {says(waits(1, 9)), 0, time.Second},
		"tells rarely":                  {says(waits(5, 9), answer{status: statusBusy}), 0, 3 * time.Second},
		"an older one that is silent":   {says(waits(0, 0)), 10 * time.Second, 15 * time.Second},
		"an older one that stands":      {says(stillAsBefore...), 15 * time.Second, 20 * time.Second},
		"says that it tells each year":  {says(waits(1<<40, 0)), 10 * time.Second, 15 * time.Second},
		"sends nothing of it":           {says(answer{status: statusOK, size: 1 << 20}), stillTime, stillTime + 2*time.Second},
		"waits, then sends nothing":     {says(waits(1, 0), answer{status: statusOK, size: 1 << 20}), stillTime, stillTime + 3*time.Second},
		"waits for what it has to send": {says(append(still[:3:3], still[1], answer{status: statusFailed})...), 0, 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inMesh(t, 3, func(t *testing.T, m *mesh, _ []byte, hash abi.Hash) {
				m.rate = 0 // so that the time is what is lost
				m.nodes[2].serves = c.serves
				m.nodes[3].far[1] = 100 * time.Millisecond
				begun := time.Now()
				m.fetches(3, hash, 1, 1)
				if took := time.Since(begun); took < c.least || took > c.most+time.Second {
					t.Errorf("it took %v", took)
				}
				if n := len(m.nodes[3].tried); n != 2 || m.nodes[3].tried[0].Node != 2 {
					t.Errorf("tried %+v", m.nodes[3].tried)
				}
			})
		})
	}
}

// A node whose own disk is slow does not blame the one that sends.
func TestSlowSink(t *testing.T) {
	inMesh(t, 3, func(t *testing.T, m *mesh, _ []byte, hash abi.Hash) {
		m.put(2, noise(1<<20))
		m.nodes[3].far[1] = 100 * time.Millisecond
		m.nodes[3].slow = 40 * time.Second
		m.fetches(3, hash, 1, 2)
	})
}

// A transfer from the origin that has to give way before much has come is taken up again.
func TestTransferThatGivesWay(t *testing.T) {
	inMesh(t, 2, func(t *testing.T, m *mesh, _ []byte, hash abi.Hash) {
		m.nodes[1].cutAfter = 10 << 10
		m.fetches(2, hash, 1, 1)
	})
}

// But not for ever.
func TestOriginThatCutsAlways(t *testing.T) {
	inMesh(t, 2, func(t *testing.T, m *mesh, module []byte, hash abi.Hash) {
		m.nodes[1].serves = func(s net.Conn) {
			defer s.Close()
			_, _ = readRequest(s, FormMaps)
			_, _ = s.Write(append(answer{status: statusOK, size: 1 << 20}.append(nil, FormMaps), compress(t, module[:1000])...))
		}
		if err := m.nodes[2].exchange.Fetch(t.Context(), hash, 1); !errors.Is(err, ErrTruncated) {
			t.Error(err)
		}
		if n := m.nodes[1].opened; n > maxCut+1 {
			t.Errorf("it was asked %d times", n)
		}
	})
}
