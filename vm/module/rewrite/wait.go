package rewrite

import (
	"math"
	"slices"

	"github.com/wnode/wnode/vm/module/wasm"
)

// Where is imported by modules that import a function of [Options.Waits]. Its type is () -> ().
const Where = "where"

// Again is what a function of [Options.Waits] returns that wants [Where] to be called, where the host is told what calls the
// guest is in, and to be called again then with the same arguments. The guest sees nothing of that. To be told at each call of a
// function that waits takes as long as all else that such a call does.
const Again = math.MinInt32

// Wait is a function that a module imports and that may want to be called again.
type Wait struct {
	Import uint32 // its index
	Index  uint32 // of the function that stands in for it
	Module string
	Name   string
}

// placeWaits puts functions in the place of those that may want to be called again: those of the right name
// that return an i32. Others are refused when the module is linked.
func (r *rewriter) placeWaits() {
	function := uint32(0)
	for _, imported := range r.m.Imports {
		if imported.Kind != wasm.KindFunc {
			continue
		}
		t := &r.m.Types[imported.Type]
		if slices.Contains(r.opts.Waits, imported.Module+"."+imported.Name) && slices.Equal(t.Results, oneParam) {
			r.layout.waits = append(r.layout.waits, Wait{function, 0, imported.Module, imported.Name})
		}
		function++
	}
	r.helpers = helpers{next: r.layout.imported + r.layout.injected() + r.layout.defined, added: map[*helper]uint32{}}
	for i := range r.layout.waits {
		w := &r.layout.waits[i]
		t := &r.m.Types[r.imports[w.Import]]
		w.Index = r.helpers.index(&helper{params: t.Params, results: t.Results, locals: oneLocal, write: w.write(uint32(len(t.Params)))})
	}
}

// write writes the function, whose last local is for the result.
func (w *Wait) write(params uint32) func(*rewriter, *code) {
	function := w.Import
	return func(r *rewriter, out *code) {
		out.block(wasm.OpLoop, wasm.BlockEmpty)
		for p := range params {
			out.with(wasm.OpLocalGet, p)
		}
		out.with(wasm.OpCall, function)
		out.with(wasm.OpLocalTee, params)
		out.i32(Again)
		out.op(wasm.OpI32Eq)
		out.block(wasm.OpIf, wasm.BlockEmpty)
		out.with(wasm.OpCall, r.layout.where())
		out.with(wasm.OpBr, 1)
		out.op(wasm.OpEnd, wasm.OpEnd)
		out.with(wasm.OpLocalGet, params)
	}
}

// Wait gives the imported function that another one stands in for.
func (l Layout) Wait(index uint32) (w Wait, ok bool) {
	for _, w := range l.waits {
		if w.Index == index {
			return w, true
		}
	}
	return Wait{}, false
}

// standIn gives the function that stands in for an imported one, or that itself.
func (l Layout) standIn(imported uint32) uint32 {
	if i, ok := slices.BinarySearchFunc(l.waits, imported, func(w Wait, f uint32) int { return int(int64(w.Import) - int64(f)) }); ok {
		return l.waits[i].Index
	}
	return imported
}
