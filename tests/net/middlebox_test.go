//go:build linux

package net

import (
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/wnode/wnode/internal/badnet"
)

// translated is what happens to a frame that comes from another address than where it was sent.
const translated badnet.Fault = "translated"

// middlebox carries frames between two hosts.
type middlebox struct {
	*badnet.Network
	readers sync.WaitGroup
	ways    [2]*badnet.Way // from the first host to the second, and back

	mu      sync.Mutex // guards what follows
	home    netip.AddrPort
	moved   netip.AddrPort // where what comes from home seems to come from; the zero value is home
	renamed int            // frames whose address was changed
}

// newMiddlebox carries frames until the end of the test. It owns the sockets.
func newMiddlebox(t *testing.T, seed uint64, one, two *os.File) *middlebox {
	b := &middlebox{Network: badnet.New(seed)}
	for i, out := range []*os.File{two, one} {
		b.ways[i] = b.Way(func(frame []byte) { _, _ = out.Write(frame) }) // a host that is down takes nothing
	}
	for i, in := range []*os.File{one, two} {
		b.readers.Go(func() { b.receive(i, in) })
	}
	t.Cleanup(func() {
		_, _ = one.Close(), two.Close()
		b.readers.Wait()
		b.Close()
	})
	return b
}

// set changes what happens in both directions.
func (b *middlebox) set(f badnet.Faults) { b.setWays(f, f) }

func (b *middlebox) setWays(there, back badnet.Faults) {
	b.ways[0].Set(there)
	b.ways[1].Set(back)
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
		frame := slices.Clone(buffer[:n])
		b.translate(direction, frame)
		b.ways[direction].Carry(frame)
	}
}

// count gives how often a fault has happened.
func (b *middlebox) count(f badnet.Fault) int {
	if f != translated {
		return b.Count(f)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.renamed
}

// translate changes the addresses of a frame between home and the address that it seems to have.
func (b *middlebox) translate(direction int, frame []byte) {
	p, ok := parseUDP(frame)
	if !ok {
		return
	}
	p.dropChecksum()
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.moved.IsValid():
	case direction == 0 && p.source() == b.home:
		p.setSource(b.moved)
		b.renamed++
	case direction == 1 && p.destination() == b.moved:
		p.setDestination(b.home)
	}
}
