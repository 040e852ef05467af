package link

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/wnode/wnode/cookie"
)

// These tests run over real sockets.

// listenOn opens a socket on a free port, on IPv6 as well as on IPv4.
func listenOn(t testing.TB, host string) net.PacketConn {
	t.Helper()
	conn, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestLink_realtime(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			one := openNode(t, listenOn(t, host), "one@host", testCookie)
			two := openNode(t, listenOn(t, host), "two@host", testCookie)
			atOne, atTwo := connect(t, one, two)
			const count, size = 20, 10 << 10
			atOne.post(t, one, two, count, size)
			atTwo.post(t, two, one, count, size)
			if err := atOne.Ping(t.Context()); err != nil {
				t.Error(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				atTwo.Close(context.Background(), "test")
			}()
			atOne.Close(context.Background(), "test")
			take(t, done)
			for _, l := range []*running{atOne, atTwo} {
				if err := take(t, l.ended); !errors.Is(err, ErrDisconnected) {
					t.Errorf("ended: %v", err)
				}
			}
			atOne.wantAll(t, "one", count)
			atTwo.wantAll(t, "two", count)
		})
	}
}

func TestWrongCookie_realtime(t *testing.T) {
	one := openNode(t, listenOn(t, "::1"), "one@host", "vanilla")
	two := openNode(t, listenOn(t, "::1"), "two@host", testCookie)
	if _, err := one.dial(two); !errors.Is(err, cookie.ErrWrongCookie) {
		t.Errorf("dial: %v, want ErrWrongCookie", err)
	}
	if name := take(t, two.disallowed); name != one.name {
		t.Errorf("told of %q", name)
	}
}

// The ClientHello, which anybody on the way can read, names no server, be it dialled by IPv4 or IPv6.
func TestNoServerName_realtime(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		two := openNode(t, listenOn(t, host), "two@host", testCookie)
		one := openNode(t, listenOn(t, host), "one@host", testCookie)
		names := make(chan string, 1)
		config := two.opts.Auth.ListenConfig()
		answer := config.GetConfigForClient
		config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			names <- hello.ServerName
			return answer(hello)
		}
		if err := two.listener.Close(); err != nil {
			t.Fatal(err)
		}
		listener, err := two.transport.Listen(config, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		dialled := make(chan error, 1)
		go func() { _, err := one.Dial(ctx, two.Addr(), two.name); dialled <- err }()
		if name := take(t, names); name != "" {
			t.Errorf("the ClientHello names %q", name)
		}
		cancel()
		take(t, dialled)
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	}
}

// plainConn is a socket whose buffers cannot be set, which quic-go would complain about.
type plainConn struct{ net.PacketConn }

// Nothing is written to the standard log about the socket's buffers. quic-go complains once in a
// process, so this takes a process of its own.
func TestNoBufferWarning_realtime(t *testing.T) {
	const child = "WNODE_TEST_BUFFER_WARNING"
	if os.Getenv(child) == "" {
		command := exec.Command(os.Args[0], "-test.run=^TestNoBufferWarning_realtime$")
		command.Env = append(os.Environ(), child+"=1")
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	var logged bytes.Buffer
	log.SetOutput(&logged)
	openNode(t, plainConn{listenOn(t, "127.0.0.1")}, "one@host", testCookie)
	if logged.Len() > 0 {
		t.Errorf("logged: %s", logged.String())
	}
}
