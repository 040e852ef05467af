package rewrite

import "github.com/wnode/wnode/vm/module/wasm"

// never is the cost of getting to code that nothing gets to.
const never = -1

// costFrame is a block that is open: the longest way to its end, to its else, or to its head.
type costFrame struct {
	loop   int
	ended  int64 // by branches
	before int64 // at the head of a loop, or where an if begins
	isIf   bool
}

// measurer finds the longest ways through functions. Control is structured: without the branches back
// to the heads of loops, code is only left forwards, so one pass sees every way.
type measurer struct {
	code   []byte
	loops  []loop
	frames []costFrame
	now    int64 // longest way to here, never if there is none
	// longest is the longest way to anywhere.
	longest int64
	call    func(p *point) int64
}

// measure sets the longest way around each loop of a function, and gives the longest from its entry
// to its end, with each loop taken once. call gives the cost of a call.
func (r *measurer) measure(f *function, code []byte) int64 {
	r.code, r.loops, r.now = code, f.loops, 0
	r.frames = append(r.frames[:0], costFrame{loop: -1, ended: never})
	r.longest = 0
	for i := range f.points {
		p := &f.points[i]
		r.spend(int64(p.before) + 1)
		r.step(p)
	}
	return r.longest
}

func (r *measurer) spend(cost int64) {
	if r.now != never {
		r.now += cost
	}
}

func (r *measurer) step(p *point) {
	switch p.op {
	case wasm.OpBlock, wasm.OpIf, wasm.OpLoop:
		f := costFrame{loop: -1, ended: never, before: r.now, isIf: p.op == wasm.OpIf}
		if p.op == wasm.OpLoop {
			f.loop = int(p.arg)
		}
		r.frames = append(r.frames, f)
	case wasm.OpElse:
		top := &r.frames[len(r.frames)-1]
		top.ended = max(top.ended, r.now)
		top.isIf, r.now = false, top.before
	case wasm.OpEnd:
		top := r.frames[len(r.frames)-1]
		r.frames = r.frames[:len(r.frames)-1]
		r.now = max(r.now, top.ended)
		if top.isIf {
			r.now = max(r.now, top.before)
		}
	case wasm.OpBr, wasm.OpBrIf:
		r.branch(p.arg)
	case wasm.OpBrTable:
		wasm.Labels(r.code[p.start:p.end], r.branch)
	case wasm.OpCall, wasm.OpCallIndirect, wasm.OpReturnCall, wasm.OpReturnCallIndirect:
		r.spend(r.call(p))
	}
	r.longest = max(r.longest, r.now)
	switch p.op {
	case wasm.OpBr, wasm.OpBrTable, wasm.OpReturn, wasm.OpUnreachable, wasm.OpReturnCall, wasm.OpReturnCallIndirect:
		r.now = never
	}
}

func (r *measurer) branch(label uint32) {
	f := &r.frames[len(r.frames)-1-int(label)]
	switch {
	case r.now == never:
	case f.loop >= 0:
		r.loops[f.loop].longest = max(r.loops[f.loop].longest, r.now-f.before)
	default:
		f.ended = max(f.ended, r.now)
	}
}
