package wasm

// Instr is one instruction in the code of a function.
type Instr struct {
	Op         Op
	Start, End int    // its place in the code
	Index      uint32 // the function, type, local, global, label, table or segment of the immediate
	Table      uint32 // the table of a call through one
	Type       int64  // of a block: an index into Types, or a negative number as in the binary format
	Value      int32  // of i32.const
}

// BlockEmpty is the type of a block without parameters and results.
const BlockEmpty = -0x40

// Instructions walks through the code of a function. It knows the form of instructions and nothing
// of what they refer to.
type Instructions struct {
	r reader
}

// Walk gives the instructions of some code.
func Walk(code []byte) Instructions { return Instructions{reader{b: code}} }

// Err says why Next stopped before the end. It wraps [ErrMalformed] or is a [*FeatureError].
func (w *Instructions) Err() error { return w.r.err }

// Next reads an instruction. It reports false at the end, and when there is an error.
func (w *Instructions) Next(in *Instr) bool {
	r := &w.r
	if !r.more() {
		return false
	}
	start := r.pos
	opcode := r.byte()
	op, s := Op(opcode), plainOps[opcode]
	switch opcode {
	case prefixMisc:
		number := r.u32()
		if number > 0xff {
			r.fail("unknown instruction")
		}
		op, s = prefixMisc<<8|Op(byte(number)), miscOps[byte(number)]
	case prefixVector:
		number := r.byte()
		if number >= 0x80 { // LEB128 of at most 255, in the one form that compilers know
			w.highVector(r.byte())
		}
		op, s = prefixVector<<8|Op(number), vectorOps[number]
	case prefixAtomic:
		number := r.byte()
		op, s = prefixAtomic<<8|Op(number), atomicOps[number]
	}
	*in = Instr{Op: op, Start: start}
	if s.immediate == invalid {
		r.failAt(strange, opcode, "unknown instruction")
	}
	w.immediate(in, s.immediate)
	in.End = r.pos
	return r.err == nil
}

func (w *Instructions) immediate(in *Instr, kind immediate) {
	r := &w.r
	switch kind {
	case none:
	case label, funcIndex, localIndex, globalIndex, tableIndex, dataIndex, elementIndex:
		in.Index = r.u32()
	case i32Value:
		in.Value = int32(r.signed(32))
	case i64Value:
		r.signed(64)
	case memArg:
		w.memArg()
	case blockType:
		in.Type = w.blockType()
	case labels:
		for range r.count("labels", maxLabels) {
			r.u32()
		}
		in.Index = r.u32()
	case typeAndTable, elementAndTable, tableAndTable:
		in.Index = r.u32()
		in.Table = r.u32()
	default:
		w.rareImmediate(in, kind)
	}
}

func (w *Instructions) rareImmediate(in *Instr, kind immediate) {
	r := &w.r
	switch kind {
	case zero:
		w.zero()
	case zeroZero:
		w.zero()
		w.zero()
	case dataAndZero:
		in.Index = r.u32()
		w.zero()
	case fourBytes:
		r.bytes(4)
	case eightBytes:
		r.bytes(8)
	case sixteenBytes:
		r.bytes(16)
	case shuffle:
		for _, l := range r.bytes(16) {
			if l >= 32 {
				r.fail("invalid lane")
			}
		}
	case types:
		if r.u32() != 1 || !ValueType(r.byte()).valid() {
			r.fail("invalid type of select")
		}
	case refType:
		if !ValueType(r.byte()).reference() {
			r.fail("invalid reference type")
		}
	case lane:
		r.byte()
	case memArgAndLane:
		w.memArg()
		r.byte()
	}
}

// highVector takes the second byte of a number behind the prefix of vectors, which is more than 127.
func (w *Instructions) highVector(second byte) {
	switch second {
	case 1:
	case 2:
		w.r.refuse(unsupported(RelaxedVectors, "an instruction with the prefix 0xfd"))
	default:
		w.r.fail("unknown instruction")
	}
}

func (w *Instructions) zero() {
	if w.r.byte() != 0 {
		w.r.fail("reserved byte is not zero")
	}
}

// memArg reads an alignment, a power of two, and an offset.
func (w *Instructions) memArg() {
	if w.r.u32() > 4 {
		w.r.fail("invalid alignment")
	}
	w.r.u32()
}

func (w *Instructions) blockType() int64 {
	t := w.r.signed(33)
	if t < 0 && t != BlockEmpty && (t < -0x40 || !ValueType(t&0x7f).valid()) {
		w.r.failAt(strangeTypes, byte(t&0x7f), "invalid block type")
	}
	return t
}

// Labels gives the labels of a br_table, the default last, to yield. The bytes are those of the instruction.
func Labels(brTable []byte, yield func(label uint32)) {
	r := reader{b: brTable, pos: 1}
	for range r.count("labels", maxLabels) {
		yield(r.u32())
	}
	yield(r.u32())
}
