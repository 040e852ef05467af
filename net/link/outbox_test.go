package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/wire"
)

const here, there abi.NodeID = 1, 2

func numbered(number byte, size int) abi.Signal {
	return abi.Signal{
		Kind: abi.SignalMessage, Data: bytes.Repeat([]byte{number}, size),
		From: abi.Pid{Node: here, Num: 1}, To: abi.Pid{Node: there, Num: 2},
	}
}

// gate is a writer that is let through write by write.
type gate struct {
	bytes.Buffer
	let     chan error
	waiting atomic.Bool
}

func (g *gate) Write(b []byte) (int, error) {
	g.waiting.Store(true)
	err := <-g.let
	g.waiting.Store(false)
	if err != nil {
		return 0, err
	}
	return g.Buffer.Write(b)
}

var errGate = errors.New("broken pipe")

// outboxModel is what an outbox should be: a list, of which some is written.
type outboxModel struct {
	box    *outbox
	gate   *gate
	run    chan error // what run returned
	ran    bool
	lost   bool // a write has failed
	pushed []byte
	sizes  int // of all that was pushed
	closed bool
	failed bool

	sending chan error // of the one sender that waits, or nil
	sent    abi.Signal
	cancel  context.CancelFunc
}

// settle waits until nothing moves, and takes in what has become of the sender and of run.
func (m *outboxModel) settle(t *rapid.T) {
	synctest.Wait()
	select {
	case err := <-m.sending:
		m.cancel()
		m.sending = nil
		m.pushedOr(t, err, m.sent)
	default:
	}
	synctest.Wait()
	select {
	case err := <-m.run:
		m.ran = true
		if (err != nil) != m.lost {
			t.Fatalf("run: %v", err)
		}
	default:
	}
}

func (m *outboxModel) pushedOr(t *rapid.T, err error, sig abi.Signal) {
	switch {
	case m.closed || m.failed:
		if !errors.Is(err, abi.ErrNotConnected) {
			t.Fatalf("send to a closed outbox: %v", err)
		}
	case err != nil:
		t.Fatalf("send: %v", err)
	default:
		m.pushed = append(m.pushed, sig.Data[0])
		m.sizes += sizeOf(sig)
	}
}

func (m *outboxModel) post(t *rapid.T) {
	sig := m.draw(t)
	full := m.box.bytes >= hardFactor*m.box.limit && !m.closed && !m.failed
	err := m.box.post(sig)
	if full != errors.Is(err, errCongested) {
		t.Fatalf("full %v, post: %v", full, err)
	}
	if !full {
		m.pushedOr(t, err, sig)
	}
}

func (m *outboxModel) draw(t *rapid.T) abi.Signal {
	size := rapid.SampledFrom([]int{1, 100, 3000, 70 << 10}).Draw(t, "size")
	return numbered(rapid.Byte().Draw(t, "number"), size)
}

func (m *outboxModel) send(t *rapid.T) {
	if m.sending != nil {
		t.Skip("one waits")
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.sent, m.cancel = m.draw(t), cancel
	c := make(chan error, 1)
	m.sending = c
	go func() { c <- m.box.send(ctx, m.sent) }()
}

func (m *outboxModel) giveUp(t *rapid.T) {
	if m.sending == nil {
		t.Skip("none waits")
	}
	m.cancel()
	if err := <-m.sending; !errors.Is(err, context.Canceled) {
		t.Fatalf("send: %v", err)
	}
	m.sending = nil
}

func (m *outboxModel) write(err error) {
	if m.gate.waiting.Load() {
		m.lost = m.lost || err != nil
		m.gate.let <- err
	}
}

func (m *outboxModel) close(*rapid.T) {
	m.box.close()
	m.closed = true
}

func (m *outboxModel) fail(*rapid.T) {
	m.box.fail(io.ErrClosedPipe)
	m.failed = true
}

func (m *outboxModel) check(t *rapid.T) {
	m.settle(t)
	d := wire.NewDecoder(bytes.NewReader(m.gate.Bytes()), wire.DecoderOptions{Local: there, Remote: here})
	var written []byte
	size := 0
	for sig, err := d.Next(); err != io.EOF; sig, err = d.Next() {
		if err != nil {
			t.Fatal(err)
		}
		written = append(written, sig.Data[0])
		size += sizeOf(sig)
	}
	if len(written) > len(m.pushed) || !slices.Equal(written, m.pushed[:len(written)]) {
		t.Fatalf("written %v of %v", written, m.pushed)
	}
	want := m.sizes - size
	if m.failed {
		want = 0
	}
	if m.box.bytes != want {
		t.Fatalf("%d bytes are counted, %d wait", m.box.bytes, want)
	}
	if waits := m.sending != nil; waits && (want < m.box.limit || m.closed || m.failed) {
		t.Fatalf("a sender waits for nothing; %d bytes wait", want)
	}
	over := m.lost || !m.gate.waiting.Load() && (m.failed || m.closed && len(written) == len(m.pushed))
	if m.ran != over {
		t.Fatalf("run has ended: %v, want %v; %d of %d signals written", m.ran, over, len(written), len(m.pushed))
	}
	if !over && !m.gate.waiting.Load() && len(written) < len(m.pushed) {
		t.Fatalf("nothing writes; %d of %d signals written", len(written), len(m.pushed))
	}
}

// rarely makes an action that ends things one in eight.
func rarely(action func(*rapid.T)) func(*rapid.T) {
	return func(t *rapid.T) {
		if rapid.IntRange(0, 7).Draw(t, "when 0") > 0 {
			t.Skip("not now")
		}
		action(t)
	}
}

// noDeadline hides the test's deadline, for which nobody may ask on synctest's clock.
type noDeadline struct{ rapid.TB }

func TestOutboxModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(noDeadline{t}, func(t *rapid.T) {
			m := &outboxModel{box: newOutbox(1 << 10), gate: &gate{let: make(chan error)}, run: make(chan error, 1)}
			go func() { m.run <- m.box.run(m.gate, here, there) }()
			defer func() {
				m.box.fail(io.ErrClosedPipe)
				for synctest.Wait(); m.gate.waiting.Load(); synctest.Wait() {
					m.gate.let <- nil
				}
			}()
			t.Repeat(map[string]func(*rapid.T){
				"post": m.post, "send": m.send, "give up": m.giveUp,
				"write":       func(*rapid.T) { m.write(nil) },
				"write fails": rarely(func(*rapid.T) { m.write(errGate) }),
				"close":       rarely(m.close), "fail": rarely(m.fail),
				"": m.check,
			})
		})
	})
}
