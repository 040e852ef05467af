package link

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/wnode/wnode/cookie"
)

// bareDone is what the reader of a bare stream answers when it has read all.
const bareDone = 1

// ServeBare takes one connection on conn, which it closes, and reads one stream of it to its end: the other end of
// [MeasureBare]. It ends with ctx.
func ServeBare(ctx context.Context, conn net.PacketConn, auth *cookie.Authenticator) error {
	quietBuffers()
	defer conn.Close()
	transport := &quic.Transport{Conn: conn}
	defer transport.Close()
	listener, err := transport.Listen(auth.ListenConfig(), nil)
	if err != nil {
		return fmt.Errorf("bare stream: listen: %w", err)
	}
	defer listener.Close()
	connection, err := listener.Accept(ctx)
	if err != nil {
		return fmt.Errorf("bare stream: accept: %w", err)
	}
	stream, err := connection.AcceptStream(ctx)
	if err != nil {
		return fmt.Errorf("bare stream: accept: %w", err)
	}
	if _, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{stream}, make([]byte, 1<<20)); err != nil {
		return fmt.Errorf("bare stream: read: %w", err)
	}
	if _, err := stream.Write([]byte{bareDone}); err != nil {
		return fmt.Errorf("bare stream: write: %w", err)
	}
	<-connection.Context().Done() // the other end has read it
	return nil
}

// MeasureBare tells how long it takes to move count writes of size bytes each over a stream of QUIC to another program
// that runs [ServeBare] at addr, with nothing of a link and with quic-go's own settings. It closes conn. A link cannot be
// faster than what it is made of.
func MeasureBare(ctx context.Context, conn net.PacketConn, auth *cookie.Authenticator, name string, addr net.Addr, size, count int) (time.Duration, error) {
	quietBuffers()
	defer conn.Close()
	transport := &quic.Transport{Conn: conn}
	defer transport.Close()
	configs, err := auth.DialConfigs(name)
	if err != nil {
		return 0, err
	}
	connection, err := transport.Dial(ctx, addr, configs[0], nil)
	if err != nil {
		return 0, fmt.Errorf("bare stream: %w", err)
	}
	defer connection.CloseWithError(codeGoodbye, "") //nolint:errcheck // it is over
	stream, err := connection.OpenStreamSync(ctx)
	if err != nil {
		return 0, fmt.Errorf("bare stream: %w", err)
	}
	data := make([]byte, size)
	start := time.Now()
	for range count {
		if _, err := stream.Write(data); err != nil {
			return 0, fmt.Errorf("bare stream: write: %w", err)
		}
	}
	if err := stream.Close(); err != nil {
		return 0, fmt.Errorf("bare stream: end: %w", err)
	}
	if _, err := io.ReadFull(stream, data[:1]); err != nil {
		return 0, fmt.Errorf("bare stream: answer: %w", err)
	}
	return time.Since(start), nil
}
