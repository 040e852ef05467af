package vm

import (
	"fmt"

	"github.com/wnode/wnode/abi"
)

// What a process may have at most where no policy says otherwise: those of this node, and those that
// other nodes ask for.
const (
	DefaultPriority       = abi.PriorityHigh
	DefaultRemotePriority = abi.PriorityNormal
)

// Priority is the share of a processor that the process asks for while others compute too. It says how
// long the turns of a guest are; Go's scheduler, which runs native processes and wakes those that wait,
// knows no priorities. Safe for concurrent use.
func (p *Process) Priority() abi.Priority { return abi.Priority(p.priority.Load()) }

// SetPriority sets the priority and gives the one before. The errors are [abi.ErrBadArgument], and
// [abi.ErrDenied] beyond the process's limit. Safe for concurrent use.
func (p *Process) SetPriority(priority abi.Priority) (before abi.Priority, err error) {
	if !priority.Valid() {
		return 0, fmt.Errorf("%s: %w", priority, abi.ErrBadArgument)
	}
	if most := p.rights.Limits.Priority; priority > most {
		return 0, fmt.Errorf("priority %s, at most %s: %w", priority, most, abi.ErrDenied)
	}
	return abi.Priority(p.priority.Swap(int32(priority))), nil
}

// SetPriority is [Process.SetPriority] for any process of this node: [abi.ErrNoProcess] when there is none.
func (s *System) SetPriority(pid abi.Pid, priority abi.Priority) (before abi.Priority, err error) {
	p := s.process(pid)
	if p == nil {
		return 0, fmt.Errorf("priority of %s: %w", pid.Text(0), abi.ErrNoProcess)
	}
	return p.SetPriority(priority)
}

// firstPriority gives what a process begins with that asked for a priority, or for none.
func firstPriority(asked, most abi.Priority) abi.Priority {
	if asked == 0 {
		asked = abi.PriorityNormal
	}
	return min(asked, most)
}
