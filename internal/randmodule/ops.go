package randmodule

import "github.com/wnode/wnode/vm/module/wasm"

// operation is a row of instructions with the same operands.
type operation struct {
	first, last wasm.Op
	in          []wasm.ValueType
	out         wasm.ValueType
}

var (
	i32s = []wasm.ValueType{wasm.I32, wasm.I32}
	i64s = []wasm.ValueType{wasm.I64, wasm.I64}
	f32s = []wasm.ValueType{wasm.F32, wasm.F32}
	f64s = []wasm.ValueType{wasm.F64, wasm.F64}
	v128 = []wasm.ValueType{wasm.V128, wasm.V128, wasm.V128}
)

var integers = []operation{
	{0x45, 0x45, i32s[:1], wasm.I32},
	{0x46, 0x4f, i32s, wasm.I32},
	{0x50, 0x50, i64s[:1], wasm.I32},
	{0x51, 0x5a, i64s, wasm.I32},
	{0x67, 0x69, i32s[:1], wasm.I32},
	{0x6a, 0x78, i32s, wasm.I32},
	{0x6a, 0x6c, i32s, wasm.I32},
	{0x79, 0x7b, i64s[:1], wasm.I64},
	{0x7c, 0x8a, i64s, wasm.I64},
	{0x7c, 0x7e, i64s, wasm.I64},
	{0xa7, 0xa7, i64s[:1], wasm.I32},
	{0xac, 0xad, i32s[:1], wasm.I64},
	{0xc0, 0xc1, i32s[:1], wasm.I32},
	{0xc2, 0xc4, i64s[:1], wasm.I64},
}

var floating = []operation{
	{0x5b, 0x60, f32s, wasm.I32},
	{0x61, 0x66, f64s, wasm.I32},
	{0x8b, 0x91, f32s[:1], wasm.F32},
	{0x92, 0x98, f32s, wasm.F32},
	{0x99, 0x9f, f64s[:1], wasm.F64},
	{0xa0, 0xa6, f64s, wasm.F64},
	{0xa8, 0xa9, f32s[:1], wasm.I32},
	{0xaa, 0xab, f64s[:1], wasm.I32},
	{0xae, 0xaf, f32s[:1], wasm.I64},
	{0xb0, 0xb1, f64s[:1], wasm.I64},
	{0xb2, 0xb3, i32s[:1], wasm.F32},
	{0xb4, 0xb5, i64s[:1], wasm.F32},
	{0xb6, 0xb6, f64s[:1], wasm.F32},
	{0xb7, 0xb8, i32s[:1], wasm.F64},
	{0xb9, 0xba, i64s[:1], wasm.F64},
	{0xbb, 0xbb, f32s[:1], wasm.F64},
	{0xbc, 0xbc, f32s[:1], wasm.I32},
	{0xbd, 0xbd, f64s[:1], wasm.I64},
	{0xfc00, 0xfc01, f32s[:1], wasm.I32},
	{0xfc02, 0xfc03, f64s[:1], wasm.I32},
	{0xfc04, 0xfc05, f32s[:1], wasm.I64},
	{0xfc06, 0xfc07, f64s[:1], wasm.I64},
}

var vectors = []operation{
	{0xfd0f, 0xfd11, i32s[:1], wasm.V128}, // splats
	{0xfd12, 0xfd12, i64s[:1], wasm.V128},
	{0xfd4d, 0xfd4d, v128[:1], wasm.V128},
	{0xfd4e, 0xfd51, v128[:2], wasm.V128},
	{0xfd52, 0xfd52, v128, wasm.V128},
	{0xfd53, 0xfd53, v128[:1], wasm.I32},
	{0xfd63, 0xfd64, v128[:1], wasm.I32},
	{0xfd6e, 0xfd70, v128[:2], wasm.V128},
	{0xfdae, 0xfdae, v128[:2], wasm.V128},
	{0xfdb1, 0xfdb1, v128[:2], wasm.V128},
	{0xfdb5, 0xfdb9, v128[:2], wasm.V128},
}

// compute applies an operation.
func (f *body) compute() {
	rows := integers
	switch n := f.pick(3); {
	case n == 0 && f.floats:
		rows = floating
	case n == 1 && f.vectors:
		if f.one(4) {
			f.lanes()
			return
		}
		rows = vectors
	}
	row := of(f.source, rows)
	f.want(row.in...)
	f.op(row.first + wasm.Op(f.pick(int(row.last-row.first)+1)))
	switch row.out {
	case wasm.F32:
		f.op(wasm.OpCall, f.canon32)
	case wasm.F64:
		f.op(wasm.OpCall, f.canon64)
	}
	f.push(row.out)
}

// lanes takes a vector apart, or puts one together.
func (f *body) lanes() {
	if f.one(2) {
		f.want(wasm.V128, wasm.V128)
		f.op(0xfd0d) // i8x16.shuffle
		for range 16 {
			f.code = append(f.code, byte(f.pick(32)))
		}
		f.push(wasm.V128)
		return
	}
	f.want(wasm.V128)
	if f.one(2) {
		f.op(0xfd1b, uint32(f.pick(4)))
		f.push(wasm.I32)
	} else {
		f.op(0xfd1d, uint32(f.pick(2)))
		f.push(wasm.I64)
	}
}

