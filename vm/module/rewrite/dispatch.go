package rewrite

import (
	"slices"

	"github.com/wnode/wnode/vm/module/wasm"
)

// DefaultDispatchFrom is the default of [Options.DispatchFrom].
const DefaultDispatchFrom = 256

// maxDispatchEffort bounds what the compiler has to do for the functions that stand in for a table, as an
// estimate like [function.effort].
const maxDispatchEffort = 1 << 28

// dispatch turns a table that never changes into code: a call through it becomes a call of a function
// that branches on the index. There is one such function for each type of call, and it accounts for
// what is called through it. An instance then has no table to be filled, which for programs with thousands of
// functions takes longer than all else that makes an instance.
type dispatch struct {
	targets []uint32           // the function at each index, as it was numbered; absent for none
	through map[uint32]*helper // by type
	tails   map[uint32]*helper // for tail calls, by type
	order   []uint32           // the types
}

const absent = ^uint32(0)

// planDispatch decides whether the module's table is turned into code.
func (r *rewriter) planDispatch() {
	m := r.m
	if r.opts.DispatchFrom < 0 || r.hidden.tables || r.hidden.segments || r.hidden.tablesRead ||
		len(m.Tables) != 1 || m.Imported(wasm.KindTable) > 0 || m.Tables[0].Element != wasm.FuncRef ||
		slices.ContainsFunc(m.Exports, func(e wasm.Export) bool { return e.Kind == wasm.KindTable }) {
		return
	}
	size := m.Tables[0].Limits.Min
	if int64(size) < int64(r.opts.DispatchFrom) {
		return
	}
	targets, ok := tableContents(m, size)
	if !ok {
		return
	}
	d := &dispatch{targets: targets, through: map[uint32]*helper{}, tails: map[uint32]*helper{}}
	for i := range r.funcs {
		for n := range r.funcs[i].points {
			p := &r.funcs[i].points[n]
			if !p.indirect() {
				continue
			}
			t := r.canonical[p.arg]
			if d.through[t] == nil {
				d.add(r, t)
			}
			if r.replaces(p) && !fitsRegisters(d.tails[t].params, nil) {
				return // the call of what stands in for the table would have to keep its frame
			}
		}
	}
	if d.effort(r) <= maxDispatchEffort {
		r.dispatch = d
	}
}

// effort estimates what it takes to compile the functions. Parameters are carried to each call.
func (d *dispatch) effort(r *rewriter) (effort int64) {
	called := map[uint32]int64{} // places in the table, by type
	for _, f := range d.targets {
		if f != absent {
			called[r.typeOfFunction(f)]++
		}
	}
	for _, t := range d.order {
		params := int64(len(r.m.Types[t].Params))
		weight := weightBlock * (int64(len(d.targets)) + called[t])
		effort += weight*weight + weight*weightLocal*params*min(called[t], 1)
	}
	return effort
}

// tableContents gives the function at each index of the only table, false when it is more than what
// active segments with functions put there.
func tableContents(m *wasm.Module, size uint32) ([]uint32, bool) {
	targets := make([]uint32, size)
	for i := range targets {
		targets[i] = absent
	}
	functions := uint32(m.Imported(wasm.KindFunc) + len(m.Funcs))
	for i := range m.Elements {
		e := &m.Elements[i]
		if e.Mode != wasm.Active || e.Table != 0 || e.Type != wasm.FuncRef || len(e.Exprs) > 0 {
			return nil, false
		}
		value, ok := e.Offset.I32()
		offset := uint32(value)
		if !ok || uint64(offset)+uint64(len(e.Funcs)) > uint64(size) {
			return nil, false
		}
		for n, f := range e.Funcs {
			if f >= functions {
				return nil, false
			}
			targets[offset+uint32(n)] = f
		}
	}
	return targets, true
}

