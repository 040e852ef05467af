package wnode

import (
	"sync"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/registry"
)

// localNames are the names of this node's processes.
type localNames struct {
	mu    sync.RWMutex
	state *registry.Local
}

func (l *localNames) init() { l.state = registry.NewLocal() }

// Register gives a process of this node a name. The errors are [abi.ErrNameTaken],
// [abi.ErrNoProcess], and [abi.ErrBadArgument] for a process of another node (REG-01).
func (n *Node) Register(name string, pid abi.Pid) error {
	if pid.Node != n.id {
		return abi.ErrBadArgument
	}
	n.local.mu.Lock()
	defer n.local.mu.Unlock()
	// A process that ends after this look releases its names after this lock.
	if !n.sys.Alive(pid) {
		return abi.ErrNoProcess
	}
	err := n.local.state.Register(name, pid)
	if err == nil {
		n.sys.TraceName(pid, name, true)
	}
	return err
}

// Unregister frees a name. [abi.ErrNoName] when it is free (REG-03).
func (n *Node) Unregister(name string) error {
	n.local.mu.Lock()
	defer n.local.mu.Unlock()
	pid, _ := n.local.state.Whereis(name)
	err := n.local.state.Unregister(name)
	if err == nil {
		n.sys.TraceName(pid, name, false)
	}
	return err
}

// Whereis finds the process of this node with a name.
func (n *Node) Whereis(name string) (abi.Pid, bool) {
	n.local.mu.RLock()
	defer n.local.mu.RUnlock()
	return n.local.state.Whereis(name)
}

// Registered lists the names of this node's processes, sorted.
func (n *Node) Registered() []string {
	n.local.mu.RLock()
	defer n.local.mu.RUnlock()
	return n.local.state.Names()
}

// processNames is what the machine needs of names, local and global.
type processNames struct{ node *Node }

func (p processNames) Whereis(name string) (abi.Pid, bool) { return p.node.Whereis(name) }

func (p processNames) NameOf(pid abi.Pid) string {
	l := &p.node.local
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.state.NameOf(pid)
}

func (p processNames) Release(pid abi.Pid) {
	l := &p.node.local
	l.mu.Lock()
	l.state.Release(pid)
	l.mu.Unlock()
	p.node.globals.release(pid)
}