var loads = []operation{
	{0x28, 0x28, nil, wasm.I32},
	{0x29, 0x29, nil, wasm.I64},
	{0x2c, 0x2f, nil, wasm.I32},
	{0x30, 0x35, nil, wasm.I64},
	{0x2a, 0x2a, nil, wasm.F32},
	{0x2b, 0x2b, nil, wasm.F64},
	{0xfd00, 0xfd00, nil, wasm.V128},
}

var stores = []operation{
	{0x36, 0x36, nil, wasm.I32},
	{0x37, 0x37, nil, wasm.I64},
	{0x3a, 0x3b, nil, wasm.I32},
	{0x3c, 0x3e, nil, wasm.I64},
	{0x38, 0x38, nil, wasm.F32},
	{0x39, 0x39, nil, wasm.F64},
	{0xfd0b, 0xfd0b, nil, wasm.V128},
}

// usable reports whether the module uses a type.
func (g *generator) usable(t wasm.ValueType) bool {
	switch t {
	case wasm.F32, wasm.F64:
		return g.floats
	case wasm.V128:
		return g.vectors
	}
	return true
}

// access loads or stores.
func (f *body) access() {
	rows, load := stores, f.one(2)
	if load {
		rows = loads
	}
	row := of(f.source, rows)
	if !f.usable(row.out) {
		return
	}
	f.address()
	if !load {
		f.leaf(row.out)
	}
	f.op(row.first + wasm.Op(f.pick(int(row.last-row.first)+1)))
	offset := uint32(f.pick(64))
	if f.one(30) {
		offset = uint32(f.integer())
	}
	f.code = wasm.AppendU32(append(f.code, 0), offset) // any alignment will do
	if load {
		f.push(row.out)
	}
}

// address pushes an address that the stack does not know of, one that is in the memory as a rule.
func (f *body) address() {
	f.leaf(wasm.I32)
	if !f.one(20) {
		f.number(0x7fff)
		f.op(opI32And)
	}
}

// bulk writes an instruction that works on any number of bytes.
func (f *body) bulk() {
	segment := uint32(f.pick(max(len(f.m.Data), 1)))
	switch f.pick(4) {
	case 0:
		f.region()
		f.op(wasm.OpMemoryFill, 0)
	case 1:
		f.region()
		f.op(wasm.OpMemoryCopy, 0, 0)
	case 2:
		// Active segments are dropped when they have been written (core specification 4.5.4); the engine that modules
		// are compared with keeps them.
		if len(f.m.Data) > 0 && f.m.Data[segment].Mode == wasm.Passive {
			f.address()
			f.number(int64(f.pick(8)))
			f.number(int64(f.pick(8)))
			f.op(wasm.OpMemoryInit, segment, 0)
		}
	default:
		if len(f.m.Data) > 0 && f.drops {
			f.op(wasm.OpDataDrop, segment)
		}
	}
}

// region pushes two addresses, or an address and a value, and a length.
func (f *body) region() {
	f.address()
	f.address()
	switch f.pick(4) {
	case 0:
		f.number(int64(f.pick(300)))
	case 1:
		f.leaf(wasm.I32)
		f.number(0x3fff)
		f.op(opI32And)
	case 2:
		f.number(int64(f.pick(6)) << 16)
	default:
		f.leaf(wasm.I32)
	}
}

// table works on tables, when the module does that at all.
func (f *body) table() {
	if !f.tables {
		f.compute()
		return
	}
	table := uint32(f.pick(2))
	place := func() { f.number(int64(f.pick(8))) }
	switch f.pick(9) {
	case 0:
		place()
		f.op(wasm.OpTableGet, table)
		f.op(0xd1) // ref.is_null
		f.push(wasm.I32)
	case 1, 2:
		place()
		f.leaf(wasm.FuncRef)
		f.op(wasm.OpTableSet, table)
	case 3:
		f.op(wasm.OpTableSize, table)
		f.push(wasm.I32)
	case 4:
		f.leaf(wasm.FuncRef)
		f.number(int64(f.pick(3)))
		f.op(wasm.OpTableGrow, table)
		f.push(wasm.I32)
	case 5:
		place()
		f.leaf(wasm.FuncRef)
		f.number(int64(f.pick(3)))
		f.op(wasm.OpTableFill, table)
	case 6:
		place()
		place()
		f.number(int64(f.pick(4)))
		f.op(wasm.OpTableCopy, table, 1-table)
	case 7:
		place()
		f.number(int64(f.pick(2)))
		f.number(int64(f.pick(2)))
		f.op(wasm.OpTableInit, 2, table)
	default:
		if f.drops {
			f.op(wasm.OpElemDrop, 2)
		}
	}
}
