package link

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/wnode/wnode/cookie"
	"github.com/wnode/wnode/net/wire"
)

// quiet checks that a node has told of no further attempt, and counts none.
func (nd *node) quiet(t *testing.T) {
	t.Helper()
	synctest.Wait()
	if len(nd.disallowed) > 0 {
		t.Errorf("%s tells of %s", nd.name, <-nd.disallowed)
	}
	if len(nd.offers) > 0 {
		t.Errorf("%s has an offer of %s", nd.name, (<-nd.offers).Peer().Name)
	}
	if now := nd.attempts.now.Load(); now != 0 {
		t.Errorf("%s counts %d attempts", nd.name, now)
	}
}

// COOK-02: the caller gets an error, the callee is told who tried, once an attempt.
func TestWrongCookie(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two := openNode(t, n.socket(), "one@host", "vanilla"), n.node("two@host")
		for range 3 {
			if l, err := one.dial(two); l != nil || !errors.Is(err, cookie.ErrWrongCookie) {
				t.Errorf("dial: %v, want ErrWrongCookie", err)
			}
			if name := take(t, two.disallowed); name != one.name {
				t.Errorf("told of %q", name)
			}
		}
		two.quiet(t)
		one.quiet(t)
	})
}

// The first cookie that fits is used (rotation).
func TestSecondCookie(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		two := n.node("two@host")
		one := n.node("one@host", func(o *Options) { o.Auth = authenticator(t, "one@host", "vanilla", testCookie) })
		connect(t, one, two)
		if name := take(t, two.disallowed); name != one.name {
			t.Errorf("told of %q", name)
		}
		two.quiet(t)
	})
}

// A node that is not the one that was dialled cannot be told from one with another cookie.
func TestOtherName(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two := n.node("one@host"), n.node("two@host")
		if _, err := one.Dial(t.Context(), two.Addr(), "three@host"); !errors.Is(err, cookie.ErrWrongCookie) {
			t.Errorf("dial: %v, want ErrWrongCookie", err)
		}
		if _, err := one.Dial(t.Context(), two.Addr(), "one@host"); !errors.Is(err, cookie.ErrReflected) {
			t.Errorf("dial itself: %v, want ErrReflected", err)
		}
		take(t, two.disallowed)
		two.quiet(t)
	})
}

func TestRefuse(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two := n.node("one@host"), n.node("two@host")
		for code := wire.RefuseNameInUse; code <= wire.RefuseTooManyLinks+1; code++ {
			refused := make(chan error, 1)
			go func() { _, err := one.dial(two); refused <- err }()
			offer, begin := take(t, two.offers), time.Now()
			offer.Refuse(t.Context(), code, "because")
			if took := time.Since(begin); took > 3*latency {
				t.Errorf("refuse took %v", took)
			}
			err := take(t, refused)
			got, ok := errors.AsType[*wire.RefusedError](err)
			if !ok || got.Code != code || !got.ByPeer || got.Text != "because" || !errors.Is(err, wire.ErrRefused) {
				t.Errorf("dial: %v, want code %d", err, code)
			}
		}
		two.quiet(t)
	})
}

// The two sides refuse by themselves what their Hellos show to be impossible.
func TestRefusedByHello(t *testing.T) {
	tests := map[string]struct {
		change func(callee *Options, caller Options)
		want   error
	}{
		"version": {func(o *Options, _ Options) { o.Hello.MinVersion, o.Hello.MaxVersion = 2, 3 }, wire.ErrVersionMismatch},
		"same id": {func(o *Options, caller Options) { o.Hello.Node = caller.Hello.Node }, wire.ErrSelfConnect},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T, n *network) {
				one := n.node("one@host")
				two := n.node("two@host", func(o *Options) { test.change(o, one.opts) })
				if _, err := one.dial(two); !errors.Is(err, test.want) || !errors.Is(err, wire.ErrRefused) {
					t.Errorf("dial: %v, want %v", err, test.want)
				}
				time.Sleep(latency) // on the test's clock: one hangs up
				two.quiet(t)
			})
		})
	}
}

