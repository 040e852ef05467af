package vm

import (
	"context"
	"fmt"
	"sync"
	"unicode/utf8"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

var (
	reasonNormal       = term.MustEncode(abi.ReasonNormal)
	reasonKill         = term.MustEncode(abi.ReasonKill)
	reasonKilled       = term.MustEncode(abi.ReasonKilled)
	reasonShutdown     = term.MustEncode(abi.ReasonShutdown)
	reasonNoProcess    = term.MustEncode(abi.ReasonNoProcess)
	reasonNoConnection = term.MustEncode(abi.ReasonNoConnection)
	reasonLimit        = term.MustEncode(ReasonLimit)
	reasonMalformed    = term.MustEncode(ReasonMalformed)
	reasonReductions   = term.MustEncode(ReasonReductions)
	reasonWallTime     = term.MustEncode(ReasonWallTime)
	reasonMailboxFull  = term.MustEncode(ReasonMailboxFull)
	reasonNodeFull     = term.MustEncode(ReasonNodeFull)
)

// Exit reasons that the machine itself gives, beside those of package abi.
const (
	// ReasonMalformed stands for an exit reason that is no term, or larger than [MaxReasonBytes].
	ReasonMalformed = "malformed_reason"
	// ReasonLimit ends a link or a monitor that would have been one too many.
	ReasonLimit = "system_limit"
)

// MaxReasonBytes bounds an exit reason: one goes out to everybody who has a link or a monitor.
const MaxReasonBytes = 64 << 10

// ExitProcess sends an exit signal with an encoded reason (exit/2). It never fails for want of a
// receiver (SIG-09). The errors are [abi.ErrDenied] and the cause of ctx.
func (p *Process) ExitProcess(ctx context.Context, to abi.Pid, reason []byte) error {
	if err := p.mayAffect(to); err != nil {
		return fmt.Errorf("exit %s: %w", to.Text(0), err)
	}
	return p.routeQuietly(ctx, abi.Signal{Kind: abi.SignalExit, From: p.pid, To: to, Data: reason})
}

// TrapExits says whether exit signals, but kill, become messages ["EXIT", pid, reason] from now on,
// and gives what was said before (LINK-13).
func (p *Process) TrapExits(on bool) (before bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before, p.trapping = p.trapping, on
	return before
}

// exitSignal is the half of LINK-02 that tells of exit/2.
func (p *Process) exitSignal(sig abi.Signal, by *Process) {
	reason := canonicalReason(sig.Data)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case string(reason) == string(reasonKill):
		p.exitLocked(reasonKilled, by)
	case p.trapping:
		p.enqueueExitLocked(sig.From, reason, by)
	case string(reason) != string(reasonNormal) || sig.From == p.pid:
		p.exitLocked(reason, by)
	}
}

// exit tells the process to end with a reason and reports true, unless it has been told before.
// Safe for concurrent use.
func (p *Process) exit(reason []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exitLocked(reason, nil)
}

func (p *Process) exitLocked(reason []byte, by *Process) bool {
	if p.reason != nil {
		return false
	}
	p.reason = reason
	(*lifetime)(p).endLocked()
	p.wakeUp(by)
	return true
}

// enqueueExitLocked turns an exit signal into a message.
func (p *Process) enqueueExitLocked(from abi.Pid, reason []byte, by *Process) {
	message := term.MustEncode([]any{"EXIT", from, term.Raw(reason)})
	p.enqueueLocked(Message{Kind: abi.MessageExit, From: from, Data: message}, false, by)
}

