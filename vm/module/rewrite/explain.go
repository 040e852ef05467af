package rewrite

import "github.com/wnode/wnode/vm/module/wasm"

// Explanation says what was done to a module, for people. It is only made with [Options.Explain]. The names in
// JSON are those that `wnode module rewrite --json` prints, and stay.
type Explanation struct {
	// Functions are those that the module defines, in their order.
	Functions []FunctionReport `json:"functions"`
	// DispatchFunctions is how many functions stand in for the table, one for each type of call, and
	// DispatchedElements how many elements it had. 0: calls go through the table, if there is one.
	DispatchFunctions  int `json:"dispatch_functions"`
	DispatchedElements int `json:"dispatched_elements"`
	// Helpers is how many other functions were added.
	Helpers int `json:"helper_functions"`
	// Lines says that the module has source lines, and that offsets in its code can be translated.
	Lines bool `json:"source_lines"`
}

// Where the work of a function is charged for.
const (
	ChargedByCallers = "callers" // it is part of what they are charged for
	ChargedAtEntry   = "entry"
	ChargedInLoop    = "loop" // in the loop that the function begins with
)

// FunctionReport says what was done to a function.
type FunctionReport struct {
	// Index is its index in the module as it was, imported functions included.
	Index uint32 `json:"index"`
	// Name is what the name section calls it; "" when it does not.
	Name string `json:"name,omitempty"`
	// Charged is one of [ChargedByCallers], [ChargedAtEntry] and [ChargedInLoop].
	Charged string `json:"charged"`
	// Work is the longest way through it in instructions, with what it calls up to functions that are charged
	// themselves, and each loop taken once. Reductions is what is charged for that, 0 if by callers.
	Work       int64 `json:"work"`
	Reductions int64 `json:"reductions"`
	// StackBytes estimates the stack that it takes with what it calls up to functions that count for themselves.
	// Counted says that it does so.
	StackBytes int64 `json:"stack_bytes"`
	Counted    bool  `json:"depth_counted"`
	// Loops have the host called outside of them, for they make no calls, or inside. Blocks that the binary
	// format has as loops and that nothing branches back to are neither.
	LoopsOutside int `json:"loops_metered_outside"`
	LoopsInside  int `json:"loops_metered_inside"`
	// Indirect calls go through the table, or through code that stands in for it.
	IndirectTable int `json:"indirect_calls_by_table"`
	IndirectCode  int `json:"indirect_calls_by_code"`
	// Bulk is how many bulk operations on memories and tables are charged by their length, or done in pieces.
	Bulk int `json:"bulk_operations"`
	// Before and After are the bytes of its instructions.
	Before int `json:"bytes_before"`
	After  int `json:"bytes_after"`
}

// explainFunction tells of a function whose new code has been written.
func (r *rewriter) explainFunction(i int, names map[uint32]string, after wasm.Code) FunctionReport {
	f := &r.funcs[i]
	index := r.layout.imported + uint32(i)
	report := FunctionReport{
		Index: index, Name: names[index], Charged: ChargedByCallers,
		Work: f.work, StackBytes: f.depth, Counted: f.counted,
		Before: len(r.m.Codes[i].Body), After: len(after.Body),
	}
	switch {
	case f.charged && f.begunByLoop():
		report.Charged, report.Reductions = ChargedInLoop, reductions(f.loops[0].longest)
	case f.charged:
		report.Charged, report.Reductions = ChargedAtEntry, reductions(f.work)
	}
	for n := range f.loops {
		switch l := &f.loops[n]; {
		case !l.repeats:
		case l.nested():
			report.LoopsOutside++
		default:
			report.LoopsInside++
		}
	}
	for n := range f.points {
		switch f.points[n].op {
		case wasm.OpCallIndirect, wasm.OpReturnCallIndirect:
			if r.dispatch != nil {
				report.IndirectCode++
			} else {
				report.IndirectTable++
			}
		case wasm.OpMemoryFill, wasm.OpMemoryCopy, wasm.OpMemoryInit, wasm.OpTableFill, wasm.OpTableCopy, wasm.OpTableInit, wasm.OpTableGrow:
			report.Bulk++
		}
	}
	return report
}

// explanation tells of the module, all of whose functions have been written.
func (r *rewriter) explanation(functions []FunctionReport) *Explanation {
	e := &Explanation{Functions: functions, Helpers: len(r.helpers.used), Lines: r.traced}
	if r.dispatch == nil {
		return e
	}
	e.DispatchedElements = len(r.dispatch.targets)
	for t, h := range r.dispatch.through {
		for _, h := range []*helper{h, r.dispatch.tails[t]} {
			if r.helpers.has(h) {
				e.DispatchFunctions++
			}
		}
	}
	e.Helpers -= e.DispatchFunctions
	return e
}

// functionNames gives the names of functions, by their indices in the module as it was.
func functionNames(m *wasm.Module) map[uint32]string {
	for i := range m.Customs {
		if c := &m.Customs[i]; c.Name == wasm.NameSection {
			return wasm.ReadNames(c.Content).Functions
		}
	}
	return nil
}
