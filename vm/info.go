package vm

import (
	"time"

	"github.com/wnode/wnode/abi"
)

// Info is what is known of a process at one moment (PROC-15).
type Info struct {
	Pid          abi.Pid
	Name         string // registered name, "" for none
	Label        string
	Function     abi.Function // zero for a native process
	Status       string       // "running", "suspended" until another node takes more, "waiting" for a message or something else, or "exiting"
	MessageQueue int          // messages
	MessageBytes int
	GroupLeader  abi.Pid
	Parent       abi.Pid
	TrapExit     bool
	Links        []abi.Pid
	Monitors     []abi.Pid // processes that it monitors; number 0 for who has a name there
	MonitoredBy  []abi.Pid
	Rights       Rights
	Priority     abi.Priority
	Memory       uint64 // linear memory of a guest, in bytes
	Reductions   uint64 // work done; of a guest that computes, up to its last slice
	Started      time.Time
}

// Processes lists the live processes, oldest first. Safe for concurrent use.
func (s *System) Processes() []abi.Pid {
	processes := s.table.processes()
	pids := make([]abi.Pid, len(processes))
	for i, p := range processes {
		pids[i] = p.pid
	}
	return pids
}

// Alive reports whether pid is a process of this node that has not been told to end (PROC-14).
// Safe for concurrent use.
func (s *System) Alive(pid abi.Pid) bool {
	p := s.process(pid)
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason == nil
}

// Info describes a process of this node, and reports false when there is none. Safe for concurrent use.
func (s *System) Info(pid abi.Pid) (Info, bool) {
	p := s.process(pid)
	if p == nil {
		return Info{}, false
	}
	info := Info{
		Pid: pid, Name: s.opts.Names.NameOf(pid), Function: p.function,
		Parent: p.parent, Rights: p.rights, Started: p.started,
		Reductions: p.Reductions(), Priority: p.Priority(),
		Memory: p.memory.Load(),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	info.Status, info.Label = p.statusLocked(), p.label
	if p.waiting && p.inspector != nil {
		info.Reductions += p.inspector.Uncounted()
	}
	info.MessageQueue, info.MessageBytes = p.box.queue.length, p.box.bytes
	if q := p.traces.Load(); q != nil {
		info.MessageQueue += q.len()
	}
	info.GroupLeader = p.leader
	info.TrapExit = p.trapping
	for peer, l := range p.links.all() {
		if l.active {
			info.Links = append(info.Links, peer)
		}
	}
	for _, m := range p.monitors.all() {
		info.Monitors = append(info.Monitors, m.target)
	}
	for w := range p.watchers.all() {
		info.MonitoredBy = append(info.MonitoredBy, w.pid)
	}
	return info, true
}

func (s *System) process(pid abi.Pid) *Process {
	if pid.Node != s.opts.Node {
		return nil
	}
	p, _ := s.table.get(pid.Num).(*Process)
	return p
}

func (p *Process) statusLocked() string {
	switch {
	case p.reason != nil:
		return "exiting"
	case p.suspended:
		return "suspended"
	case p.waiting:
		return "waiting"
	default:
		return "running"
	}
}
