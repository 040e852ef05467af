package link

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/wire"
)

// A large signal holds up nobody but its sender: what others say in the same lane overtakes it, what its sender says comes
// behind it (SIG-01), and waits before it is queued (SIG-08).
func TestLargeSignalHoldsUpNobody(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two := n.node("one@host"), n.node("two@host")
		atOne, atTwo := connect(t, one, two)
		from := func(sender uint64, number byte, size int) abi.Signal {
			sig := message(one, two, number, size)
			sig.From.Num = sender
			return sig
		}
		const sender, neighbour = 0, 2
		if wire.LaneOf(sender) != wire.LaneOf(neighbour) {
			t.Fatal("they have different lanes")
		}
		for _, sig := range []abi.Signal{from(sender, 1, 12<<20), from(neighbour, 2, 1), from(neighbour, 3, 100<<10)} {
			if err := atOne.Send(t.Context(), sig); err != nil {
				t.Fatal(err)
			}
		}
		giveUp := errors.New("would wait")
		impatient, cancel := context.WithCancelCause(t.Context())
		cancel(giveUp)
		if err := atOne.Send(impatient, from(sender, 9, 1)); !errors.Is(err, giveUp) {
			t.Errorf("send behind a large signal: %v", err)
		}
		if err := atOne.Post(from(sender, 4, 1)); err != nil {
			t.Error(err)
		}
		behind := make(chan error, 1)
		go func() { behind <- atOne.Send(context.Background(), from(sender, 5, 1)) }()
		for _, want := range []byte{2, 3, 1, 4, 5} {
			if sig := take(t, atTwo.got); sig.Data[0] != want {
				t.Fatalf("got %d of %d bytes, want %d", sig.Data[0], len(sig.Data), want)
			}
		}
		if err := take(t, behind); err != nil {
			t.Error(err)
		}
	})
}

// Nobody who sends large signals without end keeps others from it: more senders than there are places in a lane take turns.
func TestLargeSignalsTakeTurns(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		one, two := n.node("one@host"), n.node("two@host")
		atOne, atTwo := connect(t, one, two)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		lane, count := []uint64{0, 2, 5, 10}, map[uint64]int{}
		for _, sender := range lane {
			if wire.LaneOf(sender) != wire.LaneOf(lane[0]) {
				t.Fatal("they have different lanes")
			}
			wg.Go(func() {
				sig := message(one, two, 1, 300<<10)
				for sig.From.Num = sender; atOne.Send(ctx, sig) == nil; {
				}
			})
		}
		for len(count) < len(lane) {
			sig := take(t, atTwo.got)
			if count[sig.From.Num]++; count[sig.From.Num] > 1000 {
				t.Fatalf("of %d senders these have had a turn: %v", len(lane), count)
			}
		}
		cancel()
		wg.Wait()
	})
}
