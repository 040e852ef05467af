package registry

import (
	"fmt"
	"maps"
	"slices"

	"github.com/wnode/wnode/abi"
)

// Local holds the registered names of one node. A process has at most one (REG-01).
type Local struct {
	byName map[string]abi.Pid
	byPid  map[abi.Pid]string
}

// NewLocal makes an empty registry.
func NewLocal() *Local {
	return &Local{byName: map[string]abi.Pid{}, byPid: map[abi.Pid]string{}}
}

// Register gives pid a name. The caller has checked that pid is a live process of this node. The
// errors wrap [abi.ErrNameTaken], when the name is taken or the process has one, and
// [abi.ErrBadArgument] for a name that cannot be.
func (l *Local) Register(name string, pid abi.Pid) error {
	if !validName(name) {
		return fmt.Errorf("register %.40q: not a name: %w", name, abi.ErrBadArgument)
	}
	if _, taken := l.byName[name]; taken {
		return fmt.Errorf("register %q: %w", name, abi.ErrNameTaken)
	}
	if other, named := l.byPid[pid]; named {
		return fmt.Errorf("register %q: the process is registered as %q: %w", name, other, abi.ErrNameTaken)
	}
	l.byName[name], l.byPid[pid] = pid, name
	return nil
}

// Unregister frees a name. [abi.ErrNoName] when it is free (REG-03).
func (l *Local) Unregister(name string) error {
	pid, ok := l.byName[name]
	if !ok {
		return fmt.Errorf("unregister %.40q: %w", name, abi.ErrNoName)
	}
	delete(l.byName, name)
	delete(l.byPid, pid)
	return nil
}

// Whereis finds the process with a name.
func (l *Local) Whereis(name string) (abi.Pid, bool) {
	pid, ok := l.byName[name]
	return pid, ok
}

// NameOf gives the name of a process, "" for none.
func (l *Local) NameOf(pid abi.Pid) string { return l.byPid[pid] }

// Release frees the name of a process that has ended (REG-04).
func (l *Local) Release(pid abi.Pid) {
	delete(l.byName, l.byPid[pid])
	delete(l.byPid, pid)
}

// Names lists the names in use, sorted.
func (l *Local) Names() []string { return slices.Sorted(maps.Keys(l.byName)) }
