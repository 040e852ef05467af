package wnode

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"github.com/wnode/wnode/net/wire"
)

// bind opens the node's UDP socket. Without a port it takes the well-known one or, when that is
// taken, a free one.
func bind(listen string, wellKnownPort uint16) (net.PacketConn, error) {
	host, port, err := splitListen(listen)
	if err != nil {
		return nil, err
	}
	if port != "" {
		conn, err := net.ListenPacket("udp", net.JoinHostPort(host, port))
		if err != nil {
			return nil, listenError(listen, err)
		}
		return conn, nil
	}
	conn, err := net.ListenPacket("udp", net.JoinHostPort(host, strconv.Itoa(int(wellKnownPort))))
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EACCES) {
		conn, err = net.ListenPacket("udp", net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return nil, listenError(listen, err)
	}
	return conn, nil
}

// splitListen reads HOST, HOST:PORT and :PORT.
func splitListen(listen string) (host, port string, err error) {
	if listen == "" || !strings.Contains(listen, ":") || net.ParseIP(strings.Trim(listen, "[]")) != nil {
		return strings.Trim(listen, "[]"), "", nil
	}
	host, port, err = net.SplitHostPort(listen)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", "", fmt.Errorf("cannot listen on %q: give HOST:PORT with a port from 0 to 65535", listen)
	}
	return host, port, nil
}

func listenError(listen string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("cannot listen on %s: the port is in use; choose another with --listen HOST:PORT, or port 0 for a free one", listen)
	}
	return fmt.Errorf("cannot listen on %s: %w", listen, err)
}

// wellKnown gives where the names of the host are asked for by nodes that listen on addr.
func wellKnown(addr netip.AddrPort, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(addr.Addr(), port)
}

// udpAddr gives the address of a UDP socket, with IPv4 in its own form.
func udpAddr(addr net.Addr) netip.AddrPort {
	udp, ok := addr.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := udp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// hello introduces this node to its peers. The address that they see is the address to dial.
func (n *Node) hello(conn net.PacketConn) wire.Hello {
	return wire.Hello{
		MinVersion: wire.Version, MaxVersion: wire.Version, Node: n.id, Name: n.Name(),
		Port: udpAddr(conn.LocalAddr()).Port(), MaxSignalBytes: wire.DefaultMaxSignalBytes,
	}
}
