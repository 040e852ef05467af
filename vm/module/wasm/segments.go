package wasm

// Bits of the first number of a segment (core specification 5.5.12 and 5.5.14).
const (
	segmentNotActive = 1 << 0
	segmentExplicit  = 1 << 1 // of an active segment: the table or memory; else: declarative
	segmentExprs     = 1 << 2
)

// funcKind is the one kind of elements that are given as indices.
const funcKind = 0

func (r *reader) element() Element {
	flags := r.u32()
	if flags > segmentNotActive|segmentExplicit|segmentExprs {
		r.fail("unknown kind of element segment")
	}
	e := Element{Type: FuncRef, Explicit: flags&segmentExplicit != 0 && flags&segmentNotActive == 0}
	switch {
	case flags&segmentNotActive == 0:
		if e.Explicit {
			e.Table = r.u32()
		}
		e.Offset = r.expr()
	case flags&segmentExplicit != 0:
		e.Mode = Declarative
	default:
		e.Mode = Passive
	}
	exprs := flags&segmentExprs != 0
	if flags&(segmentNotActive|segmentExplicit) != 0 {
		kind := r.byte()
		switch {
		case exprs:
			e.Type = ValueType(kind)
		case kind != funcKind:
			r.fail("unknown kind of elements")
		}
		if !e.Type.reference() {
			r.fail("elements are no references")
		}
	}
	if exprs {
		e.Exprs = vector(r, "elements", maxElements, (*reader).expr)
		if e.Exprs == nil {
			e.Exprs = []Expr{}
		}
		return e
	}
	e.Funcs = vector(r, "elements", maxElements, (*reader).u32)
	return e
}

func (r *reader) data() Data {
	var d Data
	switch r.u32() {
	case 0:
		d.Offset = r.expr()
	case segmentNotActive:
		d.Mode = Passive
	case segmentExplicit:
		d.Explicit = true
		d.Memory = r.u32()
		d.Offset = r.expr()
	default:
		r.fail("unknown kind of data segment")
	}
	d.Bytes = r.bytes(r.u32())
	return d
}
