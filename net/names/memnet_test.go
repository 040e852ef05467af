package names

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
)

var (
	errPortTaken = errors.New("port taken")
	errRefused   = errors.New("connection refused")
	errDead      = errors.New("the process is dead")
	errTooLate   = errors.New("the socket is closed")
)

// memNet is the loopback interface of one host, in memory, so that its packets wait in a synctest
// bubble as goroutines do.
type memNet struct {
	mu    sync.Mutex
	socks map[netip.AddrPort]*memSocket
	next  uint16
	loss  float64 // share of packets that get lost
}

func newMemNet() *memNet { return &memNet{socks: map[netip.AddrPort]*memSocket{}, next: 50000} }

type memPacket struct {
	b    []byte
	from netip.AddrPort
	err  error
}

// memProcess is a network as one operating system process sees it. When that is killed, its sockets
// are gone and it sends nothing any more.
type memProcess struct {
	net  *memNet
	dead bool
	own  []*memSocket
}

type memSocket struct {
	proc   *memProcess
	addr   netip.AddrPort
	peer   netip.AddrPort // when connected
	in     chan memPacket
	closed chan struct{}
}

func (n *memNet) process() *memProcess { return &memProcess{net: n} }

func (p *memProcess) bind(addr netip.AddrPort) (socket, error) {
	return p.listen(addr, netip.AddrPort{})
}

func (p *memProcess) connect(addr netip.AddrPort) (socket, error) {
	return p.listen(netip.AddrPortFrom(addr.Addr(), 0), addr)
}

func (p *memProcess) open() (socket, error) {
	return p.listen(netip.AddrPortFrom(here.Addr(), 0), netip.AddrPort{})
}

func (p *memProcess) listen(addr, peer netip.AddrPort) (*memSocket, error) {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if p.dead {
		return nil, errDead
	}
	if addr.Port() == 0 {
		p.net.next++
		addr = netip.AddrPortFrom(addr.Addr(), p.net.next)
	}
	if p.net.socks[addr] != nil {
		return nil, errPortTaken
	}
	s := &memSocket{proc: p, addr: addr, peer: peer, in: make(chan memPacket, 64), closed: make(chan struct{})}
	p.net.socks[addr] = s
	p.own = append(p.own, s)
	return s, nil
}

// kill ends the process without a farewell.
func (p *memProcess) kill() {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	p.dead = true
	for _, s := range p.own {
		s.closeLocked()
	}
}

func (s *memSocket) ReadNonQUICPacket(ctx context.Context, b []byte) (int, net.Addr, error) {
	select {
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	case <-s.closed:
		return 0, nil, errTooLate
	case p := <-s.in:
		return copy(b, p.b), net.UDPAddrFromAddrPort(p.from), p.err
	}
}

func (s *memSocket) WriteTo(b []byte, to net.Addr) (int, error) {
	n := s.proc.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.socks[s.addr] != s {
		return 0, errTooLate
	}
	dest := s.peer
	if !dest.IsValid() {
		dest = addrPort(to)
	}
	d := n.socks[dest]
	switch {
	case d == nil && s.peer.IsValid():
		s.deliver(memPacket{err: errRefused})
	case d == nil || d.peer.IsValid() && d.peer != s.addr || rand.Float64() < n.loss:
	default:
		d.deliver(memPacket{b: append([]byte{}, b...), from: s.addr})
	}
	return len(b), nil
}

func (s *memSocket) deliver(p memPacket) {
	select {
	case s.in <- p:
	default: // a full buffer loses packets, as a system's does
	}
}

func (s *memSocket) Close() error {
	s.proc.net.mu.Lock()
	defer s.proc.net.mu.Unlock()
	s.closeLocked()
	return nil
}

func (s *memSocket) closeLocked() {
	if s.proc.net.socks[s.addr] == s {
		delete(s.proc.net.socks, s.addr)
		close(s.closed)
	}
}
