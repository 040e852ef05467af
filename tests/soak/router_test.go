//go:build linux

package soak

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wnode/wnode/internal/badnet"
)

// router stands between the nodes. Each node has an address by which the others know it, at which the router takes
// their packets, and another one, at which the node listens. All are of the loopback interface, with one port.
type router struct {
	*badnet.Network
	port    uint16
	members int
	socks   []*net.UDPConn // by which the nodes are known
	others  []*net.UDPConn // from where their packets come when they have moved
	moved   []atomic.Bool
	ways    [][]*badnet.Way
	readers sync.WaitGroup
	lookups sync.WaitGroup
	subnet  [2]byte
}

// Offsets of the last byte of an address to the number of the node.
const (
	publicHost = 10
	movedHost  = 30
	realHost   = 110
)

// newRouter finds addresses that nobody has, and carries packets between them until the end of the test.
func newRouter(t *testing.T, members int, draw *rand.Rand) *router {
	t.Helper()
	for range 100 {
		r := &router{
			Network: badnet.New(draw.Uint64()), members: members, moved: make([]atomic.Bool, members), port: uint16(20_000 + rand.N(10_000)),
			subnet: [2]byte{byte(64 + rand.N(128)), byte(rand.N(256))},
		}
		if r.open() {
			t.Cleanup(r.close)
			return r
		}
		r.Close()
	}
	t.Fatal("no addresses are free")
	return nil
}

func (r *router) public(i int) netip.AddrPort { return r.addr(publicHost + i) }
func (r *router) real(i int) netip.AddrPort   { return r.addr(realHost + i) }

func (r *router) addr(host int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, r.subnet[0], r.subnet[1], byte(host)}), r.port)
}

// open opens the sockets, false when one of the addresses is taken.
func (r *router) open() bool {
	for i := range r.members {
		if !r.listen(&r.socks, publicHost+i) || !r.listen(&r.others, movedHost+i) {
			r.closeSockets()
			return false
		}
	}
	for from := range r.members {
		r.ways = append(r.ways, nil)
		for to := range r.members {
			r.ways[from] = append(r.ways[from], r.Way(func(packet []byte) {
				socks := r.socks
				if r.moved[from].Load() {
					socks = r.others
				}
				_, _ = socks[from].WriteToUDPAddrPort(packet, r.real(to)) // a node that is not there takes nothing
			}))
		}
	}
	for to := range r.members {
		r.readers.Go(func() { r.read(to, r.socks[to]) })
		r.readers.Go(func() { r.read(to, r.others[to]) })
	}
	return true
}

// listen opens one more socket, at an address for a node.
func (r *router) listen(socks *[]*net.UDPConn, host int) bool {
	sock, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(r.addr(host)))
	if err != nil {
		return false
	}
	_ = sock.SetReadBuffer(4 << 20) // as much as the system gives
	*socks = append(*socks, sock)
	return true
}

func (r *router) closeSockets() {
	for _, s := range slices.Concat(r.socks, r.others) {
		_ = s.Close()
	}
}

// move makes the packets of a node come from another address than before.
func (r *router) move(i int) { r.moved[i].Store(!r.moved[i].Load()) }

func (r *router) close() {
	r.closeSockets()
	r.readers.Wait()
	r.lookups.Wait()
	r.Close()
}

// read takes the packets to a node.
func (r *router) read(to int, sock *net.UDPConn) {
	buffer := make([]byte, 1<<16)
	for {
		n, from, err := sock.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		packet := slices.Clone(buffer[:n])
		if i := r.memberAt(netip.AddrPortFrom(from.Addr().Unmap(), from.Port())); i >= 0 {
			r.ways[i][to].Carry(packet)
			continue
		}
		r.lookups.Go(func() { r.lookUp(to, packet, from) })
	}
}

// memberAt gives the node that listens at an address, -1 for none.
func (r *router) memberAt(addr netip.AddrPort) int {
	for i := range r.members {
		if addr == r.real(i) {
			return i
		}
	}
	return -1
}

// lookUp carries a request for names, which comes from a socket of its own, and the answer.
func (r *router) lookUp(to int, packet []byte, from netip.AddrPort) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(r.real(to)))
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write(packet); err != nil {
		return
	}
	reply := make([]byte, 1<<12)
	if n, err := conn.Read(reply); err == nil {
		_, _ = r.socks[to].WriteToUDPAddrPort(reply[:n], from)
	}
}

// set changes what happens from a node to another one.
func (r *router) set(from, to int, f badnet.Faults) { r.ways[from][to].Set(f) }

// heal ends all faults.
func (r *router) heal() {
	for _, ways := range r.ways {
		for _, w := range ways {
			w.Set(badnet.Faults{})
		}
	}
}

// nodeName gives the name of a node.
func (r *router) nodeName(i int) string { return fmt.Sprintf("n%d@%s", i, r.public(i).Addr()) }
