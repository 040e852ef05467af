package vm

import (
	"fmt"
	"sync"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// maxNodeWatches bounds what one process asks for of [Process.MonitorNode] and [Process.MonitorNodes].
const maxNodeWatches = 1024

// nodeWatches are those who want to hear that nodes come and go, and how often they have asked for it.
type nodeWatches struct {
	mu    sync.Mutex // taken before that of a process
	named map[string]map[*Process]int
	all   map[*Process]int
}

// MonitorNode asks for one message ["nodedown", name] when the connection to a node is lost, besides those
// that were asked for before (MON-12). connect connects to the node unless it is connected; when that fails
// the message comes at once. The error is [abi.ErrLimit].
func (p *Process) MonitorNode(name string, connect func() error) error {
	err := p.watchNodes(func(w *nodeWatches) {
		if w.named == nil {
			w.named = map[string]map[*Process]int{}
		}
		if w.named[name] == nil {
			w.named[name] = map[*Process]int{}
		}
		w.named[name][p]++
	})
	// The watch stands before the connection does, whose end it would miss otherwise.
	if err == nil && connect() != nil && p.DemonitorNode(name) {
		p.tellOfNode([]any{"nodedown", name}, 1)
	}
	return err
}

// MonitorNodes asks for a message ["nodeup", name, info] or ["nodedown", name, info] for each node that is
// connected or lost from now on, besides those that were asked for before (MON-13). info is a map, in which
// "nodedown_reason" says why (MON-14). The error is [abi.ErrLimit].
func (p *Process) MonitorNodes() error {
	return p.watchNodes(func(w *nodeWatches) {
		if w.all == nil {
			w.all = map[*Process]int{}
		}
		w.all[p]++
	})
}

func (p *Process) watchNodes(add func(*nodeWatches)) error {
	w := &p.sys.nodes
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := p.nodeWatches.Load(); n >= maxNodeWatches {
		return fmt.Errorf("monitor a node: %d of them already: %w", n, abi.ErrLimit)
	}
	p.nodeWatches.Add(1)
	add(w)
	return nil
}

// DemonitorNode takes one [Process.MonitorNode] back, and reports whether there was one.
func (p *Process) DemonitorNode(name string) bool {
	w := &p.sys.nodes
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.named[name][p] == 0 {
		return false
	}
	w.forgetLocked(name, p, 1)
	return true
}

// DemonitorNodes takes one [Process.MonitorNodes] back, and reports whether there was one.
func (p *Process) DemonitorNodes() bool {
	w := &p.sys.nodes
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all[p] == 0 {
		return false
	}
	p.nodeWatches.Add(-1)
	if w.all[p]--; w.all[p] == 0 {
		delete(w.all, p)
	}
	return true
}

// forgetLocked takes away so many of a process's watches of a node.
func (w *nodeWatches) forgetLocked(name string, p *Process, times int) {
	p.nodeWatches.Add(-int32(times))
	if w.named[name][p] -= times; w.named[name][p] == 0 {
		delete(w.named[name], p)
	}
	if len(w.named[name]) == 0 {
		delete(w.named, name)
	}
}

// forget takes away all watches of a process that has ended.
func (w *nodeWatches) forget(p *Process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, p)
	for name, watchers := range w.named {
		if times := watchers[p]; times > 0 {
			w.forgetLocked(name, p, times)
		}
	}
}

// tellOfNode puts so many copies of a message into the mailbox.
func (p *Process) tellOfNode(message []any, times int) {
	data := term.MustEncode(message)
	for range times {
		p.enqueue(Message{Kind: abi.MessageNode, From: abi.Pid{Node: p.pid.Node, Num: abi.NodeProcess}, Data: data}, nil)
	}
}

// NodeUp tells those who asked that a node is connected. Call it before any signal of that connection is
// delivered, and once the node is listed (MON-15).
func (s *System) NodeUp(name string) {
	s.nodes.mu.Lock()
	defer s.nodes.mu.Unlock()
	for p, times := range s.nodes.all {
		p.tellOfNode([]any{"nodeup", name, map[string]any{}}, times)
	}
}

// NodeLost tells those who asked that the connection to a node is lost. Call it after [System.NodeDown],
// when the node is no longer listed (MON-15).
func (s *System) NodeLost(name, reason string) {
	s.nodes.mu.Lock()
	defer s.nodes.mu.Unlock()
	for p, times := range s.nodes.named[name] {
		p.tellOfNode([]any{"nodedown", name}, times)
		s.nodes.forgetLocked(name, p, times)
	}
	for p, times := range s.nodes.all {
		p.tellOfNode([]any{"nodedown", name, map[string]any{"nodedown_reason": reason}}, times)
	}
}
