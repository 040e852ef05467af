package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/wire"
)

// DIST-04: a connection is symmetric.
func TestDial(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two := n.node("one@host"), n.node("two@host")
		atOne, atTwo := connect(t, one, two)
		if atOne.Peer().Name != two.name || atTwo.Peer().Name != one.name || atTwo.Peer().Node != one.id {
			t.Errorf("peers are %+v and %+v", atOne.Peer(), atTwo.Peer())
		}
		if atOne.RemoteAddr().String() != two.Addr().String() {
			t.Errorf("remote address %v, want %v", atOne.RemoteAddr(), two.Addr())
		}
		if now := two.attempts.now.Load(); now != 0 {
			t.Errorf("%d attempts under way", now)
		}
		for _, l := range []*running{atOne, atTwo} {
			if err := l.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

// withoutLanes makes a node one of a version that has none.
func withoutLanes(o *Options) { o.Hello.Features = nil }

// SIG-01: signals arrive in order, large ones among small ones, both ways, with lanes and without.
func TestSignals(t *testing.T) {
	for name, option := range map[string]nodeOption{"lanes": func(*Options) {}, "no lanes": withoutLanes} {
		t.Run(name, func(t *testing.T) { testSignals(t, option) })
	}
}

func testSignals(t *testing.T, option nodeOption) {
	simulate(t, func(t *testing.T, n *network) {
		one, two := n.node("one@host"), n.node("two@host", option)
		atOne, atTwo := connect(t, one, two)
		size := func(i int) int { return []int{1, 100, 70 << 10, 3 << 20}[i%4] }
		const count = 16
		send := func(l *running, from, to *node) {
			for i := range count {
				sig := message(from, to, byte(i), size(i))
				if err := l.Send(context.Background(), sig); err != nil {
					t.Errorf("send: %v", err)
				}
			}
		}
		go send(atOne, one, two)
		go send(atTwo, two, one)
		for _, l := range []*running{atOne, atTwo} {
			for i := range count {
				sig := take(t, l.got)
				if sig.Data[0] != byte(i) || len(sig.Data) != size(i) || sig.Kind != abi.SignalMessage {
					t.Fatalf("signal %d is number %d of %d bytes", i, sig.Data[0], len(sig.Data))
				}
			}
		}
	})
}

func TestSendRefusesSignals(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one := n.node("one@host")
		two := n.node("two@host", func(o *Options) { o.Hello.MaxSignalBytes = wire.MinSignalBytes })
		atOne, atTwo := connect(t, one, two)
		large := message(one, two, 1, wire.MinSignalBytes+1)
		noKind := message(one, two, 1, 1)
		noKind.Kind = 0
		for _, send := range []func(abi.Signal) error{
			func(sig abi.Signal) error { return atOne.Send(t.Context(), sig) },
			atOne.Post,
		} {
			if err := send(large); !errors.Is(err, abi.ErrTooLarge) {
				t.Errorf("large: %v", err)
			}
			if err := send(noKind); !errors.Is(err, abi.ErrBadArgument) {
				t.Errorf("no kind: %v", err)
			}
			if err := send(message(one, two, 2, wire.MinSignalBytes)); err != nil {
				t.Error(err)
			}
			if sig := take(t, atTwo.got); sig.Data[0] != 2 {
				t.Errorf("got number %d", sig.Data[0])
			}
		}
	})
}

// SIG-07, SIG-08: who sends to a peer that reads nothing waits, until it reads, or the sender is no longer interested.
func TestSendWaits(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two := n.node("one@host"), n.node("two@host")
		la, lb := join(t, one, two)
		atOne := run(la)
		atTwo := &running{Link: lb, recorder: newRecorder(), ended: make(chan error, 1)}
		atTwo.hold = make(chan struct{})
		go func() { atTwo.ended <- lb.Run(atTwo.recorder) }()

		giveUp := errors.New("give up")
		sent := 0
		for {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, giveUp)
			err := atOne.Send(ctx, message(one, two, byte(sent), 256<<10))
			cancel()
			if err != nil {
				if !errors.Is(err, giveUp) {
					t.Errorf("send: %v, want the cause", err)
				}
				break
			}
			sent++
		}
		// One connection window and one queue's worth.
		if sent < 8 || sent > 4*(DefaultQueueBytes+connectionWindow)/(256<<10) {
			t.Errorf("%d signals were sent", sent)
		}
		impatient, cancel := context.WithCancelCause(t.Context())
		cancel(giveUp) // SIG-07: who cannot wait at all is told at once
		if err := atOne.Send(impatient, message(one, two, 0, 1)); !errors.Is(err, giveUp) {
			t.Errorf("send without waiting: %v", err)
		}
		waiting := make(chan error, 1)
		go func() { waiting <- atOne.Send(context.Background(), message(one, two, byte(sent), 1)) }()
		close(atTwo.hold)
		if err := take(t, waiting); err != nil {
			t.Errorf("send after waiting: %v", err)
		}
		for i := range sent + 1 {
			if sig := take(t, atTwo.got); sig.Data[0] != byte(i) {
				t.Fatalf("signal %d is number %d", i, sig.Data[0])
			}
		}
	})
}

// A sender that waits is let go when the link ends.
func TestSendEndsWithLink(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two := n.node("one@host", func(o *Options) { o.QueueBytes = 1 }), n.node("two@host")
		la, _ := join(t, one, two)
		if err := la.Send(t.Context(), message(one, two, 1, 1)); err != nil {
			t.Fatal(err)
		}
		waiting := make(chan error, 1)
		go func() { waiting <- la.Send(context.Background(), message(one, two, 2, 1)) }()
		la.Abort()
		if err := take(t, waiting); !errors.Is(err, abi.ErrNotConnected) {
			t.Errorf("send: %v, want ErrNotConnected", err)
		}
		if err := la.Post(message(one, two, 3, 1)); !errors.Is(err, abi.ErrNotConnected) {
			t.Errorf("post: %v, want ErrNotConnected", err)
		}
	})
}

