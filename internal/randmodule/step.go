package randmodule

import (
	"slices"

	"github.com/wnode/wnode/vm/module/wasm"
)

const (
	opDrop   wasm.Op = 0x1a
	opSelect wasm.Op = 0x1b
	opI32And wasm.Op = 0x71
)

// maxFrames bounds the blocks that are open.
const maxFrames = 7

// step writes something.
func (f *body) step() {
	switch f.pick(16) {
	case 0, 1, 2:
		f.compute()
	case 3:
		f.variable()
	case 4, 5:
		f.access()
	case 6, 7:
		f.block()
	case 8, 9:
		f.branch()
	case 10, 11:
		f.call()
	case 12:
		f.tailCall()
	case 13:
		f.bulk()
	case 14:
		f.table()
	default:
		f.rare()
	}
}

// variable reads or writes a local or a global.
func (f *body) variable() {
	if n := len(f.locals); n > 0 && !f.one(3) {
		index := f.pick(n)
		f.want(f.locals[index])
		if f.one(3) {
			f.op(wasm.OpLocalTee, uint32(index))
			f.push(f.locals[index])
			return
		}
		f.op(wasm.OpLocalSet, uint32(index))
		return
	}
	index := f.pick(len(f.globals))
	if t := f.globals[index]; t.Mutable && uint32(index) != f.fuel {
		f.want(t.Value)
		f.op(wasm.OpGlobalSet, uint32(index))
	}
}

// rare writes what needs no more than its turn.
func (f *body) rare() {
	switch f.pick(6) {
	case 0:
		t := f.value()
		if t == wasm.V128 {
			t = wasm.I32
		}
		f.want(t, t, wasm.I32)
		f.op(opSelect)
		f.push(t)
	case 1:
		if len(f.stack) > f.top().height {
			f.op(opDrop)
			f.stack = f.stack[:len(f.stack)-1]
		}
	case 2:
		f.op(0x01) // nop
	case 3:
		f.op(wasm.OpMemorySize, 0)
		f.push(wasm.I32)
	case 4:
		f.number(int64(f.pick(4)))
		f.op(wasm.OpMemoryGrow, 0)
		f.push(wasm.I32)
	default:
		if f.one(12) {
			f.op(wasm.OpUnreachable)
			f.stop()
		}
	}
}

// block writes a block, a loop, or an if.
func (f *body) block() {
	if len(f.frames) >= maxFrames || f.left <= 0 {
		return
	}
	var t wasm.FuncType
	form := int64(wasm.BlockEmpty)
	switch f.pick(4) {
	case 0:
		index := f.pick(len(f.m.Types))
		t, form = f.m.Types[index], int64(index)
	case 1:
		v := f.value()
		t, form = wasm.FuncType{Results: []wasm.ValueType{v}}, int64(v)-0x80
	}
	op := of(f.source, []wasm.Op{wasm.OpBlock, wasm.OpLoop, wasm.OpIf, wasm.OpLoop})
	if op == wasm.OpIf {
		f.want(append(slices.Clone(t.Params), wasm.I32)...)
	} else {
		f.want(t.Params...)
	}
	f.op(op)
	f.code = wasm.AppendSigned(f.code, form)
	f.frames = append(f.frames, frame{label: t.Results, end: t.Results, height: len(f.stack)})
	if op == wasm.OpLoop {
		f.top().label, f.top().loop = t.Params, true
		f.burn()
	}
	f.inside(t.Params)
	if op == wasm.OpIf && (!slices.Equal(t.Params, t.Results) || f.one(2)) {
		f.op(wasm.OpElse)
		f.inside(t.Params)
	}
	f.op(wasm.OpEnd)
	f.frames = f.frames[:len(f.frames)-1]
	f.push(t.Results...)
}

// inside writes what is in a block that begins with some values.
func (f *body) inside(params []wasm.ValueType) {
	f.push(params...)
	for range f.pick(8) {
		f.step()
	}
	f.settle()
}

