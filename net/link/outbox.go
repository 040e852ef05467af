package link

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/wnode/wnode/abi"
)

// hardFactor says how far beyond its limit an outbox may grow by what is posted, before the peer
// is taken to have stopped reading.
const hardFactor = 64

// errCongested ends a link whose peer takes nothing in.
var errCongested = errors.New("the peer reads nothing")

// outbox holds the signals that wait to be written to a link. It has one lane or several; those of one sender are in
// one lane, in order.
type outbox struct {
	outboxOptions

	mu      sync.Mutex // guards what follows, and the lanes
	lanes   []lane
	bytes   int           // of small signals that are queued or being written
	held    int           // of what was posted and waits behind large signals, or is one
	behind  int           // of small signals that wait behind large ones
	counted int           // of all small signals, in the memory
	closed  bool          // takes no more; what is queued is still written
	failed  error         // why nothing is written any more
	space   chan struct{} // closed when the senders of small signals may try again; nil when none waits
	scratch []byte        // of writeNowLocked
}

// outboxOptions are the parameters of an outbox. All are required.
type outboxOptions struct {
	limit  int // bytes of small signals beyond which senders wait
	whole  int // bytes of Data up to which a signal goes in one piece
	laneOf func(sender uint64) int
	local  abi.NodeID // that writes
	remote abi.NodeID // that reads
	memory *room      // for all that is queued
	holder holder     // whose the outbox is
}

// newOutbox makes an outbox with so many lanes, for what one node has to say to another.
func newOutbox(opts outboxOptions, lanes int) *outbox {
	o := &outbox{outboxOptions: opts, lanes: make([]lane, lanes)}
	for i := range o.lanes {
		o.lanes[i].filled = make(chan struct{}, 1)
	}
	return o
}

// signalOverhead stands for what a signal takes beside its data.
const signalOverhead = 128

func sizeOf(sig abi.Signal) int { return len(sig.Data) + len(sig.Name) + signalOverhead }

// send queues a signal, and waits for its place until ctx ends.
func (o *outbox) send(ctx context.Context, sig abi.Signal) error {
	c := o.claimFor(sig)
	for {
		wait, err := o.admit(sig, c)
		if wait == nil && err == nil {
			return nil
		}
		if err == nil {
			err = c.pause(ctx, wait)
		}
		if err != nil {
			c.drop()
			return err
		}
	}
}

// claimFor makes a claim for a signal, nil for a small one.
func (o *outbox) claimFor(sig abi.Signal) *claim {
	if !o.isLarge(sig) {
		return nil
	}
	return &claim{room: o.memory, holder: o.holder}
}

// admit queues a signal, or gives what to wait for until it is tried again. Small signals wait for each other, and
// large ones for a place in their lane, and for memory then; what goes behind a large signal waits until that is all but written.
func (o *outbox) admit(sig abi.Signal, c *claim) (wait <-chan struct{}, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.stateLocked(); err != nil {
		return nil, err
	}
	l := &o.lanes[o.laneOf(sig.From.Num)]
	f := l.flowOf(sig)
	switch {
	case f != nil && (f.bytes >= o.limit || l.wanted):
		c.drop() // others need not wait for it
		return awaitLocked(&l.room), nil
	case f == nil && o.isLarge(sig) && len(l.flows) >= maxTransfers:
		c.drop()
		l.wanted = true
		return awaitLocked(&l.room), nil
	case f == nil && !o.isLarge(sig) && o.bytes >= o.limit:
		return awaitLocked(&o.space), nil
	}
	if c != nil {
		if wait := c.take(uint64(sizeOf(sig))); wait != nil {
			return wait, nil
		}
	}
	if f != nil || o.isLarge(sig) || !o.writeNowLocked(l, sig) {
		o.pushLocked(l, f, queued{sig, false, c})
	}
	return nil, nil
}