// add makes the functions for calls of a type.
func (d *dispatch) add(r *rewriter, t uint32) {
	ft := &r.m.Types[t]
	d.order = append(d.order, t)
	form := func(tail bool) *helper {
		return &helper{
			params:  append(ft.Params[:len(ft.Params):len(ft.Params)], wasm.I32),
			results: ft.Results, locals: oneLocal,
			write: func(r *rewriter, out *code) { d.write(r, out, t, tail) },
		}
	}
	d.through[t], d.tails[t] = form(false), form(true)
}

// helperFor gives the index of the function for calls of a type.
func (d *dispatch) helperFor(r *rewriter, t uint32, tail bool) uint32 {
	if tail {
		return r.helpers.index(d.tails[r.canonical[t]])
	}
	return r.helpers.index(d.through[r.canonical[t]])
}

// write writes the function for calls of a type: parameters, and the index behind them. Each function that can be
// called has a block, at whose end it is called.
//
//	block (results)           ;; where all calls come together
//	  block                   ;; a function of another type
//	    block                 ;; no function
//	      block ... block     ;; one for each function
//	        local.get index
//	        br_table ...
//	      end                 ;; the first function
//	      local.get parameters
//	      call function
//	      br ...
//
// One for tail calls makes tail calls too, and leaves the depth to the functions: none of this type leaves it to
// its callers.
func (d *dispatch) write(r *rewriter, out *code, t uint32, tail bool) {
	ft := &r.m.Types[t]
	index := uint32(len(ft.Params))
	cost := r.indirect[t]
	c := r.counterIn(index + 1)
	if !tail {
		r.descend(out, cost.depth+dispatchFrame+slotBytes*int64(index), index+1)
	}
	c.charge(out, reductions(cost.work))
	c.ask(out)

	functions, labels := d.branches(r, t)
	n := uint32(len(functions))
	out.block(wasm.OpBlock, r.resultType(t))
	for range n + 2 {
		out.block(wasm.OpBlock, wasm.BlockEmpty)
	}
	out.with(wasm.OpLocalGet, index)
	out.op(wasm.OpBrTable)
	*out = wasm.AppendU32(*out, uint32(len(labels)))
	for _, label := range append(labels, n) {
		*out = wasm.AppendU32(*out, label)
	}
	out.op(wasm.OpEnd)
	for i, f := range functions {
		for p := range index {
			out.with(wasm.OpLocalGet, p)
		}
		if tail && f >= r.layout.imported {
			out.with(wasm.OpReturnCall, r.layout.New(f))
		} else {
			out.with(wasm.OpCall, r.layout.New(f))
			out.with(wasm.OpBr, n+1-uint32(i))
		}
		out.op(wasm.OpEnd)
	}
	for _, kind := range []int64{TrapNoFunction, TrapOtherType} {
		out.i32(kind)
		out.with(wasm.OpCall, r.layout.tableTrap())
		out.op(wasm.OpUnreachable, wasm.OpEnd)
	}
	if !tail {
		r.ascend(out, cost.depth+dispatchFrame+slotBytes*int64(index))
	}
}

// dispatchFrame is the stack that a function takes that stands in for a table, in bytes.
const dispatchFrame = frameBytes + 2*slotBytes

// branches gives the functions of a type that are in the table, each once, and the label for each index: that of
// a function's block, or behind them those for no function and for one of another type.
func (d *dispatch) branches(r *rewriter, t uint32) (functions, labels []uint32) {
	numbers := map[uint32]uint32{}
	for _, f := range d.targets {
		if f != absent && r.typeOfFunction(f) == t {
			if _, ok := numbers[f]; !ok {
				numbers[f] = uint32(len(functions))
				functions = append(functions, f)
			}
		}
	}
	n := uint32(len(functions))
	for _, f := range d.targets {
		label, ok := numbers[f]
		switch {
		case f == absent:
			label = n
		case !ok:
			label = n + 1
		}
		labels = append(labels, label)
	}
	return functions, labels
}

// typeOfFunction gives the type of a function, the first that is the same.
func (r *rewriter) typeOfFunction(f uint32) uint32 {
	if imported := uint32(len(r.imports)); f >= imported {
		return r.canonical[r.m.Funcs[f-imported]]
	}
	return r.canonical[r.imports[f]]
}
