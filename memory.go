package wnode

import (
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/guest"
)

// ModuleMemory is what a module takes of the memory of its node.
type ModuleMemory = guest.ModuleMemory

// ReasonNodeFull is the exit reason of a process that kept most on a node whose memory was used up, or that found none
// left to begin with.
const ReasonNodeFull = vm.ReasonNodeFull

// MemoryError is the error of a spawn on this node that finds no memory left. It is an [abi.ErrLimit].
type MemoryError = vm.MemoryError

// Memory is what a node keeps for its processes, in bytes.
type Memory struct {
	Most      uint64 // that it may keep: [Options.Memory]
	Processes uint64 // what guests have: linear memory, tables, and 20 KiB for each
	Pooled    uint64 // instances at rest, for the next processes
	Images    uint64 // what instances begin with
	Code      uint64 // compiled code, an estimate
	Waiting   uint64 // what waits for all processes: messages, those of timers, arguments and aliases
	Links     uint64 // what links hold: large messages that have begun to come, and all that waits to be sent to other nodes
	// Modules are those that are loaded, who takes most first; all but Waiting and Links is theirs.
	Modules []ModuleMemory
}

// Total is all that the node keeps.
func (m Memory) Total() uint64 {
	return m.Processes + m.Pooled + m.Images + m.Code + m.Waiting + m.Links
}

// Memory tells what the node keeps, and for whom.
func (n *Node) Memory() Memory {
	m := Memory{Most: n.memory.Most(), Waiting: n.memory.Waiting(), Links: n.memory.Links(), Modules: n.engine.Memory()}
	for _, module := range m.Modules {
		m.Processes += module.Instances
		m.Pooled += module.Pooled
		m.Images += module.Images
		m.Code += module.Code
	}
	return m
}

// MachineMemory is the memory that this program can have, in bytes: that of the machine, or what a container leaves of
// it. Where the system says neither, it is 8 GiB.
func MachineMemory() uint64 { return vm.MachineMemory() }
