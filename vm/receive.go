package vm

import (
	"context"
	"fmt"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/stepwise"
)

// Infinity as a timeout waits for ever.
const Infinity = time.Duration(abi.Infinity)

// Wait waits until there is a message that has not been looked at since the start, or since
// [Process.Rewind], and makes it the current one. A timeout of 0 looks once (RECV-02). The timer
// runs from the call on; messages that come and are skipped do not restart it (RECV-04).
// The errors are [abi.ErrTimedOut], and the cause of ctx when that ends.
func (p *Process) Wait(ctx context.Context, timeout time.Duration) (m Message, err error) {
	err = p.waitFor(ctx, timeout, func(e *entry) { m = e.message() })
	return m, err
}

// Arrival is what there is to know of a message beside its data.
type Arrival struct {
	Kind abi.MessageKind
	From abi.Pid
	Ref  abi.Ref // of the monitor, for [abi.MessageDown]
	Size int     // of the data, in bytes
}

// WaitArrival is [Process.Wait] without the data, which [Process.CopyCurrent] gives, and until the process is told to end.
func (p *Process) WaitArrival(timeout time.Duration) (a Arrival, err error) {
	err = p.waitFor(p.Context(), timeout, func(e *entry) { a = e.arrival() })
	return a, err
}

// ReceiveInto is [Process.Receive] into a buffer, until the process is told to end. A message that is larger is not taken
// but the current one.
func (p *Process) ReceiveInto(timeout time.Duration, buffer []byte) (a Arrival, err error) {
	var large []byte
	err = p.waitFor(p.Context(), timeout, func(e *entry) {
		a = e.arrival()
		if a.Size <= len(buffer) {
			large = e.copyTo(buffer)
			p.takeLocked(e)
		}
	})
	if large != nil {
		stepwise.Copy(buffer, large, p.Yield)
	}
	return a, err
}

// copyTo copies the data to a buffer in which there is room for it, under the lock of its process. Of large data nothing is copied: it is the
// result then, for the process to copy when it does not have the lock.
func (e *entry) copyTo(buffer []byte) (large []byte) {
	if e.length > stepwise.Step {
		return e.Data
	}
	copy(buffer, e.data())
	return nil
}

func (e *entry) arrival() Arrival {
	return Arrival{Kind: e.Kind, From: e.From, Ref: e.Ref, Size: e.length}
}

// waitFor waits as [Process.Wait] says and gives the message to a function, under the lock.
func (p *Process) waitFor(ctx context.Context, timeout time.Duration, found func(*entry)) error {
	var late alarm
	defer late.stop()
	for {
		if err := p.over(ctx); err != nil { // before the mailbox: who is told to end takes no more messages
			p.setWaiting(false)
			return err
		}
		switch p.look(timeout != 0, found) {
		case lookFound:
			return nil
		case lookAsked:
			return &AskedError{late.left(timeout)}
		}
		if timeout == 0 {
			return abi.ErrTimedOut
		}
		if timeout > 0 && !late.isSet() {
			late.set(p, timeout)
		}
		p.park(ctx)
		if late.hasRung() {
			timeout = 0 // one last look
		}
	}
}

// What a look into the mailbox came to.
type looked int

const (
	lookEmpty looked = iota
	lookFound
	lookAsked // the caller is not to wait, but to say where it is
)

// look gives the current message to a function. block says that the caller will wait if there is none.
func (p *Process) look(block bool, found func(*entry)) looked {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.takeTracesLocked()
	e := p.box.current()
	p.waiting, p.receiving = false, false
	if e != nil {
		found(e)
		return lookFound
	}
	if block && !p.answerStackLocked() {
		return lookAsked
	}
	p.waiting, p.receiving = block, block
	return lookEmpty
}

// CopyCurrent copies the data of the current message into a buffer if it fits, and gives its size; false when there is
// no message.
func (p *Process) CopyCurrent(buffer []byte) (size int, ok bool) {
	size, large, ok := p.copyCurrent(buffer)
	if large != nil {
		stepwise.Copy(buffer, large, p.Yield)
	}
	return size, ok
}

// copyCurrent is CopyCurrent but for large data, which it gives.
func (p *Process) copyCurrent(buffer []byte) (size int, large []byte, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.box.current()
	if e == nil {
		return 0, nil, false
	}
	if e.length <= len(buffer) {
		large = e.copyTo(buffer)
	}
	return e.length, large, true
}

// Take removes the current message and goes back to the start of the mailbox.
func (p *Process) Take() (m Message, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.box.current()
	if e == nil {
		return Message{}, false
	}
	m = e.message()
	p.takeLocked(e)
	return m, true
}

// Discard is [Process.Take] of a message whose data is not wanted any more.
func (p *Process) Discard() (a Arrival, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.box.current()
	if e == nil {
		return Arrival{}, false
	}
	a = e.arrival()
	p.takeLocked(e)
	return a, true
}

// takeLocked takes the current message.
func (p *Process) takeLocked(e *entry) {
	p.last = e.arrival()
	p.roomLocked()
	p.box.take()
}

// Skip leaves the current message in its place and looks further.
func (p *Process) Skip() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.box.current() == nil {
		return false
	}
	p.box.cursor++
	return true
}

// Rewind goes back to the start of the mailbox.
func (p *Process) Rewind() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.box.cursor = 0
}

// Mark looks past every message that is there now: until [Process.Rewind] or the next [Process.Take]
// only what arrives from here on is looked at. A call marks before it asks, and finds its reply
// without going through the messages that waited already.
func (p *Process) Mark() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.box.cursor = p.box.queue.length
}

// Receive waits for the next message not yet looked at and takes it; see [Process.Wait].
func (p *Process) Receive(ctx context.Context, timeout time.Duration) (Message, error) {
	if _, err := p.Wait(ctx, timeout); err != nil {
		return Message{}, err
	}
	m, _ := p.Take()
	return m, nil
}

// ReceiveDown waits for the DOWN of a monitor of the process's own and gives the exit reason that is in
// it. What else comes first is dropped. The error is the cause of ctx when that ends.
func (p *Process) ReceiveDown(ctx context.Context, ref abi.Ref) (reason any, err error) {
	for {
		m, err := p.Receive(ctx, Infinity)
		if err != nil {
			return nil, err
		}
		if m.Kind != abi.MessageDown || m.Ref != ref {
			continue
		}
		t, err := term.Decode(m.Data)
		if err != nil {
			return nil, fmt.Errorf("DOWN: %w", err)
		}
		return t.([]any)[4], nil // the machine made the message
	}
}
