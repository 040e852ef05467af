package guest

import (
	"cmp"
	"slices"

	"github.com/wnode/wnode/abi"
)

// ModuleMemory is what a module that is loaded takes of the memory of the node, in bytes.
type ModuleMemory struct {
	Module    abi.Hash
	Name      string // what its name section calls it, "" for nothing
	Processes int    // that run it
	Instances uint64 // what these have: linear memory, tables, and 20 KiB for each
	Pooled    uint64 // the same of instances at rest, for the next processes
	Images    uint64 // what instances begin with
	Code      uint64 // compiled, an estimate: five times the size of the module as it is rewritten, without its data
}

// Total is all of it.
func (m ModuleMemory) Total() uint64 { return m.Instances + m.Pooled + m.Images + m.Code }

// Memory tells what the modules that are loaded take, most first. Together that is what guests have of the memory of
// the node, but for what changes meanwhile.
func (e *Engine) Memory() []ModuleMemory {
	c := &e.modules
	c.mu.Lock()
	defer c.mu.Unlock()
	modules := make([]ModuleMemory, 0, len(c.loaded))
	for _, loaded := range c.loaded {
		pooled := loaded.pool.resting()
		modules = append(modules, ModuleMemory{
			Module: loaded.hash, Name: printable(loaded.inner, maxNameBytes), Processes: loaded.users,
			Instances: max(loaded.taken.Load(), pooled) - pooled, Pooled: pooled,
			Images: loaded.pool.footprint(), Code: loaded.size,
		})
	}
	slices.SortFunc(modules, func(a, b ModuleMemory) int {
		return cmp.Or(cmp.Compare(b.Total(), a.Total()), slices.Compare(a.Module[:], b.Module[:]))
	})
	return modules
}
