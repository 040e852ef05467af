package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/bits"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/wire"
)

const here, there abi.NodeID = 1, 2

func numbered(sender uint64, number byte, size int) abi.Signal {
	return abi.Signal{
		Kind: abi.SignalMessage, Data: bytes.Repeat([]byte{number}, size),
		From: abi.Pid{Node: here, Num: sender}, To: abi.Pid{Node: there, Num: 2},
	}
}

// gate is a writer that is let through write by write.
type gate struct {
	bytes.Buffer
	let     chan error
	waiting atomic.Bool
	full    bool // nothing can be written without waiting
	atOnce  int  // writes that did not wait
}

// TryWriteAll writes beside the writer of a lane, and never while that does.
func (g *gate) TryWriteAll(b []byte) error {
	if g.full {
		return errGate
	}
	if g.waiting.Load() {
		panic("a write beside the writer's")
	}
	g.atOnce++
	_, err := g.Buffer.Write(b)
	return err
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

// written is what is known of a signal that has gone in or come out.
type written struct {
	number byte
	size   int
}

// laneModel is the writer of a lane.
type laneModel struct {
	gate *gate
	run  chan error // what run returned
	ran  bool
	lost bool // a write has failed
}

// outboxModel is what an outbox should be: for each sender a list, of which some is written.
type outboxModel struct {
	box    *outbox
	lanes  [wire.Lanes]laneModel
	pushed map[uint64][]written
	closed bool
	failed bool

	sending chan error // of the one sender that waits, or nil
	sent    abi.Signal
	cancel  context.CancelFunc
}

// settle waits until nothing moves, and takes in what has become of the sender and of the writers.
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
	for i := range m.lanes {
		l := &m.lanes[i]
		select {
		case err := <-l.run:
			l.ran = true
			if (err != nil) != l.lost {
				t.Fatalf("run: %v", err)
			}
		default:
		}
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
		m.pushed[sig.From.Num] = append(m.pushed[sig.From.Num], written{sig.Data[0], len(sig.Data)})
	}
}

func (m *outboxModel) post(t *rapid.T) {
	sig := m.draw(t)
	full := m.box.bytes+m.box.held >= hardFactor*m.box.limit && !m.closed && !m.failed
	err := m.box.post(sig)
	if full != errors.Is(err, errCongested) {
		t.Fatalf("full %v, post: %v", full, err)
	}
	if !full {
		m.pushedOr(t, err, sig)
	}
}

// lend sends a signal whose Data is changed afterwards.
func (m *outboxModel) lend(t *rapid.T) {
	sig := m.draw(t)
	data := bytes.Clone(sig.Data)
	if m.box.lend(sig) {
		clear(sig.Data)
		sig.Data = data
		m.pushedOr(t, nil, sig)
	} else if !m.closed && !m.failed && len(data) <= partBytes && m.box.bytes < m.box.limit && len(m.box.lanes[wire.LaneOf(sig.From.Num)].flows) == 0 {
		t.Fatal("a small signal is not taken")
	}
}

// fill has a lane take nothing without waiting, or something again.
func (m *outboxModel) fill(t *rapid.T) {
	g := m.lanes[rapid.IntRange(0, len(m.lanes)-1).Draw(t, "lane")].gate
	g.full = !g.full
}

