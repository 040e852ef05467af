package vm

import (
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// maxProcessMonitors bounds the monitors that one process holds on others.
const maxProcessMonitors = 1 << 16

// monitor is what a process knows of a monitor that it holds.
type monitor struct {
	target abi.Pid // Num is 0 for whoever has name on the node, or for the node itself
	name   string
	object term.Raw // what DOWN names when that is not the target's pid
}

// signal gives the signal that sets the monitor up, or with Kind changed, takes it back.
func (m monitor) signal(from abi.Pid, ref abi.Ref) abi.Signal {
	return abi.Signal{Kind: abi.SignalMonitor, From: from, To: m.target, Name: m.name, Ref: ref}
}

func (m monitor) demonitor(from abi.Pid, ref abi.Ref) abi.Signal {
	sig := m.signal(from, ref)
	sig.Kind = abi.SignalDemonitor
	return sig
}

// Monitor asks for one message ["DOWN", ref, "process", pid, reason] when target ends, or at once
// when it has ended already or its node cannot be reached (MON-01, MON-03, MON-06). Only the
// process's own stack may call it.
func (p *Process) Monitor(target abi.Pid) abi.Ref {
	return p.monitor(monitor{target: target}, p.routeMonitor)
}

// PostMonitor is [Process.Monitor] for a process that may not be held up: it never waits and never
// connects. Towards a congested node the monitor may be one that only the loss of the node ends.
func (p *Process) PostMonitor(target abi.Pid) abi.Ref {
	return p.monitor(monitor{target: target}, p.sys.post)
}

// MonitorName is [Process.Monitor] of whoever has the name on the given node when the signal
// arrives there; nodeName is what the DOWN message calls that node: its object is [name, nodeName]
// (MON-04, MON-05). A name that nobody has is noproc.
func (p *Process) MonitorName(name string, node abi.NodeID, nodeName string) abi.Ref {
	object := term.MustEncode([]any{name, nodeName})
	return p.monitor(monitor{target: abi.Pid{Node: node}, name: name, object: object}, p.routeMonitor)
}

// MonitorUnreachable is [Process.MonitorName] on a node that cannot be reached: DOWN noconnection
// comes at once (MON-06).
func (p *Process) MonitorUnreachable(name, nodeName string) abi.Ref {
	ref := p.sys.NewRef()
	object := term.MustEncode([]any{name, nodeName})
	p.enqueueDown(abi.Signal{Ref: ref, Data: reasonNoConnection}, monitor{object: object})
	return ref
}

// MonitorAlias is [Process.Monitor] with a ref that is an alias too (ALIAS-03). After an error,
// [abi.ErrLimit], there is neither.
func (p *Process) MonitorAlias(target abi.Pid, mode AliasMode) (abi.Ref, error) {
	ref := p.sys.NewRef()
	if err := p.setAlias(ref, mode); err != nil {
		return abi.Ref{}, err
	}
	p.monitorAs(ref, monitor{target: target}, p.routeMonitor)
	return ref, nil
}

// routeMonitor routes a monitor. A failure comes back as the DOWN message itself.
func (p *Process) routeMonitor(sig abi.Signal) { _ = p.route(p.Context(), sig) }

func (p *Process) monitor(m monitor, route func(abi.Signal)) abi.Ref {
	ref := p.sys.NewRef()
	p.monitorAs(ref, m, route)
	return ref
}

// monitorAs sets a monitor up. One on oneself never fires (MON-07), and one too many fires at once.
func (p *Process) monitorAs(ref abi.Ref, m monitor, route func(abi.Signal)) {
	if m.target == p.pid {
		return
	}
	sig := m.signal(p.pid, ref)
	if !p.setMonitor(ref, m) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.endAliasLocked(ref)
		p.enqueueDownLocked(downSignal(sig, reasonLimit), m, p)
		return
	}
	route(sig)
	if m.target.Node != p.pid.Node && !p.hasMonitor(ref) { // the node was lost meanwhile, and the signal may have gone to its next connection
		p.sys.post(m.demonitor(p.pid, ref))
	}
}

func (p *Process) hasMonitor(ref abi.Ref) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, stands := p.monitors.get(ref)
	return stands
}

