package wnode

import (
	"math"
	"time"

	"github.com/wnode/wnode/abi"
)

// The identities that this package deals in.
type (
	Pid = abi.Pid
	Ref = abi.Ref
)

// Infinity is the timeout that never comes. A negative timeout is one that has come already.
const Infinity time.Duration = math.MaxInt64

// Message is a message with what the node, and nobody else, wrote on it.
type Message struct {
	Term any
	Kind abi.MessageKind
	From Pid // who sent it
}

// Down is the news that a monitored process has ended.
type Down struct {
	Ref        Ref
	Pid        Pid    // zero when the monitor was by name
	Name, Node string // what was monitored by name, and where
	Reason     any    // "noproc" when there was no process, "noconnection" when its node is lost
}

// Down reads m as such news. It is false for all other messages, also for ones that only look like it.
func (m Message) Down() (Down, bool) {
	list, ok := m.Term.([]any)
	if m.Kind != abi.MessageDown || !ok || len(list) != 5 {
		return Down{}, false
	}
	ref, ok := list[1].(Ref)
	if !ok {
		return Down{}, false
	}
	down := Down{Ref: ref, Reason: list[4]}
	if down.Pid, ok = list[3].(Pid); ok {
		return down, true
	}
	object, _ := list[3].([]any)
	if len(object) != 2 {
		return Down{}, false
	}
	name, isName := object[0].(string)
	node, isNode := object[1].(string)
	down.Name, down.Node = name, node
	return down, isName && isNode
}

// Exited is an exit signal that this process trapped.
type Exited struct {
	Pid    Pid // who ended, or sent the signal
	Reason any
}

// Exit reads m as a trapped exit signal. It is false for all other messages, also for ones that only
// look like it.
func (m Message) Exit() (Exited, bool) {
	list, ok := m.Term.([]any)
	if m.Kind != abi.MessageExit || !ok || len(list) != 3 {
		return Exited{}, false
	}
	pid, ok := list[1].(Pid)
	return Exited{pid, list[2]}, ok
}

// NodeEvent is the news that a node is connected or lost.
type NodeEvent struct {
	Node   string
	Up     bool
	Reason string // of a node that is lost, for who monitors all: "connection_closed", "disconnect", ...
}

// NodeEvent reads m as such news. It is false for all other messages, also for ones that only look like it.
func (m Message) NodeEvent() (NodeEvent, bool) {
	list, ok := m.Term.([]any)
	if m.Kind != abi.MessageNode || !ok || len(list) < 2 {
		return NodeEvent{}, false
	}
	node, ok := list[1].(string)
	e := NodeEvent{Node: node, Up: list[0] == "nodeup"}
	if len(list) > 2 {
		info, _ := list[2].(map[any]any)
		e.Reason, _ = info["nodedown_reason"].(string)
	}
	return e, ok
}

// Address says who is meant: a process, or whoever has a name.
type Address struct {
	Pid    Pid    // used when Name is empty
	Name   string // registered on this node, or on Node
	Node   string // with Name: the node; empty: this one
	Global bool   // Name is a global one, and Node is empty
}

// To is the address of a process.
func To(pid Pid) Address { return Address{Pid: pid} }

// Term gives the address as messages and exit reasons have it: a pid, a name, [name, node] or
// ["global", name].
func (a Address) Term() any {
	switch {
	case a.Name == "":
		return a.Pid
	case a.Global:
		return []any{tagGlobal, a.Name}
	case a.Node != "":
		return []any{a.Name, a.Node}
	}
	return a.Name
}
