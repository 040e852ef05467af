package rewrite

import "github.com/wnode/wnode/vm/module/wasm"

// emitFrame is a block that is open. Blocks of our own count for branches to what is outside of them.
type emitFrame struct {
	extra int // blocks of our own around this one
	ours  int // those of them that end with it
}

// emitter writes the new code of a function.
type emitter struct {
	r      *rewriter
	f      *function
	old    []byte
	out    code
	copied int // bytes of old that are written or replaced
	from   Offsets
	start  uint32 // where old begins in the module
	frames []emitFrame

	counter    counter
	wrapped    bool // the body is in a block, which all ways out lead to
	needsLocal bool
}

// emit gives the new body of a function.
func (r *rewriter) emit(i int) wasm.Code {
	f := &r.funcs[i]
	before := r.m.Codes[i]
	e := &emitter{r: r, f: f, old: before.Body, out: make(code, 0, len(before.Body)+len(before.Body)/8+64)}
	e.counter = counter{global: r.left, local: uint32(f.locals), yield: r.layout.yield()}
	e.counter.cached = !f.calls && f.repeats()
	e.wrapped = e.counter.cached || f.counted
	e.needsLocal = f.counted || f.charged || f.repeats()
	e.frames = append(e.frames, emitFrame{})
	e.start = before.Start
	e.putIn(0, 0)
	e.prologue()
	if e.wrapped {
		e.out.block(wasm.OpBlock, r.resultType(r.m.Funcs[i]))
	}
	for p := 0; p < len(f.points); p++ {
		e.point(p)
	}
	f.runs = e.from.runs
	locals := before.Locals
	if e.needsLocal {
		locals = append(locals[:len(locals):len(locals)], wasm.LocalGroup{Count: 1, Type: wasm.I32})
	}
	return wasm.Code{Locals: locals, Body: e.out}
}

// repeats reports whether there is a loop that is one.
func (f *function) repeats() bool {
	for i := range f.loops {
		if f.loops[i].repeats {
			return true
		}
	}
	return false
}

// begunByLoop reports whether a loop at the beginning charges for the function.
func (f *function) begunByLoop() bool { return len(f.loops) > 0 && f.loops[0].entry }

// resultType gives the type of a block that has the results of a function.
func (r *rewriter) resultType(t uint32) int64 {
	results := r.m.Types[t].Results
	switch len(results) {
	case 0:
		return wasm.BlockEmpty
	case 1:
		return int64(results[0]) - 0x80
	}
	return int64(r.types.add(nil, results))
}

// prologue counts the depth and charges for the entry.
func (e *emitter) prologue() {
	if e.f.counted {
		e.r.descend(&e.out, e.f.depth, e.counter.local)
	}
	if e.counter.cached {
		e.out.with(wasm.OpGlobalGet, e.r.left)
		e.out.with(wasm.OpLocalSet, e.counter.local)
	}
	if e.f.charged && !e.f.begunByLoop() {
		e.counter.charge(&e.out, reductions(e.f.work))
		e.counter.ask(&e.out)
	}
}

// epilogue undoes what has to be undone, with the results on the stack.
func (e *emitter) epilogue() {
	if e.wrapped {
		e.out.op(wasm.OpEnd)
	}
	if e.counter.cached {
		e.out.with(wasm.OpLocalGet, e.counter.local)
		e.out.with(wasm.OpGlobalSet, e.r.left)
	}
	if e.f.counted {
		e.r.ascend(&e.out, e.f.depth)
	}
	e.out.op(wasm.OpEnd)
}

// maxDepth keeps the counter from running around. It is more than any stack has.
const maxDepth = 1 << 30

// descend takes bytes from the stack that is left. The local is one to compute in.
func (r *rewriter) descend(out *code, depth int64, local uint32) {
	out.with(wasm.OpGlobalGet, r.stack)
	out.i32(min(depth, maxDepth))
	out.op(wasm.OpI32Sub)
	out.with(wasm.OpLocalTee, local)
	out.with(wasm.OpGlobalSet, r.stack)
	out.with(wasm.OpLocalGet, local)
	out.i32(0)
	out.op(wasm.OpI32LtS)
	out.block(wasm.OpIf, wasm.BlockEmpty)
	out.with(wasm.OpCall, r.layout.stackOverflow())
	out.op(wasm.OpEnd)
}

// ascend gives them back.
func (r *rewriter) ascend(out *code, depth int64) {
	out.with(wasm.OpGlobalGet, r.stack)
	out.i32(min(depth, maxDepth))
	out.op(wasm.OpI32Add)
	out.with(wasm.OpGlobalSet, r.stack)
}

// indirect accounts for a call through a table, if its type is one that takes part in circles. Where code
// stands in for the table, that does it.
func (e *emitter) indirect(p *point, same []byte) {
	if e.r.dispatch != nil {
		e.out.with(wasm.OpCall, e.r.dispatch.helperFor(e.r, p.arg, false))
		return
	}
	through := e.r.indirect[e.r.canonical[p.arg]]
	if through == nil || !through.charged {
		e.out = append(e.out, same...)
		return
	}
	e.needsLocal = true
	e.r.descend(&e.out, through.depth, e.counter.local)
	e.counter.charge(&e.out, reductions(through.work))
	e.counter.ask(&e.out)
	e.out = append(e.out, same...)
	e.r.ascend(&e.out, through.depth)
}

// asIs notes that from here on the code is the old one from a place on.
func (e *emitter) asIs(place int) {
	if e.r.traced {
		e.from.add(uint32(len(e.out)), e.start+uint32(place))
	}
}

