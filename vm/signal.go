package vm

import (
	"runtime/debug"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

var (
	reasonNormal    = term.MustEncode(abi.ReasonNormal)
	reasonKill      = term.MustEncode(abi.ReasonKill)
	reasonKilled    = term.MustEncode(abi.ReasonKilled)
	reasonShutdown  = term.MustEncode(abi.ReasonShutdown)
	reasonMalformed = term.MustEncode(ReasonMalformed)
)

// ReasonMalformed stands for an exit reason that is no term, or larger than [MaxReasonBytes].
const ReasonMalformed = "malformed_reason"

// MaxReasonBytes bounds an exit reason: one goes out to everybody who monitors the process.
const MaxReasonBytes = 64 << 10

func stack() string { return string(debug.Stack()) }

// signal takes a signal in, in whatever the process is doing (SIG-11). It reports false when the
// process has ended. Signals of one sender come one after another, so their order is kept.
func (p *Process) signal(sig abi.Signal) bool {
	switch sig.Kind {
	case abi.SignalMessage:
		return p.enqueue(Message{Kind: abi.MessageUser, From: sig.From, Data: sig.Data})
	case abi.SignalExit:
		p.exitSignal(sig)
	case abi.SignalMonitor:
		if reason := p.watch(sig); reason != nil {
			p.sys.post(downSignal(sig, reason))
		}
	case abi.SignalDemonitor:
		p.unwatch(sig)
	case abi.SignalDown:
		p.down(sig)
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

// enqueue puts a message into the mailbox; false when the process has ended.
func (p *Process) enqueue(m Message) bool {
	limits := &p.sys.opts
	p.mu.Lock()
	if p.ended {
		p.mu.Unlock()
		return false
	}
	fits := p.box.push(m, limits.MailboxMessages, limits.MailboxBytes)
	p.mu.Unlock()
	if fits {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	} else if p.opts.Overflow == KillReceiver {
		p.exit(term.MustEncode(ReasonMailboxFull))
	}
	return true
}

// exitSignal acts on exit/2 as LINK-02 says for a process that does not trap exits.
func (p *Process) exitSignal(sig abi.Signal) {
	reason := canonicalReason(sig.Data)
	switch string(reason) {
	case string(reasonNormal):
		if sig.From == p.pid {
			p.exit(reason)
		}
	case string(reasonKill):
		p.exit(reasonKilled)
	default:
		p.exit(reason)
	}
}

// canonicalReason gives an exit reason in the one encoding that reasons are compared in, or
// [ReasonMalformed] for bytes that no DOWN message could carry: other nodes and guests send what
// they like. The array around it is the message's, whose nesting counts.
func canonicalReason(reason []byte) []byte {
	const arrayOfOne = 0x81
	if len(reason) > MaxReasonBytes {
		return reasonMalformed
	}
	t, err := term.Decode(append([]byte{arrayOfOne}, reason...))
	if err != nil {
		return reasonMalformed
	}
	canonical, err := encodePart(t.([]any)[0])
	if err != nil {
		return reasonMalformed
	}
	return canonical
}

// encodePart encodes a term that is to be put into another one as a [term.Raw]. There its tags are
// checked once more, and more strictly: a time has to be one.
func encodePart(t any) (term.Raw, error) {
	part, err := term.Encode(t)
	if err != nil {
		return nil, err
	}
	return term.Encode(term.Raw(part))
}

// down turns the answer to a monitor into a message, once, and only while the monitor stands.
func (p *Process) down(sig abi.Signal) {
	p.mu.Lock()
	target, active := p.monitors[sig.Ref]
	active = active && stands(target, sig.From)
	if active {
		delete(p.monitors, sig.Ref)
	}
	p.mu.Unlock()
	if !active {
		return
	}
	p.sys.remote.remove(sig.Ref, target.Node)
	if target.Num != abi.NodeProcess {
		sig.From = target
	}
	p.enqueueDown(sig)
}

func (p *Process) enqueueDown(sig abi.Signal) {
	p.enqueue(Message{Kind: abi.MessageDown, From: sig.From, Ref: sig.Ref, Data: downMessage(sig)})
}

// stands reports whether a DOWN from a process is what a monitor on target waits for. From is the
// node's pid when the node is lost, and target is while a spawn is under way.
func stands(target, from abi.Pid) bool {
	return target == from ||
		target.Node == from.Node && (target.Num == abi.NodeProcess || from.Num == abi.NodeProcess)
}

// downMessage builds ["DOWN", ref, "process", pid, reason] (MON-02).
func downMessage(sig abi.Signal) []byte {
	return term.MustEncode([]any{"DOWN", sig.Ref, "process", sig.From, term.Raw(canonicalReason(sig.Data))})
}

// forgetWatchers drops the monitors that processes of a lost node had on p, and counts them.
func (p *Process) forgetWatchers(node abi.NodeID) (dropped int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ref, watcher := range p.watchers {
		if watcher.Node == node {
			delete(p.watchers, ref)
			dropped++
		}
	}
	return dropped
}
