package rewrite

import "github.com/wnode/wnode/vm/module/wasm"

// code is instructions in the making.
type code []byte

func (c *code) op(ops ...wasm.Op) {
	for _, op := range ops {
		if op > 0xff {
			*c = append(*c, byte(op>>8))
		}
		*c = append(*c, byte(op))
	}
}

// with appends an instruction with an index.
func (c *code) with(op wasm.Op, index uint32) {
	c.op(op)
	*c = wasm.AppendU32(*c, index)
}

func (c *code) i32(v int64) {
	c.op(wasm.OpI32Const)
	*c = wasm.AppendSigned(*c, v)
}

// block opens a block of a type as the binary format has it.
func (c *code) block(op wasm.Op, blockType int64) {
	c.op(op)
	*c = wasm.AppendSigned(*c, blockType)
}

// What is charged for: a reduction stands for so many instructions on a short way. On a long one it
// stands for more, since of code with many branches the longest way is far longer than most.
const (
	instructionsPerReduction = 16
	shortWay                 = 8 * instructionsPerReduction
	longWayPerReduction      = 8 * instructionsPerReduction
)

// reductions turns a number of instructions into what is charged for them.
func reductions(instructions int64) int64 {
	if instructions <= shortWay {
		return max(instructions/instructionsPerReduction, 1)
	}
	return min(shortWay/instructionsPerReduction+(instructions-shortWay)/longWayPerReduction, 1<<30)
}

// counter says where the counter of a function is while it runs: in the global, with a local to
// compute in, or in that local.
type counter struct {
	global uint32
	local  uint32
	cached bool
	yield  uint32 // the function
}

// charge subtracts a cost and leaves whether the budget is used up as a condition.
func (c counter) charge(out *code, cost int64) {
	c.get(out)
	out.i32(cost)
	out.op(wasm.OpI32Sub)
	c.store(out)
}

// giveBack undoes a charge.
func (c counter) giveBack(out *code, cost int64) {
	c.get(out)
	out.i32(cost)
	out.op(wasm.OpI32Add)
	c.set(out)
}

// store takes what is left from the stack and puts whether the budget is used up in its place.
func (c counter) store(out *code) {
	out.with(wasm.OpLocalTee, c.local)
	if !c.cached {
		out.with(wasm.OpGlobalSet, c.global)
		out.with(wasm.OpLocalGet, c.local)
	}
	out.i32(0)
	out.op(wasm.OpI32LtS)
}

// over puts on the stack whether the budget is used up.
func (c counter) over(out *code) {
	c.get(out)
	out.i32(0)
	out.op(wasm.OpI32LtS)
}

func (c counter) get(out *code) {
	if c.cached {
		out.with(wasm.OpLocalGet, c.local)
	} else {
		out.with(wasm.OpGlobalGet, c.global)
	}
}

func (c counter) set(out *code) {
	if c.cached {
		out.with(wasm.OpLocalSet, c.local)
	} else {
		out.with(wasm.OpGlobalSet, c.global)
	}
}

// ask calls the host if the condition on the stack says so.
func (c counter) ask(out *code) {
	out.block(wasm.OpIf, wasm.BlockEmpty)
	c.get(out)
	out.with(wasm.OpCall, c.yield)
	c.set(out)
	out.op(wasm.OpEnd)
}
