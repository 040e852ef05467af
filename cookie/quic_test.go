package cookie_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/wnode/wnode/cookie"
)

// quicResult is how a QUIC connection between two nodes ended on each side.
type quicResult struct {
	dialErr  error
	accepted string // name of the node that dialled, if its connection was accepted
	cause    error  // why the listening side's connection ended
	attempt  *cookie.Attempt
}

func authenticator(t *testing.T, name, text string) *cookie.Authenticator {
	t.Helper()
	secret, err := cookie.NewSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	a, err := cookie.NewAuthenticator(cookie.Config{
		Name:    name,
		Cookies: func(string) []cookie.Secret { return []cookie.Secret{secret} },
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// udp opens a QUIC transport on a free port of the loopback interface.
func udp(t *testing.T, connContext func(context.Context, *quic.ClientInfo) (context.Context, error)) *quic.Transport {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	transport := &quic.Transport{Conn: conn, ConnContext: connContext}
	t.Cleanup(func() {
		if err := errors.Join(transport.Close(), conn.Close()); err != nil {
			t.Error(err)
		}
	})
	return transport
}

// dialQUIC has one@host dial two@host, and waits until both sides know how it went.
func dialQUIC(t *testing.T, one, two *cookie.Authenticator) quicResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r := quicResult{attempt: new(cookie.Attempt)}
	ended := make(chan error, 1)
	server := udp(t, func(ctx context.Context, _ *quic.ClientInfo) (context.Context, error) {
		context.AfterFunc(ctx, func() { ended <- context.Cause(ctx) })
		return cookie.WithAttempt(ctx, r.attempt), nil
	})
	listener, err := server.Listen(two.ListenConfig(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	configs, err := one.DialConfigs("two@host")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := udp(t, nil).Dial(ctx, server.Conn.LocalAddr(), configs[0], nil)
	if r.dialErr = err; err == nil {
		accepted, err := listener.Accept(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if r.accepted, err = cookie.PeerName(accepted.ConnectionState().TLS); err != nil {
			t.Error(err)
		}
		if err := conn.CloseWithError(0, ""); err != nil {
			t.Error(err)
		}
	}
	select {
	case r.cause = <-ended:
	case <-ctx.Done():
		t.Fatal("the listening side's connection did not end")
	}
	return r
}

func TestQUIC_realtime(t *testing.T) {
	r := dialQUIC(t, authenticator(t, "one@host", "chocolate"), authenticator(t, "two@host", "chocolate"))
	if r.dialErr != nil || r.accepted != "one@host" || r.attempt.Peer() != "one@host" {
		t.Errorf("dial: %v; accepted %q, attempt of %q", r.dialErr, r.accepted, r.attempt.Peer())
	}
}

// COOK-02: alert 42 on both sides, and the listener knows the name.
func TestQUICWrongCookie_realtime(t *testing.T) {
	r := dialQUIC(t, authenticator(t, "one@host", "chocolate"), authenticator(t, "two@host", "vanilla"))
	if !errors.Is(r.dialErr, cookie.ErrWrongCookie) || !cookie.IsAuthFailure(r.dialErr) {
		t.Errorf("dialling side: %v, want ErrWrongCookie", r.dialErr)
	}
	for side, err := range map[string]error{"dialling": r.dialErr, "listening": r.cause} {
		transportErr, ok := errors.AsType[*quic.TransportError](err)
		if !ok || uint64(transportErr.ErrorCode) != cookie.AuthFailureCode || transportErr.Remote != (side == "listening") {
			t.Errorf("%s side: %v, want alert 42", side, err)
		}
	}
	if r.accepted != "" || r.attempt.Peer() != "one@host" || r.attempt.Err() != nil {
		t.Errorf("accepted %q, attempt of %q: %v", r.accepted, r.attempt.Peer(), r.attempt.Err())
	}
}

// A refusal by the listening side itself reaches its connection's context.
func TestQUICReflection_realtime(t *testing.T) {
	one := authenticator(t, "one@host", "chocolate")
	r := dialQUIC(t, one, one)
	if r.dialErr == nil || !errors.Is(r.cause, cookie.ErrReflected) || !errors.Is(r.attempt.Err(), cookie.ErrReflected) {
		t.Errorf("dial: %v; listening side: %v, attempt: %v; want ErrReflected", r.dialErr, r.cause, r.attempt.Err())
	}
}
