package link

import (
	"errors"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
)

// die ends a node without a word to anybody: its socket is gone before its links know.
func (nd *node) die() {
	nd.t.Helper()
	if err := nd.opts.Conn.Close(); err != nil {
		nd.t.Fatal(err)
	}
}

// DIST-20: where the system says that nobody has a port, a link ends long before the idle time-out.
func TestPortClosed_realtime(t *testing.T) {
	patient := func(o *Options) { o.IdleTimeout = time.Hour }
	one := openNode(t, listenOn(t, "127.0.0.1"), "one@host", testCookie, patient)
	two := openNode(t, listenOn(t, "127.0.0.1"), "two@host", testCookie, patient)
	atOne, _ := connect(t, one, two)
	two.die()
	if err := take(t, atOne.ended); !errors.Is(err, ErrPeerClosed) || !errors.Is(err, errPortClosed) {
		t.Errorf("ended: %v, want ErrPeerClosed as the port is closed", err)
	}
}

// What anybody can forge ends no link while the peer is heard, and is not believed later either.
func TestRefusalOfLivePeer(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		atOne, _ := connect(t, n.node("one@host"), n.node("two@host"))
		w := newWatcher(atOne.Link)
		for range 10 { // the peer answers the call that each leads to
			if w.refusal() {
				t.Fatal("a forged refusal has ended the link")
			}
			time.Sleep(w.next)
			w.look()
		}
		if !w.mistrust {
			t.Error("refusals of a peer that lives are believed")
		}
		n.cut.Store(true)
		w.probe()
		if len(w.refused) > 0 {
			t.Error("a peer is asked for though it lied")
		}
	})
}

// DIST-20: a node that comes again on the same port has its old peers know, by the key that it had.
func TestReset(t *testing.T) {
	key := func(b byte) nodeOption {
		return func(o *Options) { o.ResetKey = &[32]byte{b} }
	}
	for name, test := range map[string]struct {
		before, after nodeOption
		want          error
		within        time.Duration
	}{
		"the same key": {key(1), key(1), ErrPeerClosed, 5 * time.Second},
		"another key":  {key(1), key(2), ErrTimeout, DefaultIdleTimeout + time.Second},
		"no key":       {func(*Options) {}, func(*Options) {}, ErrTimeout, DefaultIdleTimeout + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T, n *network) {
				one, two := n.node("one@host"), n.node("two@host", test.before)
				atOne, _ := connect(t, one, two)
				time.Sleep(time.Minute) // the link is idle
				two.die()
				began := time.Now()
				openNode(t, n.socketAt(two.Addr()), "two@host", testCookie, test.after)
				err := take(t, atOne.ended)
				var reset *quic.StatelessResetError
				if !errors.Is(err, test.want) || errors.As(err, &reset) != (test.want == ErrPeerClosed) {
					t.Errorf("ended: %v, want %v", err, test.want)
				}
				if took := time.Since(began); took > test.within {
					t.Errorf("ended after %v, want %v at most", took, test.within)
				}
			})
		})
	}
}
