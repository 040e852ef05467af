package rewrite

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/vm/module/wasm"
)

// countdown gives functions that call each other in turn, with one less each time, until it is 0.
func countdown(calls ...[]byte) []fn {
	less := ops(with(wasm.OpLocalGet, 0), num(1), op(wasm.OpI32Sub))
	funcs := []fn{{t: typeI32ToI32, code: ops(with(wasm.OpLocalGet, 0), with(wasm.OpCall, 1))}}
	for _, call := range calls {
		funcs = append(funcs, fn{t: typeI32ToI32, code: ops(
			with(wasm.OpLocalGet, 0), block(wasm.OpIf, -1), less, call, op(wasm.OpElse), num(5), end)})
	}
	return funcs
}

// However tail calls are made, they take no stack, and every one is charged.
func TestTailCalls(t *testing.T) {
	direct := func(f uint32) []byte { return with(wasm.OpReturnCall, f) }
	byTable := func(f int64) []byte { return ops(num(f), tailIndirect(typeI32ToI32)) }
	programs := map[string]*wasm.Module{
		"direct":         program(countdown(direct(1))...),
		"in two":         program(countdown(direct(2), direct(1))...),
		"by table":       program(countdown(byTable(1))...),
		"table and back": program(countdown(byTable(2), direct(1))...),
		"out of loops": program(countdown(ops(with(wasm.OpLocalSet, 0),
			block(wasm.OpLoop, -1), block(wasm.OpLoop, empty), with(wasm.OpLocalGet, 0), direct(1), num(1), with(wasm.OpBrIf, 0), end, num(0), end))...),
	}
	const turns = 300_000 // more than there is stack for
	for name, m := range withDispatch(programs) {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, wazero.NewRuntimeConfig())
			result, err := Module(m.Encode(), Options{DispatchFrom: 1})
			if err != nil {
				t.Fatal(err)
			}
			instance, err := h.runtime.InstantiateWithConfig(t.Context(), result.Module, wazero.NewModuleConfig().WithName(""))
			if err != nil {
				t.Fatal(err)
			}
			got, err := instance.ExportedFunction("run").Call(t.Context(), turns)
			if err != nil || !slices.Equal(got, []uint64{5}) {
				t.Errorf("%d, %v", got, err)
			}
			if left := api.DecodeI32(instance.ExportedGlobal(result.Stack).Get()); left != DefaultStackBytes {
				t.Errorf("%d bytes of stack are left", left)
			}
			left := api.DecodeI32(instance.ExportedGlobal(result.Left).Get())
			if used := h.yields*DefaultBudget - int(left) + DefaultBudget; used < turns/3 || used > 4*turns {
				t.Errorf("%d reductions for %d calls", used, turns)
			}
		})
	}
}

// Calls that are no tail calls take stack, whatever tail calls are between them, and so do tail calls that the
// compiler makes ordinary ones.
func TestDepthWithTailCalls(t *testing.T) {
	call := func(f uint32) []byte { return with(wasm.OpCall, f) }
	tail := func(f uint32) []byte { return with(wasm.OpReturnCall, f) }
	many := func(n int, direct bool) *wasm.Module { // calls itself with n parameters
		m := program(fn{}, fn{})
		m.Types = append(m.Types, wasm.FuncType{Params: slices.Repeat([]wasm.ValueType{wasm.I32}, n)})
		unfit := uint32(len(m.Types) - 1)
		code := tail(1)
		if !direct {
			code = ops(num(1), tailIndirect(unfit))
		}
		args := slices.Repeat(num(3), n)
		m.Codes[0].Body = ops(args, call(1), end)
		m.Funcs[1], m.Codes[1].Body = unfit, ops(args, code, end)
		return m
	}
	for name, tt := range map[string]struct {
		m    *wasm.Module
		want error
	}{
		"tail, then call":         {program(fn{code: tail(1)}, fn{code: call(0)}), errOverflow},
		"by table, then call":     {program(fn{code: ops(num(1), tailIndirect(typeNone))}, fn{code: call(0)}), errOverflow},
		"chain, then call":        {program(fn{code: tail(1)}, fn{code: tail(2)}, fn{code: ops(num(3), tailIndirect(typeNone))}, fn{code: call(0)}), errOverflow},
		"7 parameters":            {many(7, true), errOverflow},
		"7 parameters, by table":  {many(7, false), errOverflow},
		"6 parameters":            {many(6, true), errStopped},
		"6 parameters, by table":  {many(6, false), errStopped},
		"20 parameters, by table": {many(20, false), errOverflow},
	} {
		for _, dispatched := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", dispatched ", dispatched), func(t *testing.T) {
				m := tt.m
				if dispatched {
					m = smallTable(m)
				}
				h := newHost(t, wazero.NewRuntimeConfig())
				h.stop, h.patience = errStopped, 20
				result, err := Module(m.Encode(), Options{DispatchFrom: 1})
				if err != nil {
					t.Fatal(err)
				}
				instance, err := h.runtime.InstantiateWithConfig(t.Context(), result.Module, wazero.NewModuleConfig().WithName(""))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := instance.ExportedFunction("run").Call(t.Context()); !errors.Is(err, tt.want) {
					t.Errorf("%v, want %v", err, tt.want)
				}
			})
		}
	}
}

