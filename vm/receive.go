package vm

import (
	"bytes"
	"context"
	"errors"
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

// SendCopy is [Process.Send] of data that stays the caller's.
func (p *Process) SendCopy(ctx context.Context, to abi.Pid, data []byte) error {
	if to.Node != p.pid.Node && p.lend(to, data) {
		return nil
	}
	if err := p.sys.checkSize(data); err != nil {
		return err
	}
	q := p.near(to)
	if q == nil || q != p && q.overflow == BlockSenders || p.tracing.Load() != nil || len(data) > stepwise.Step {
		return p.Send(ctx, to, p.Clone(data))
	}
	q.mu.Lock()
	q.enqueueLocked(Message{Kind: abi.MessageUser, From: p.pid, Data: data}, true, p)
	q.mu.Unlock()
	return nil
}

// Clone is [bytes.Clone] for the process to call, during which others run. It holds no locks meanwhile.
func (p *Process) Clone(data []byte) []byte {
	if len(data) <= stepwise.Step {
		return bytes.Clone(data)
	}
	return stepwise.Clone(data, p.Yield)
}

// lend sends a message to another node without keeping it, if there is a way that can, and reports whether it has.
func (p *Process) lend(to abi.Pid, data []byte) bool {
	lender := p.sys.lender
	return lender != nil && p.tracing.Load() == nil && p.sys.checkSize(data) == nil &&
		lender.SendLent(abi.Signal{Kind: abi.SignalMessage, From: p.pid, To: to, Data: data})
}

// near gives a process of this node, nil when there is none of that pid. Who was sent to last is often sent to next.
func (p *Process) near(pid abi.Pid) *Process {
	if pid.Node != p.pid.Node {
		return nil
	}
	if p.recent == nil || p.recent.pid != pid {
		q := p.sys.process(pid)
		if q == nil {
			return nil
		}
		p.recent = q
	}
	return p.recent
}

// Send sends a message, which it takes over. A receiver that does not exist is no error (SIG-03);
// a node that cannot be reached is none either (SIG-06), the message is lost. The errors are
// [abi.ErrTooLarge], and the cause of ctx when it ends while the way to the node is congested, or
// the mailbox of a process that lets its senders wait ([BlockSenders]) is full.
func (p *Process) Send(ctx context.Context, to abi.Pid, message []byte) error {
	return p.send(ctx, abi.Signal{To: to, Data: message}, 0)
}

// Post is [Process.Send] for a process that may not be held up: it never waits and never connects,
// and a message to a node that is not connected, or has more to take in than it does, is lost.
// The error is [abi.ErrTooLarge]. Safe for concurrent use.
func (p *Process) Post(to abi.Pid, message []byte) error {
	if err := p.sys.checkSize(message); err != nil {
		return err
	}
	sig := abi.Signal{Kind: abi.SignalMessage, From: p.pid, To: to, Data: message}
	p.traceSend(&sig)
	p.sys.post(sig)
	return nil
}

// SendName is [Process.Send] to whoever has the name on this node. [abi.ErrNoName] when nobody has (SIG-04).
func (p *Process) SendName(ctx context.Context, name string, message []byte) error {
	to, ok := p.sys.opts.Names.Whereis(name)
	if !ok {
		return fmt.Errorf("send to %q: %w", name, abi.ErrNoName)
	}
	return p.Send(ctx, to, message)
}

// SendNode is [Process.Send] to whoever has the name on the given node when the message arrives there (REG-05).
func (p *Process) SendNode(ctx context.Context, name string, node abi.NodeID, message []byte) error {
	return p.send(ctx, abi.Signal{To: abi.Pid{Node: node}, Name: name, Data: message}, 0)
}

// SendWith is [Process.Send] with flags (SIG-07), which have errors of their own:
// [abi.ErrNotConnected] where it would have to connect and [abi.ErrWouldWait] where it would have to
// wait. The message is not sent then.
func (p *Process) SendWith(ctx context.Context, flags abi.SendFlags, to abi.Pid, message []byte) error {
	return p.send(ctx, abi.Signal{To: to, Data: message}, flags)
}

// SendNodeWith is [Process.SendNode] with the flags of [Process.SendWith].
func (p *Process) SendNodeWith(ctx context.Context, flags abi.SendFlags, name string, node abi.NodeID, message []byte) error {
	return p.send(ctx, abi.Signal{To: abi.Pid{Node: node}, Name: name, Data: message}, flags)
}

func (p *Process) send(ctx context.Context, sig abi.Signal, flags abi.SendFlags) error {
	if !flags.Valid() {
		return fmt.Errorf("send with flags %d: %w", flags, abi.ErrBadArgument)
	}
	if err := p.sys.checkSize(sig.Data); err != nil {
		return err
	}
	sig.Kind, sig.From = abi.SignalMessage, p.pid
	p.traceSend(&sig)
	patience := ctx
	if flags&abi.SendNoSuspend != 0 {
		patience = noPatience
	}
	if to := p.sys.process(sig.To); to != nil && to != p && to.overflow == BlockSenders {
		return to.admit(patience, Message{Kind: abi.MessageUser, From: p.pid, Data: sig.Data}, p)
	}
	if flags == 0 {
		return p.routeQuietly(ctx, sig)
	}
	err := p.sys.route(patience, sig, false, p)
	if errors.Is(err, abi.ErrNotConnected) && flags&abi.SendNoConnect == 0 {
		return p.routeQuietly(ctx, sig) // a way that is new is not congested
	}
	return err
}

// noPatience has ended already: what waits with it gives up where it would begin to.
var noPatience = func() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(abi.ErrWouldWait)
	return ctx
}()

func (s *System) checkSize(message []byte) error {
	if limit := s.opts.MaxMessageBytes; len(message) > limit {
		return fmt.Errorf("message of %d bytes, at most %d: %w", len(message), limit, abi.ErrTooLarge)
	}
	return nil
}

// routeQuietly routes a signal whose loss, when the node cannot be reached, is no error to the sender.
func (p *Process) routeQuietly(ctx context.Context, sig abi.Signal) error {
	err := p.route(ctx, sig)
	switch {
	case errors.Is(err, abi.ErrTooLarge): // for the other node
		return err
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return nil
}

// route routes a signal of the process's. Who may not connect nodes does not do so by sending either.
func (p *Process) route(ctx context.Context, sig abi.Signal) error {
	return p.sys.route(ctx, sig, p.Permitted(PermitConnect) == nil, p)
}

// SetGroupLeader makes leader the group leader of a process, as a signal in order with the others
// (GL-03). A dead process of this node is [abi.ErrNoProcess]; of another node, no error. The other
// errors are [abi.ErrDenied] and the cause of ctx.
func (p *Process) SetGroupLeader(ctx context.Context, leader, of abi.Pid) error {
	if of.Node == p.sys.opts.Node && !p.sys.Alive(of) {
		return abi.ErrNoProcess
	}
	if err := p.mayAffect(of); err != nil {
		return fmt.Errorf("set the group leader of %s: %w", of.Text(0), err)
	}
	return p.routeQuietly(ctx, abi.Signal{Kind: abi.SignalGroupLeader, From: p.pid, To: of, Data: leader.Append(nil)})
}
