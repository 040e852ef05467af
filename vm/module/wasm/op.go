package wasm

// Op is an instruction: its opcode, or the prefix in the upper and the number behind it in the
// lower byte.
type Op uint16

// The instructions that matter to those who look at code.
const (
	OpUnreachable  Op = 0x00
	OpBlock        Op = 0x02
	OpLoop         Op = 0x03
	OpIf           Op = 0x04
	OpElse         Op = 0x05
	OpEnd          Op = 0x0b
	OpBr           Op = 0x0c
	OpBrIf         Op = 0x0d
	OpBrTable      Op = 0x0e
	OpReturn       Op = 0x0f
	OpCall         Op = 0x10
	OpCallIndirect Op = 0x11
	OpReturnCall   Op = 0x12
	OpSelectTyped  Op = 0x1c
	OpLocalGet     Op = 0x20
	OpLocalSet     Op = 0x21
	OpLocalTee     Op = 0x22
	OpGlobalGet    Op = 0x23
	OpGlobalSet    Op = 0x24
	OpTableGet     Op = 0x25
	OpTableSet     Op = 0x26
	OpMemorySize   Op = 0x3f
	OpMemoryGrow   Op = 0x40
	OpI32Const     Op = 0x41
	OpI64Const     Op = 0x42
	OpF32Const     Op = 0x43
	OpF64Const     Op = 0x44
	OpI32Eq        Op = 0x46
	OpI32LtS       Op = 0x48
	OpI32GtU       Op = 0x4b
	OpI32LeU       Op = 0x4d
	OpI64GtU       Op = 0x56
	OpI32Add       Op = 0x6a
	OpI32Sub       Op = 0x6b
	OpI32Mul       Op = 0x6c
	OpI32Or        Op = 0x72
	OpI32ShrU      Op = 0x76
	OpI64Add       Op = 0x7c
	OpI64Sub       Op = 0x7d
	OpI64Mul       Op = 0x7e
	OpI64Shl       Op = 0x86
	OpI64ExtendU   Op = 0xad // i64.extend_i32_u
	OpRefNull      Op = 0xd0
	OpRefFunc      Op = 0xd2

	OpReturnCallIndirect Op = 0x13

	OpMemoryInit Op = prefixMisc<<8 | 0x08
	OpDataDrop   Op = prefixMisc<<8 | 0x09
	OpMemoryCopy Op = prefixMisc<<8 | 0x0a
	OpMemoryFill Op = prefixMisc<<8 | 0x0b
	OpTableInit  Op = prefixMisc<<8 | 0x0c
	OpElemDrop   Op = prefixMisc<<8 | 0x0d
	OpTableCopy  Op = prefixMisc<<8 | 0x0e
	OpTableGrow  Op = prefixMisc<<8 | 0x0f
	OpTableSize  Op = prefixMisc<<8 | 0x10
	OpTableFill  Op = prefixMisc<<8 | 0x11

	OpV128Const Op = prefixVector<<8 | 0x0c
)

const (
	prefixMisc   = 0xfc
	prefixVector = 0xfd
	prefixAtomic = 0xfe
)

// immediate says what follows an opcode.
type immediate byte

const (
	invalid immediate = iota
	none
	blockType
	label
	labels // br_table
	funcIndex
	typeAndTable // call_indirect and return_call_indirect
	localIndex
	globalIndex
	tableIndex
	memArg
	zero // a reserved byte, the memory
	i32Value
	i64Value
	fourBytes
	eightBytes
	types        // select with a type
	refType      // ref.null
	dataIndex    // data.drop
	dataAndZero  // memory.init
	zeroZero     // memory.copy
	elementIndex // elem.drop
	elementAndTable
	tableAndTable
	sixteenBytes
	shuffle // sixteen lanes
	lane
	memArgAndLane
)

// shape is what there is to know of an instruction: its immediate, and how many operands it pops
// and pushes. Those of control instructions and calls depend on types.
type shape struct {
	immediate immediate
	pop, push int8
}

// row gives instructions with the numbers from first to last the same shape.
type row struct {
	first, last byte
	shape
}