// putIn notes that from a place of the new code on it was put in for the instruction at a place of the old.
func (e *emitter) putIn(at, place int) {
	if e.r.traced {
		e.from.add(uint32(at), (e.start+uint32(place))|added)
	}
}

// point writes everything up to and with a point.
func (e *emitter) point(number int) {
	p := &e.f.points[number]
	e.upTo(p)
	if p.op == wasm.OpLoop && e.f.twice(number, e.old) {
		e.twice(number)
		return
	}
	at := len(e.out)
	e.instead(p, e.old[p.start:p.end])
	if len(e.out)-at != int(p.end-p.start) {
		e.putIn(at, int(p.start))
	}
}

// upTo writes everything up to a point, which the caller writes.
func (e *emitter) upTo(p *point) {
	e.asIs(e.copied)
	e.out = append(e.out, e.old[e.copied:p.start]...)
	e.copied = int(p.end)
}

// instead writes what stands in place of a point.
func (e *emitter) instead(p *point, same []byte) {
	switch p.op {
	case wasm.OpBlock, wasm.OpIf:
		e.out = append(e.out, same...)
		e.push(0, 0)
	case wasm.OpLoop:
		e.loop(&e.f.loops[p.arg], same)
	case wasm.OpEnd:
		e.end()
	case wasm.OpBr, wasm.OpBrIf:
		e.out.with(p.op, e.label(p.arg))
	case wasm.OpBrTable:
		e.brTable(same)
	case wasm.OpReturn:
		e.leave()
	case wasm.OpReturnCall, wasm.OpReturnCallIndirect:
		e.tailCall(p, same)
	case wasm.OpCallIndirect:
		e.indirect(p, same)
	case wasm.OpCall, wasm.OpRefFunc:
		e.out.with(p.op, e.r.layout.New(p.arg))
	case wasm.OpMemoryFill, wasm.OpMemoryCopy, wasm.OpMemoryInit, wasm.OpTableFill, wasm.OpTableCopy, wasm.OpTableInit, wasm.OpTableGrow:
		e.bulk(p, same)
	default:
		e.out = append(e.out, same...)
	}
}

// push opens a block with blocks of our own around it, some of which end with it.
func (e *emitter) push(around, ending int) {
	e.frames = append(e.frames, emitFrame{extra: e.frames[len(e.frames)-1].extra + around, ours: ending})
}

// nested reports whether a loop that repeats is put into another, which has the call of the host. It begins its turn again
// after that, so one turn must not cost more than the host may give.
func (l *loop) nested() bool { return !l.calls && !l.params && reductions(l.longest) <= MinBudget }

// loop opens a loop, which charges for each time it goes around.
func (e *emitter) loop(l *loop, same []byte) {
	cost := reductions(l.longest)
	switch {
	case !l.repeats:
		e.out = append(e.out, same...)
		e.push(0, 0)
	case !l.nested():
		e.out = append(e.out, same...)
		e.counter.charge(&e.out, cost)
		e.counter.ask(&e.out)
		e.push(0, 0)
	default:
		e.nest(same, cost)
		e.push(1, 1)
	}
}

// nest opens a loop in a loop of our own.
func (e *emitter) nest(same []byte, cost int64) {
	e.out = append(e.out, same...)
	e.counter.over(&e.out)
	e.counter.ask(&e.out)
	e.out = append(e.out, same...)
	e.counter.charge(&e.out, cost)
	e.out.block(wasm.OpIf, wasm.BlockEmpty)
	e.out.with(wasm.OpBr, 2) // past the if and this loop
	e.out.op(wasm.OpEnd)
}

// end closes a block, or the function.
func (e *emitter) end() {
	top := e.frames[len(e.frames)-1]
	e.frames = e.frames[:len(e.frames)-1]
	if len(e.frames) == 0 {
		e.epilogue()
		return
	}
	for range 1 + top.ours {
		e.out.op(wasm.OpEnd)
	}
}

// label gives the label of a branch with our own blocks on the way. The outermost of the old
// labels, the function, is the block around the body if there is one.
func (e *emitter) label(old uint32) uint32 {
	top := len(e.frames) - 1
	return old + uint32(e.frames[top].extra-e.frames[top-int(old)].extra)
}

func (e *emitter) brTable(same []byte) {
	e.out.op(wasm.OpBrTable)
	count := uint32(0)
	wasm.Labels(same, func(uint32) { count++ })
	e.out = wasm.AppendU32(e.out, count-1)
	wasm.Labels(same, func(label uint32) { e.out = wasm.AppendU32(e.out, e.label(label)) })
}

// bulk charges for an instruction of any length, or has a helper do it in pieces.
func (e *emitter) bulk(p *point, same []byte) {
	switch p.op {
	case wasm.OpMemoryFill:
		e.out.with(wasm.OpCall, e.r.helpers.index(fill))
	case wasm.OpMemoryCopy:
		e.out.with(wasm.OpCall, e.r.helpers.index(copyWithin))
	case wasm.OpMemoryInit:
		if len(e.r.m.Data[p.arg].Bytes) > pieceBytes {
			e.out.with(wasm.OpCall, e.r.helpers.index(e.r.initFrom(p.arg)))
			return
		}
		e.out.with(wasm.OpCall, e.r.helpers.index(chargeBytes))
		e.out = append(e.out, same...)
	case wasm.OpTableGrow:
		e.out.with(wasm.OpCall, e.r.helpers.index(chargeElements))
		if grow := e.r.growTable(p.arg); grow != nil {
			e.out.with(wasm.OpCall, e.r.helpers.index(grow))
			return
		}
		e.out = append(e.out, same...)
	default:
		e.out.with(wasm.OpCall, e.r.helpers.index(chargeElements))
		e.out = append(e.out, same...)
	}
}
