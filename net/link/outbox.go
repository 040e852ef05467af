package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/wire"
)

// hardFactor says how far beyond its limit an outbox may grow by what is posted, before the peer
// is taken to have stopped reading.
const hardFactor = 64

// errCongested ends a link whose peer takes nothing in.
var errCongested = errors.New("the peer reads nothing")

// outbox holds the signals that wait to be written to a link, in order.
type outbox struct {
	limit int // bytes beyond which senders wait

	mu     sync.Mutex
	queue  []abi.Signal
	bytes  int           // queued or being written
	closed bool          // takes no more; what is queued is still written
	failed error         // why nothing is written any more
	filled chan struct{} // holds a token when the writer may have something to do
	space  chan struct{} // closed when the senders that wait may try again; nil when none waits
}

func newOutbox(limit int) *outbox {
	return &outbox{limit: limit, filled: make(chan struct{}, 1)}
}

// signalOverhead stands for what a signal takes beside its data.
const signalOverhead = 128

func sizeOf(sig abi.Signal) int { return len(sig.Data) + len(sig.Name) + signalOverhead }

// send queues a signal, and waits for space until ctx ends.
func (o *outbox) send(ctx context.Context, sig abi.Signal) error {
	for {
		o.mu.Lock()
		if err := o.stateLocked(); err != nil {
			o.mu.Unlock()
			return err
		}
		if o.bytes < o.limit {
			o.pushLocked(sig)
			o.mu.Unlock()
			return nil
		}
		if o.space == nil {
			o.space = make(chan struct{})
		}
		space := o.space
		o.mu.Unlock()
		select {
		case <-space:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// post queues a signal without waiting. errCongested means that far too much is queued already.
func (o *outbox) post(sig abi.Signal) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.stateLocked(); err != nil {
		return err
	}
	if o.bytes >= hardFactor*o.limit {
		return errCongested
	}
	o.pushLocked(sig)
	return nil
}

func (o *outbox) stateLocked() error {
	if o.failed != nil {
		return fmt.Errorf("%w: %w", abi.ErrNotConnected, o.failed)
	}
	if o.closed {
		return abi.ErrNotConnected
	}
	return nil
}

func (o *outbox) pushLocked(sig abi.Signal) {
	o.queue = append(o.queue, sig)
	o.bytes += sizeOf(sig)
	o.wakeLocked()
}

func (o *outbox) wakeLocked() {
	select {
	case o.filled <- struct{}{}:
	default:
	}
}

// close takes no more signals; the writer ends once it has written those that are queued.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.wakeSendersLocked()
	o.wakeLocked()
}

// fail drops what is queued and turns senders away with err.
func (o *outbox) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed == nil {
		o.failed = err
	}
	o.queue, o.bytes = nil, 0
	o.wakeSendersLocked()
	o.wakeLocked()
}

func (o *outbox) wakeSendersLocked() {
	if o.space != nil {
		close(o.space)
		o.space = nil
	}
}

// free takes n bytes off that have been written.
func (o *outbox) free(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed != nil {
		return // nothing is counted any more
	}
	o.bytes -= n
	if o.bytes < o.limit {
		o.wakeSendersLocked()
	}
}

// next takes all that is queued; more is false when nothing will ever be.
func (o *outbox) next() (batch []abi.Signal, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	batch, o.queue = o.queue, nil
	return batch, len(batch) > 0 || !o.closed && o.failed == nil
}

// writeBuffer is how many bytes of frames are gathered before they are written.
const writeBuffer = 64 << 10

// run writes batches of signals to w until the outbox is closed and empty, or has failed. Signals
// that are queued together are written together; a lone one is written at once.
func (o *outbox) run(w io.Writer, local, remote abi.NodeID) error {
	buf := make([]byte, 0, writeBuffer)
	for {
		batch, more := o.next()
		if !more {
			return nil
		}
		if len(batch) == 0 {
			<-o.filled
			continue
		}
		size := 0
		for i, sig := range batch {
			buf = wire.AppendSignal(buf, sig, local, remote)
			size += sizeOf(sig)
			batch[i] = abi.Signal{} // Data is held no longer than it is counted
			if len(buf) < writeBuffer {
				continue
			}
			if err := o.write(w, buf, size); err != nil {
				return err
			}
			buf, size = buf[:0], 0
		}
		if err := o.write(w, buf, size); err != nil {
			return err
		}
		buf = buf[:0]
		if cap(buf) > 4*writeBuffer {
			buf = make([]byte, 0, writeBuffer)
		}
	}
}

func (o *outbox) write(w io.Writer, buf []byte, size int) error {
	if len(buf) == 0 {
		return nil
	}
	if _, err := w.Write(buf); err != nil {
		return fmt.Errorf("write signals: %w", err)
	}
	o.free(size)
	return nil
}
