package link

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/wnode/wnode/abi"
)

// What goes wrong in these tests, and when, is drawn from a seed, which is the name of the subtest. Which
// packet it happens to depends on the order in which goroutines run, too.
var seedFlag = flag.Uint64("seed", 0, "the seed of simulated faults; 0 is some new ones")

// faults are what happens to packets at random.
type faults struct {
	loss, duplicate, reorder float64 // shares
	late                     time.Duration
	deaf                     net.Addr // to where no packet comes

	mu   sync.Mutex // guards draw
	draw *rand.Rand
}

// newFaults draws bad weather.
func newFaults(draw *rand.Rand) *faults {
	return &faults{
		loss: draw.Float64() * 0.1, duplicate: draw.Float64() * 0.2, reorder: draw.Float64() * 0.2,
		late: time.Duration(draw.Int64N(int64(50 * time.Millisecond))), draw: rand.New(rand.NewPCG(draw.Uint64(), 0)),
	}
}

func (f *faults) send(p simnet.Packet, deliver func(simnet.Packet) error) error {
	f.mu.Lock()
	lost, twice, behind := f.draw.Float64() < f.loss, f.draw.Float64() < f.duplicate, f.draw.Float64() < f.reorder
	f.mu.Unlock()
	if lost || f.deaf != nil && f.deaf.String() == p.To.String() {
		return nil
	}
	if behind || twice {
		time.AfterFunc(f.late, func() { _ = deliver(p) })
	}
	if behind && !twice {
		return nil
	}
	return deliver(p)
}

// ending is a way for a link to end.
type ending struct {
	name string
	end  func(n *network, one, two *running)
	want error // at both ends; nil: ErrDisconnected at one of them at least
}

var endings = []ending{
	{"close", func(_ *network, one, _ *running) { one.Close(context.Background(), "") }, nil},
	{"close by both", func(_ *network, one, two *running) {
		var wg sync.WaitGroup
		for _, l := range []*running{one, two} {
			wg.Go(func() { l.Close(context.Background(), "") })
		}
		wg.Wait()
	}, nil},
	{"abort", func(_ *network, _, two *running) { two.Abort() }, nil},
	{"partition", func(n *network, _, _ *running) { n.cut.Store(true) }, ErrTimeout},
	{"one way", func(n *network, one, _ *running) {
		n.faults.Store(&faults{deaf: one.RemoteAddr(), draw: rand.New(rand.NewPCG(0, 0))})
	}, ErrTimeout},
}

// SIG-01: while a link lives signals arrive in order and once, whatever the network does; when it ends, what
// has arrived is the first of what was sent, both ends know, once, and the next link has nothing of the last one.
func TestFaults(t *testing.T) {
	seeds := []uint64{*seedFlag}
	if *seedFlag == 0 {
		seeds = nil
		for range 12 {
			seeds = append(seeds, rand.Uint64())
		}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			simulate(t, func(t *testing.T, n *network) { weather(t, n, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

// weather links two nodes a few times, until one of the endings, which may come while signals are on their way.
func weather(t *testing.T, n *network, draw *rand.Rand) {
	lanes := draw.IntN(4) > 0 // now and then one of the nodes is of a version without them
	one := n.node("one@host", func(o *Options) { o.IdleTimeout = 3 * time.Second })
	two := n.node("two@host", func(o *Options) {
		o.IdleTimeout = 3 * time.Second
		if !lanes {
			o.Hello.Features = nil
		}
	})
	for range 5 {
		f, e := newFaults(draw), endings[draw.IntN(len(endings))]
		tr, early := traffic{count: 1 + draw.IntN(300), small: 1 + draw.IntN(4000), large: draw.IntN(200 << 10)}, draw.IntN(3) == 0
		n.cut.Store(false)
		n.faults.Store(nil)
		atOne, atTwo := connect(t, one, two)
		n.faults.Store(f)
		t.Logf("%s after %d signals of %d bytes, some of %d, early %v, lanes %v, loss %.3f, duplicates %.3f, reordered %.3f by %v",
			e.name, tr.count, tr.small, tr.large, early, lanes, f.loss, f.duplicate, f.reorder, f.late)
		sent := make(chan error, 2*senders)
		for sender := range senders {
			go func() { sent <- tr.send(atOne, one, two, sender) }()
			go func() { sent <- tr.send(atTwo, two, one, sender) }()
		}
		arrived := map[*running]*arrivals{atOne: {}, atTwo: {}}
		for _, l := range []*running{atOne, atTwo} {
			if early {
				continue // the end comes while they are on their way
			}
			for arrived[l].count < tr.count {
				arrived[l].take(t, l, tr)
			}
		}
		e.end(n, atOne, atTwo)
		errOne, errTwo := take(t, atOne.ended), take(t, atTwo.ended)
		if e.want != nil && (!errors.Is(errOne, e.want) || !errors.Is(errTwo, e.want)) {
			t.Errorf("%s: ended with %v and %v, want %v", e.name, errOne, errTwo, e.want)
		}
		if e.want == nil && !errors.Is(errOne, ErrDisconnected) && !errors.Is(errTwo, ErrDisconnected) {
			t.Errorf("%s: ended with %v and %v, want ErrDisconnected at one end", e.name, errOne, errTwo)
		}
		for range cap(sent) {
			if err := take(t, sent); err != nil && !errors.Is(err, abi.ErrNotConnected) || err != nil && !early {
				t.Errorf("%s: send: %v", e.name, err)
			}
		}
		for l, a := range arrived {
			for len(l.got) > 0 {
				a.take(t, l, tr)
			}
			if a.count > tr.count {
				t.Errorf("%s: %d signals of %d have arrived", e.name, a.count, tr.count)
			}
		}
	}
}

// senders are the processes of a node that send at the same time: some have one lane.
const senders = 6

// traffic is what goes over a link in each direction: so many small signals, of which every twentieth or so is large.
type traffic struct{ count, small, large int }

// of gives the signal with a number; the senders take turns.
func (tr traffic) of(from, to *node, number int) abi.Signal {
	size := tr.small
	if number%19 == 5 {
		size = max(tr.large, 1)
	}
	sig := message(from, to, byte(number/senders), size)
	sig.From.Num = uint64(number % senders)
	return sig
}

// send sends what is one sender's.
func (tr traffic) send(l *running, from, to *node, sender int) error {
	for number := sender; number < tr.count; number += senders {
		if err := l.Send(context.Background(), tr.of(from, to, number)); err != nil {
			return err
		}
	}
	return nil
}

// arrivals is what has come over a link.
type arrivals struct {
	count int
	next  [senders]int
}

// take checks that what comes next is the next of its sender.
func (a *arrivals) take(t *testing.T, l *running, tr traffic) {
	t.Helper()
	sig := take(t, l.got)
	number := a.next[sig.From.Num]*senders + int(sig.From.Num)
	want := tr.of(&node{}, &node{}, number)
	if sig.Data[0] != want.Data[0] || len(sig.Data) != len(want.Data) {
		t.Fatalf("signal %d of sender %d has number %d and %d bytes", number, sig.From.Num, sig.Data[0], len(sig.Data))
	}
	a.next[sig.From.Num]++
	a.count++
}