// setMonitor reports false when the process has as many monitors as it may.
func (p *Process) setMonitor(ref abi.Ref, m monitor) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.setMonitorLocked(ref, m)
}

func (p *Process) setMonitorLocked(ref abi.Ref, m monitor) bool {
	if p.monitors.len() >= maxProcessMonitors {
		return false
	}
	p.monitors.set(ref, m)
	return true
}

// Demonitor takes a monitor back: no new DOWN comes from it (MON-09). With flush one that is
// already in the mailbox is removed. It reports whether the monitor still stood; an unknown ref is
// no error (MON-08).
func (p *Process) Demonitor(ref abi.Ref, flush bool) (active bool) {
	p.mu.Lock()
	m, active := p.removeMonitorLocked(ref)
	if flush && !active { // one that stands has brought nothing
		p.box.removeDown(ref)
	}
	p.mu.Unlock()
	if active {
		p.sys.demonitor(m.demonitor(p.pid, ref))
	}
	return active
}

// removeMonitorLocked ends a monitor, and the alias that lasts as long.
func (p *Process) removeMonitorLocked(ref abi.Ref) (monitor, bool) {
	m, active := p.monitors.get(ref)
	p.monitors.remove(ref)
	p.endAliasLocked(ref)
	return m, active
}

// endAliasLocked ends an alias that lasts as long as its monitor. It may be there without one: a
// monitor on oneself is none.
func (p *Process) endAliasLocked(ref abi.Ref) {
	if mode := p.aliases[ref]; mode == AliasDemonitor || mode == AliasReplyDemonitor {
		p.removeAliasLocked(ref)
	}
}

func (s *System) demonitor(sig abi.Signal) {
	s.remote.remove(sig.Ref, sig.To.Node)
	s.post(sig)
}

// down turns the answer to a monitor into a message, once, and only while the monitor stands. A
// spawn that is under way watches its node in the same manner.
func (p *Process) down(sig abi.Signal, by *Process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pending := p.spawning[sig.Ref]; pending != nil && sig.From == (abi.Pid{Node: pending.node}) {
		delete(p.spawning, sig.Ref)
		p.sys.remote.remove(sig.Ref, pending.node)
		pending.answer <- sig
		p.wakeUp(nil)
	}
	m, active := p.monitors.get(sig.Ref)
	if !active || !m.stands(sig.From) {
		return
	}
	p.removeMonitorLocked(sig.Ref)
	p.sys.remote.remove(sig.Ref, m.target.Node)
	if m.target.Num != abi.NodeProcess {
		sig.From = m.target
	}
	p.enqueueDownLocked(sig, m, by)
}

// stands reports whether a DOWN from a process is what the monitor waits for. From is the node's pid
// when the node is lost; who has a name is not known before.
func (m monitor) stands(from abi.Pid) bool {
	return m.target == from ||
		m.target.Node == from.Node && (m.target.Num == abi.NodeProcess || from.Num == abi.NodeProcess)
}

// enqueueDown puts ["DOWN", ref, "process", object, reason] into the mailbox (MON-02).
func (p *Process) enqueueDown(sig abi.Signal, m monitor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.enqueueDownLocked(sig, m, p)
}

func (p *Process) enqueueDownLocked(sig abi.Signal, m monitor, by *Process) {
	message := downMessage(sig.Ref, sig.From, m.object, canonicalReason(sig.Data))
	p.enqueueLocked(Message{Kind: abi.MessageDown, From: sig.From, Ref: sig.Ref, Data: message}, false, by)
}

// downHead and downType are the parts of every DOWN: an array of five, whose first and third elements they have.
var downHead, downType = []byte("\x85\x64DOWN"), []byte("\x67process")

// downMessage gives ["DOWN", ref, "process", object, reason]. The object is the pid unless there is another.
func downMessage(ref abi.Ref, pid abi.Pid, object term.Raw, reason []byte) []byte {
	const ids = 2 * (4 + abi.IDSize)
	b := make([]byte, 0, len(downHead)+len(downType)+ids+len(object)+len(reason))
	b = append(term.AppendRef(append(b, downHead...), ref), downType...)
	if object != nil {
		b = append(b, object...)
	} else {
		b = term.AppendPid(b, pid)
	}
	return append(b, reason...)
}
