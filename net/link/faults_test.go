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
	short := func(o *Options) { o.IdleTimeout = 3 * time.Second }
	one, two := n.node("one@host", short), n.node("two@host", short)
	for range 5 {
		f, e := newFaults(draw), endings[draw.IntN(len(endings))]
		count, size, early := 1+draw.IntN(500), 1+draw.IntN(4000), draw.IntN(3) == 0
		n.cut.Store(false)
		n.faults.Store(nil)
		atOne, atTwo := connect(t, one, two)
		n.faults.Store(f)
		t.Logf("%s after %d signals of %d bytes, early %v, loss %.3f, duplicates %.3f, reordered %.3f by %v",
			e.name, count, size, early, f.loss, f.duplicate, f.reorder, f.late)
		sent := make(chan error, 2)
		go func() { sent <- sendAll(atOne, one, two, count, size) }()
		go func() { sent <- sendAll(atTwo, two, one, count, size) }()
		arrived := map[*running]int{atOne: 0, atTwo: 0}
		for _, l := range []*running{atOne, atTwo} {
			if early {
				continue // the end comes while they are on their way
			}
			for arrived[l] = 0; arrived[l] < count; arrived[l]++ {
				wantNext(t, l, arrived[l])
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
		for range 2 {
			if err := take(t, sent); err != nil && !errors.Is(err, abi.ErrNotConnected) || err != nil && !early {
				t.Errorf("%s: send: %v", e.name, err)
			}
		}
		for l, next := range arrived {
			for ; len(l.got) > 0; next++ {
				wantNext(t, l, next)
			}
			if next > count {
				t.Errorf("%s: %d signals of %d have arrived", e.name, next, count)
			}
		}
	}
}

func sendAll(l *running, from, to *node, count, size int) error {
	for i := range count {
		if err := l.Send(context.Background(), message(from, to, byte(i), size)); err != nil {
			return err
		}
	}
	return nil
}

func wantNext(t *testing.T, l *running, number int) {
	t.Helper()
	if sig := take(t, l.got); sig.Data[0] != byte(number) {
		t.Fatalf("signal %d has number %d", number, sig.Data[0])
	}
}
