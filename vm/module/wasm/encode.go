package wasm

import "encoding/binary"

// AppendU32 appends an unsigned number in LEB128.
func AppendU32(b []byte, v uint32) []byte { return binary.AppendUvarint(b, uint64(v)) }

// AppendSigned appends a signed number in LEB128.
func AppendSigned(b []byte, v int64) []byte {
	for {
		low := byte(v & 0x7f)
		v >>= 7
		if v == 0 && low&0x40 == 0 || v == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}

// Encode gives the module in the binary format, with every number as short as it can be. Sections
// without content are left out.
func (m *Module) Encode() []byte {
	out := append(make([]byte, 0, m.sizeHint()), header...)
	out = m.appendCustoms(out, 0)
	content := make([]byte, 0, cap(out))
	for _, id := range sectionOrder {
		content = m.appendSection(content[:0], id)
		if len(content) > 0 {
			out = appendSized(append(out, byte(id)), content)
		}
		out = m.appendCustoms(out, id)
	}
	return out
}

func (m *Module) sizeHint() int {
	size := 1 << 10
	for i := range m.Codes {
		size += len(m.Codes[i].Body) + 8
	}
	for i := range m.Data {
		size += len(m.Data[i].Bytes) + 8
	}
	for i := range m.Customs {
		size += len(m.Customs[i].Content) + 32
	}
	return size
}

func (m *Module) appendCustoms(out []byte, after SectionID) []byte {
	for i := range m.Customs {
		c := &m.Customs[i]
		if c.After != after {
			continue
		}
		name := appendSized(nil, []byte(c.Name))
		out = append(out, byte(SectionCustom))
		out = AppendU32(out, uint32(len(name)+len(c.Content)))
		out = append(append(out, name...), c.Content...)
	}
	return out
}

// appendSection appends the content of a section; nothing when there is none.
func (m *Module) appendSection(b []byte, id SectionID) []byte {
	switch id {
	case SectionType:
		return appendVector(b, m.Types, appendFuncType)
	case SectionImport:
		return appendVector(b, m.Imports, appendImport)
	case SectionFunction:
		return appendVector(b, m.Funcs, func(b []byte, t *uint32) []byte { return AppendU32(b, *t) })
	case SectionTable:
		return appendVector(b, m.Tables, appendTable)
	case SectionMemory:
		return appendVector(b, m.Memories, appendLimits)
	case SectionGlobal:
		return appendVector(b, m.Globals, appendGlobal)
	case SectionExport:
		return appendVector(b, m.Exports, appendExport)
	case SectionStart:
		return appendOptional(b, m.Start)
	case SectionElement:
		return appendVector(b, m.Elements, appendElement)
	case SectionDataCount:
		return appendOptional(b, m.DataCount)
	case SectionCode:
		return appendVector(b, m.Codes, appendCode)
	case SectionData:
		return appendVector(b, m.Data, appendData)
	}
	return b
}

func appendVector[T any](b []byte, items []T, one func([]byte, *T) []byte) []byte {
	if len(items) == 0 {
		return b
	}
	b = AppendU32(b, uint32(len(items)))
	for i := range items {
		b = one(b, &items[i])
	}
	return b
}

func appendOptional(b []byte, v *uint32) []byte {
	if v == nil {
		return b
	}
	return AppendU32(b, *v)
}

func appendSized(b, content []byte) []byte {
	return append(AppendU32(b, uint32(len(content))), content...)
}

func appendValueTypes(b []byte, types []ValueType) []byte {
	b = AppendU32(b, uint32(len(types)))
	for _, t := range types {
		b = append(b, byte(t))
	}
	return b
}

func appendFuncType(b []byte, t *FuncType) []byte {
	return appendValueTypes(appendValueTypes(append(b, 0x60), t.Params), t.Results)
}

func appendImport(b []byte, i *Import) []byte {
	b = appendSized(appendSized(b, []byte(i.Module)), []byte(i.Name))
	b = append(b, byte(i.Kind))
	switch i.Kind {
	case KindFunc:
		return AppendU32(b, i.Type)
	case KindTable:
		return appendTable(b, &i.Table)
	case KindMemory:
		return appendLimits(b, &i.Memory)
	default:
		return appendGlobalType(b, i.Global)
	}
}

func appendLimits(b []byte, l *Limits) []byte {
	if !l.HasMax {
		return AppendU32(append(b, 0), l.Min)
	}
	return AppendU32(AppendU32(append(b, 1), l.Min), l.Max)
}

func appendTable(b []byte, t *Table) []byte {
	return appendLimits(append(b, byte(t.Element)), &t.Limits)
}

func appendGlobalType(b []byte, t GlobalType) []byte {
	mutable := byte(0)
	if t.Mutable {
		mutable = 1
	}
	return append(b, byte(t.Value), mutable)
}

func appendExpr(b []byte, e *Expr) []byte { return append(append(b, e.Code...), byte(OpEnd)) }

func appendGlobal(b []byte, g *Global) []byte {
	return appendExpr(appendGlobalType(b, g.Type), &g.Init)
}

func appendExport(b []byte, e *Export) []byte {
	return AppendU32(append(appendSized(b, []byte(e.Name)), byte(e.Kind)), e.Index)
}

func appendElement(b []byte, e *Element) []byte {
	var flags uint32
	switch {
	case e.Mode == Declarative:
		flags = segmentNotActive | segmentExplicit
	case e.Mode == Passive:
		flags = segmentNotActive
	case e.Explicit:
		flags = segmentExplicit
	}
	exprs := e.Exprs != nil
	if exprs {
		flags |= segmentExprs
	}
	b = AppendU32(b, flags)
	if e.Mode == Active {
		if e.Explicit {
			b = AppendU32(b, e.Table)
		}
		b = appendExpr(b, &e.Offset)
	}
	if flags&(segmentNotActive|segmentExplicit) != 0 {
		kind := byte(funcKind)
		if exprs {
			kind = byte(e.Type)
		}
		b = append(b, kind)
	}
	if exprs {
		b = AppendU32(b, uint32(len(e.Exprs)))
		for i := range e.Exprs {
			b = appendExpr(b, &e.Exprs[i])
		}
		return b
	}
	b = AppendU32(b, uint32(len(e.Funcs)))
	for _, f := range e.Funcs {
		b = AppendU32(b, f)
	}
	return b
}

// BodyOffsets tells for each function where its instructions begin in the content of the code section
// that Encode makes. Offsets in DWARF count from there (DWARF for WebAssembly, section 2).
func (m *Module) BodyOffsets() []uint32 {
	offsets := make([]uint32, 0, len(m.Codes))
	size := func(v int) int { return len(AppendU32(nil, uint32(v))) }
	end := size(len(m.Codes))
	for i := range m.Codes {
		c := &m.Codes[i]
		locals := len(appendLocals(nil, c.Locals))
		start := end + size(locals+len(c.Body)) + locals
		offsets = append(offsets, uint32(start))
		end = start + len(c.Body)
	}
	return offsets
}

func appendLocals(b []byte, groups []LocalGroup) []byte {
	b = AppendU32(b, uint32(len(groups)))
	for _, g := range groups {
		b = append(AppendU32(b, g.Count), byte(g.Type))
	}
	return b
}

func appendCode(b []byte, c *Code) []byte {
	locals := appendLocals(nil, c.Locals)
	b = AppendU32(b, uint32(len(locals)+len(c.Body)))
	return append(append(b, locals...), c.Body...)
}

func appendData(b []byte, d *Data) []byte {
	switch {
	case d.Mode == Passive:
		b = append(b, segmentNotActive)
	case d.Explicit:
		b = appendExpr(AppendU32(append(b, segmentExplicit), d.Memory), &d.Offset)
	default:
		b = appendExpr(append(b, 0), &d.Offset)
	}
	return appendSized(b, d.Bytes)
}
