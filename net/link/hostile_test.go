package link

import (
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/wire"
)

// linked is a stranger's link to a node, of which the stranger has one end.
type linked struct {
	*running // the node's end
	conn     *quic.Conn
	control  *quic.Stream
}

// link makes a proper link out of a stranger's call.
func (s *stranger) link(to *node, config *quic.Config) *linked {
	s.t.Helper()
	conn := s.call(to, config)
	control := open(s.t, conn, kind(wire.StreamControl, frames(s.t, helloOf(s.id, s.name), wire.Ready{})...)...)
	l, err := take(s.t, to.offers).Accept(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return &linked{running: run(l), conn: conn, control: control}
}

// write sends frames on the control stream.
func (l *linked) write(t *testing.T, b ...byte) {
	t.Helper()
	if _, err := l.control.Write(b); err != nil {
		t.Fatal(err)
	}
}

// Whoever breaks the rules of the first exchange gets no link, and holds nothing for longer than the handshake time-out.
func TestHostileHello(t *testing.T) {
	hello := func(t *testing.T, s *stranger) []byte { return frames(t, helloOf(s.id, s.name)) }
	control := func(b ...byte) []byte { return kind(wire.StreamControl, b...) }
	tests := map[string]func(*testing.T, *stranger) []byte{
		"nothing":          func(*testing.T, *stranger) []byte { return nil },
		"kind only":        func(*testing.T, *stranger) []byte { return control() },
		"garbage":          func(*testing.T, *stranger) []byte { return control(0x55, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) },
		"half a hello":     func(t *testing.T, s *stranger) []byte { b := hello(t, s); return control(b[:len(b)/2]...) },
		"module stream":    func(t *testing.T, s *stranger) []byte { return kind(wire.StreamModule, hello(t, s)...) },
		"unknown stream":   func(t *testing.T, s *stranger) []byte { return kind(99, hello(t, s)...) },
		"ready first":      func(t *testing.T, _ *stranger) []byte { return control(frames(t, wire.Ready{})...) },
		"ping first":       func(t *testing.T, _ *stranger) []byte { return control(frames(t, wire.Ping{})...) },
		"refuse first":     func(t *testing.T, _ *stranger) []byte { return control(frames(t, wire.Refuse{Code: 1})...) },
		"huge frame":       func(*testing.T, *stranger) []byte { return control(byte(wire.TypeHello), 0xff, 0xff, 0xff, 0x7f) },
		"skippable frames": func(*testing.T, *stranger) []byte { return control(slices.Repeat([]byte{0x81, 0}, 1<<18)...) },
		"another's name": func(t *testing.T, s *stranger) []byte {
			return control(frames(t, helloOf(s.id, "three@host"))...)
		},
		"the node's name": func(t *testing.T, s *stranger) []byte {
			return control(frames(t, helloOf(s.id, "two@host"))...)
		},
	}
	for name, first := range tests {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T, n *network) {
				two, s := n.node("two@host"), n.stranger("one@host")
				begin := time.Now()
				conn := s.call(two, nil)
				if b := first(t, s); b != nil {
					stream, err := conn.OpenStream()
					if err != nil {
						t.Fatal(err)
					}
					go func() { _, _ = stream.Write(b) }()
				}
				take(t, conn.Context().Done())
				if took := time.Since(begin); took > DefaultHandshakeTimeout+2*latency {
					t.Errorf("took %v", took)
				}
				two.quiet(t)
			})
		})
	}
}

// After the callee's Hello only Ready or Refuse may come; the callee waits for it no longer than the handshake time-out.
func TestHostileReady(t *testing.T) {
	tests := map[string]wire.Frame{
		"nothing": nil, "ping": wire.Ping{}, "pong": wire.Pong{}, "goodbye": wire.Goodbye{}, "refuse": wire.Refuse{Code: 6},
	}
	for name, frame := range tests {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T, n *network) {
				two, s := n.node("two@host"), n.stranger("one@host")
				conn := s.call(two, nil)
				control := open(t, conn, kind(wire.StreamControl, frames(t, helloOf(s.id, s.name))...)...)
				if frame != nil {
					if _, err := control.Write(frames(t, frame)); err != nil {
						t.Fatal(err)
					}
				}
				l, err := take(t, two.offers).Accept(t.Context())
				if l != nil || err == nil {
					t.Error("accepted")
				}
				if _, isRefused := frame.(wire.Refuse); isRefused != errors.Is(err, wire.ErrShuttingDown) {
					t.Errorf("accept: %v", err)
				}
				take(t, conn.Context().Done())
				two.quiet(t)
			})
		})
	}
}

