package randmodule

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/wnode/wnode/vm/module/wasm"
)

// body writes the code of a function.
type body struct {
	*generator
	code    []byte
	self    uint32
	locals  []wasm.ValueType // with the parameters
	results []wasm.ValueType
	frames  []frame
	stack   []wasm.ValueType // what is known to be there; there is always more to be pushed
	left    int              // instructions that are still to be written
}

// frame is a block that is open.
type frame struct {
	label, end []wasm.ValueType // the values for a branch to it, and at its end
	height     int              // of what is below it
	loop       bool
}

// function makes the code of a function.
func (g *generator) function(index uint32) wasm.Code {
	t := g.m.Types[g.types[index]]
	f := &body{generator: g, self: index, results: t.Results, locals: slices.Clone(t.Params), left: 8 + g.pick(100)}
	var groups []wasm.LocalGroup
	for range g.pick(5) {
		v := g.value()
		f.locals = append(f.locals, v)
		groups = append(groups, wasm.LocalGroup{Count: 1, Type: v})
	}
	f.frames = []frame{{label: t.Results, end: t.Results}}
	f.burn()
	for f.left > 0 && len(g.b) > 0 {
		f.step()
	}
	f.settle()
	f.op(wasm.OpEnd)
	return wasm.Code{Locals: groups, Body: f.code}
}

// op writes an instruction with its indices.
func (f *body) op(op wasm.Op, indices ...uint32) {
	if op > 0xff {
		f.code = append(f.code, byte(op>>8))
		f.code = wasm.AppendU32(f.code, uint32(op&0xff))
	} else {
		f.code = append(f.code, byte(op))
	}
	for _, index := range indices {
		f.code = wasm.AppendU32(f.code, index)
	}
	f.left--
}

func (f *body) top() *frame { return &f.frames[len(f.frames)-1] }

// number pushes an i32 that the stack does not know of.
func (f *body) number(v int64) {
	f.op(wasm.OpI32Const)
	f.code = wasm.AppendSigned(f.code, v)
}

// burn takes fuel, and returns from the function when there is none.
func (f *body) burn() {
	f.op(wasm.OpGlobalGet, f.fuel)
	f.op(0x45) // i32.eqz
	f.op(wasm.OpIf)
	f.code = append(f.code, 0x40)
	for _, t := range f.results {
		f.zero(t)
	}
	f.op(wasm.OpReturn)
	f.op(wasm.OpEnd)
	f.op(wasm.OpGlobalGet, f.fuel)
	f.number(1)
	f.op(wasm.OpI32Sub)
	f.op(wasm.OpGlobalSet, f.fuel)
}

// zero writes a constant that the stack does not know of.
func (f *body) zero(t wasm.ValueType) {
	switch t {
	case wasm.I32:
		f.number(0)
	case wasm.I64:
		f.op(wasm.OpI64Const)
		f.code = append(f.code, 0)
	case wasm.F32:
		f.op(wasm.OpF32Const)
		f.code = append(f.code, 0, 0, 0, 0)
	case wasm.F64:
		f.op(wasm.OpF64Const)
		f.code = append(f.code, make([]byte, 8)...)
	case wasm.V128:
		f.op(wasm.OpV128Const)
		f.code = append(f.code, make([]byte, 16)...)
	default:
		f.op(wasm.OpRefNull)
		f.code = append(f.code, byte(t))
	}
}

var reals = []float64{0, 1, -1, 1.5, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), 1e10, -3e20, 1e-40, 65535.7}

// constant writes a constant that the stack does not know of.
func (f *body) constant(t wasm.ValueType) {
	switch t {
	case wasm.I32:
		f.number(int64(int32(f.integer())))
	case wasm.I64:
		f.op(wasm.OpI64Const)
		f.code = wasm.AppendSigned(f.code, f.integer())
	case wasm.F32:
		f.op(wasm.OpF32Const)
		f.code = binary.LittleEndian.AppendUint32(f.code, math.Float32bits(float32(of(f.source, reals))))
	case wasm.F64:
		f.op(wasm.OpF64Const)
		f.code = binary.LittleEndian.AppendUint64(f.code, math.Float64bits(of(f.source, reals)))
	case wasm.V128:
		f.op(wasm.OpV128Const)
		f.code = binary.LittleEndian.AppendUint64(f.code, uint64(f.integer()))
		f.code = binary.LittleEndian.AppendUint64(f.code, uint64(f.integer()))
	default:
		f.zero(t)
	}
}

// leaf writes something that gives a value that the stack does not know of.
func (f *body) leaf(t wasm.ValueType) {
	var locals, globals []uint32
	for i, l := range f.locals {
		if l == t {
			locals = append(locals, uint32(i))
		}
	}
	for i, g := range f.globals {
		if g.Value == t && uint32(i) != f.fuel {
			globals = append(globals, uint32(i))
		}
	}
	switch n := f.pick(4); {
	case n < 2 && len(locals) > 0:
		f.op(wasm.OpLocalGet, of(f.source, locals))
	case n == 2 && len(globals) > 0:
		f.op(wasm.OpGlobalGet, of(f.source, globals))
	case t == wasm.FuncRef && n == 0:
		f.op(wasm.OpRefFunc, uint32(f.pick(f.imports+f.random)))
	default:
		f.constant(t)
	}
}

// want makes the values of some types those on top of the stack, and takes them off what is known of it.
func (f *body) want(types ...wasm.ValueType) {
	at := len(f.stack) - len(types)
	if at >= f.top().height && slices.Equal(f.stack[at:], types) && !f.one(8) {
		f.stack = f.stack[:at]
		return
	}
	for _, t := range types {
		f.leaf(t)
	}
}

func (f *body) push(types ...wasm.ValueType) { f.stack = append(f.stack, types...) }

// stop begins code that is never reached.
func (f *body) stop() { f.stack = f.stack[:f.top().height] }

// settle leaves on the stack what there has to be at the end of the innermost block.
func (f *body) settle() {
	top := f.top()
	if !top.loop && f.one(4) { // with whatever is below
		f.want(top.end...)
		f.op(wasm.OpBr, 0)
		f.stop()
		return
	}
	if slices.Equal(f.stack[top.height:], top.end) {
		f.stop()
		return
	}
	for range len(f.stack) - top.height {
		f.op(opDrop)
	}
	for _, t := range top.end {
		f.leaf(t)
	}
	f.stop()
}
