package link

import (
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"github.com/wnode/wnode/internal/processors"
)

// socket is a UDP socket from which packets that came together are read together (UDP_GRO of Linux 5.0). On the way
// through the system they are one, with one look at routes and queues; without it they are as many system calls'
// worth of work as they are packets. For one reader at a time, like all that it is given to.
type socket struct {
	*net.UDPConn
	spinner
	buffer  []byte         // what the system has given last
	control [128]byte      // what it has said about that
	said    []byte         // as much of control as it has filled
	rest    []byte         // the packets of buffer that nobody has taken yet
	size    int            // of one packet, but for the last
	from    netip.AddrPort // who has sent them
	addr    *net.UDPAddr   // the same; not changed, as readers keep it
}

// maxTogether is the most that the system gives in one piece.
const maxTogether = 64 << 10

// reading gives the connection to read packets from: one that takes them together, where that works.
func reading(conn net.PacketConn) net.PacketConn {
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return conn
	}
	raw, err := udp.SyscallConn()
	if err != nil {
		return conn
	}
	var refused error
	err = raw.Control(func(fd uintptr) { refused = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1) })
	if err != nil || refused != nil {
		return conn
	}
	return &socket{UDPConn: udp, spinner: spinner{raw: raw, single: processors.Single}, buffer: make([]byte, maxTogether)}
}

// ReadBatch reads packets, at least one, each into the first buffer of a message. quic-go asks for them in this way.
func (s *socket) ReadBatch(messages []ipv4.Message, _ int) (int, error) {
	if len(s.rest) == 0 {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := 0
	for first := true; first || n < len(messages) && len(s.rest) > 0; first = false {
		packet := s.rest[:min(s.size, len(s.rest))]
		s.rest = s.rest[len(packet):]
		m := &messages[n]
		m.N, m.NN, m.Addr = copy(m.Buffers[0], packet), copy(m.OOB, s.said), s.addr
		n++
	}
	return n, nil
}

// fill waits for what comes next.
func (s *socket) fill() error {
	var n, said int
	var from netip.AddrPort
	err := s.wait(func() (err error) {
		n, said, _, from, err = s.ReadMsgUDPAddrPort(s.buffer, s.control[:])
		return err
	})
	if err != nil {
		return err
	}
	if s.addr == nil || from != s.from {
		s.from, s.addr = from, net.UDPAddrFromAddrPort(from)
	}
	s.rest, s.said = s.buffer[:n], s.control[:said]
	if s.size = sizeOfOne(s.said); s.size <= 0 {
		s.size = n
	}
	return nil
}

// sizeOfOne gives the size of the packets that came together, 0 for a single one.
func sizeOfOne(control []byte) int {
	for len(control) >= unix.CmsgLen(0) { // the parser would look at a whole header
		header, body, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return 0
		}
		if header.Level == unix.IPPROTO_UDP && header.Type == unix.UDP_GRO && len(body) >= 4 {
			return int(int32(binary.NativeEndian.Uint32(body)))
		}
		control = rest
	}
	return 0
}
