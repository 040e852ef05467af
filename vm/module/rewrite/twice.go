package rewrite

import "github.com/wnode/wnode/vm/module/wasm"

// Bounds on what is written twice. In longer loops the subtraction hardly shows.
const (
	maxTwiceWay    = 48  // instructions around the loop
	maxTwiceBytes  = 128 // of its body
	maxTwiceBlocks = 256 // of its function: what the compiler does goes by their square
)

// twice reports whether the body of a loop is written twice, so that it is charged for every other time around:
// it is short, and has neither calls nor a loop in it.
func (f *function) twice(number int, code []byte) bool {
	begin := &f.points[number]
	l := &f.loops[begin.arg]
	if f.once || !l.repeats || !l.nested() || l.longest > maxTwiceWay || f.blocks > maxTwiceBlocks || code[begin.end-1] != emptyType {
		return false
	}
	end := f.endOf(number)
	return end > 0 && f.points[end].start-begin.end <= maxTwiceBytes
}

// emptyType is the type of a block that takes and gives nothing, as the binary format has it.
const emptyType = 0x40

// endOf gives the point at which an innermost loop ends, 0 for one that has another in it.
func (f *function) endOf(number int) int {
	depth := 0
	for i, p := range f.points[number+1:] {
		switch p.op {
		case wasm.OpLoop:
			return 0
		case wasm.OpBlock, wasm.OpIf:
			depth++
		case wasm.OpEnd:
			if depth--; depth < 0 {
				return number + 1 + i
			}
		}
	}
	return 0
}

// twice opens a loop in a loop of our own, with a first time around before what is to come. That goes on where it
// would go around again, and leaves everything where it would leave the loop at its end:
//
//	block
//	  loop                    ;; the host is called here
//	    loop                  ;; it is charged for both here
//	      block               ;; where the first time goes around to
//	        ...
//	        br 3              ;; the end of the loop; the second is not charged for
//	      end
//	      ...                 ;; the second, and what follows, is not written yet
func (e *emitter) twice(number int) {
	p := &e.f.points[number]
	end, cost := e.f.endOf(number), reductions(e.f.loops[p.arg].longest)
	e.putIn(len(e.out), int(p.start))
	e.out.block(wasm.OpBlock, wasm.BlockEmpty)
	e.nest(e.old[p.start:p.end], 2*cost)
	e.out.block(wasm.OpBlock, wasm.BlockEmpty)
	e.push(3, 0)
	for i := number + 1; i < end; i++ {
		e.point(i)
	}
	e.upTo(&e.f.points[end]) // which is not written here
	e.putIn(len(e.out), int(e.f.points[end].start))
	e.frames = e.frames[:len(e.frames)-1]
	e.counter.giveBack(&e.out, cost)
	e.out.with(wasm.OpBr, 3)
	e.out.op(wasm.OpEnd)
	e.copied = int(p.end)
	e.push(2, 2)
}
