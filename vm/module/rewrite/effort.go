package rewrite

import (
	"fmt"

	"github.com/wnode/wnode/vm/module/wasm"
)

// The compiler takes time, and memory, by the square of the blocks that a function has, and by its
// blocks times its locals: some dozen kilobytes of code could keep it busy for hours, and it cannot be
// stopped. So a module is measured first. The weights are what was seen, in units of some 8 ns.
const (
	weightBlock  = 1   // a block, or a place in a br_table
	weightBranch = 4   // a loop, an if, or a br_if
	weightLocal  = 100 // a local that is carried from one block to another

	// What a module may take is half a minute, and more if it is large and takes long anyway: the
	// Go compiler as a module, 49 MB, takes 175 for each byte.
	maxEffort     = 1 << 32
	effortPerByte = 256
)

// weigh adds to the weight of the function what an instruction is for the compiler.
func (s *scanner) weigh(in *wasm.Instr) {
	switch in.Op {
	case wasm.OpBlock:
		s.weighBlock(weightBlock)
	case wasm.OpLoop, wasm.OpIf, wasm.OpBrIf:
		s.weighBlock(weightBranch)
	case wasm.OpBrTable:
		wasm.Labels(s.code[in.Start:in.End], func(uint32) { s.weighBlock(weightBlock) })
	}
}

func (s *scanner) weighBlock(weight int64) {
	s.f.blocks++
	s.f.weight += weight
}

// effort estimates what it takes to compile the function, of which all may be in loops that are written twice.
func (f *function) effort() int64 {
	weight := f.weight
	if len(f.loops) > 0 && f.blocks <= maxTwiceBlocks && !f.once {
		weight *= 2
	}
	return weight * (weight + weightLocal*int64(f.locals))
}

// checkEffort reports a module that takes too long to compile, as a [*BoundError]. One that would do so for what may be
// written twice has nothing written twice.
func (r *rewriter) checkEffort() error {
	if r.checkEffortOnce() == nil {
		return nil
	}
	for i := range r.funcs {
		r.funcs[i].once = true
	}
	return r.checkEffortOnce()
}

func (r *rewriter) checkEffortOnce() error {
	var effort, bytes int64
	hardest := &function{}
	for i := range r.funcs {
		f := &r.funcs[i]
		if effort += f.effort(); f.effort() > hardest.effort() {
			hardest = f
		}
		bytes += int64(len(r.m.Codes[i].Body))
	}
	if effort > maxEffort+effortPerByte*bytes {
		return &BoundError{fmt.Sprintf("functions too large to compile: one has %d blocks and branches, and %d locals",
			hardest.blocks, hardest.locals)}
	}
	return nil
}