var plainOps = tableOf([]row{
	{0x00, 0x01, shape{none, 0, 0}},
	{0x02, 0x03, shape{blockType, 0, 0}},
	{0x04, 0x04, shape{blockType, 1, 0}},
	{0x05, 0x05, shape{none, 0, 0}},
	{0x0b, 0x0b, shape{none, 0, 0}},
	{0x0c, 0x0c, shape{label, 0, 0}},
	{0x0d, 0x0d, shape{label, 1, 0}},
	{0x0e, 0x0e, shape{labels, 1, 0}},
	{0x0f, 0x0f, shape{none, 0, 0}},
	{0x10, 0x10, shape{funcIndex, 0, 0}},
	{0x11, 0x11, shape{typeAndTable, 1, 0}},
	{0x12, 0x12, shape{funcIndex, 0, 0}},
	{0x13, 0x13, shape{typeAndTable, 1, 0}},
	{0x1a, 0x1a, shape{none, 1, 0}},
	{0x1b, 0x1b, shape{none, 3, 1}},
	{0x1c, 0x1c, shape{types, 3, 1}},
	{0x20, 0x20, shape{localIndex, 0, 1}},
	{0x21, 0x21, shape{localIndex, 1, 0}},
	{0x22, 0x22, shape{localIndex, 1, 1}},
	{0x23, 0x23, shape{globalIndex, 0, 1}},
	{0x24, 0x24, shape{globalIndex, 1, 0}},
	{0x25, 0x25, shape{tableIndex, 1, 1}},
	{0x26, 0x26, shape{tableIndex, 2, 0}},
	{0x28, 0x35, shape{memArg, 1, 1}},
	{0x36, 0x3e, shape{memArg, 2, 0}},
	{0x3f, 0x3f, shape{zero, 0, 1}},
	{0x40, 0x40, shape{zero, 1, 1}},
	{0x41, 0x41, shape{i32Value, 0, 1}},
	{0x42, 0x42, shape{i64Value, 0, 1}},
	{0x43, 0x43, shape{fourBytes, 0, 1}},
	{0x44, 0x44, shape{eightBytes, 0, 1}},
	{0x45, 0x45, shape{none, 1, 1}},
	{0x46, 0x4f, shape{none, 2, 1}},
	{0x50, 0x50, shape{none, 1, 1}},
	{0x51, 0x66, shape{none, 2, 1}},
	{0x67, 0x69, shape{none, 1, 1}},
	{0x6a, 0x78, shape{none, 2, 1}},
	{0x79, 0x7b, shape{none, 1, 1}},
	{0x7c, 0x8a, shape{none, 2, 1}},
	{0x8b, 0x91, shape{none, 1, 1}},
	{0x92, 0x98, shape{none, 2, 1}},
	{0x99, 0x9f, shape{none, 1, 1}},
	{0xa0, 0xa6, shape{none, 2, 1}},
	{0xa7, 0xc4, shape{none, 1, 1}},
	{0xd0, 0xd0, shape{refType, 0, 1}},
	{0xd1, 0xd1, shape{none, 1, 1}},
	{0xd2, 0xd2, shape{funcIndex, 0, 1}},
})

var miscOps = tableOf([]row{
	{0x00, 0x07, shape{none, 1, 1}},
	{0x08, 0x08, shape{dataAndZero, 3, 0}},
	{0x09, 0x09, shape{dataIndex, 0, 0}},
	{0x0a, 0x0a, shape{zeroZero, 3, 0}},
	{0x0b, 0x0b, shape{zero, 3, 0}},
	{0x0c, 0x0c, shape{elementAndTable, 3, 0}},
	{0x0d, 0x0d, shape{elementIndex, 0, 0}},
	{0x0e, 0x0e, shape{tableAndTable, 3, 0}},
	{0x0f, 0x0f, shape{tableIndex, 2, 1}},
	{0x10, 0x10, shape{tableIndex, 0, 1}},
	{0x11, 0x11, shape{tableIndex, 3, 0}},
})

