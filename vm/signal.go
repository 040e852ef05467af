package vm

import (
	"context"
	"fmt"

	"github.com/wnode/wnode/abi"
)

// signal takes a signal in, in whatever the process is doing (SIG-11). It reports false when the
// process has ended. Signals of one sender come one after another, so their order is kept.
func (p *Process) signal(sig abi.Signal, by *Process) bool {
	switch sig.Kind {
	case abi.SignalMessage:
		return p.enqueue(Message{Kind: abi.MessageUser, From: sig.From, Data: sig.Data}, by)
	case abi.SignalExit:
		p.exitSignal(sig, by)
	case abi.SignalLink:
		return p.linkSignal(sig)
	case abi.SignalUnlink:
		p.unlinkSignal(sig)
	case abi.SignalUnlinkAck:
		p.unlinkAcknowledged(sig)
	case abi.SignalLinkExit:
		p.linkEnded(sig, by)
	case abi.SignalMonitor:
		if reason := p.watch(sig); reason != nil {
			p.sys.post(downSignal(sig, reason))
		}
	case abi.SignalDemonitor:
		p.unwatch(sig)
	case abi.SignalDown:
		p.down(sig, by)
	case abi.SignalSpawnReply:
		return p.spawnReplied(sig)
	case abi.SignalGroupLeader:
		if len(sig.Data) == abi.IDSize {
			p.mu.Lock()
			defer p.mu.Unlock()
			if !p.ended {
				p.leader = abi.PidFromBytes(sig.Data)
			}
		}
	}
	return true
}

// enqueue puts a message into the mailbox; false when the process has ended. A full mailbox refuses
// what processes send. What the machine says was asked for, by a monitor or by trapping exits, and has
// room of its own; beyond that there is only one way not to lose any, which is to end the process.
func (p *Process) enqueue(m Message, by *Process) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.enqueueLocked(m, false, by)
}

// enqueueLocked is enqueue for who has to look at the process and change its mailbox in one step:
// what a link, a monitor or an alias brings must not come once it has been taken back. Data that is lent is copied.
func (p *Process) enqueueLocked(m Message, lent bool, by *Process) bool {
	switch {
	case p.ended:
		return false
	case p.fitsLocked(m):
		p.pushLocked(m, lent, by)
	case m.Kind != abi.MessageUser || p.overflow != DropNewest:
		p.exitLocked(reasonMailboxFull, by)
	}
	return true
}

func (p *Process) fitsLocked(m Message) bool {
	messages, bytes := p.rights.Limits.MailboxMessages, p.rights.Limits.MailboxBytes
	if m.Kind == abi.MessageExit || m.Kind == abi.MessageDown || m.Kind == abi.MessageNode {
		messages, bytes = max(messages, messages+systemMessages), max(bytes, bytes+systemBytes) // which may overflow
	}
	return p.box.fits(len(m.Data), messages, bytes)
}

func (p *Process) pushLocked(m Message, lent bool, by *Process) {
	if t := p.traced(TraceReceive); t != nil {
		t.tell(p, "receive", traceTerm(m.Data))
	}
	p.box.push(m, lent)
	p.wakeUp(by)
}

// admit is enqueue for a sender that waits until there is room, or ctx ends.
func (p *Process) admit(ctx context.Context, m Message, by *Process) error {
	if most := p.rights.Limits.MailboxBytes; len(m.Data) > most {
		return fmt.Errorf("message of %d bytes to a mailbox of %d: %w", len(m.Data), most, abi.ErrTooLarge)
	}
	for {
		p.mu.Lock()
		if p.ended || p.fitsLocked(m) {
			if !p.ended {
				p.pushLocked(m, false, by)
			}
			p.mu.Unlock()
			return nil
		}
		if !p.below.has(len(m.Data) + messageOverhead) { // others have to make room, of whom nobody here would hear
			p.mu.Unlock()
			return fmt.Errorf("message of %d bytes: %w", len(m.Data), abi.ErrLimit)
		}
		if p.room == nil {
			p.room = make(chan struct{})
		}
		room := p.room
		p.mu.Unlock()
		if err := by.pauseFor(ctx, room); err != nil {
			return err
		}
	}
}

// roomLocked lets those who wait for room try again.
func (p *Process) roomLocked() {
	if p.room != nil {
		close(p.room)
		p.room = nil
	}
}

// lost drops what processes of a lost node had with this one: their monitors, and the links, which
// end with noconnection (LINK-09).
func (p *Process) lost(node abi.NodeID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.watchers.all() {
		if w.pid.Node == node {
			p.removeWatcherLocked(w)
		}
	}
	for peer := range p.links.all() {
		if peer.Node == node {
			p.endLinkLocked(peer, reasonNoConnection, nil)
		}
	}
}
