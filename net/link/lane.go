package link

import (
	"fmt"
	"io"
	"math/bits"
	"slices"
	"sync"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/wire"
)

// partBytes is how much of a large signal is written before the small ones that wait meanwhile: who sends no more
// than that sends it in one piece.
const partBytes = 64 << 10

// maxTransfers is how many large signals of a lane may be under way.
const maxTransfers = wire.MaxTransfers

// lane is what waits for one stream of signals. The outbox's lock guards it, but for filled.
type lane struct {
	small     []byte        // frames of small signals, in order; all of them are written before the next part of a large one
	bytes     int           // that these signals count for
	writing   bool          // the writer has something to write
	now       tryWriter     // the stream, for what goes without the writer; nil before it is open
	credit    int           // bytes that may go so until the writer has written something
	flows     []*flow       // the first maxTransfers are being written, in turn
	transfers uint8         // bits of the numbers that are taken
	filled    chan struct{} // holds a token when the writer may have something to do
	wanted    bool          // somebody waits for a place among the flows: those that are there take in no more until one has ended
	room      chan struct{} // closed when those who wait for flows may try again; nil when nobody does
}

// flow is the signals of one sender from a large one on, in order. The first of them is large.
type flow struct {
	sender   uint64
	queue    []queued
	bytes    int   // what the queue has, less what has been written
	written  int   // of the Data of the first
	transfer uint8 // its number, once something has been written
}

// queued is a signal that waits in a flow.
type queued struct {
	abi.Signal
	posted bool
	claim  *claim // to the memory that it holds; nil for a small one
}

// flowOf gives the flow that a signal has to wait behind. Two pids can be one process, when one of them is an alias, as can a
// name and a pid; so all that a sender has to say waits, whoever it is for (SIG-01).
func (l *lane) flowOf(sig abi.Signal) *flow {
	for _, f := range l.flows {
		if f.sender == sig.From.Num {
			return f
		}
	}
	return nil
}

func (l *lane) wakeLocked() {
	select {
	case l.filled <- struct{}{}:
	default:
	}
}

// part is the next bytes of a large signal.
type part struct {
	sig      abi.Signal // none: Kind is 0
	transfer uint8
	from, to int // of Data
}

func (p part) append(b []byte, local, remote abi.NodeID) []byte {
	if p.from == 0 {
		return wire.AppendFirstPart(b, p.sig, p.transfer, p.to, local, remote)
	}
	return wire.AppendPart(b, p.transfer, p.sig.Data[p.from:p.to])
}

// tryWriter is a writer that can write all or nothing at once, without waiting.
type tryWriter interface {
	io.Writer
	TryWriteAll(b []byte) error
}

// maxCredit bounds what goes without the writer, in bytes: nobody knows of these when they have left, until the writer
// has waited for its turn behind them.
const maxCredit = 16 << 10

// writeNowLocked writes a small signal on the stack of who sends it, if nothing stands before it, and reports whether it
// has. That spares a lone signal the way over the writer.
func (o *outbox) writeNowLocked(l *lane, sig abi.Signal) bool {
	if l.now == nil || l.writing || len(l.small) > 0 || len(l.flows) > 0 || l.credit < sizeOf(sig) {
		return false
	}
	o.scratch = wire.AppendSignal(o.scratch[:0], sig, o.local, o.remote)
	if l.now.TryWriteAll(o.scratch) != nil { // the writer will see why
		return false
	}
	l.credit -= sizeOf(sig)
	return true
}

// batch is what the writer of a lane writes next: frames of small signals, and a part of a large one behind them.
type batch struct {
	small []byte
	bytes int // that they count for
	part  part
}

func (b batch) empty() bool { return len(b.small) == 0 && b.part.sig.Kind == 0 }

// next takes all small signals that wait in a lane, and a part of a large one; more is false when nothing will ever wait.
func (o *outbox) next(l *lane) (b batch, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b.small, b.bytes = l.small, l.bytes
	l.small, l.bytes = nil, 0
	if len(l.flows) > 0 {
		b.part = o.nextPartLocked(l)
	}
	l.writing = !b.empty()
	return b, l.writing || !o.closed && o.failed == nil
}

// wrote notes that a lane's writer has written to w: all that went without it has left, and more may.
func (o *outbox) wrote(l *lane, w io.Writer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l.now, _ = w.(tryWriter)
	l.credit = maxCredit
}