// branch leaves a block, perhaps.
func (f *body) branch() {
	label := f.pick(len(f.frames))
	types := f.frames[len(f.frames)-1-label].label
	switch f.pick(6) {
	case 0:
		f.want(types...)
		f.op(wasm.OpBr, uint32(label))
		f.stop()
	case 1:
		f.want(f.results...)
		f.op(wasm.OpReturn)
		f.stop()
	case 2:
		f.branchTable(uint32(label), types)
	default:
		f.want(append(slices.Clone(types), wasm.I32)...)
		f.op(wasm.OpBrIf, uint32(label))
		f.push(types...)
	}
}

// branchTable writes a br_table to labels with the same types.
func (f *body) branchTable(label uint32, types []wasm.ValueType) {
	same := []uint32{label}
	for i := range f.frames {
		if slices.Equal(f.frames[len(f.frames)-1-i].label, types) {
			same = append(same, uint32(i))
		}
	}
	f.want(append(slices.Clone(types), wasm.I32)...)
	n := f.pick(5)
	f.op(wasm.OpBrTable, uint32(n))
	for range n + 1 {
		f.code = wasm.AppendU32(f.code, of(f.source, same))
	}
	f.stop()
}

// call calls a function, directly or through a table. The report is not for it to call.
func (f *body) call() {
	if f.one(2) {
		f.callIndirect(wasm.OpCallIndirect, nil)
		return
	}
	index := f.callable()
	t := f.m.Types[f.types[index]]
	f.want(t.Params...)
	f.op(wasm.OpCall, index)
	f.push(t.Results...)
}

// callable gives a function with random code, or one that is imported.
func (f *body) callable() uint32 {
	return f.firstCallable() + uint32(f.pick(f.imports+f.random-int(f.firstCallable())))
}

// firstCallable is the function behind the report.
func (f *body) firstCallable() uint32 {
	if f.imports > 0 && f.m.Imports[0].Name != "sched_yield" {
		return 1
	}
	return 0
}

// tailCall has another function take this one's place.
func (f *body) tailCall() {
	if f.one(2) {
		f.callIndirect(wasm.OpReturnCallIndirect, f.results)
		return
	}
	var fit []uint32
	for i := f.firstCallable(); i < uint32(f.imports+f.random); i++ {
		if slices.Equal(f.m.Types[f.types[i]].Results, f.results) {
			fit = append(fit, i)
		}
	}
	if len(fit) == 0 {
		return
	}
	index := of(f.source, fit)
	if f.one(2) { // perhaps
		f.want(wasm.I32)
		f.op(wasm.OpIf)
		f.code = append(f.code, 0x40)
		for _, t := range f.m.Types[f.types[index]].Params {
			f.leaf(t)
		}
		f.op(wasm.OpReturnCall, index)
		f.op(wasm.OpEnd)
		return
	}
	f.want(f.m.Types[f.types[index]].Params...)
	f.op(wasm.OpReturnCall, index)
	f.stop()
}

// callIndirect calls through the table: a function that is there, as a rule. A tail call is one of a function with
// the given results.
func (f *body) callIndirect(op wasm.Op, results []wasm.ValueType) {
	type place struct{ at, t uint32 }
	var fit []place
	for at, index := range f.entries {
		if index == absent || index < f.firstCallable() {
			continue
		}
		if t := f.types[index]; op == wasm.OpCallIndirect || slices.Equal(f.m.Types[t].Results, results) {
			fit = append(fit, place{uint32(at), t})
		}
	}
	if len(fit) == 0 {
		return
	}
	to := of(f.source, fit)
	t := f.m.Types[to.t]
	if op == wasm.OpReturnCallIndirect && len(t.Params) > 6 {
		return // the engine that modules are compared with loses the seventh i32, on amd64
	}
	f.want(t.Params...)
	if f.one(10) {
		f.leaf(wasm.I32)
	} else {
		f.number(int64(to.at))
	}
	f.op(op, to.t, 0)
	if op == wasm.OpReturnCallIndirect {
		f.stop()
		return
	}
	f.push(t.Results...)
}
