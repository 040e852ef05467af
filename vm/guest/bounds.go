package guest

import (
	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/vm"
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

// set puts the limits of a process into its instance. It reports false when the tables are too large already.
func (b *instanceBounds) set(instance api.Module, limits vm.Limits) bool {
	if most := uint64(limits.Stack); most != 0 && most < rewrite.DefaultStackBytes {
		setGlobal(instance, b.stack, uint32(most))
	}
	most := uint64(limits.Tables)
	if most == 0 || most >= rewrite.MaxTableElements {
		return true
	}
	if uint64(b.elements) > most {
		return false
	}
	if b.tables != "" {
		setGlobal(instance, b.tables, uint32(most)-b.elements)
	}
	return true
}

func setGlobal(instance api.Module, name string, value uint32) {
	if global, ok := instance.ExportedGlobal(name).(api.MutableGlobal); ok { // always: the rewriter made it
		global.Set(uint64(value))
	}
}
