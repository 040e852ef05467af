package vm

import (
	"sync"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

var (
	reasonNoProcess    = term.MustEncode(abi.ReasonNoProcess)
	reasonNoConnection = term.MustEncode(abi.ReasonNoConnection)
)

// downSignal answers a monitor.
func downSignal(monitor abi.Signal, reason []byte) abi.Signal {
	return abi.Signal{Kind: abi.SignalDown, From: monitor.To, To: monitor.From, Ref: monitor.Ref, Data: reason}
}

// watch is a monitor that a process of this node holds on one of another.
type watch struct {
	ref             abi.Ref
	watcher, target abi.Pid
}

// remoteWatches remembers the monitors on other nodes' processes, for the day their node is lost.
type remoteWatches struct {
	mu     sync.Mutex
	byNode map[abi.NodeID]map[abi.Ref]watch
}

func (r *remoteWatches) add(w watch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byNode == nil {
		r.byNode = map[abi.NodeID]map[abi.Ref]watch{}
	}
	if r.byNode[w.target.Node] == nil {
		r.byNode[w.target.Node] = map[abi.Ref]watch{}
	}
	r.byNode[w.target.Node][w.ref] = w
}

func (r *remoteWatches) remove(ref abi.Ref, node abi.NodeID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byNode[node], ref)
	if len(r.byNode[node]) == 0 {
		delete(r.byNode, node)
	}
}

// drop takes out all watches on a node.
func (r *remoteWatches) drop(node abi.NodeID) map[abi.Ref]watch {
	r.mu.Lock()
	defer r.mu.Unlock()
	lost := r.byNode[node]
	delete(r.byNode, node)
	return lost
}

// Monitor asks for one message ["DOWN", ref, "process", pid, reason] when target ends, or at once
// when it has ended already or its node cannot be reached (MON-01, MON-03, MON-06). Only the
// process's own goroutine may call it.
func (p *Process) Monitor(target abi.Pid) abi.Ref {
	sig := p.monitor(target)
	if target != p.pid { // MON-07
		// A failure comes back as the DOWN message itself.
		_ = p.sys.Route(p.ctx, sig)
	}
	return sig.Ref
}

// PostMonitor is [Process.Monitor] for a process that may not be held up: it never waits and never
// connects. Towards a congested node the monitor may be one that only the loss of the node ends.
func (p *Process) PostMonitor(target abi.Pid) abi.Ref {
	sig := p.monitor(target)
	if target != p.pid {
		p.sys.post(sig)
	}
	return sig.Ref
}

// monitor notes a new monitor and gives the signal that sets it up.
func (p *Process) monitor(target abi.Pid) abi.Signal {
	ref := p.sys.NewRef()
	if target != p.pid {
		p.mu.Lock()
		p.monitors[ref] = target
		p.mu.Unlock()
	}
	return abi.Signal{Kind: abi.SignalMonitor, From: p.pid, To: target, Ref: ref}
}

func (p *Process) setMonitor(ref abi.Ref, target abi.Pid) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.monitors[ref] = target
}

// moveMonitor names the target of a monitor that came with a spawn, unless it has fired by now.
func (p *Process) moveMonitor(ref abi.Ref, target abi.Pid) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, active := p.monitors[ref]; active {
		p.monitors[ref] = target
	}
}

// Demonitor takes a monitor back: no new DOWN comes from it (MON-09). With flush one that is
// already in the mailbox is removed. An unknown ref is no error (MON-08).
func (p *Process) Demonitor(ref abi.Ref, flush bool) {
	p.mu.Lock()
	target, active := p.monitors[ref]
	delete(p.monitors, ref)
	if flush {
		p.box.removeDown(ref)
	}
	p.mu.Unlock()
	if active {
		p.sys.demonitor(p.pid, target, ref)
	}
}

func (s *System) demonitor(watcher, target abi.Pid, ref abi.Ref) {
	s.remote.remove(ref, target.Node)
	s.post(abi.Signal{Kind: abi.SignalDemonitor, From: watcher, To: target, Ref: ref})
}
