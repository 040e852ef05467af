// Package badnet carries packets of tests as bad networks do: it loses some, holds them up, sends them twice, out of
// order, or not at all. What happens to which packet is drawn from a seed.
package badnet

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Faults are what happens to the packets of one direction. The zero value is nothing.
type Faults struct {
	Cut       bool          // none arrives
	Loss      float64       // the share that is lost
	Duplicate float64       // the share that arrives twice
	Reorder   float64       // the share that comes late, behind others
	Late      time.Duration // by how much
	Delay     time.Duration // of all
	Rate      float64       // bytes a second; 0 is no bound
	Backlog   time.Duration // of packets that wait for their turn at that rate; further ones are lost
}

// Fault is something that happens to a packet.
type Fault string

// What happens.
const (
	Lost       Fault = "lost"
	Doubled    Fault = "doubled"
	Reordered  Fault = "reordered"
	Delayed    Fault = "delayed"
	Overflowed Fault = "overflowed"
)

// Network is a number of ways. Its methods may be called concurrently.
type Network struct {
	wg   sync.WaitGroup
	stop chan struct{}

	mu   sync.Mutex // guards what follows, and the faults of the ways
	draw *rand.Rand
	done map[Fault]int // how often each has happened
}

// New makes a network without ways, whose faults are drawn from a seed. [Network.Close] ends it.
func New(seed uint64) *Network {
	return &Network{draw: rand.New(rand.NewPCG(seed, 0)), stop: make(chan struct{}), done: map[Fault]int{}}
}

// Close ends the network: packets that are under way are lost. Nobody may carry any then.
func (n *Network) Close() {
	close(n.stop)
	n.wg.Wait()
}

// Count gives how often a fault has happened.
func (n *Network) Count(f Fault) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.done[f]
}

// Way is one direction between two ends. Its methods may be called concurrently.
type Way struct {
	network *Network
	deliver func([]byte)
	waiting chan held
	faults  Faults
	free    time.Time // when what waits for its turn has been sent
}

// held is a packet that arrives at a time.
type held struct {
	packet []byte
	at     time.Time
}

// maxWaiting bounds the packets on their way.
const maxWaiting = 1 << 14

// Way makes a way without faults. deliver is given the packets that arrive, on any goroutine, and must not change them: one
// that arrives twice is the same bytes.
func (n *Network) Way(deliver func(packet []byte)) *Way {
	w := &Way{network: n, deliver: deliver, waiting: make(chan held, maxWaiting)}
	n.wg.Go(w.run)
	return w
}

// Set changes what happens to the packets that come from now on.
func (w *Way) Set(f Faults) {
	w.network.mu.Lock()
	defer w.network.mu.Unlock()
	w.faults = f
}

// Carry does to a packet, which it takes over, what the faults say.
func (w *Way) Carry(packet []byte) {
	n := w.network
	n.mu.Lock()
	defer n.mu.Unlock()
	f := w.faults
	at, ok := w.turnLocked(len(packet), time.Now())
	switch {
	case f.Cut:
		return
	case !ok:
		n.done[Overflowed]++
		return
	case n.happensLocked(Lost, f.Loss):
		return
	}
	copies := 1
	if n.happensLocked(Doubled, f.Duplicate) {
		copies++
	}
	if f.Delay > 0 {
		n.done[Delayed]++
	}
	for range copies {
		h := held{packet, at.Add(f.Delay)}
		if n.happensLocked(Reordered, f.Reorder) {
			h.at = h.at.Add(f.Late)
			n.wg.Go(func() { w.hand(h) })
			continue
		}
		select {
		case w.waiting <- h:
		default:
			n.done[Overflowed]++
		}
	}
}

// happensLocked draws whether a fault happens to a packet, as it does to a share of them.
func (n *Network) happensLocked(f Fault, share float64) bool {
	if n.draw.Float64() >= share {
		return false
	}
	n.done[f]++
	return true
}

// turnLocked gives the time at which a packet of so many bytes has been sent, false when too many wait.
func (w *Way) turnLocked(size int, now time.Time) (time.Time, bool) {
	if w.faults.Rate == 0 {
		return now, true
	}
	if w.free.Before(now) {
		w.free = now
	}
	if w.free.Sub(now) > w.faults.Backlog {
		return now, false
	}
	w.free = w.free.Add(time.Duration(float64(size) / w.faults.Rate * float64(time.Second)))
	return w.free, true
}

// run hands over packets one after the other.
func (w *Way) run() {
	for {
		select {
		case h := <-w.waiting:
			w.hand(h)
		case <-w.network.stop:
			return
		}
	}
}

// hand hands over a packet when its time has come.
func (w *Way) hand(h held) {
	if wait := time.Until(h.at); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-w.network.stop:
			return
		}
	}
	w.deliver(h.packet)
}
