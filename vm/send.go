package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/internal/stepwise"
)

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