// Dial ends with its context, wherever the call has got to, and says so; Accept as well.
func TestDialEnds(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two := n.node("one@host"), n.node("two@host")
		giveUp := errors.New("give up")
		for limit := range 12 * latency / (latency / 2) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), limit*latency/2, giveUp)
			if _, err := one.Dial(ctx, two.Addr(), two.name); !errors.Is(err, giveUp) {
				t.Errorf("dial for %v: %v, want the cause", limit*latency/2, err)
			}
			cancel()
			for len(two.offers) > 0 {
				if _, err := (<-two.offers).Accept(t.Context()); err == nil {
					t.Error("accepted a call that has ended")
				}
			}
		}
		// Nobody answers.
		n.cut.Store(true)
		begin := time.Now()
		if _, err := one.dial(two); err == nil {
			t.Error("dialled through a cut network")
		}
		if took := time.Since(begin); took != DefaultHandshakeTimeout {
			t.Errorf("dial took %v", took)
		}
		time.Sleep(3 * DefaultHandshakeTimeout) // on the test's clock
		two.quiet(t)
	})
}

func TestAcceptEnds(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two := n.node("one@host"), n.node("two@host")
		dialled := make(chan error, 1)
		go func() { _, err := one.dial(two); dialled <- err }()
		offer := take(t, two.offers)
		n.cut.Store(true)
		begin := time.Now()
		if _, err := offer.Accept(context.Background()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("accept: %v", err)
		}
		if took := time.Since(begin); took != DefaultHandshakeTimeout {
			t.Errorf("accept took %v", took)
		}
		if err := take(t, dialled); !errors.Is(err, ErrNoAnswer) {
			t.Errorf("dial: %v", err)
		}
	})
}

// Calls that end as soon as the handshake is over are counted once.
func TestAttemptsOfHastyCallers(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		two := n.node("two@host")
		s := n.stranger("hasty@host")
		for range 100 { // more than the limiter lets an address have at a time
			conn := s.call(two, nil)
			_ = conn.CloseWithError(0, "")
			<-conn.Context().Done()
			time.Sleep(time.Minute) // on the test's clock: longer than the limiter makes anybody wait
			synctest.Wait()
			if now := two.attempts.now.Load(); now != 0 {
				t.Fatalf("%d attempts under way", now)
			}
		}
		two.quiet(t)
	})
}

// The connection may be gone before its handshake is looked at: what ends it counts once.
func TestAttemptEndsOnce(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		two := n.node("two@host")
		addr := &net.UDPAddr{IP: net.IPv4(10, 1, 1, 1), Port: 1}
		for _, cause := range []error{&quic.ApplicationError{Remote: true}, &quic.IdleTimeoutError{}, cookie.ErrWrongCookie} {
			for _, successFirst := range []bool{true, false} {
				ctx, cancel := context.WithCancelCause(t.Context())
				ctx, err := two.attemptContext(ctx, &quic.ClientInfo{RemoteAddr: addr})
				if err != nil {
					t.Fatal(err)
				}
				a := ctx.Value(attemptKey{}).(*attempt)
				if successFirst {
					two.handshakeEnded(a, true)
				}
				cancel(cause)
				synctest.Wait()
				two.handshakeEnded(a, true)
				two.attemptEnded(a)
				if now := two.attempts.now.Load(); now != 0 {
					t.Errorf("%v, success first %v: %d attempts", cause, successFirst, now)
				}
			}
		}
		two.quiet(t)
	})
}