// lend queues a small signal, or writes it, and keeps nothing of it. It reports false for one that has to wait or to be kept.
func (o *outbox) lend(sig abi.Signal) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := &o.lanes[o.laneOf(sig.From.Num)]
	if o.stateLocked() != nil || o.isLarge(sig) || o.bytes >= o.limit || len(l.flows) > 0 {
		return false
	}
	if !o.writeNowLocked(l, sig) {
		o.pushLocked(l, nil, queued{Signal: sig})
	}
	return true
}

// post queues a signal without waiting. errCongested means that far too much is queued already.
func (o *outbox) post(sig abi.Signal) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.stateLocked(); err != nil {
		return err
	}
	if o.bytes+o.held >= hardFactor*o.limit {
		return errCongested
	}
	l := &o.lanes[o.laneOf(sig.From.Num)]
	if f := l.flowOf(sig); f != nil || o.isLarge(sig) || !o.writeNowLocked(l, sig) {
		c := o.claimFor(sig)
		if c != nil {
			c.force(uint64(sizeOf(sig)))
		}
		o.pushLocked(l, f, queued{sig, true, c})
	}
	return nil
}

func (o *outbox) isLarge(sig abi.Signal) bool { return len(sig.Data) > o.whole }

func (o *outbox) stateLocked() error {
	if o.failed != nil {
		return fmt.Errorf("%w: %w", abi.ErrNotConnected, o.failed)
	}
	if o.closed {
		return abi.ErrNotConnected
	}
	return nil
}

// pushLocked queues a signal in its lane: in f, the flow that it belongs behind, in a flow of its own, or among the small ones.
func (o *outbox) pushLocked(l *lane, f *flow, q queued) {
	size := sizeOf(q.Signal)
	if f == nil && o.isLarge(q.Signal) {
		f = &flow{sender: q.From.Num}
		l.flows = append(l.flows, f)
		releaseLocked(&o.space) // whoever else sends in this sender's name waits for the flow from now on
	}
	if f == nil {
		o.pushSmallLocked(l, q.Signal)
	} else {
		f.queue = append(f.queue, q)
		f.bytes += size
	}
	if f != nil && q.posted {
		o.held += size
	}
	if f != nil && q.claim == nil {
		o.behind += size
		o.countLocked()
	}
	l.wakeLocked()
}

// countUnitBits: small signals are counted in units of so many bytes, so that few of them touch a count that all links share.
const countUnitBits = 16

// countLocked counts the small signals.
func (o *outbox) countLocked() {
	units := (o.bytes + o.behind) >> countUnitBits << countUnitBits
	if units != o.counted {
		o.memory.count(units - o.counted)
		o.counted = units
	}
}

// close takes no more signals; the writers end once they have written those that are queued.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.wakeAllLocked()
}

// fail drops what is queued and turns senders away with err.
func (o *outbox) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed == nil {
		o.failed = err
	}
	for i := range o.lanes {
		l := &o.lanes[i]
		for _, f := range l.flows {
			for _, q := range f.queue {
				q.claim.drop()
			}
		}
		l.small, l.bytes, l.flows, l.now = nil, 0, nil, nil
	}
	o.bytes, o.held, o.behind = 0, 0, 0
	o.countLocked()
	o.wakeAllLocked()
}

func (o *outbox) wakeAllLocked() {
	releaseLocked(&o.space)
	for i := range o.lanes {
		releaseLocked(&o.lanes[i].room)
		o.lanes[i].wakeLocked()
	}
}

// awaitLocked gives a channel that [releaseLocked] closes.
func awaitLocked(c *chan struct{}) <-chan struct{} {
	if *c == nil {
		*c = make(chan struct{})
	}
	return *c
}

func releaseLocked(c *chan struct{}) {
	if *c != nil {
		close(*c)
		*c = nil
	}
}

// free takes n bytes of small signals off that have been written.
func (o *outbox) free(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed != nil {
		return // nothing is counted any more
	}
	o.bytes -= n
	o.countLocked()
	if o.bytes < o.limit {
		releaseLocked(&o.space)
	}
}