// draw makes a signal of one of a few senders, of which several have one lane.
func (m *outboxModel) draw(t *rapid.T) abi.Signal {
	sender := rapid.SampledFrom([]uint64{0, 1, 2, 3, 4, 5, 6, 7}).Draw(t, "sender")
	size := rapid.SampledFrom([]int{1, 100, 3000, partBytes, partBytes + 1, 3*partBytes + 5}).Draw(t, "size")
	return numbered(sender, rapid.Byte().Draw(t, "number"), size)
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

// write lets the writer of a lane go on, with an error or not.
func (m *outboxModel) write(t *rapid.T, err error) {
	l := &m.lanes[rapid.IntRange(0, len(m.lanes)-1).Draw(t, "lane")]
	if l.gate.waiting.Load() {
		l.lost = l.lost || err != nil
		l.gate.let <- err
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
	m.checkCounts(t)
	for i := range m.lanes {
		m.checkLane(t, i)
	}
	if m.sending != nil && !m.mustWait() {
		t.Fatal("a sender waits for nothing")
	}
}

// checkLane compares what a lane has written with what was put into it.
func (m *outboxModel) checkLane(t *rapid.T, number int) {
	l := &m.lanes[number]
	d := wire.NewDecoder(bytes.NewReader(l.gate.Bytes()), wire.DecoderOptions{Local: there, Remote: here, Laned: true, Lane: number})
	out := map[uint64][]written{}
	sig, err := d.Next()
	for ; err == nil; sig, err = d.Next() {
		out[sig.From.Num] = append(out[sig.From.Num], written{sig.Data[0], len(sig.Data)})
	}
	if err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) { // the next part has not been written yet
		t.Fatal(err)
	}
	whole := true
	for sender, pushed := range m.pushed {
		if wire.LaneOf(sender) != number {
			continue
		}
		got := out[sender]
		if len(got) > len(pushed) || !slices.Equal(got, pushed[:len(got)]) {
			t.Fatalf("sender %d: written %v of %v", sender, got, pushed)
		}
		whole = whole && len(got) == len(pushed)
	}
	over := l.lost || !l.gate.waiting.Load() && (m.failed || m.closed && whole)
	if l.ran != over {
		t.Fatalf("run has ended: %v, want %v; all is written: %v", l.ran, over, whole)
	}
	if !over && !l.gate.waiting.Load() && !whole {
		t.Fatal("nothing writes")
	}
}

// checkCounts compares what the outbox counts with what is in it.
func (m *outboxModel) checkCounts(t *rapid.T) {
	small, held, writing := 0, 0, false
	for i := range m.box.lanes {
		l := &m.box.lanes[i]
		writing = writing || m.lanes[i].gate.waiting.Load() || m.lanes[i].lost
		small += l.bytes
		begun := 0
		for _, f := range l.flows {
			size := -f.written
			for _, q := range f.queue {
				size += sizeOf(q.Signal)
				if q.posted {
					held += sizeOf(q.Signal)
				}
			}
			if size != f.bytes || !m.box.isLarge(f.queue[0].Signal) {
				t.Fatalf("a flow counts %d bytes and has %d", f.bytes, size)
			}
			if f.written > 0 {
				begun++
			}
		}
		if begun > maxTransfers || begun != bits.OnesCount8(l.transfers) && !m.failed {
			t.Fatalf("%d transfers have begun, numbers %b are taken", begun, l.transfers)
		}
		if l.wanted && len(l.flows) == 0 && !m.failed {
			t.Fatal("a place is wanted, and all are free")
		}
	}
	if held != m.box.held || small > m.box.bytes || small < m.box.bytes && !writing {
		t.Fatalf("%d and %d bytes are counted, %d and %d wait", m.box.bytes, m.box.held, small, held)
	}
}

// mustWait reports whether the sender has something to wait for.
func (m *outboxModel) mustWait() bool {
	l := &m.box.lanes[wire.LaneOf(m.sent.From.Num)]
	f := l.flowOf(m.sent)
	switch {
	case m.closed || m.failed:
		return false
	case f != nil:
		return f.bytes >= m.box.limit || l.wanted
	case m.box.isLarge(m.sent):
		return len(l.flows) >= maxTransfers
	}
	return m.box.bytes >= m.box.limit
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
			m := &outboxModel{box: newOutbox(outboxOptions{
				local: here, remote: there, limit: 1 << 10, whole: partBytes, laneOf: wire.LaneOf, memory: newRoom(nil),
			}, wire.Lanes), pushed: map[uint64][]written{}}
			for i := range m.lanes {
				l := &m.lanes[i]
				l.gate, l.run = &gate{let: make(chan error)}, make(chan error, 1)
				go func() { l.run <- m.box.run(i, l.gate) }()
			}
			defer func() {
				m.box.fail(io.ErrClosedPipe)
				for i := range m.lanes {
					for synctest.Wait(); m.lanes[i].gate.waiting.Load(); synctest.Wait() {
						m.lanes[i].gate.let <- nil
					}
				}
			}()
			write := func(t *rapid.T) { m.write(t, nil) }
			t.Repeat(map[string]func(*rapid.T){
				"post": m.post, "send": m.send, "give up": m.giveUp, "lend": m.lend, "fill": m.fill,
				"write": write, "write more": write, "and more": write,
				"write fails": rarely(func(t *rapid.T) { m.write(t, errGate) }),
				"close":       rarely(m.close), "fail": rarely(m.fail),
				"": m.check,
			})
		})
	})
}

// What is written without a lane's writer is bounded: the writer has to come by before there is more of it.
func TestCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{let: make(chan error)}
		o := newOutbox(outboxOptions{
			local: here, remote: there, limit: 1 << 20, whole: partBytes, laneOf: func(uint64) int { return 0 }, memory: newRoom(nil),
		}, 1)
		ended := make(chan error, 1)
		go func() { ended <- o.run(0, g) }()
		sig := numbered(1, 7, 100)
		most := maxCredit / sizeOf(sig)
		for round := range 3 {
			for range most + 2 { // the first of all opens the lane
				if !o.lend(sig) {
					t.Fatal("not taken")
				}
			}
			synctest.Wait()
			if want := round * most; g.atOnce != want || !g.waiting.Load() {
				t.Fatalf("%d were written without the writer, want %d; that one writes: %v", g.atOnce, want, g.waiting.Load())
			}
			g.let <- nil
			if synctest.Wait(); g.waiting.Load() {
				g.let <- nil
			}
			synctest.Wait()
		}
		o.close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