// A peer that takes nothing in loses the link before the queue takes all memory.
func TestPostOverflow(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two := n.node("one@host", func(o *Options) { o.QueueBytes = 10 << 10 }), n.node("two@host")
		la, _ := join(t, one, two)
		atOne := run(la)
		var err error
		for sent := 0; err == nil; sent += 64 << 10 {
			if sent > 4*connectionWindow {
				t.Fatal("the queue has no end")
			}
			err = atOne.Post(message(one, two, 0, 64<<10))
		}
		if !errors.Is(err, abi.ErrNotConnected) || !errors.Is(err, errCongested) {
			t.Errorf("post: %v", err)
		}
		if err := take(t, atOne.ended); !errors.Is(err, ErrProtocol) {
			t.Errorf("the link ended: %v, want ErrProtocol", err)
		}
	})
}

// DIST-21: a network that is cut ends the link after the idle time-out, on both sides.
func TestIdleTimeout(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		timeout := func(o *Options) { o.IdleTimeout = 4 * time.Second }
		atOne, atTwo := connect(t, n.node("one@host", timeout), n.node("two@host", timeout))
		time.Sleep(time.Hour) // on the test's clock: keep-alives keep it
		if err := atOne.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		cut := time.Now()
		n.cut.Store(true)
		ping := make(chan error, 1)
		go func() { ping <- atOne.Ping(context.Background()) }()
		for _, l := range []*running{atOne, atTwo} {
			if err := take(t, l.ended); !errors.Is(err, ErrTimeout) {
				t.Errorf("ended: %v, want ErrTimeout", err)
			}
		}
		if took := time.Since(cut); took < 3*time.Second || took > 4*time.Second+2*latency {
			t.Errorf("ended after %v", took)
		}
		if err := take(t, ping); !errors.Is(err, abi.ErrNotConnected) {
			t.Errorf("ping: %v, want ErrNotConnected", err)
		}
	})
}

func TestPing(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two := n.node("one@host"), n.node("two@host")
		la, lb := join(t, one, two)
		atOne := run(la)
		// Many more than may be under way at a time, at a peer that does not answer yet.
		const count = 3 * wire.MaxPings
		pongs := make(chan error, count)
		for range count {
			go func() { pongs <- atOne.Ping(context.Background()) }()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := atOne.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ping: %v, want the cause of the context", err)
		}
		run(lb)
		for range count {
			if err := take(t, pongs); err != nil {
				t.Errorf("ping: %v", err)
			}
		}
		begin := time.Now()
		if err := atOne.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took != 2*latency {
			t.Errorf("a ping took %v, want %v", took, 2*latency)
		}
	})
}

func TestModuleStreams(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		atOne, atTwo := connect(t, n.node("one@host"), n.node("two@host"))
		for from, to := range map[*running]*running{atOne: atTwo, atTwo: atOne} {
			s, err := from.OpenModuleStream(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want := bytes.Repeat([]byte("module"), 1<<18)
			go func() {
				_, _ = s.Write(want)
				_ = s.(moduleStream).Stream.Close()
			}()
			served := take(t, to.modules)
			if got, err := io.ReadAll(served); err != nil || !bytes.Equal(got, want) {
				t.Errorf("read %d bytes: %v", len(got), err)
			}
			if _, err := served.Write([]byte("thanks")); err != nil {
				t.Error(err)
			}
			if err := served.Close(); err != nil {
				t.Error(err)
			}
			if got, err := io.ReadAll(s); err != nil || string(got) != "thanks" {
				t.Errorf("read %q: %v", got, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// Abort lets go of whoever reads or writes, on both sides.
func TestModuleStreamAbort(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		atOne, atTwo := connect(t, n.node("one@host"), n.node("two@host"))
		s, err := atOne.OpenModuleStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		served := take(t, atTwo.modules)
		failed := make(chan error, 3)
		go func() { _, err := s.Read(make([]byte, 1)); failed <- err }()
		go func() { _, err := served.Read(make([]byte, 1)); failed <- err }()
		go func() { _, err := served.Write(make([]byte, 64<<20)); failed <- err }()
		s.(interface{ Abort() }).Abort()
		for range 3 {
			if err := take(t, failed); err == nil || err == io.EOF {
				t.Errorf("read or write: %v", err)
			}
		}
		if err := atTwo.Ping(t.Context()); err != nil {
			t.Errorf("the link suffers: %v", err)
		}
	})
}

// A transfer that stands still ends by itself, and gives its stream back.
func TestModuleStreamIdle(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		atOne, atTwo := connect(t, n.node("one@host"), n.node("two@host"))
		for range maxModuleStreams + 2 {
			s, err := atOne.OpenModuleStream(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			served := take(t, atTwo.modules)
			begin := time.Now()
			if _, err := served.Read(make([]byte, 1)); err == nil {
				t.Error("read something")
			}
			if n, err := served.Write(make([]byte, 64<<20)); err == nil || n == 0 {
				t.Errorf("wrote %d: %v", n, err)
			}
			if took := time.Since(begin); took < 2*streamIdle || took > 3*streamIdle {
				t.Errorf("let go after %v", took)
			}
			served.(moduleStream).Abort()
			s.(moduleStream).Abort()
		}
	})
}
