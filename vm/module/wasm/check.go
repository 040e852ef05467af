package wasm

// checkCounts checks that the sections fit each other.
func (m *Module) checkCounts(r *reader) {
	if len(m.Codes) != len(m.Funcs) {
		r.fail("functions and bodies differ in number")
	}
	if m.DataCount != nil && int(*m.DataCount) != len(m.Data) {
		r.fail("the data count is not that of the data")
	}
}

// checkIndices checks the indices outside of code: those of types, functions, tables, memories and
// globals that are not there must not come to mean something when others are added.
func (m *Module) checkIndices(r *reader) {
	s := m.spaces()
	check := func(what string, index, n uint32) {
		if index >= n {
			r.fail("no such " + what)
		}
	}
	expr := func(e *Expr) {
		e.each(func(in *Instr) {
			switch in.Op {
			case OpGlobalGet:
				check("global", in.Index, s.globals)
			case OpRefFunc:
				check("function", in.Index, s.funcs)
			}
		})
	}
	for i := range m.Imports {
		if m.Imports[i].Kind == KindFunc {
			check("type", m.Imports[i].Type, uint32(len(m.Types)))
		}
	}
	for _, t := range m.Funcs {
		check("type", t, uint32(len(m.Types)))
	}
	for i := range m.Globals {
		expr(&m.Globals[i].Init)
	}
	for i := range m.Exports {
		n := [...]uint32{s.funcs, s.tables, s.memories, s.globals}[m.Exports[i].Kind]
		check("thing to export", m.Exports[i].Index, n)
	}
	if m.Start != nil {
		check("function", *m.Start, s.funcs)
	}
	for i := range m.Elements {
		m.checkElement(&m.Elements[i], check, expr, s)
	}
	for i := range m.Data {
		if d := &m.Data[i]; d.Mode == Active {
			check("memory", d.Memory, s.memories)
			expr(&d.Offset)
		}
	}
}

func (m *Module) checkElement(e *Element, check func(string, uint32, uint32), expr func(*Expr), s spaces) {
	if e.Mode == Active {
		check("table", e.Table, s.tables)
		expr(&e.Offset)
	}
	for _, f := range e.Funcs {
		check("function", f, s.funcs)
	}
	for i := range e.Exprs {
		expr(&e.Exprs[i])
	}
}
