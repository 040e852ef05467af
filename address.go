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

// listenError says in one line why a socket cannot be opened, and what to do.
func listenError(listen string, err error) error {
	if listen == "" {
		listen = "any address"
	}
	why := err.Error()
	dns, isDNS := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		why = "the port is in use; choose another with --listen HOST:PORT, or port 0 for a free one"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		why = "that is not an address of this machine; give one with --listen HOST:PORT, or :PORT for all of them"
	case errors.Is(err, syscall.EACCES):
		why = "the system does not let this user have the port; choose one above 1023 with --listen HOST:PORT"
	case isDNS && dns.IsNotFound:
		why = fmt.Sprintf("the host %s is unknown; give an address of this machine with --listen HOST:PORT", dns.Name)
	case isDNS:
		why = fmt.Sprintf("the host %s cannot be looked up: %s", dns.Name, dns.Err)
	}
	return &listenFailure{fmt.Sprintf("cannot listen on %s: %s", listen, why), err}
}

// listenFailure has its own words for its cause.
type listenFailure struct {
	text string
	err  error
}

func (e *listenFailure) Error() string { return e.text }
func (e *listenFailure) Unwrap() error { return e.err }

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
		Features: []string{wire.FeatureLanes, wire.FeatureTransfer},
	}
}
