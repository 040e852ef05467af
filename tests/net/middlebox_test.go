//go:build linux

package net

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// faults are what happens to the frames of one direction.
type faults struct {
	cut       bool          // none arrives
	loss      float64       // the share that is lost
	duplicate float64       // the share that arrives twice
	reorder   float64       // the share that comes late, behind others
	late      time.Duration // by how much
	delay     time.Duration // of all
	rate      float64       // bytes a second; 0 is no bound
	backlog   time.Duration // of frames that wait for their turn at that rate; further ones are lost
}

// fault is something that happens to a frame.
type fault string

const (
	lost       fault = "lost"
	doubled    fault = "doubled"
	reordered  fault = "reordered"
	delayed    fault = "delayed"
	overflowed fault = "overflowed"
	translated fault = "translated"
)

// middlebox carries frames between two hosts.
type middlebox struct {
	wg   sync.WaitGroup
	stop chan struct{}

	mu    sync.Mutex // guards what follows
	draw  *rand.Rand
	ways  [2]way // from the first host to the second, and back
	home  netip.AddrPort
	moved netip.AddrPort // where what comes from home seems to come from; the zero value is home
	done  map[fault]int  // how often each has happened
}

// way is one direction.
type way struct {
	faults
	out     *os.File
	free    time.Time // when what waits for its turn has been sent
	waiting chan held
}

// held is a frame that arrives at a time.
type held struct {
	frame []byte
	at    time.Time
}

// maxWaiting bounds the frames on their way.
const maxWaiting = 1 << 14

// newMiddlebox carries frames until the end of the test. It owns the sockets.
func newMiddlebox(t *testing.T, seed uint64, one, two *os.File) *middlebox {
	b := &middlebox{draw: rand.New(rand.NewPCG(seed, 0)), stop: make(chan struct{}), done: map[fault]int{}}
	outs := []*os.File{two, one}
	for i, in := range []*os.File{one, two} {
		b.ways[i] = way{out: outs[i], waiting: make(chan held, maxWaiting)}
		waiting, out := b.ways[i].waiting, outs[i]
		b.wg.Go(func() { b.receive(i, in) })
		b.wg.Go(func() { b.deliver(out, waiting) })
	}
	t.Cleanup(func() {
		close(b.stop)
		_, _ = one.Close(), two.Close()
		b.wg.Wait()
	})
	return b
}

// set changes what happens in both directions.
func (b *middlebox) set(f faults) { b.setWays(f, f) }

func (b *middlebox) setWays(there, back faults) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ways[0].faults, b.ways[1].faults = there, back
}

// move makes what the first host sends from home come from another address of it, and takes home what is
// sent there, as a router does that has forgotten what it had translated home to.
func (b *middlebox) move(home, to netip.AddrPort) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.home, b.moved = home, to
}

// receive takes frames until the socket is closed.
func (b *middlebox) receive(direction int, in *os.File) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := in.Read(buffer)
		if err != nil {
			return
		}
		b.take(direction, slices.Clone(buffer[:n]))
	}
}

// take does to a frame what the faults say.
func (b *middlebox) take(direction int, frame []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := &b.ways[direction]
	at, ok := w.turn(len(frame), time.Now())
	switch {
	case w.cut:
		return
	case !ok:
		b.done[overflowed]++
		return
	case b.happens(lost, w.loss):
		return
	}
	b.translate(direction, frame)
	copies := 1
	if b.happens(doubled, w.duplicate) {
		copies++
	}
	if w.delay > 0 {
		b.done[delayed]++
	}
	for range copies {
		h := held{frame, at.Add(w.delay)}
		if b.happens(reordered, w.reorder) {
			h.at = h.at.Add(w.late)
			b.wg.Go(func() { b.write(w.out, h) })
			continue
		}
		select {
		case w.waiting <- h:
		default:
			b.done[overflowed]++
		}
	}
}

// happens draws whether a fault happens to a frame, as it does to a share of them.
func (b *middlebox) happens(f fault, share float64) bool {
	if b.draw.Float64() >= share {
		return false
	}
	b.done[f]++
	return true
}

// count gives how often a fault has happened.
func (b *middlebox) count(f fault) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.done[f]
}

// turn gives the time at which a frame of so many bytes has been sent, false when too many wait.
func (w *way) turn(size int, now time.Time) (time.Time, bool) {
	if w.rate == 0 {
		return now, true
	}
	if w.free.Before(now) {
		w.free = now
	}
	if w.free.Sub(now) > w.backlog {
		return now, false
	}
	w.free = w.free.Add(time.Duration(float64(size) / w.rate * float64(time.Second)))
	return w.free, true
}

// translate changes the addresses of a frame between home and the address that it seems to have.
func (b *middlebox) translate(direction int, frame []byte) {
	p, ok := parseUDP(frame)
	if !ok {
		return
	}
	p.dropChecksum()
	switch {
	case !b.moved.IsValid():
	case direction == 0 && p.source() == b.home:
		p.setSource(b.moved)
		b.done[translated]++
	case direction == 1 && p.destination() == b.moved:
		p.setDestination(b.home)
	}
}

// deliver hands over frames one after the other.
func (b *middlebox) deliver(out *os.File, waiting <-chan held) {
	for {
		select {
		case h := <-waiting:
			b.write(out, h)
		case <-b.stop:
			return
		}
	}
}

// write hands over a frame when its time has come.
func (b *middlebox) write(out *os.File, h held) {
	timer := time.NewTimer(time.Until(h.at))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.stop:
		return
	}
	_, _ = out.Write(h.frame) // a host that is down takes nothing
}
