package link

import (
	"context"
	"fmt"
	"testing"

	"github.com/wnode/wnode/abi"
)

// counter is a handler that says when it has taken in so many signals.
type counter struct {
	*recorder
	left int
	done chan struct{}
}

func (c *counter) Signal(abi.Signal) {
	if c.left--; c.left == 0 {
		close(c.done)
	}
}

// BenchmarkSignals sends one way over loopback, and waits until all has arrived.
func BenchmarkSignals(b *testing.B) {
	for _, size := range []int{100, 16 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			one := openNode(b, listenOn(b, "127.0.0.1"), "one@host", testCookie)
			two := openNode(b, listenOn(b, "127.0.0.1"), "two@host", testCookie)
			la, lb := join(b, one, two)
			atOne := run(la)
			c := &counter{recorder: newRecorder(), left: b.N, done: make(chan struct{})}
			ended := make(chan error, 1)
			go func() { ended <- lb.Run(c) }()
			data := make([]byte, size) // nobody writes to it, so all signals may share it
			sig := message(one, two, 0, 1)
			sig.Data = data
			b.SetBytes(int64(size))
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if err := la.Send(context.Background(), sig); err != nil {
					b.Fatal(err)
				}
			}
			<-c.done
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "signals/s")
			la.Abort()
			take(b, atOne.ended)
			take(b, ended)
		})
	}
}

// BenchmarkPing is the round trip of a control frame over loopback.
func BenchmarkPing(b *testing.B) {
	one := openNode(b, listenOn(b, "127.0.0.1"), "one@host", testCookie)
	two := openNode(b, listenOn(b, "127.0.0.1"), "two@host", testCookie)
	atOne, atTwo := connect(b, one, two)
	b.ReportAllocs()
	for b.Loop() {
		if err := atOne.Ping(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	atOne.Abort()
	take(b, atOne.ended)
	take(b, atTwo.ended)
}

// BenchmarkDial is the whole way from the first packet to an open link, over loopback.
func BenchmarkDial(b *testing.B) {
	one := openNode(b, listenOn(b, "127.0.0.1"), "one@host", testCookie)
	two := openNode(b, listenOn(b, "127.0.0.1"), "two@host", testCookie)
	b.ReportAllocs()
	for b.Loop() {
		atOne, atTwo := join(b, one, two)
		atOne.Abort()
		atTwo.Abort()
	}
}
