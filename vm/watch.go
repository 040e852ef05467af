package vm

import (
	"sync"

	"github.com/wnode/wnode/abi"
)

// watcher is who holds a monitor on a process of this node, and which. The number of a monitor alone says
// nothing: it is the other node that draws it, and may give one that is another's.
type watcher struct {
	pid abi.Pid
	ref abi.Ref
}

// watcherOf gives who a signal to a monitored process is about.
func watcherOf(sig abi.Signal) watcher { return watcher{sig.From, sig.Ref} }

// downSignal answers a monitor.
func downSignal(monitor abi.Signal, reason []byte) abi.Signal {
	return abi.Signal{Kind: abi.SignalDown, From: monitor.To, To: monitor.From, Ref: monitor.Ref, Data: reason}
}

// watch enters a monitor that another process has on this one. What it gives is the reason why
// that fires at once, nil when it does not.
func (p *Process) watch(sig abi.Signal) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return reasonNoProcess
	}
	if _, again := p.watchers.get(watcherOf(sig)); again {
		return nil
	}
	if p.sys.held.Add(1) > int64(p.sys.opts.MaxMonitors) {
		p.sys.held.Add(-1)
		return reasonLimit
	}
	p.addWatcherLocked(watcherOf(sig), sig.Name != "")
	return nil
}

// addWatcherLocked enters a monitor; named says that its holder knows the process by a name.
func (p *Process) addWatcherLocked(w watcher, named bool) {
	p.watchers.set(w, named)
	if named {
		p.sys.named.Store(w, p)
	}
}

// unwatch takes a monitor of another process on this one back.
func (p *Process) unwatch(sig abi.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, stands := p.watchers.get(watcherOf(sig)); stands {
		p.removeWatcherLocked(watcherOf(sig))
	}
}

func (p *Process) removeWatcherLocked(w watcher) {
	if p.watchers.of(w) {
		p.sys.named.Delete(w)
	}
	p.watchers.remove(w)
	p.sys.held.Add(-1)
}

// watch is what a process of this node waits to hear from another node: the end of a process that
// it monitors, or of one that is being spawned.
type watch struct {
	ref             abi.Ref
	watcher, target abi.Pid
}

// remoteWatches remembers the watches on other nodes' processes, for the day their node is lost.
type remoteWatches struct {
	max int

	mu     sync.Mutex
	count  int
	byNode map[abi.NodeID]map[abi.Ref]watch
}

// add reports false when there are too many. A watch with the same ref is replaced.
func (r *remoteWatches) add(w watch) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	node := w.target.Node
	if _, known := r.byNode[node][w.ref]; !known {
		if r.count >= r.max {
			return false
		}
		r.count++
	}
	if r.byNode == nil {
		r.byNode = map[abi.NodeID]map[abi.Ref]watch{}
	}
	if r.byNode[node] == nil {
		r.byNode[node] = map[abi.Ref]watch{}
	}
	r.byNode[node][w.ref] = w
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
