package rewrite

import (
	"slices"

	"github.com/wnode/wnode/vm/module/wasm"
)

// helper is a function that is added to a module that needs it.
type helper struct {
	params, results []wasm.ValueType
	locals          []wasm.LocalGroup
	write           func(r *rewriter, out *code)
}

func (h *helper) code(r *rewriter) wasm.Code {
	var body code
	h.write(r, &body)
	body.op(wasm.OpEnd)
	return wasm.Code{Locals: h.locals, Body: body}
}

// helpers has the helpers that a module uses.
type helpers struct {
	next  uint32 // index of the first
	used  []*helper
	added map[*helper]uint32 // their indices
}

// index gives the index of a helper, which it adds if need be.
func (h *helpers) index(one *helper) uint32 {
	index, ok := h.added[one]
	if !ok {
		index = h.next + uint32(len(h.used))
		h.used, h.added[one] = append(h.used, one), index
	}
	return index
}

// has reports whether a helper is used.
func (h *helpers) has(one *helper) bool { return slices.Contains(h.used, one) }

// Work in bulk is charged a reduction for 64 bytes, or 8 elements of 8 bytes.
const (
	bytesShift    = 6
	elementsShift = 3
)

// pieceBytes is how much memory is filled or copied at one go. Memory that was never touched makes it a millisecond.
const pieceBytes = 256 << 10

var (
	threeParams = []wasm.ValueType{wasm.I32, wasm.I32, wasm.I32}
	oneParam    = []wasm.ValueType{wasm.I32}
	oneLocal    = []wasm.LocalGroup{{Count: 1, Type: wasm.I32}}
)

var (
	chargeBytes    = &helper{params: oneParam, results: oneParam, locals: oneLocal, write: chargeBy(bytesShift)}
	chargeElements = &helper{params: oneParam, results: oneParam, locals: oneLocal, write: chargeBy(elementsShift)}
	fill           = &helper{params: threeParams, locals: oneLocal, write: writeFill}
	copyWithin     = &helper{params: threeParams, locals: oneLocal, write: writeCopy}
)

// counterIn gives the counter of a helper whose last local is for it.
func (r *rewriter) counterIn(local uint32) counter {
	return counter{global: r.left, local: local, yield: r.layout.yield()}
}

// chargeBy makes a function that charges for its argument and returns it.
func chargeBy(shift int64) func(*rewriter, *code) {
	return func(r *rewriter, out *code) {
		chargeLocal(r.counterIn(1), out, 0, shift)
		out.with(wasm.OpLocalGet, 0)
	}
}

// chargeLocal charges for a length in a local.
func chargeLocal(c counter, out *code, length uint32, shift int64) {
	c.get(out)
	out.with(wasm.OpLocalGet, length)
	out.i32(shift)
	out.op(wasm.OpI32ShrU, wasm.OpI32Sub)
	c.store(out)
	c.ask(out)
}

// Locals of fill and copy.
const (
	dst = iota
	src // or the value
	length
	temp
)

// writeFill writes memory.fill in pieces.
func writeFill(r *rewriter, out *code) {
	r.atOnce(out, memoryFill)
	wholeIf(out, memoryFill, bounds{dst, memoryEnd})
	r.pieces(out, func() {
		memoryFill(out, func() { out.i32(pieceBytes) })
		advance(out, dst)
		retreat(out)
	})
	memoryFill(out, func() { out.with(wasm.OpLocalGet, length) })
}

// writeCopy writes memory.copy in pieces: from the end when the target is behind the source, since
// the two may overlap.
func writeCopy(r *rewriter, out *code) {
	r.atOnce(out, memoryCopy)
	wholeIf(out, memoryCopy, bounds{dst, memoryEnd}, bounds{src, memoryEnd})
	out.with(wasm.OpLocalGet, dst)
	out.with(wasm.OpLocalGet, src)
	out.op(wasm.OpI32LeU)
	out.block(wasm.OpIf, wasm.BlockEmpty)
	r.pieces(out, func() {
		memoryCopy(out, func() { out.i32(pieceBytes) })
		advance(out, dst)
		advance(out, src)
		retreat(out)
	})
	out.op(wasm.OpElse)
	r.pieces(out, func() {
		retreat(out)
		for _, at := range []uint32{dst, src} {
			out.with(wasm.OpLocalGet, at)
			out.with(wasm.OpLocalGet, length)
			out.op(wasm.OpI32Add)
		}
		out.i32(pieceBytes)
		out.op(wasm.OpMemoryCopy)
		*out = append(*out, 0, 0)
	})
	out.op(wasm.OpEnd)
	memoryCopy(out, func() { out.with(wasm.OpLocalGet, length) })
}

// initFrom gives the helper for memory.init of a segment, in pieces. When the segment was dropped, the first
// piece traps.
func (r *rewriter) initFrom(segment uint32) *helper {
	if h := r.inits[segment]; h != nil {
		return h
	}
	memoryInit := func(out *code, size func()) {
		operands(out, size)
		out.with(wasm.OpMemoryInit, segment)
		*out = append(*out, 0)
	}
	segmentEnd := func(out *code) {
		out.op(wasm.OpI64Const)
		*out = wasm.AppendSigned(*out, int64(len(r.m.Data[segment].Bytes)))
	}
	h := &helper{params: threeParams, locals: oneLocal, write: func(r *rewriter, out *code) {
		r.atOnce(out, memoryInit)
		wholeIf(out, memoryInit, bounds{dst, memoryEnd}, bounds{src, segmentEnd})
		r.pieces(out, func() {
			memoryInit(out, func() { out.i32(pieceBytes) })
			advance(out, dst)
			advance(out, src)
			retreat(out)
		})
		memoryInit(out, func() { out.with(wasm.OpLocalGet, length) })
	}}
	r.inits[segment] = h
	return h
}

