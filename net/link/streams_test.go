package link

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/wire"
)

// A peer that does not let the node open the streams that it needs loses the link.
func TestTooFewStreams(t *testing.T) {
	simulate(t, func(t *testing.T, n *network) {
		two, s := n.node("two@host"), n.stranger("one@host")
		l := s.link(two, &quic.Config{MaxIncomingUniStreams: -1})
		if err := l.Post(message(two, &node{id: s.id}, 1, 1)); err != nil {
			t.Error(err)
		}
		if err := take(t, l.ended); !errors.Is(err, ErrProtocol) || !errors.Is(err, errStreams) {
			t.Errorf("ended: %v", err)
		}
	})
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
