package names

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"
)

// PacketConn is a UDP socket that the service may share with QUIC: *quic.Transport is one.
//
// ReadNonQUICPacket gives the next packet whose first byte has both top bits zero; it returns when
// ctx is done. The other methods may be called while it waits. Addresses are *net.UDPAddr.
type PacketConn interface {
	ReadNonQUICPacket(ctx context.Context, b []byte) (int, net.Addr, error)
	WriteTo(b []byte, to net.Addr) (int, error)
}

// socket is a PacketConn that the package opened itself.
type socket interface {
	PacketConn
	Close() error
}

// network opens sockets; tests put one in memory in its place.
type network interface {
	// bind opens the socket of a holder. It fails when the port is taken.
	bind(addr netip.AddrPort) (socket, error)
	// connect opens a socket that exchanges packets with addr alone and whose methods fail when
	// nobody listens there.
	connect(addr netip.AddrPort) (socket, error)
	// open opens a socket on any free port.
	open() (socket, error)
}

type udpNetwork struct{}

func (udpNetwork) bind(addr netip.AddrPort) (socket, error) {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	return &udpSocket{conn: c}, nil
}

func (udpNetwork) open() (socket, error) {
	c, err := net.ListenUDP("udp", nil)
	if err != nil {
		return nil, err
	}
	return &udpSocket{conn: c}, nil
}

var errSelfConnected = errors.New("the socket got the very port that it should connect to")

func (udpNetwork) connect(addr netip.AddrPort) (socket, error) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	// When nobody holds the well-known port and it is one that systems give to clients, the socket
	// may get that port and would talk to itself.
	if c.LocalAddr().String() == c.RemoteAddr().String() {
		return nil, errors.Join(errSelfConnected, c.Close())
	}
	return &udpSocket{conn: c, connected: true}, nil
}

// udpSocket is a UDP socket whose reads end with their context.
type udpSocket struct {
	conn      *net.UDPConn
	connected bool
}

func (s *udpSocket) ReadNonQUICPacket(ctx context.Context, b []byte) (int, net.Addr, error) {
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		// The deadline is cleared before ctx is looked at: a context that ends in between sets it again.
		if err := s.conn.SetReadDeadline(time.Time{}); err != nil {
			return 0, nil, err
		}
		if err := ctx.Err(); err != nil {
			return 0, nil, err
		}
		n, from, err := s.conn.ReadFromUDP(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue // ctx is done, or a read before this one was stopped late
		}
		if err != nil {
			return 0, nil, err
		}
		return n, from, nil
	}
}

func (s *udpSocket) WriteTo(b []byte, to net.Addr) (int, error) {
	if s.connected {
		return s.conn.Write(b)
	}
	return s.conn.WriteTo(b, to)
}

func (s *udpSocket) Close() error { return s.conn.Close() }

// addrPort gives the address of a packet's sender, with IPv4 in its own form.
func addrPort(a net.Addr) netip.AddrPort {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := u.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// pause waits for d or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