var vectorOps = tableOf([]row{
	{0x00, 0x0a, shape{memArg, 1, 1}},
	{0x0b, 0x0b, shape{memArg, 2, 0}},
	{0x0c, 0x0c, shape{sixteenBytes, 0, 1}},
	{0x0d, 0x0d, shape{shuffle, 2, 1}},
	{0x0e, 0x0e, shape{none, 2, 1}},
	{0x0f, 0x14, shape{none, 1, 1}},
	{0x15, 0x16, shape{lane, 1, 1}},
	{0x17, 0x17, shape{lane, 2, 1}},
	{0x18, 0x19, shape{lane, 1, 1}},
	{0x1a, 0x1a, shape{lane, 2, 1}},
	{0x1b, 0x1b, shape{lane, 1, 1}},
	{0x1c, 0x1c, shape{lane, 2, 1}},
	{0x1d, 0x1d, shape{lane, 1, 1}},
	{0x1e, 0x1e, shape{lane, 2, 1}},
	{0x1f, 0x1f, shape{lane, 1, 1}},
	{0x20, 0x20, shape{lane, 2, 1}},
	{0x21, 0x21, shape{lane, 1, 1}},
	{0x22, 0x22, shape{lane, 2, 1}},
	{0x23, 0x4c, shape{none, 2, 1}},
	{0x4d, 0x4d, shape{none, 1, 1}},
	{0x4e, 0x51, shape{none, 2, 1}},
	{0x52, 0x52, shape{none, 3, 1}},
	{0x53, 0x53, shape{none, 1, 1}},
	{0x54, 0x57, shape{memArgAndLane, 2, 1}},
	{0x58, 0x5b, shape{memArgAndLane, 2, 0}},
	{0x5c, 0x5d, shape{memArg, 1, 1}},
	{0x5e, 0x64, shape{none, 1, 1}},
	{0x65, 0x66, shape{none, 2, 1}},
	{0x67, 0x6a, shape{none, 1, 1}},
	{0x6b, 0x73, shape{none, 2, 1}},
	{0x74, 0x75, shape{none, 1, 1}},
	{0x76, 0x79, shape{none, 2, 1}},
	{0x7a, 0x7a, shape{none, 1, 1}},
	{0x7b, 0x7b, shape{none, 2, 1}},
	{0x7c, 0x81, shape{none, 1, 1}},
	{0x82, 0x82, shape{none, 2, 1}},
	{0x83, 0x84, shape{none, 1, 1}},
	{0x85, 0x86, shape{none, 2, 1}},
	{0x87, 0x8a, shape{none, 1, 1}},
	{0x8b, 0x93, shape{none, 2, 1}},
	{0x94, 0x94, shape{none, 1, 1}},
	{0x95, 0x99, shape{none, 2, 1}},
	{0x9b, 0x9f, shape{none, 2, 1}},
	{0xa0, 0xa1, shape{none, 1, 1}},
	{0xa3, 0xa4, shape{none, 1, 1}},
	{0xa7, 0xaa, shape{none, 1, 1}},
	{0xab, 0xae, shape{none, 2, 1}},
	{0xb1, 0xb1, shape{none, 2, 1}},
	{0xb5, 0xba, shape{none, 2, 1}},
	{0xbc, 0xbf, shape{none, 2, 1}},
	{0xc0, 0xc1, shape{none, 1, 1}},
	{0xc3, 0xc4, shape{none, 1, 1}},
	{0xc7, 0xca, shape{none, 1, 1}},
	{0xcb, 0xce, shape{none, 2, 1}},
	{0xd1, 0xd1, shape{none, 2, 1}},
	{0xd5, 0xdf, shape{none, 2, 1}},
	{0xe0, 0xe1, shape{none, 1, 1}},
	{0xe3, 0xe3, shape{none, 1, 1}},
	{0xe4, 0xeb, shape{none, 2, 1}},
	{0xec, 0xed, shape{none, 1, 1}},
	{0xef, 0xef, shape{none, 1, 1}},
	{0xf0, 0xf7, shape{none, 2, 1}},
	{0xf8, 0xff, shape{none, 1, 1}},
})

var atomicOps = tableOf([]row{
	{0x00, 0x00, shape{memArg, 2, 1}}, // memory.atomic.notify
	{0x01, 0x02, shape{memArg, 3, 1}}, // memory.atomic.wait32, wait64
	{0x03, 0x03, shape{zero, 0, 0}},   // atomic.fence
	{0x10, 0x16, shape{memArg, 1, 1}},
	{0x17, 0x1d, shape{memArg, 2, 0}},
	{0x1e, 0x47, shape{memArg, 2, 1}},
	{0x48, 0x4e, shape{memArg, 3, 1}},
})

func tableOf(rows []row) *[256]shape {
	var t [256]shape
	for _, r := range rows {
		for n := int(r.first); n <= int(r.last); n++ {
			t[n] = r.shape
		}
	}
	return &t
}

// Operands gives how many operands an instruction pops and pushes. Those of blocks, branches and
// calls, which depend on types, come on top.
func (op Op) Operands() (pop, push int) {
	s := plainOps[byte(op)]
	switch op >> 8 {
	case prefixMisc:
		s = miscOps[byte(op)]
	case prefixVector:
		s = vectorOps[byte(op)]
	case prefixAtomic:
		s = atomicOps[byte(op)]
	}
	return int(s.pop), int(s.push)
}

// Atomic reports whether the instruction is one of the proposal for threads.
func (op Op) Atomic() bool { return op>>8 == prefixAtomic }