// finish ends the process in the order of PROC-17: its names are freed, its mailbox closes, then
// those with a link or a monitor hear. Nothing changes the process after that. name is the one that it has.
func (p *Process) finish(name string) {
	p.sys.opts.Names.Release(p.pid)
	p.recent = nil
	p.mu.Lock()
	p.ended = true
	p.traceEnd(name)
	p.answerStackLocked()
	p.inspector = nil
	if q := p.traces.Load(); q != nil {
		q.close()
	}
	p.box.drop()
	p.roomLocked()
	links, watchers, monitors, aliases := p.links, p.watchers, p.monitors, p.aliases
	p.links, p.watchers, p.monitors, p.aliases = few[abi.Pid, link]{}, few[watcher, bool]{}, few[abi.Ref, monitor]{}, nil
	p.mu.Unlock()
	p.sys.table.removeProcess(p)
	p.below.charge(-len(aliases) * aliasOverhead)
	p.leaveFamily()
	p.sys.timers.forget(p.pid)
	if p.nodeWatches.Load() > 0 {
		p.sys.nodes.forget(p)
	}
	p.sys.held.Add(-int64(watchers.len() + links.len()))
	for ref := range aliases {
		p.sys.table.remove(ref.Num)
	}
	last := farewell{of: p}
	for ref, m := range monitors.all() {
		p.sys.remote.remove(ref, m.target.Node)
		last.tell(m.demonitor(p.pid, ref))
	}
	for peer, l := range links.all() {
		if l.active {
			last.tell(linkExit(p.pid, peer, p.reason))
		}
	}
	for w, named := range watchers.all() {
		if named {
			p.sys.named.Delete(w)
		}
		last.tell(abi.Signal{Kind: abi.SignalDown, From: p.pid, To: w.pid, Ref: w.ref, Data: p.reason})
	}
	last.send()
}

// farewell brings the last signals of a process to their receivers. What goes to another node may
// have to wait, so that a slow node costs no signal and not its link; for that node nobody else
// waits, neither processes of this node nor other nodes.
type farewell struct {
	of   *Process
	away map[abi.NodeID][]abi.Signal
}

// tell delivers a signal, or keeps it for send when it leaves the node.
func (f *farewell) tell(sig abi.Signal) {
	node := sig.To.Node
	if node == f.of.pid.Node {
		f.of.sys.deliver(sig, f.of)
		return
	}
	if f.away == nil {
		f.away = map[abi.NodeID][]abi.Signal{}
	}
	f.away[node] = append(f.away[node], sig)
}

// send sends what leaves the node, and returns when all of it has left or is lost.
func (f *farewell) send() {
	if len(f.away) > 0 {
		defer f.of.Block()()
		f.of.sys.tellAll(f.away)
	}
}

// tellAll sends what goes to several nodes, to each of them in order.
func (s *System) tellAll(away map[abi.NodeID][]abi.Signal) {
	var wg sync.WaitGroup
	for _, signals := range away {
		wg.Go(func() {
			for _, sig := range signals {
				s.tell(sig)
			}
		})
	}
	wg.Wait()
}

// canonicalReason gives an exit reason in the one encoding that reasons are compared in, or
// [ReasonMalformed] for bytes that no message could carry: other nodes and guests send what
// they like. The array around it is the message's, whose nesting counts.
func canonicalReason(reason []byte) []byte {
	if isAtom(reason) {
		return reason
	}
	if len(reason) > MaxReasonBytes {
		return reasonMalformed
	}
	canonical, err := canonicalPart(reason)
	if err != nil {
		return reasonMalformed
	}
	return canonical
}

// isAtom reports whether an encoded term is a short text, in the one encoding that it has: most reasons are.
func isAtom(encoded []byte) bool {
	const text, short = 3, 24 // major type, and the first length that is not in the head
	if len(encoded) == 0 || encoded[0]>>5 != text {
		return false
	}
	length := int(encoded[0] & 0x1f)
	return length < short && len(encoded) == 1+length && utf8.Valid(encoded[1:])
}

// canonicalPart gives what is to be put into an array as a [term.Raw].
func canonicalPart(encoded []byte) (term.Raw, error) {
	const arrayOfOne = 0x81
	t, err := term.Decode(append([]byte{arrayOfOne}, encoded...))
	if err != nil {
		return nil, err
	}
	return encodePart(t.([]any)[0])
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
