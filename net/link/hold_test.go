package link

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/wire"
)

// MON-15: what comes on other lanes than that of the peer's own words waits, however early it comes, until the link is
// released; and nothing of it comes when the link ends before.
func TestHold(t *testing.T) {
	for name, release := range map[string]bool{"released": true, "ended": false} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T, n *network) {
				a, b := n.node("one@host"), n.node("two@host")
				la, lb := join(t, a, b)
				lb.Hold()
				one, two := run(la), run(lb)
				held := 0
				for sender := range uint64(8) {
					sig := message(a, b, byte(sender), 1)
					sig.From.Num = sender
					if wire.LaneOf(sender) != ownLane {
						held++
					}
					if err := one.Send(context.Background(), sig); err != nil {
						t.Error(err)
					}
				}
				want := func(count int, ownOnly bool) {
					t.Helper()
					for range count {
						if sig := take(t, two.got); (wire.LaneOf(sig.From.Num) == ownLane) != ownOnly {
							t.Errorf("a signal of process %d", sig.From.Num)
						}
					}
				}
				want(8-held, true)
				time.Sleep(10 * latency)
				synctest.Wait()
				if got := len(two.got); got != 0 {
					t.Errorf("%d signals have come too early", got)
				}
				if release {
					two.Release()
					want(held, false)
				}
				one.Abort()
				take(t, one.ended)
				take(t, two.ended)
				if got := len(two.got); got != 0 {
					t.Errorf("%d signals have come too late", got)
				}
			})
		})
	}
}

// A link that is not held takes in all lanes.
func TestNoHold(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		a, b := n.node("one@host"), n.node("two@host")
		one, two := connect(t, a, b)
		for sender := range uint64(8) {
			if err := one.Send(context.Background(), abi.Signal{
				Kind: abi.SignalMessage, From: abi.Pid{Node: a.id, Num: 1 + sender}, To: abi.Pid{Node: b.id, Num: 8},
			}); err != nil {
				t.Error(err)
			}
			take(t, two.got)
		}
	})
}