// No more calls than MaxHandshakes are served at a time; the others are refused, and none is forgotten.
func TestMaxHandshakes(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		const limit = 8
		two := n.node("two@host", func(o *Options) { o.MaxHandshakes = limit })
		var wg sync.WaitGroup
		var peak int64
		for range 3 * limit {
			s := n.stranger("one@host")
			wg.Go(func() {
				configs, err := s.auth.DialConfigs(two.name)
				if err != nil {
					t.Error(err)
					return
				}
				if conn, err := s.dial(two, configs[0], nil); err == nil {
					<-conn.Context().Done() // it never says Hello
				}
			})
		}
		for range 100 {
			time.Sleep(latency) // on the test's clock
			peak = max(peak, two.attempts.now.Load())
		}
		wg.Wait()
		if peak != limit {
			t.Errorf("%d attempts at a time, want %d", peak, limit)
		}
		two.quiet(t)
	})
}

// COOK-02: guessing gets slow.
func TestGuesser(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two := openNode(t, n.socket(), "one@host", "vanilla"), n.node("two@host")
		begin := time.Now()
		for time.Since(begin) < time.Minute {
			_, _ = one.dial(two)
			time.Sleep(100 * time.Millisecond) // on the test's clock
		}
		synctest.Wait()
		if guesses := len(two.disallowed); guesses < 8 || guesses > 20 {
			t.Errorf("%d guesses in a minute", guesses)
		}
		for len(two.disallowed) > 0 {
			<-two.disallowed
		}
		two.quiet(t)
	})
}

// Somebody who sends packets in another's name cannot keep that one out.
func TestSpoofedFailures(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two, liar := n.node("one@host"), n.node("two@host"), n.stranger("liar@host")
		rewrite := func(p *simnet.Packet) {
			if p.From.String() == liar.transport.Conn.LocalAddr().String() {
				p.From = one.Addr()
			}
		}
		n.rewrite.Store(&rewrite)
		for range 20 {
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					configs, err := liar.auth.DialConfigs(two.name)
					if err != nil {
						t.Error(err)
						return
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					_, _ = liar.transport.Dial(ctx, two.Addr(), configs[0], nil)
				})
			}
			wg.Wait()
			time.Sleep(DefaultHandshakeTimeout + time.Second) // on the test's clock: they have all failed
			atOne, atTwo := connect(t, one, two)
			atOne.Close(t.Context(), "")
			take(t, atTwo.ended)
		}
		two.quiet(t)
	})
}

// The protocol name is a secret shared by nobody: whoever offers another one gets nowhere, and learns nothing.
func TestOtherProtocols(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		two, s := n.node("two@host"), n.stranger("one@host")
		offers := [][]string{nil, {"h3"}, {"wnode/1"}, {"wnode/1" + strings.Repeat("A", 64) + "one@host"}, {"h3", "wnode/1"}}
		for _, protocols := range offers {
			config := &tls.Config{InsecureSkipVerify: true, NextProtos: protocols, MinVersion: tls.VersionTLS13}
			if _, err := s.dial(two, config, nil); err == nil {
				t.Errorf("connected with %q", protocols)
			}
			time.Sleep(time.Minute) // on the test's clock: the limiter lets the next one pass
		}
		two.quiet(t)
	})
}

// Garbage on the socket harms nobody; what is not QUIC's goes to who reads it.
func TestGarbage(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two, socket := n.node("one@host"), n.node("two@host"), n.socket()
		atOne, _ := connect(t, one, two)
		for first := range 256 {
			for _, size := range []int{1, 20, 1200, 1300} {
				b := make([]byte, size)
				for i := range b {
					b[i] = byte(first * (i + 1))
				}
				b[0] = byte(first)
				if _, err := socket.WriteTo(b, two.Addr()); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(latency) // on the test's clock
		}
		if err := atOne.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		read := make(chan string, 1)
		go func() {
			b := make([]byte, 100)
			n, _, err := two.ReadNonQUICPacket(t.Context(), b)
			if err != nil {
				t.Error(err)
			}
			read <- string(b[:n])
		}()
		synctest.Wait()
		if _, err := one.WriteTo([]byte("\x01names"), two.Addr()); err != nil {
			t.Error(err)
		}
		if got := take(t, read); got != "\x01names" {
			t.Errorf("read %q", got)
		}
		two.quiet(t)
	})
}
