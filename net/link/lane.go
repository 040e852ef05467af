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
	small     []abi.Signal  // in order; all that is here is written before the next part of a large one
	flows     []*flow       // the first maxTransfers are being written, in turn
	transfers uint8         // bits of the numbers that are taken
	filled    chan struct{} // holds a token when the writer may have something to do
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
	switch {
	case p.sig.Kind == 0:
		return b
	case p.from == 0:
		return wire.AppendFirstPart(b, p.sig, p.transfer, p.to, local, remote)
	}
	return wire.AppendPart(b, p.transfer, p.sig.Data[p.from:p.to])
}

// next takes all small signals that wait in a lane, and a part of a large one; more is false when nothing will ever wait.
func (o *outbox) next(l *lane) (small []abi.Signal, p part, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	small, l.small = l.small, nil
	if len(l.flows) > 0 {
		p = o.nextPartLocked(l)
	}
	return small, p, len(small) > 0 || p.sig.Kind != 0 || !o.closed && o.failed == nil
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
		l.small = append(l.small, f.queue[n].Signal)
		o.bytes += sizeOf(f.queue[n].Signal)
		o.leaveLocked(f, f.queue[n], 0)
	}
	clear(f.queue[:n])
	f.queue, f.written = f.queue[n:], 0
	l.flows = slices.Delete(l.flows, 0, 1)
	if len(f.queue) > 0 {
		l.flows = append(l.flows, f)
	}
}

// leaveLocked takes a signal off the counts of its flow, of which so many bytes have been taken off already.
func (o *outbox) leaveLocked(f *flow, q queued, written int) {
	size := sizeOf(q.Signal)
	f.bytes -= size - written
	if q.posted {
		o.held -= size
	}
}

// writeBuffer is how many bytes of frames are gathered before they are written.
const writeBuffer = 64 << 10

// buffers are those that lanes gather frames in; an idle lane has none.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, writeBuffer+partBytes+1024)
	return &b
}}

// run writes the signals of a lane to w until the outbox is closed and the lane empty, or it has failed. Signals
// that are queued together are written together; a lone one is written at once.
func (o *outbox) run(number int, w io.Writer, local, remote abi.NodeID) error {
	l := &o.lanes[number]
	for {
		small, p, more := o.next(l)
		if !more {
			return nil
		}
		if len(small) == 0 && p.sig.Kind == 0 {
			<-l.filled
			continue
		}
		if err := o.write(w, small, p, local, remote); err != nil {
			return err
		}
	}
}

// write writes small signals, and behind them a part of a large one.
func (o *outbox) write(w io.Writer, small []abi.Signal, p part, local, remote abi.NodeID) error {
	pooled := buffers.Get().(*[]byte)
	defer buffers.Put(pooled)
	buf, size := (*pooled)[:0], 0
	flush := func() error {
		if _, err := w.Write(buf); err != nil {
			return fmt.Errorf("write signals: %w", err)
		}
		o.free(size)
		buf, size = (*pooled)[:0], 0
		return nil
	}
	for i, sig := range small {
		buf = wire.AppendSignal(buf, sig, local, remote)
		size += sizeOf(sig)
		small[i] = abi.Signal{} // Data is held no longer than it is counted
		if len(buf) < writeBuffer {
			continue
		}
		if err := flush(); err != nil {
			return err
		}
	}
	if buf = p.append(buf, local, remote); len(buf) == 0 {
		return nil
	}
	return flush()
}
