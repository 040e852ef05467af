package randmodule

import (
	"slices"

	"github.com/wnode/wnode/vm/module/wasm"
)

// addHelpers writes the functions that random code, and the entry, can rely on.
func (g *generator) addHelpers() {
	canon := func(t wasm.ValueType, nan []byte, equal wasm.Op) wasm.Code {
		f := &body{generator: g}
		f.op(wasm.OpLocalGet, 0)
		if t == wasm.F32 {
			f.op(wasm.OpF32Const)
		} else {
			f.op(wasm.OpF64Const)
		}
		f.code = append(f.code, nan...)
		f.op(wasm.OpLocalGet, 0)
		f.op(wasm.OpLocalGet, 0)
		f.op(equal)
		f.op(opSelect)
		f.op(wasm.OpEnd)
		return wasm.Code{Body: f.code}
	}
	g.m.Codes = append(g.m.Codes,
		canon(wasm.F32, []byte{0, 0, 0xc0, 0x7f}, 0x5b),
		canon(wasm.F64, []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x7f}, 0x61),
		g.digestCode())
}

// digestCode writes the function that makes a number of the memory and the globals.
func (g *generator) digestCode() wasm.Code {
	const address, sum = 0, 1 // locals
	f := &body{generator: g}
	mix := func(value func()) {
		f.op(wasm.OpLocalGet, sum)
		f.op(wasm.OpI64Const)
		f.code = wasm.AppendSigned(f.code, 0x100000001b3)
		f.op(wasm.OpI64Mul)
		value()
		f.op(0x85) // i64.xor
		f.op(wasm.OpLocalSet, sum)
	}
	f.op(wasm.OpLoop)
	f.code = append(f.code, 0x40)
	mix(func() {
		f.op(wasm.OpLocalGet, address)
		f.op(0x29, 3, 0) // i64.load
	})
	f.op(wasm.OpLocalGet, address)
	f.number(8)
	f.op(wasm.OpI32Add)
	f.op(wasm.OpLocalTee, address)
	f.op(wasm.OpMemorySize, 0)
	f.number(16)
	f.op(0x74) // i32.shl
	f.op(0x49) // i32.lt_u
	f.op(wasm.OpBrIf, 0)
	f.op(wasm.OpEnd)
	for i, t := range g.globals {
		mix(func() { f.bits(uint32(i), t.Value) })
	}
	f.op(wasm.OpLocalGet, sum)
	f.op(wasm.OpEnd)
	return wasm.Code{Locals: []wasm.LocalGroup{{Count: 1, Type: wasm.I32}, {Count: 1, Type: wasm.I64}}, Body: f.code}
}

// bits pushes a global as an i64.
func (f *body) bits(index uint32, t wasm.ValueType) {
	f.op(wasm.OpGlobalGet, index)
	switch t {
	case wasm.I32:
		f.op(wasm.OpI64ExtendU)
	case wasm.F32:
		f.op(0xbc)
		f.op(wasm.OpI64ExtendU)
	case wasm.F64:
		f.op(0xbd)
	case wasm.V128:
		f.op(0xfd1d, 1)
	}
}

// addEntry adds a function that calls all random code, and reports.
func (g *generator) addEntry(report *Report) {
	f := &body{generator: g}
	for i := range g.random {
		index := uint32(g.imports + i)
		t := g.m.Types[g.types[index]]
		for _, p := range t.Params {
			f.zero(p)
		}
		f.op(wasm.OpCall, index)
		for range t.Results {
			f.op(opDrop)
		}
	}
	f.number(ReportAddress)
	f.op(wasm.OpCall, g.digest)
	f.op(0x37, 3, 0) // i64.store
	f.code = append(f.code, report.Args...)
	f.op(wasm.OpCall, 0)
	for range report.Type.Results {
		f.op(opDrop)
	}
	f.op(wasm.OpEnd)
	g.m.Funcs = append(slices.Clone(g.m.Funcs), typeNothing)
	g.m.Codes = append(g.m.Codes, wasm.Code{Body: f.code})
	g.export("_start", wasm.KindFunc, uint32(len(g.types)))
}