// A callee that holds the cookie can mislead the caller no more than the caller the callee.
func TestHostileCallee(t *testing.T) {
	tests := map[string]func(*testing.T, *stranger) []byte{
		"nothing":        func(*testing.T, *stranger) []byte { return nil },
		"garbage":        func(*testing.T, *stranger) []byte { return []byte{0x55, 0xff} },
		"ready":          func(t *testing.T, _ *stranger) []byte { return frames(t, wire.Ready{}) },
		"another's name": func(t *testing.T, s *stranger) []byte { return frames(t, helloOf(s.id, "three@host")) },
		"refuse, hello": func(t *testing.T, s *stranger) []byte {
			return frames(t, wire.Refuse{Code: 1}, helloOf(s.id, s.name))
		},
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T, n *network) {
				one, s := n.node("one@host"), n.stranger("two@host")
				listener, err := s.transport.Listen(s.auth.ListenConfig(), nil)
				if err != nil {
					t.Fatal(err)
				}
				dialled := make(chan error, 1)
				go func() {
					_, err := one.Dial(t.Context(), s.transport.Conn.LocalAddr(), s.name)
					dialled <- err
				}()
				conn, err := listener.Accept(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				control, err := conn.AcceptStream(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := control.Write(answer(t, s)); err != nil {
					t.Fatal(err)
				}
				if err := take(t, dialled); err == nil {
					t.Error("connected")
				}
				take(t, conn.Context().Done())
				if err := listener.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Whoever breaks the rules on an open link loses it.
func TestHostileLink(t *testing.T) {
	signals := func(b ...byte) func(*testing.T, *linked) {
		return func(t *testing.T, l *linked) { openUni(t, l.conn, laneStream(b...)...) }
	}
	control := func(list ...wire.Frame) func(*testing.T, *linked) {
		return func(t *testing.T, l *linked) { l.write(t, frames(t, list...)...) }
	}
	tests := map[string]struct {
		act  func(*testing.T, *linked)
		want error
	}{
		"garbage on control":   {func(t *testing.T, l *linked) { l.write(t, 0x55, 0) }, ErrProtocol},
		"second ready":         {control(wire.Ready{}), ErrProtocol},
		"refuse":               {control(wire.Refuse{Code: 1}), ErrProtocol},
		"pong without ping":    {control(wire.Pong{}), ErrProtocol},
		"ping after goodbye":   {control(wire.Goodbye{}, wire.Ping{}), ErrProtocol},
		"two goodbyes":         {control(wire.Goodbye{}, wire.Goodbye{}), ErrProtocol},
		"goodbye, no end":      {control(wire.Goodbye{}), ErrPeerClosed},
		"end of control":       {func(_ *testing.T, l *linked) { _ = l.control.Close() }, ErrPeerClosed},
		"reset of control":     {func(_ *testing.T, l *linked) { l.control.CancelWrite(7) }, ErrPeerClosed},
		"control is not read":  {refuseControl, ErrPeerClosed},
		"garbage signal":       {signals(3, 1, 0x80, 0), ErrProtocol},
		"huge signal":          {signals(0xff, 0xff, 0xff, 0xff, 0x7f), ErrProtocol},
		"forged sender":        {signals(12, 1, 3|2<<2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1), ErrProtocol},
		"reset of signals":     {resetSignals, ErrPeerClosed},
		"signals are not read": {refuseSignals, ErrPeerClosed},
		"hang up":              {func(_ *testing.T, l *linked) { _ = l.conn.CloseWithError(99, "\x1b[2J") }, ErrPeerClosed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T, n *network) {
				two := n.node("two@host")
				l := n.stranger("one@host").link(two, nil)
				test.act(t, l)
				if err := take(t, l.ended); !errors.Is(err, test.want) {
					t.Errorf("ended: %v, want %v", err, test.want)
				}
				take(t, l.conn.Context().Done())
				two.quiet(t)
			})
		})
	}
}

func refuseControl(t *testing.T, l *linked) {
	l.control.CancelRead(7)
	time.Sleep(2 * latency) // on the test's clock
	if err := l.Ping(t.Context()); !errors.Is(err, abi.ErrNotConnected) {
		t.Errorf("ping: %v", err)
	}
}

func refuseSignals(t *testing.T, l *linked) {
	from, to := l.endpoint.opts.Hello.Node, l.Peer().Node
	sig := abi.Signal{Kind: abi.SignalMessage, From: abi.Pid{Node: from, Num: 1}, To: abi.Pid{Node: to, Num: 1}}
	if err := l.Post(sig); err != nil {
		t.Error(err)
	}
	s, err := l.conn.AcceptUniStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.CancelRead(7)
	time.Sleep(2 * latency) // on the test's clock
	if err := l.Post(sig); err != nil {
		t.Error(err)
	}
}

func resetSignals(t *testing.T, l *linked) {
	s := openUni(t, l.conn, laneStream()...)
	time.Sleep(2 * latency) // on the test's clock
	s.CancelWrite(7)
}

// strangersPid is the process that strangers send signals of.
const strangersPid = 7

// laneStream begins the stream for the signals of a stranger's process.
func laneStream(b ...byte) []byte {
	return append([]byte{byte(wire.StreamLane), byte(wire.LaneOf(strangersPid))}, b...)
}

// signalFrame is a small signal from a stranger.
func signalFrame(s *stranger, to *node, number byte) []byte {
	sig := abi.Signal{
		Kind: abi.SignalMessage, Data: []byte{number},
		From: abi.Pid{Node: s.id, Num: strangersPid}, To: abi.Pid{Node: to.id, Num: 8},
	}
	return wire.AppendSignal(nil, sig, s.id, to.id)
}

// Signals that come before Ready wait for it; one stream of them is taken and others are turned away, as
// are streams of unknown kinds. None of that harms the link.
func TestStrayStreams(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		two, s := n.node("two@host"), n.stranger("one@host")
		conn := s.call(two, nil)
		signals := openUni(t, conn, laneStream(signalFrame(s, two, 1)...)...)
		control := open(t, conn, kind(wire.StreamControl, frames(t, helloOf(s.id, s.name))...)...)
		offer := take(t, two.offers)
		go func() {
			time.Sleep(time.Second) // on the test's clock
			_, _ = control.Write(frames(t, wire.Ready{}))
		}()
		l, err := offer.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		atTwo := run(l)
		if sig := take(t, atTwo.got); sig.Data[0] != 1 {
			t.Errorf("got %v", sig)
		}
		for i := range 10 * maxSignalStreams {
			stray := openUni(t, conn, kind(wire.StreamKind(2+i%3), signalFrame(s, two, 99)...)...)
			take(t, stray.Context().Done()) // turned away
		}
		for i := range 3 * maxModuleStreams {
			k := []byte{byte(wire.StreamControl), byte(wire.StreamSignals), 99}[i%3]
			stray := open(t, conn, k)
			if _, err := stray.Read(make([]byte, 1)); err == nil || err == io.EOF {
				t.Errorf("kind %d: %v, want a reset", k, err)
			}
			stray.CancelRead(0)
			stray.CancelWrite(0)
		}
		if _, err := signals.Write(signalFrame(s, two, 2)); err != nil {
			t.Error(err)
		}
		if sig := take(t, atTwo.got); sig.Data[0] != 2 {
			t.Errorf("got %v", sig)
		}
	})
}

