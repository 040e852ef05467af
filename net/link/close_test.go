package link

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/wnode/wnode/abi"
)

// post queues signals numbered from 0.
func (r *running) post(t testing.TB, from, to *node, count, size int) {
	t.Helper()
	for i := range count {
		if err := r.Post(message(from, to, byte(i), size)); err != nil {
			t.Fatal(err)
		}
	}
}

// wantAll checks that a link has taken in the signals 0 to count-1 by the time it has ended.
func (r *running) wantAll(t testing.TB, who string, count int) {
	t.Helper()
	if len(r.got) != count {
		t.Errorf("%s got %d of %d signals", who, len(r.got), count)
	}
	for i := range len(r.got) {
		if sig := <-r.got; sig.Data[0] != byte(i) {
			t.Fatalf("%s: signal %d is number %d", who, i, sig.Data[0])
		}
	}
}

// SIG-02, DIST-08: what either side sent before the end arrives, whoever closes, also when both do.
func TestClose(t *testing.T) {
	const count, size = 30, 100 << 10
	tests := map[string]struct {
		closers  func(one, two *running) []*running
		one, two error
	}{
		"caller":      {func(one, _ *running) []*running { return []*running{one} }, ErrDisconnected, ErrPeerClosed},
		"callee":      {func(_, two *running) []*running { return []*running{two} }, ErrPeerClosed, ErrDisconnected},
		"both":        {func(one, two *running) []*running { return []*running{one, two} }, ErrDisconnected, ErrDisconnected},
		"twice":       {func(one, _ *running) []*running { return []*running{one, one} }, ErrDisconnected, ErrPeerClosed},
		"both, twice": {func(one, two *running) []*running { return []*running{one, two, two, one} }, ErrDisconnected, ErrDisconnected},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T, n *network) {
				one, two := n.node("one@host"), n.node("two@host")
				atOne, atTwo := connect(t, one, two)
				atOne.post(t, one, two, count, size)
				atTwo.post(t, two, one, count, size)
				begin := time.Now()
				var wg sync.WaitGroup
				for _, l := range test.closers(atOne, atTwo) {
					wg.Go(func() { l.Close(context.Background(), "test") })
				}
				wg.Wait()
				if err := take(t, atOne.ended); !errors.Is(err, test.one) {
					t.Errorf("one: %v, want %v", err, test.one)
				}
				if err := take(t, atTwo.ended); !errors.Is(err, test.two) {
					t.Errorf("two: %v, want %v", err, test.two)
				}
				if took := time.Since(begin); took >= goodbyeTimeout {
					t.Errorf("the end took %v", took)
				}
				atOne.wantAll(t, "one", count)
				atTwo.wantAll(t, "two", count)
				if err := atOne.Send(t.Context(), message(one, two, 1, 1)); !errors.Is(err, abi.ErrNotConnected) {
					t.Errorf("send after the end: %v", err)
				}
				if err := atOne.Ping(t.Context()); !errors.Is(err, abi.ErrNotConnected) {
					t.Errorf("ping after the end: %v", err)
				}
				atOne.Close(t.Context(), "again")
			})
		})
	}
}

// The goodbyes may cross while the signals of one side are still on their way: neither side hangs up before they are in.
func TestCloseWithSlowSignals(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two := n.node("one@host"), n.node("two@host")
		atOne, atTwo := connect(t, one, two)
		atOne.post(t, one, two, 1, 1)
		atTwo.post(t, two, one, 1, 1)
		take(t, atOne.got)
		take(t, atTwo.got)
		// Every second packet from two is lost: its signals come after its goodbye.
		packets := 0
		lose := func(p *simnet.Packet) {
			if p.From.String() != two.Addr().String() {
				return
			}
			if packets++; packets%2 == 1 {
				p.Data = []byte{0}
			}
		}
		n.rewrite.Store(&lose)
		const count = 12
		atTwo.post(t, two, one, count, 10<<10)
		var wg sync.WaitGroup
		for _, l := range []*running{atOne, atTwo} {
			wg.Go(func() { l.Close(context.Background(), "test") })
		}
		wg.Wait()
		take(t, atOne.ended)
		atOne.wantAll(t, "one", count)
		take(t, atTwo.ended)
	})
}

