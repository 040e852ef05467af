package rewrite

import (
	"bytes"
	"testing"

	"github.com/wnode/wnode/vm/module/wasm"
)

// explained rewrites a module twice: what is told must not change what is made.
func explained(t *testing.T, m *wasm.Module, opts Options) *Result {
	t.Helper()
	plain, err := Module(m.Encode(), opts)
	if err != nil {
		t.Fatal(err)
	}
	opts.Explain = true
	told, err := Module(m.Encode(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(plain.Module, told.Module) || plain.Explained != nil {
		t.Error("the module depends on whether it is explained")
	}
	return told
}

func TestExplain(t *testing.T) {
	repeat := func(body ...[]byte) []byte {
		return ops(block(wasm.OpLoop, empty), ops(body...), with(wasm.OpBr, 0), end)
	}
	nop := op(0x01)
	for name, tt := range map[string]struct {
		m    *wasm.Module
		want FunctionReport // of function 0, but for its work, stack and sizes
	}{
		"small":         {program(fn{code: nop}), FunctionReport{Charged: ChargedByCallers}},
		"calls itself":  {program(fn{code: with(wasm.OpCall, 0)}), FunctionReport{Charged: ChargedAtEntry, Reductions: 1, Counted: true}},
		"long":          {program(fn{code: bytes.Repeat(nop, 2000)}), FunctionReport{Charged: ChargedAtEntry, Reductions: reductions(2001)}},
		"loop":          {program(fn{code: repeat(nop)}), FunctionReport{Charged: ChargedByCallers, LoopsOutside: 1}},
		"calling loop":  {program(fn{code: repeat(with(wasm.OpCall, 1))}, fn{}), FunctionReport{Charged: ChargedByCallers, LoopsInside: 1}},
		"long loop":     {program(fn{code: repeat(bytes.Repeat(nop, 2000))}), FunctionReport{Charged: ChargedInLoop, Reductions: reductions(2003), LoopsOutside: 1}},
		"no loop":       {program(fn{code: ops(block(wasm.OpLoop, empty), nop, end)}), FunctionReport{Charged: ChargedByCallers}},
		"bulk":          {program(fn{locals: 1, code: ops(num(0), num(0), with(wasm.OpLocalGet, 0), with(wasm.OpMemoryFill, 0))}), FunctionReport{Charged: ChargedByCallers, Bulk: 1}},
		"bulk, known":   {program(fn{code: ops(num(0), num(0), num(8), with(wasm.OpMemoryFill, 0))}), FunctionReport{Charged: ChargedByCallers}},
		"through table": {program(fn{code: ops(num(1), indirect(typeNone))}, fn{t: typeI32ToI32, code: with(wasm.OpLocalGet, 0)}), FunctionReport{IndirectTable: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			got := explained(t, tt.m, Options{DispatchFrom: -1}).Explained.Functions[0]
			if got.Before == 0 || got.After == 0 || got.Work == 0 || got.StackBytes == 0 {
				t.Errorf("sizes: %+v", got)
			}
			got.Before, got.After, got.Work, got.StackBytes = 0, 0, 0, 0
			if tt.want.Charged == "" { // the function is in the table that it calls through
				got.Charged, got.Reductions, got.Counted = "", 0, false
			}
			if got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// Of a table that becomes code, the functions that stand in for it are told apart from other helpers.
func TestExplainDispatch(t *testing.T) {
	m := smallTable(program(
		fn{locals: 1, code: ops(num(0), num(0), with(wasm.OpLocalGet, 0), with(wasm.OpMemoryFill, 0), num(1), num(1), indirect(typeI32ToI32), []byte{0x1a})},
		fn{t: typeI32ToI32, code: with(wasm.OpLocalGet, 0)},
	))
	names := []byte{0, 2, 1, 'm', 1, 6, 1, 1, 3, 'o', 'n', 'e'}
	m.Customs = append(m.Customs, wasm.Custom{Name: wasm.NameSection, Content: names, After: wasm.SectionData})
	got := explained(t, m, Options{DispatchFrom: 1, State: true}).Explained
	if got.DispatchFunctions != 1 || got.DispatchedElements != int(m.Tables[0].Limits.Min) || got.Helpers != 1 || got.Lines {
		t.Errorf("%+v", got)
	}
	if f := got.Functions[0]; f.IndirectCode != 1 || f.IndirectTable != 0 || f.Bulk != 1 || f.Name != "" {
		t.Errorf("%+v", f)
	}
	if f := got.Functions[1]; f.Name != "one" || f.Index != 1 {
		t.Errorf("%+v", f)
	}
}