// A stream that does not say yet of what kind it is holds up no other.
func TestSilentStreamBeforeSignals(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		two, s := n.node("two@host"), n.stranger("one@host")
		l := s.link(two, &quic.Config{KeepAlivePeriod: time.Second})
		silent, err := l.conn.OpenUniStream() // sending on the next one opens it
		if err != nil {
			t.Fatal(err)
		}
		openUni(t, l.conn, laneStream(signalFrame(s, two, 1)...)...)
		begin := time.Now()
		if sig := take(t, l.got); sig.Data[0] != 1 || time.Since(begin) > time.Second {
			t.Errorf("got %v after %v", sig, time.Since(begin))
		}
		take(t, silent.Context().Done()) // it is turned away in the end
		if took := time.Since(begin); took > streamIdle+time.Second {
			t.Errorf("let go after %v", took)
		}
	})
}

// Streams that are opened and left silent are bounded in number, and let go after a while. They
// end with the link in any case.
func TestSilentStreams(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		two, s := n.node("two@host"), n.stranger("one@host")
		l := s.link(two, &quic.Config{KeepAlivePeriod: time.Second})
		silent := func() (opened []*quic.Stream) {
			for {
				stream, err := l.conn.OpenStream()
				if err != nil {
					return opened
				}
				// A stream that ends before its first byte would be no silent one: opening the last opens all before it.
				opened = append(opened, stream)
			}
		}
		streams := silent()
		if len(streams) != maxModuleStreams {
			t.Errorf("%d streams may be open", len(streams))
		}
		if _, err := streams[len(streams)-1].Write(kind(wire.StreamModule)); err != nil {
			t.Fatal(err)
		}
		served := take(t, l.modules)
		begin := time.Now()
		if _, err := served.Read(make([]byte, 1)); err == nil {
			t.Error("read something")
		}
		_ = served.Close()
		for _, stream := range streams[:len(streams)-1] {
			if _, err := stream.Read(make([]byte, 1)); err == nil || err == io.EOF {
				t.Errorf("read: %v, want a reset", err)
			}
		}
		if took := time.Since(begin); took > streamIdle+time.Second {
			t.Errorf("let go after %v", took)
		}
		for _, stream := range streams {
			stream.CancelRead(0)
			stream.CancelWrite(0)
		}
		time.Sleep(time.Second) // on the test's clock
		if streams = silent(); len(streams) != maxModuleStreams {
			t.Fatalf("%d streams may be open again", len(streams))
		}
		if _, err := streams[len(streams)-1].Write(kind(wire.StreamModule)); err != nil {
			t.Fatal(err)
		}
		take(t, l.modules)
		l.Abort()
		begin = time.Now()
		take(t, l.ended)
		if took := time.Since(begin); took > 0 {
			t.Errorf("the streams outlived the link by %v", took)
		}
	})
}

