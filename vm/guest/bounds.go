package guest

import (
	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/vm/module/rewrite"
)

// ReasonTables is the exit reason of a process whose module has larger tables to begin with than the
// process may have. Later on, table.grow fails.
const ReasonTables = "table_limit"

// instanceBounds are the places in an instance where the bounds of its process go. A module is compiled
// once for all processes, with the node's own bounds in it; a process that has tighter ones has them set
// before any code of its instance runs, which is why the start function is called by hand.
type instanceBounds struct {
	stack    string // export with the bytes of stack that are left
	tables   string // export with the elements by which tables may grow; "" where none does
	elements uint32 // of all tables to begin with
	start    string // export of the start function, "" for none
}

func boundsOf(r *rewrite.Result) instanceBounds {
	return instanceBounds{stack: r.Stack, tables: r.Tables, elements: r.TableElements, start: r.Start}
}

// firstStack is what a guest has of its stack to begin with, in bytes. The stack grows with the guest's calls, and an
// instance would keep what it has grown to while it rests: one that has needed more gets a new one. Few guests do.
const firstStack = 64 << 10

// bound puts the limits of the process into its instance. It reports false when the tables are too large already.
func (g *guest) bound(i *instance) bool {
	limits, b := g.process.Rights().Limits, &g.code.bounds
	stack := uint64(rewrite.DefaultStackBytes)
	if limits.Stack != 0 {
		stack = min(stack, uint64(limits.Stack))
	}
	first := min(stack, firstStack)
	i.stack.Set(first)
	g.stackLeft = int32(stack - first)

	tables := uint64(limits.Tables)
	if tables == 0 || tables >= rewrite.MaxTableElements {
		return true
	}
	if uint64(b.elements) > tables {
		return false
	}
	if b.tables != "" {
		i.global(b.tables).Set(tables - uint64(b.elements))
	}
	return true
}

// deepen gives the guest, which has used up its first stack, the rest. It reports false when that is not enough, or
// was given before.
func (g *guest) deepen() bool {
	left := api.DecodeI32(g.of.stack.Get()) + g.stackLeft
	if g.stackLeft == 0 || left < 0 {
		return false
	}
	g.of.stack.Set(api.EncodeI32(left))
	g.stackLeft, g.of.deep = 0, true
	return true
}
