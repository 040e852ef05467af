package wasm

import (
	"bytes"
	"slices"
)

// header starts every module: the magic number and version 1.
const header = "\x00asm\x01\x00\x00\x00"

// The limits on a module are those that the engines of the web share.
const (
	maxTypes       = 1_000_000
	maxFunctions   = 1_000_000
	maxImports     = 1_000_000
	maxExports     = 1_000_000
	maxGlobals     = 1_000_000
	maxSegments    = 1_000_000
	maxElements    = 10_000_000
	maxValues      = 1000 // parameters or results of a function
	maxLocals      = 50_000
	maxBodyBytes   = 7_654_321
	maxLabels      = 1 << 20
	maxTablesRead  = 100_000
	maxMemories    = 100_000
	maxCustomParts = 10_000
)

// Decode takes a module apart. What it returns shares memory with b. The error wraps [ErrMalformed], or is a
// [*LimitError] or a [*FeatureError].
func Decode(b []byte) (*Module, error) {
	r := &reader{b: b}
	if !bytes.Equal(r.bytes(uint32(len(header))), []byte(header)) {
		r.fail("no header")
	}
	m := &Module{}
	last, after := -1, SectionID(0)
	for r.more() {
		id := SectionID(r.byte())
		content := r.sized()
		if id == SectionCustom {
			r.limit("custom sections", uint64(len(m.Customs)+1), maxCustomParts)
			name := content.name()
			rest := content.bytes(uint32(len(content.b) - content.pos))
			m.Customs = append(m.Customs, Custom{Name: name, Content: rest, After: after})
			r.close(&content)
			continue
		}
		if id == sectionTag {
			r.uses(unsupported(Exceptions, "tags"))
			continue
		}
		place := slices.Index(sectionOrder, id)
		if place <= last {
			r.fail("section unknown or out of order")
			break
		}
		last, after = place, id
		m.decodeSection(id, &content)
		r.close(&content)
	}
	if r.err == nil && r.used != nil {
		return nil, m.locate(r.used)
	}
	if r.err == nil {
		m.checkCounts(r)
	}
	if r.err == nil {
		m.checkIndices(r)
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, nil
}

func (m *Module) decodeSection(id SectionID, r *reader) {
	switch id {
	case SectionType:
		m.Types = vector(r, "types", maxTypes, (*reader).funcType)
	case SectionImport:
		m.Imports = vector(r, "imports", maxImports, (*reader).imported)
	case SectionFunction:
		m.Funcs = vector(r, "functions", maxFunctions, (*reader).u32)
	case SectionTable:
		m.Tables = vector(r, "tables", maxTablesRead, (*reader).table)
	case SectionMemory:
		m.Memories = vector(r, "memories", maxMemories, (*reader).limits)
	case SectionGlobal:
		m.Globals = vector(r, "globals", maxGlobals, (*reader).global)
	case SectionExport:
		m.Exports = vector(r, "exports", maxExports, (*reader).export)
	case SectionStart:
		start := r.u32()
		m.Start = &start
	case SectionElement:
		m.Elements = vector(r, "element segments", maxSegments, (*reader).element)
	case SectionDataCount:
		count := r.u32()
		m.DataCount = &count
	case SectionCode:
		m.Codes = vector(r, "function bodies", maxFunctions, (*reader).code)
	case SectionData:
		m.Data = vector(r, "data segments", maxSegments, (*reader).data)
	}
}

// vector reads a vector of things, each of which takes at least one byte.
func vector[T any](r *reader, what string, most uint64, read func(*reader) T) []T {
	n := r.count(what, most)
	items := make([]T, 0, min(n, 1<<16)) // things are larger than their bytes
	for range n {
		items = append(items, read(r))
		if r.err != nil {
			return nil
		}
	}
	return items
}

func (r *reader) valueType() ValueType {
	t := ValueType(r.byte())
	if !t.valid() {
		r.failAt(strangeTypes, byte(t), "unknown value type")
	}
	return t
}

func (r *reader) funcType() FuncType {
	if form := r.byte(); form != 0x60 {
		r.failAt(strangeTypes, form, "not a function type")
	}
	return FuncType{
		Params:  vector(r, "parameters", maxValues, (*reader).valueType),
		Results: vector(r, "results", maxValues, (*reader).valueType),
	}
}

func (r *reader) imported() Import {
	i := Import{Module: r.name(), Name: r.name(), Kind: Kind(r.byte())}
	switch i.Kind {
	case KindFunc:
		i.Type = r.u32()
	case KindTable:
		i.Table = r.table()
	case KindMemory:
		i.Memory = r.limits()
	case KindGlobal:
		i.Global = r.globalType()
	case kindTag:
		r.uses(unsupported(Exceptions, "an imported tag"))
		r.byte()
		i.Type = r.u32()
	default:
		r.fail("unknown kind of import")
	}
	return i
}

func (r *reader) limits() Limits {
	flag := r.byte()
	l := Limits{Min: r.u32(), HasMax: flag&limitsMax != 0}
	switch {
	case flag&limitsLong != 0 && flag < limitsLong<<1:
		r.refuse(unsupported(LongMemories, "an index type"))
	case flag > limitsMax|limitsShared:
		r.fail("unknown kind of limits")
	case flag&limitsShared != 0:
		r.uses(unsupported(Threads, "a shared memory"))
	}
	if l.HasMax {
		l.Max = r.u32()
	}
	return l
}

func (r *reader) table() Table {
	t := Table{Element: r.valueType(), Limits: r.limits()}
	if !t.Element.reference() {
		r.fail("not a table of references")
	}
	return t
}

func (r *reader) globalType() GlobalType {
	t := r.valueType()
	mutable := r.byte()
	if mutable > 1 {
		r.fail("unknown mutability")
	}
	return GlobalType{Value: t, Mutable: mutable == 1}
}

func (r *reader) global() Global { return Global{Type: r.globalType(), Init: r.expr()} }

func (r *reader) export() Export {
	e := Export{Name: r.name(), Kind: Kind(r.byte())}
	switch {
	case e.Kind == kindTag:
		r.uses(unsupported(Exceptions, "an exported tag"))
	case e.Kind > KindGlobal:
		r.fail("unknown kind of export")
	}
	e.Index = r.u32()
	return e
}

func (r *reader) code() Code {
	body := r.sized()
	r.limit("bytes in a function", uint64(len(body.b)), maxBodyBytes)
	c := Code{Locals: vector(&body, "groups of locals", maxLocals, func(r *reader) LocalGroup {
		return LocalGroup{Count: r.u32(), Type: r.valueType()}
	})}
	var sum uint64
	for _, g := range c.Locals {
		sum += uint64(g.Count)
	}
	r.limit("locals in a function", sum, maxLocals)
	c.Start = uint32(body.base + body.pos)
	c.Body = body.bytes(uint32(len(body.b) - body.pos))
	r.close(&body)
	return c
}
