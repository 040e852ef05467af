package wasm

// ValueType is the type of a value, as the binary format has it.
type ValueType byte

// The value types of WebAssembly 2.0.
const (
	I32       ValueType = 0x7f
	I64       ValueType = 0x7e
	F32       ValueType = 0x7d
	F64       ValueType = 0x7c
	V128      ValueType = 0x7b
	FuncRef   ValueType = 0x70
	ExternRef ValueType = 0x6f
)

func (t ValueType) valid() bool { return t >= V128 && t <= I32 || t.reference() }

func (t ValueType) reference() bool { return t == FuncRef || t == ExternRef }

// FuncType is the type of a function.
type FuncType struct {
	Params, Results []ValueType
}

// Kind is what an import or an export is.
type Kind byte

// The kinds of imports and exports.
const (
	KindFunc   Kind = 0
	KindTable  Kind = 1
	KindMemory Kind = 2
	KindGlobal Kind = 3
)

// Import is a thing that a module takes from outside. Which of the fields behind Kind counts depends on it.
type Import struct {
	Module, Name string
	Kind         Kind
	Type         uint32 // of a function, an index into Types
	Table        Table
	Memory       Limits
	Global       GlobalType
}

// Limits are the bounds of a table, in elements, or of a memory, in pages.
type Limits struct {
	Min    uint32
	Max    uint32
	HasMax bool
}

// Table is a table of references.
type Table struct {
	Element ValueType
	Limits  Limits
}

// GlobalType is the type of a global.
type GlobalType struct {
	Value   ValueType
	Mutable bool
}

// Global is a global with its first value.
type Global struct {
	Type GlobalType
	Init Expr
}

// Export is a thing that a module gives to others.
type Export struct {
	Name  string
	Kind  Kind
	Index uint32
}

// SegmentMode says when a segment is copied into its table or memory.
type SegmentMode byte

// The modes of segments.
const (
	Active      SegmentMode = iota // when the module is instantiated
	Passive                        // by instructions
	Declarative                    // never; of element segments only
)

// Element is a segment of a table.
type Element struct {
	Mode   SegmentMode
	Table  uint32 // of an active segment
	Offset Expr   // of an active segment
	Type   ValueType
	// Funcs or Exprs are the elements, as they were written.
	Funcs []uint32
	Exprs []Expr
	// Explicit says that the table or the type was written where a shorter form leaves it out.
	Explicit bool
}

// Data is a segment of a memory.
type Data struct {
	Mode     SegmentMode
	Memory   uint32
	Offset   Expr
	Bytes    []byte
	Explicit bool // the memory was written where a shorter form leaves it out
}

// LocalGroup is a run of locals of one type.
type LocalGroup struct {
	Count uint32
	Type  ValueType
}

// Code is the body of a function.
type Code struct {
	Locals []LocalGroup
	Body   []byte // instructions, with the end of the function
	Start  uint32 // where Body begins in the module that it was decoded from
}

// Custom is a section that does not belong to the semantics.
type Custom struct {
	Name    string
	Content []byte
	After   SectionID // the section that it follows, 0 for none
}

// Module is a module in parts. What its slices share with the bytes it was decoded from is not to be changed.
type Module struct {
	Types     []FuncType
	Imports   []Import
	Funcs     []uint32 // the types of the functions that are not imported
	Tables    []Table
	Memories  []Limits
	Globals   []Global
	Exports   []Export
	Start     *uint32
	Elements  []Element
	DataCount *uint32
	Codes     []Code
	Data      []Data
	Customs   []Custom
}

// SectionID is the number of a section.
type SectionID byte

// The sections, in the order of their numbers. The data count stands before the code.
const (
	SectionCustom SectionID = iota
	SectionType
	SectionImport
	SectionFunction
	SectionTable
	SectionMemory
	SectionGlobal
	SectionExport
	SectionStart
	SectionElement
	SectionCode
	SectionData
	SectionDataCount
)

// sectionOrder is the order in which sections stand in a module (core specification 5.5.16).
var sectionOrder = []SectionID{
	SectionType, SectionImport, SectionFunction, SectionTable, SectionMemory, SectionGlobal, SectionExport,
	SectionStart, SectionElement, SectionDataCount, SectionCode, SectionData,
}

// Imported counts the imports of a kind.
func (m *Module) Imported(kind Kind) int {
	n := 0
	for i := range m.Imports {
		if m.Imports[i].Kind == kind {
			n++
		}
	}
	return n
}

// Layout of an index space: what is imported comes first.
type spaces struct {
	funcs, tables, memories, globals uint32
}

func (m *Module) spaces() spaces {
	return spaces{
		funcs:    uint32(m.Imported(KindFunc) + len(m.Funcs)),
		tables:   uint32(m.Imported(KindTable) + len(m.Tables)),
		memories: uint32(m.Imported(KindMemory) + len(m.Memories)),
		globals:  uint32(m.Imported(KindGlobal) + len(m.Globals)),
	}
}
