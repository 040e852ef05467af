package link

import (
	"context"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/wnode/wnode/abi"
)

// echo is a handler that sends back what comes to the echoing process, and drops all else.
type echo struct {
	*recorder
	link *Link
	num  uint64
	got  chan struct{}
}

func (e *echo) Signal(sig abi.Signal) {
	switch {
	case sig.To.Num != e.num:
	case e.link != nil:
		sig.From, sig.To = sig.To, sig.From
		_ = e.link.Post(sig)
	default:
		e.got <- struct{}{}
	}
}

func (e *echo) ModuleStream(s io.ReadWriteCloser) {
	_, _ = io.Copy(io.Discard, s)
	_ = s.Close()
}

// BenchmarkDelay is the round trip of a message of 100 bytes between two processes while something large is on its
// way between others on the same link, over loopback.
func BenchmarkDelay(b *testing.B) {
	large := func(b *testing.B, l *Link, one, two *node, size int) func(context.Context) error {
		sig := message(one, two, 0, size)
		sig.From.Num, sig.To.Num = 1001, 1002
		return func(ctx context.Context) error { return l.Send(ctx, sig) }
	}
	module := func(ctx context.Context, l *Link) error {
		s, err := l.OpenModuleStream(ctx)
		if err != nil {
			return err
		}
		stop := context.AfterFunc(ctx, s.(moduleStream).Abort)
		defer stop()
		if _, err = s.Write(make([]byte, 100<<20)); err != nil {
			return err
		}
		return s.Close()
	}
	for name, beside := range map[string]func(b *testing.B, l *Link, one, two *node) func(context.Context) error{
		"nothing": func(*testing.B, *Link, *node, *node) func(context.Context) error { return nil },
		"message of 1G": func(b *testing.B, l *Link, one, two *node) func(context.Context) error {
			return large(b, l, one, two, 1<<30)
		},
		"messages of 1M": func(b *testing.B, l *Link, one, two *node) func(context.Context) error {
			return large(b, l, one, two, 1<<20)
		},
		"module of 100M": func(_ *testing.B, l *Link, _, _ *node) func(context.Context) error {
			return func(ctx context.Context) error { return module(ctx, l) }
		},
	} {
		b.Run("beside="+name, func(b *testing.B) { delay(b, beside) })
	}
}

func delay(b *testing.B, beside func(b *testing.B, l *Link, one, two *node) func(context.Context) error) {
	huge := func(o *Options) { o.Hello.MaxSignalBytes = 1 << 30 }
	one := openNode(b, listenOn(b, "127.0.0.1"), "one@host", testCookie, huge)
	two := openNode(b, listenOn(b, "127.0.0.1"), "two@host", testCookie, huge)
	la, lb := join(b, one, two)
	near := &echo{recorder: newRecorder(), num: 7, got: make(chan struct{}, 1)}
	far := &echo{recorder: newRecorder(), link: lb, num: 8}
	ended := make(chan error, 2)
	go func() { ended <- la.Run(near) }()
	go func() { ended <- lb.Run(far) }()

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int, 1)
	work := beside(b, la, one, two)
	go func() {
		times := 0
		for ; work != nil && work(ctx) == nil; times++ {
		}
		done <- times
	}()
	took := make([]time.Duration, 0, b.N)
	b.ResetTimer()
	for b.Loop() {
		begin := time.Now()
		if err := la.Send(ctx, message(one, two, 0, 100)); err != nil {
			b.Fatal(err)
		}
		<-near.got
		took = append(took, time.Since(begin))
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	cancel()
	la.Abort()
	take(b, ended)
	take(b, ended)
	<-done
	slices.Sort(took)
	for _, percent := range []int{50, 99} {
		b.ReportMetric(float64(took[(len(took)-1)*percent/100].Microseconds())/1000, fmt.Sprintf("ms-p%d", percent))
	}
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms-max")
}

// BenchmarkBareStream writes the same over a stream of quic-go with nothing above it: what there is to reach.
func BenchmarkBareStream(b *testing.B) {
	one := openNode(b, listenOn(b, "127.0.0.1"), "one@host", testCookie)
	two := openNode(b, listenOn(b, "127.0.0.1"), "two@host", testCookie)
	la, lb := join(b, one, two)
	const size = 1 << 20
	done := make(chan error, 1)
	go func() {
		s, err := lb.conn.AcceptUniStream(context.Background())
		if err == nil {
			_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{s}, make([]byte, 64<<10))
		}
		done <- err
	}()
	s, err := la.conn.OpenUniStream()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	data := make([]byte, size)
	b.ResetTimer()
	for range b.N {
		if _, err := s.Write(data); err != nil {
			b.Fatal(err)
		}
	}
	_ = s.Close()
	if err := take(b, done); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	_ = la.conn.CloseWithError(0, "")
	_ = lb.conn.CloseWithError(0, "")
}