// A tail call of an imported function is a call: it comes back.
func TestTailCallOfImport(t *testing.T) {
	h := newHost(t, wazero.NewRuntimeConfig())
	_, err := h.runtime.NewHostModuleBuilder("host").NewFunctionBuilder().WithFunc(func(v uint32) uint32 { return v + 1 }).
		Export("next").Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := program(fn{t: typeI32ToI32, code: ops(with(wasm.OpLocalGet, 0), with(wasm.OpReturnCall, 0))},
		fn{t: typeI32ToI32, code: ops(with(wasm.OpLocalGet, 0), num(0), tailIndirect(typeI32ToI32))})
	m.Imports = []wasm.Import{{Module: "host", Name: "next", Kind: wasm.KindFunc, Type: typeI32ToI32}}
	m.Exports[0].Index = 1
	m.Exports = append(m.Exports, wasm.Export{Name: "by table", Kind: wasm.KindFunc, Index: 2})
	for name, m := range withDispatch(map[string]*wasm.Module{"import": m}) {
		instance := h.load(t, m.Encode(), true)
		for _, export := range []string{"run", "by table"} {
			if got, err := instance.ExportedFunction(export).Call(t.Context(), 41); err != nil || got[0] != 42 {
				t.Errorf("%s, %s: %d, %v", name, export, got, err)
			}
		}
	}
}

// Atomic instructions are for those who allow them.
func TestThreads(t *testing.T) {
	fence := []byte{0xfe, 0x03, 0}
	b := program(fn{}, fn{code: fence}).Encode()
	var feature *wasm.FeatureError
	_, err := Module(b, Options{})
	if !errors.As(err, &feature) || feature.Function != 1 || feature.Feature != wasm.Threads {
		t.Errorf("%v", err)
	}
	if _, err := Module(b, Options{Threads: true}); err != nil {
		t.Error(err)
	}
}

// Where a segment of data goes may have to be computed; the data is taken out all the same.
func TestExtendedOffsets(t *testing.T) {
	m := smallTable(program(fn{}))
	sum := wasm.Expr{Op: wasm.OpI32Add, Code: ops(num(40), num(2), op(wasm.OpI32Add))}
	m.Data = append(m.Data, wasm.Data{Offset: sum, Bytes: []byte("x")})
	*m.DataCount++
	m.Elements[0].Offset = wasm.Expr{Op: wasm.OpI32Mul, Code: ops(num(1), num(2), op(wasm.OpI32Mul))}
	result, err := Module(m.Encode(), Options{State: true, Explain: true, DispatchFrom: 1})
	if err != nil {
		t.Fatal(err)
	}
	if s := result.State; s.Hidden != "" || len(s.Data) != 1 || s.Data[0].Offset != 42 {
		t.Errorf("%+v", s)
	}
	if result.Explained.DispatchedElements == 0 {
		t.Error("the table stays")
	}
}
