package vm

import (
	"sync"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

var (
	reasonNoProcess    = term.MustEncode(abi.ReasonNoProcess)
	reasonNoConnection = term.MustEncode(abi.ReasonNoConnection)
	reasonLimit        = term.MustEncode(ReasonLimit)
)

// ReasonLimit is the reason in the DOWN of a monitor that would have been one too many.
const ReasonLimit = "system_limit"

// maxProcessMonitors bounds the monitors that one process holds on others.
const maxProcessMonitors = 1 << 16

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
	max int

	mu     sync.Mutex
	count  int
	byNode map[abi.NodeID]map[abi.Ref]watch
}

// add reports false when there are too many.
func (r *remoteWatches) add(w watch) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count >= r.max {
		return false
	}
	if r.byNode == nil {
		r.byNode = map[abi.NodeID]map[abi.Ref]watch{}
	}
	if r.byNode[w.target.Node] == nil {
		r.byNode[w.target.Node] = map[abi.Ref]watch{}
	}
	r.byNode[w.target.Node][w.ref] = w
	r.count++
	return true
}

func (r *remoteWatches) remove(ref abi.Ref, node abi.NodeID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.byNode[node][ref]; !ok {
		return
	}
	delete(r.byNode[node], ref)
	r.count--
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
	r.count -= len(lost)
	return lost
}

// Monitor asks for one message ["DOWN", ref, "process", pid, reason] when target ends, or at once
// when it has ended already or its node cannot be reached (MON-01, MON-03, MON-06). Only the
// process's own goroutine may call it.
func (p *Process) Monitor(target abi.Pid) abi.Ref {
	sig, ok := p.monitor(target)
	if ok {
		// A failure comes back as the DOWN message itself.
		_ = p.sys.Route(p.ctx, sig)
	}
	return sig.Ref
}

// PostMonitor is [Process.Monitor] for a process that may not be held up: it never waits and never
// connects. Towards a congested node the monitor may be one that only the loss of the node ends.
func (p *Process) PostMonitor(target abi.Pid) abi.Ref {
	sig, ok := p.monitor(target)
	if ok {
		p.sys.post(sig)
	}
	return sig.Ref
}

// monitor notes a new monitor and gives the signal that sets it up; false when there is nothing to
// set up: a monitor on oneself never fires (MON-07), and one too many has fired already.
func (p *Process) monitor(target abi.Pid) (abi.Signal, bool) {
	sig := abi.Signal{Kind: abi.SignalMonitor, From: p.pid, To: target, Ref: p.sys.NewRef()}
	if target == p.pid {
		return sig, false
	}
	if !p.setMonitor(sig.Ref, target) {
		p.enqueueDown(downSignal(sig, reasonLimit))
		return sig, false
	}
	return sig, true
}

// setMonitor reports false when the process has as many monitors as it may.
func (p *Process) setMonitor(ref abi.Ref, target abi.Pid) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.monitors) >= maxProcessMonitors {
		return false
	}
	p.monitors[ref] = target
	return true
}

// watch enters a monitor that another process has on this one. What it gives is the reason why
// that fires at once, nil when it does not.
func (p *Process) watch(sig abi.Signal) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return reasonNoProcess
	}
	if _, again := p.watchers[sig.Ref]; !again && p.sys.held.Add(1) > int64(p.sys.opts.MaxMonitors) {
		p.sys.held.Add(-1)
		return reasonLimit
	}
	p.watchers[sig.Ref] = sig.From
	return nil
}

// unwatch takes a monitor of another process on this one back.
func (p *Process) unwatch(sig abi.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if from, ok := p.watchers[sig.Ref]; ok && from == sig.From {
		delete(p.watchers, sig.Ref)
		p.sys.held.Add(-1)
	}
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