// growTable gives the helper for table.grow of a table that the module defines, nil for any other: it
// grows the table by no more than is left for all tables together.
func (r *rewriter) growTable(table uint32) *helper {
	imported := uint32(r.m.Imported(wasm.KindTable))
	if table < imported || table >= imported+uint32(len(r.m.Tables)) {
		return nil
	}
	if r.grows[table] == nil {
		element := r.m.Tables[table-imported].Element
		r.grows[table] = &helper{
			params: []wasm.ValueType{element, wasm.I32}, results: oneParam, locals: oneLocal,
			write: func(r *rewriter, out *code) { writeGrow(r, out, table) },
		}
	}
	return r.grows[table]
}

// writeGrow writes table.grow, which fails by giving -1.
func writeGrow(r *rewriter, out *code, table uint32) {
	const value, count, before = 0, 1, 2 // locals
	fail := func() {
		out.block(wasm.OpIf, wasm.BlockEmpty)
		out.i32(-1)
		out.op(wasm.OpReturn, wasm.OpEnd)
	}
	out.with(wasm.OpLocalGet, count)
	out.with(wasm.OpGlobalGet, r.tables)
	out.op(wasm.OpI32GtU)
	fail()
	out.with(wasm.OpLocalGet, value)
	out.with(wasm.OpLocalGet, count)
	out.with(wasm.OpTableGrow, table)
	out.with(wasm.OpLocalTee, before)
	out.i32(0)
	out.op(wasm.OpI32LtS)
	fail()
	out.with(wasm.OpGlobalGet, r.tables)
	out.with(wasm.OpLocalGet, count)
	out.op(wasm.OpI32Sub)
	out.with(wasm.OpGlobalSet, r.tables)
	out.with(wasm.OpLocalGet, before)
}

// memoryFill and memoryCopy write the instruction, with a length of its own.
func memoryFill(out *code, size func()) {
	operands(out, size)
	out.op(wasm.OpMemoryFill)
	*out = append(*out, 0)
}

func memoryCopy(out *code, size func()) {
	operands(out, size)
	out.op(wasm.OpMemoryCopy)
	*out = append(*out, 0, 0)
}

func operands(out *code, size func()) {
	out.with(wasm.OpLocalGet, dst)
	out.with(wasm.OpLocalGet, src)
	size()
}

// atOnce does what is no longer than a piece, and returns.
func (r *rewriter) atOnce(out *code, instruction func(*code, func())) {
	out.with(wasm.OpLocalGet, length)
	out.i32(pieceBytes)
	out.op(wasm.OpI32LeU)
	out.block(wasm.OpIf, wasm.BlockEmpty)
	chargeLocal(r.counterIn(temp), out, length, bytesShift)
	instruction(out, func() { out.with(wasm.OpLocalGet, length) })
	out.op(wasm.OpReturn, wasm.OpEnd)
}

// bounds are those of what lies at an address for the length, with an end as i64.
type bounds struct {
	start uint32
	end   func(out *code)
}

// memoryEnd gives the size of the memory in bytes.
func memoryEnd(out *code) {
	out.with(wasm.OpMemorySize, 0)
	out.op(wasm.OpI64ExtendU, wasm.OpI64Const)
	*out = append(*out, 16) // pages of 64 KiB
	out.op(wasm.OpI64Shl)
}

// wholeIf does the whole of what would go beyond an end: it traps, and changes nothing.
func wholeIf(out *code, instruction func(*code, func()), all ...bounds) {
	for i, b := range all {
		out.with(wasm.OpLocalGet, b.start)
		out.op(wasm.OpI64ExtendU)
		out.with(wasm.OpLocalGet, length)
		out.op(wasm.OpI64ExtendU, wasm.OpI64Add)
		b.end(out)
		out.op(wasm.OpI64GtU)
		if i > 0 {
			out.op(wasm.OpI32Or)
		}
	}
	out.block(wasm.OpIf, wasm.BlockEmpty)
	instruction(out, func() { out.with(wasm.OpLocalGet, length) })
	out.op(wasm.OpEnd)
}

// pieces repeats a step as long as there is more than one piece, and charges for each.
func (r *rewriter) pieces(out *code, step func()) {
	out.block(wasm.OpLoop, wasm.BlockEmpty)
	c := r.counterIn(temp)
	c.charge(out, pieceBytes>>bytesShift)
	c.ask(out)
	step()
	out.with(wasm.OpLocalGet, length)
	out.i32(pieceBytes)
	out.op(wasm.OpI32GtU)
	out.with(wasm.OpBrIf, 0)
	out.op(wasm.OpEnd)
}

// advance moves an address by a piece, retreat the length.
func advance(out *code, address uint32) {
	out.with(wasm.OpLocalGet, address)
	out.i32(pieceBytes)
	out.op(wasm.OpI32Add)
	out.with(wasm.OpLocalSet, address)
}

func retreat(out *code) {
	out.with(wasm.OpLocalGet, length)
	out.i32(pieceBytes)
	out.op(wasm.OpI32Sub)
	out.with(wasm.OpLocalSet, length)
}
