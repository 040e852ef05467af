package rewrite

import "github.com/wnode/wnode/vm/module/wasm"

// renumber moves the functions in everything but code.
func (r *rewriter) renumber() {
	m := r.m
	expr := func(e *wasm.Expr) {
		if e.Op == wasm.OpRefFunc {
			*e = wasm.FuncExpr(r.layout.New(e.Index))
		}
	}
	for i := range m.Globals {
		expr(&m.Globals[i].Init)
	}
	for i := range m.Exports {
		if e := &m.Exports[i]; e.Kind == wasm.KindFunc {
			e.Index = r.layout.New(e.Index)
		}
	}
	if m.Start != nil {
		*m.Start = r.layout.New(*m.Start)
	}
	for i := range m.Elements {
		e := &m.Elements[i]
		for j := range e.Funcs {
			e.Funcs[j] = r.layout.New(e.Funcs[j])
		}
		for j := range e.Exprs {
			expr(&e.Exprs[j])
		}
	}
	m.Customs = r.customs(m.Customs)
}

// customs renumbers the names and drops everything else, which the compiler would keep as long as the code. A
// name section that is malformed is worth nothing.
func (r *rewriter) customs(sections []wasm.Custom) (kept []wasm.Custom) {
	for _, c := range sections {
		if c.Name != wasm.NameSection {
			continue
		}
		content, err := wasm.RenumberNames(c.Content, func(index uint32) (uint32, bool) {
			now := r.layout.New(index)
			// What stands in for an import is known by that.
			return now, index < r.layout.imported+r.layout.defined && (now == index || index >= r.layout.imported)
		})
		if err == nil {
			c.Content = content
			kept = append(kept, c)
		}
	}
	if r.traced {
		kept = append(kept, dwarfSections()...)
	}
	return kept
}