// nextPartLocked takes a part of the first flow of a lane, whose turn comes again when others have had theirs.
func (o *outbox) nextPartLocked(l *lane) part {
	f := l.flows[0]
	first := f.queue[0]
	if f.written == 0 {
		f.transfer = l.takeTransferLocked()
	}
	p := part{first.Signal, f.transfer, f.written, min(f.written+partBytes, len(first.Data))}
	over := f.bytes >= o.limit
	f.bytes -= p.to - p.from
	f.written = p.to
	first.claim.move()
	if f.written < len(first.Data) {
		rotate(l.flows[:min(len(l.flows), maxTransfers)])
	} else {
		o.endLargeLocked(l, f)
	}
	if f.written == 0 || over && f.bytes < o.limit {
		releaseLocked(&l.room)
	}
	return p
}

func rotate(flows []*flow) {
	first := flows[0]
	copy(flows, flows[1:])
	flows[len(flows)-1] = first
}

// takeTransferLocked takes the least number that is free. There is one for each of the flows that are being written.
func (l *lane) takeTransferLocked() uint8 {
	number := uint8(bits.TrailingZeros8(^l.transfers))
	l.transfers |= 1 << number
	return number
}

// endLargeLocked takes the large signal off that is first in the first flow of a lane, of which all is taken. The small ones behind it go
// with the others of their lane; the next large one stands in line.
func (o *outbox) endLargeLocked(l *lane, f *flow) {
	l.transfers &^= 1 << f.transfer
	o.leaveLocked(f, f.queue[0], len(f.queue[0].Data))
	n := 1
	for ; n < len(f.queue) && !o.isLarge(f.queue[n].Signal); n++ {
		o.pushSmallLocked(l, f.queue[n].Signal)
		o.leaveLocked(f, f.queue[n], 0)
	}
	clear(f.queue[:n])
	f.queue, f.written = f.queue[n:], 0
	l.flows = slices.Delete(l.flows, 0, 1)
	if len(f.queue) > 0 {
		l.flows = append(l.flows, f)
	} else {
		l.wanted = false
	}
}

// leaveLocked takes a signal off the counts of its flow, of which so many bytes have been taken off already.
func (o *outbox) leaveLocked(f *flow, q queued, written int) {
	size := sizeOf(q.Signal)
	if q.claim != nil {
		q.claim.drop()
	} else {
		o.behind -= size
	}
	f.bytes -= size - written
	if q.posted {
		o.held -= size
	}
}

// writeBuffer is how many bytes of frames are written at a time.
const writeBuffer = 64 << 10

// buffers are those that lanes gather frames in; an idle lane has none.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, writeBuffer+partBytes+1024)
	return &b
}}

// keepBuffer keeps a buffer for others, unless it has become too large for that.
func keepBuffer(b []byte) {
	if cap(b) <= 16*writeBuffer {
		b = b[:0]
		buffers.Put(&b)
	}
}

// pushSmallLocked gives a signal to the writer of a lane, as a frame: nobody keeps the signal.
func (o *outbox) pushSmallLocked(l *lane, sig abi.Signal) {
	if l.small == nil {
		l.small = *buffers.Get().(*[]byte)
	}
	l.small = wire.AppendSignal(l.small, sig, o.local, o.remote)
	l.bytes += sizeOf(sig)
	o.bytes += sizeOf(sig)
	o.countLocked()
}

// run writes the signals of a lane to w until the outbox is closed and the lane empty, or it has failed. Signals
// that are queued together are written together; a lone one is written at once.
func (o *outbox) run(number int, w io.Writer) error {
	l := &o.lanes[number]
	for {
		b, more := o.next(l)
		if !more {
			return nil
		}
		if b.empty() {
			<-l.filled
			continue
		}
		if err := o.write(w, b); err != nil {
			return fmt.Errorf("write signals: %w", err)
		}
		o.wrote(l, w)
	}
}

// write writes small signals, and behind them a part of a large one.
func (o *outbox) write(w io.Writer, b batch) error {
	frames := b.small
	if b.part.sig.Kind != 0 {
		if frames == nil {
			frames = *buffers.Get().(*[]byte)
		}
		frames = b.part.append(frames, o.local, o.remote)
	}
	defer keepBuffer(frames)
	for rest, bytes := frames, b.bytes; len(rest) > 0; {
		n := len(rest)
		if n > writeBuffer+partBytes {
			n = writeBuffer
		}
		if _, err := w.Write(rest[:n]); err != nil {
			return err
		}
		done := bytes * n / len(rest) // nobody knows where a signal ends
		o.free(done)
		rest, bytes = rest[n:], bytes-done
	}
	return nil
}
