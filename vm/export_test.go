package vm

import "github.com/wnode/wnode/abi"

// Holdings are what a system keeps for its processes. All are zero when no process is left.
type Holdings struct {
	Table      int // processes, aliases and calls
	Held       int // monitors on processes of the node, and ends of their links
	Named      int // monitors by name among them
	Watches    int // on other nodes' processes
	WatchNodes int // that these are on
	Timers     int // in every index of them
	Waiting    int // bytes that are counted as waiting
}

// Holdings counts what the system keeps.
func (s *System) Holdings() Holdings {
	var h Holdings
	s.table.mu.RLock()
	h.Table = max(len(s.table.byNum), s.table.live)
	s.table.mu.RUnlock()
	h.Held = int(s.held.Load())
	s.named.Range(func(any, any) bool { h.Named++; return true })
	s.remote.mu.Lock()
	h.Watches, h.WatchNodes = s.remote.count, len(s.remote.byNode)
	s.remote.mu.Unlock()
	s.timers.mu.Lock()
	h.Timers = max(len(s.timers.heap), len(s.timers.byRef), len(s.timers.byTarget))
	s.timers.mu.Unlock()
	h.Waiting = int(s.opts.Memory.Waiting())
	return h
}

// FamilyBytes is what is charged to the family that a process is the first of.
func (s *System) FamilyBytes(pid abi.Pid) int64 { return s.process(pid).below.bytes.Load() }

// NodeWatches counts what processes have asked for of [Process.MonitorNode] and [Process.MonitorNodes].
func (s *System) NodeWatches() (n int) {
	s.nodes.mu.Lock()
	defer s.nodes.mu.Unlock()
	for _, times := range s.nodes.all {
		n += times
	}
	for _, watchers := range s.nodes.named {
		for _, times := range watchers {
			n += times
		}
	}
	return n
}

// DownMessage is what a DOWN is made with, and CanonicalReason what reasons are.
var (
	DownMessage     = downMessage
	CanonicalReason = canonicalReason
)

var ReadSpawnReply = readSpawnReply
