package wnode

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/wnode/wnode/cookie"
	"github.com/wnode/wnode/net/link"
)

// Who the two ends of a bare stream say that they are.
const (
	bareReader = "reader@127.0.0.1"
	bareWriter = "writer@127.0.0.1"
)

// ServeBareStream is the other end of [MeasureBareStream], in a program of its own, for one measurement. It listens at a
// UDP address and tells which one that is. It ends with ctx.
func ServeBareStream(ctx context.Context, secret Cookie, listen string, listening func(addr string)) error {
	conn, auth, err := bareEnd(secret, bareReader, listen)
	if err != nil {
		return err
	}
	listening(conn.LocalAddr().String())
	return link.ServeBare(ctx, conn, auth)
}

// MeasureBareStream tells how long it takes to move count writes of size bytes to another program over what links are
// made of: a stream of QUIC with nothing of a node. addr is where [ServeBareStream] listens. It takes no node.
func MeasureBareStream(ctx context.Context, secret Cookie, addr string, size, count int) (time.Duration, error) {
	to, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return 0, fmt.Errorf("bare stream to %s: %w", addr, err)
	}
	conn, auth, err := bareEnd(secret, bareWriter, net.JoinHostPort(to.IP.String(), "0"))
	if err != nil {
		return 0, err
	}
	return link.MeasureBare(ctx, conn, auth, bareReader, to, size, count)
}

// bareEnd gives the socket and the cookie handshake of one end.
func bareEnd(secret Cookie, name, listen string) (net.PacketConn, *cookie.Authenticator, error) {
	auth, err := cookie.NewAuthenticator(cookie.Config{Name: name, Cookies: func(string) []cookie.Secret { return []cookie.Secret{secret} }})
	if err != nil {
		return nil, nil, err
	}
	conn, err := net.ListenPacket("udp", listen)
	if err != nil {
		return nil, nil, fmt.Errorf("bare stream: %w", err)
	}
	return conn, auth, nil
}
