package rewrite

import "github.com/wnode/wnode/vm/module/wasm"

// Parameters and results that the compiler has in registers on every architecture. With more, it makes a tail call
// an ordinary one, which keeps the frame of the caller.
const (
	maxIntParams  = 6
	maxIntResults = 8
	maxFloats     = 8 // or vectors
)

// fitsRegisters reports whether a tail call of a function replaces the frame of its caller.
func fitsRegisters(params, results []wasm.ValueType) bool {
	ints, floats := countRegisters(params)
	intResults, floatResults := countRegisters(results)
	return ints <= maxIntParams && intResults <= maxIntResults && max(floats, floatResults) <= maxFloats
}

func countRegisters(types []wasm.ValueType) (ints, floats int) {
	for _, t := range types {
		switch t {
		case wasm.F32, wasm.F64, wasm.V128:
			floats++
		default:
			ints++
		}
	}
	return ints, floats
}

// direct and indirect report whether a point is a call, a tail call or not.
func (p *point) direct() bool { return p.op == wasm.OpCall || p.op == wasm.OpReturnCall }

func (p *point) indirect() bool {
	return p.op == wasm.OpCallIndirect || p.op == wasm.OpReturnCallIndirect
}

// replaces reports whether a point is a tail call that the compiler makes one. Calls of imported functions come back
// soon; they stay ordinary calls.
func (r *rewriter) replaces(p *point) bool {
	imported := uint32(len(r.imports))
	var t *wasm.FuncType
	switch {
	case p.op == wasm.OpReturnCallIndirect:
		t = &r.m.Types[p.arg]
	case p.op == wasm.OpReturnCall && p.arg >= imported:
		t = &r.m.Types[r.m.Funcs[p.arg-imported]]
	default:
		return false
	}
	return fitsRegisters(t.Params, t.Results)
}

// countReplacing has every function count its depth that a tail call can put in place of its caller. A caller that
// counts for itself gives its depth back before the tail call, and cannot count for what comes after.
func (g *graph) countReplacing() {
	types := map[uint32]bool{}
	for i := range g.r.funcs {
		for n := range g.r.funcs[i].points {
			p := &g.r.funcs[i].points[n]
			if !g.r.replaces(p) {
				continue
			}
			if callee, _ := g.callee(p); g.isType(callee) {
				types[g.typeOf(callee)] = true
			} else {
				g.r.funcs[callee].counted = true
			}
		}
	}
	for t := range types {
		for _, member := range g.members[t] {
			g.r.funcs[member].counted = true
		}
	}
}

// leave returns from the function, with the results on the stack.
func (e *emitter) leave() {
	if e.wrapped {
		e.out.with(wasm.OpBr, e.label(uint32(len(e.frames)-1)))
		return
	}
	e.out.op(wasm.OpReturn)
}

// tailCall undoes what the function has to undo and has another one take its place. Where the compiler would
// keep the frame, so does the count of the depth: there it is a call and a return.
func (e *emitter) tailCall(p *point, same []byte) {
	switch {
	case !e.r.replaces(p) && p.direct():
		e.out.with(wasm.OpCall, e.r.layout.New(p.arg))
		e.leave()
		return
	case !e.r.replaces(p):
		e.indirect(p, append([]byte{byte(wasm.OpCallIndirect)}, same[1:]...))
		e.leave()
		return
	}
	if e.f.counted {
		e.r.ascend(&e.out, e.f.depth)
	}
	switch {
	case p.direct():
		e.out.with(wasm.OpReturnCall, e.r.layout.New(p.arg))
	case e.r.dispatch != nil:
		e.out.with(wasm.OpReturnCall, e.r.dispatch.helperFor(e.r, p.arg, true))
	default:
		if through := e.r.indirect[e.r.canonical[p.arg]]; through != nil && through.charged {
			e.needsLocal = true
			e.counter.charge(&e.out, reductions(through.work))
			e.counter.ask(&e.out)
		}
		e.out = append(e.out, same...)
	}
}