// A peer that lets nothing be written to it, not even the answers to its pings, holds nobody up.
func TestUnreadingPeer(t *testing.T) {
	windowless := &quic.Config{InitialStreamReceiveWindow: 64, MaxStreamReceiveWindow: 64, KeepAlivePeriod: time.Second}
	t.Run("pings", func(t *testing.T) {
		simulate(t, func(t *testing.T, n *network) {
			two := n.node("two@host")
			l := n.stranger("one@host").link(two, windowless)
			pings := frames(t, slices.Repeat([]wire.Frame{wire.Ping{Token: 1 << 60}}, 2*maxControlQueue/13)...)
			go func() { _, _ = l.control.Write(pings) }()
			if err := take(t, l.ended); !errors.Is(err, ErrProtocol) || !errors.Is(err, errUnread) {
				t.Errorf("ended: %v", err)
			}
		})
	})
	t.Run("ping", func(t *testing.T) {
		simulate(t, func(t *testing.T, n *network) {
			two := n.node("two@host")
			l := n.stranger("one@host").link(two, windowless)
			done := make(chan error, 1)
			go func() { done <- l.Ping(t.Context()) }()
			synctest.Wait()
			begin := time.Now()
			l.Close(t.Context(), "test")
			if took := time.Since(begin); took > goodbyeTimeout {
				t.Errorf("close took %v", took)
			}
			take(t, l.ended)
			if err := take(t, done); !errors.Is(err, abi.ErrNotConnected) {
				t.Errorf("ping: %v", err)
			}
		})
	})
	t.Run("refuse", func(t *testing.T) {
		simulate(t, func(t *testing.T, n *network) {
			two, s := n.node("two@host"), n.stranger("one@host")
			conn := s.call(two, windowless)
			open(t, conn, kind(wire.StreamControl, frames(t, helloOf(s.id, s.name))...)...)
			offer, begin := take(t, two.offers), time.Now()
			offer.Refuse(t.Context(), wire.RefuseDuplicate, string(make([]byte, wire.MaxTextBytes)))
			if took := time.Since(begin); took > DefaultHandshakeTimeout {
				t.Errorf("refuse took %v", took)
			}
			two.quiet(t)
		})
	})
}