// Abort ends the link at once; the peer learns of it.
func TestAbort(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		atOne, atTwo := connect(t, n.node("one@host"), n.node("two@host"))
		begin := time.Now()
		atOne.Abort()
		if err := take(t, atOne.ended); !errors.Is(err, ErrDisconnected) {
			t.Errorf("one: %v, want ErrDisconnected", err)
		}
		if err := take(t, atTwo.ended); !errors.Is(err, ErrPeerClosed) {
			t.Errorf("two: %v, want ErrPeerClosed", err)
		}
		if took := time.Since(begin); took != latency {
			t.Errorf("took %v", took)
		}
		atOne.Abort()
		atTwo.Abort()
	})
}

// A peer that does not read, or is gone, holds Close up for two seconds at most, and less if the caller says so.
func TestCloseGivesUp(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two := n.node("one@host"), n.node("two@host")
		for _, limit := range []time.Duration{goodbyeTimeout, time.Second} {
			la, lb := join(t, one, two)
			atOne, atTwo := run(la), &running{Link: lb, recorder: newRecorder(), ended: make(chan error, 1)}
			atTwo.hold = make(chan struct{})
			go func() { atTwo.ended <- lb.Run(atTwo.recorder) }()
			atOne.post(t, one, two, 10, 4<<20)
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			begin := time.Now()
			atOne.Close(ctx, "test")
			cancel()
			if took := time.Since(begin); took != limit {
				t.Errorf("took %v, want %v", took, limit)
			}
			if err := take(t, atOne.ended); !errors.Is(err, ErrDisconnected) {
				t.Errorf("ended: %v", err)
			}
			close(atTwo.hold)
			take(t, atTwo.ended)
		}
	})
}

// Close before Run, and instead of it.
func TestCloseWithoutRun(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two := n.node("one@host"), n.node("two@host")
		la, lb := join(t, one, two)
		atTwo := run(lb)
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			la.Close(context.Background(), "test")
		}()
		synctest.Wait()
		atOne := run(la)
		take(t, closed)
		if err := take(t, atOne.ended); !errors.Is(err, ErrDisconnected) {
			t.Errorf("ended: %v", err)
		}
		take(t, atTwo.ended)

		la, lb = join(t, one, two)
		atTwo = run(lb)
		la.Close(t.Context(), "test")
		if err := la.Run(newRecorder()); !errors.Is(err, ErrDisconnected) {
			t.Errorf("run: %v", err)
		}
		take(t, atTwo.ended)
	})
}

// Closing an endpoint ends its links, whether they run or not, its offers and its calls.
func TestEndpointClose(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two, three := n.node("one@host"), n.node("two@host"), n.node("three@host")
		atOne, atTwo := connect(t, one, two)
		idle, _ := join(t, one, two)
		module, err := atOne.OpenModuleStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		offered := make(chan error, 2)
		go func() { _, err := three.dial(one); offered <- err }()
		offer := take(t, one.offers)
		go func() { _, err := one.dial(three); offered <- err }()
		take(t, three.offers)
		n.cut.Store(true)
		go func() { _, err := two.dial(one); offered <- err }()
		synctest.Wait()

		begin := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { _ = one.Endpoint.Close() })
		wg.Go(func() { _ = one.Endpoint.Close() })
		wg.Wait()
		if took := time.Since(begin); took > time.Second {
			t.Errorf("took %v", took)
		}
		if err := take(t, atOne.ended); !errors.Is(err, ErrDisconnected) {
			t.Errorf("ended: %v", err)
		}
		if err := idle.Run(newRecorder()); !errors.Is(err, ErrDisconnected) && !errors.Is(err, ErrPeerClosed) {
			t.Errorf("ended: %v", err)
		}
		if _, err := module.Read(make([]byte, 1)); err == nil {
			t.Error("the module stream is alive")
		}
		if _, err := offer.Accept(t.Context()); err == nil {
			t.Error("the offer is alive")
		}
		if err := take(t, offered); err == nil {
			t.Error("the call is alive")
		}
		if _, err := one.dial(two); err == nil {
			t.Error("dialled on a closed endpoint")
		}
		if _, _, err := one.ReadNonQUICPacket(t.Context(), make([]byte, 1)); err == nil {
			t.Error("read from a closed endpoint")
		}
		take(t, atTwo.ended)
		take(t, offered)
	})
}
