package rewrite

import (
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/vm/module/wasm"
)

// deep gives programs whose recursion has no end, with frames from small to large.
func deep() map[string]*wasm.Module {
	self := func(parts ...[]byte) *wasm.Module {
		return program(fn{code: with(wasm.OpCall, 1)}, fn{locals: 300, code: ops(parts...)})
	}
	call := with(wasm.OpCall, 1)
	var setAll, useAll, push, pop, mixed [][]byte
	leaf := fn{t: typeI32ToI32, code: with(wasm.OpLocalGet, 0)}
	for i := range uint32(300) {
		setAll = append(setAll, num(int64(i)), with(wasm.OpCall, 2), with(wasm.OpLocalSet, i))
		useAll = append(useAll, with(wasm.OpLocalGet, i), with(wasm.OpCall, 2), drop)
		push = append(push, num(int64(i)), with(wasm.OpCall, 2))
		pop = append(pop, drop)
		mixed = append(mixed, num(7), with(wasm.OpCall, 2), with(wasm.OpLocalTee, i), with(wasm.OpCall, 2), with(wasm.OpLocalGet, i), op(wasm.OpI32Add), drop)
	}
	var one [][]byte
	for range 4000 {
		one = append(one, num(7), with(wasm.OpCall, 2), with(wasm.OpLocalTee, 0), with(wasm.OpCall, 2), with(wasm.OpLocalGet, 0), op(wasm.OpI32Add), drop)
	}
	withLeaf := func(m *wasm.Module) *wasm.Module {
		m.Funcs = append(m.Funcs, leaf.t)
		m.Codes = append(m.Codes, wasm.Code{Body: ops(leaf.code, end)})
		return m
	}
	return map[string]*wasm.Module{
		"small":         program(fn{code: with(wasm.OpCall, 0)}),
		"two":           program(fn{code: with(wasm.OpCall, 1)}, fn{code: with(wasm.OpCall, 0)}),
		"by table":      program(fn{code: ops(num(0), indirect(typeNone))}),
		"in a loop":     program(fn{code: ops(block(wasm.OpLoop, empty), with(wasm.OpCall, 0), with(wasm.OpBr, 0), end)}),
		"locals":        withLeaf(self(ops(setAll...), call, ops(useAll...))),
		"operands":      withLeaf(self(ops(push...), call, ops(pop...))),
		"many calls":    withLeaf(self(ops(mixed...), call, ops(mixed...))),
		"many values":   withLeaf(program(fn{code: call}, fn{locals: 1, code: ops(ops(one...), call, ops(one...))})),
		"start section": started(program(fn{code: with(wasm.OpCall, 0)})),
	}
}

func started(m *wasm.Module) *wasm.Module {
	index := uint32(0)
	m.Start = &index
	return m
}

// Recursion ends before the stack is larger than a few times its estimate.
func TestStackOverflow(t *testing.T) {
	const most = 12 << 20 // it doubles when it grows, and is copied
	for name, m := range withDispatch(deep()) {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, wazero.NewRuntimeConfig())
			result, err := Module(m.Encode(), Options{DispatchFrom: 1})
			if err != nil {
				t.Fatal(err)
			}
			compiled, err := h.runtime.CompileModule(t.Context(), result.Module)
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			instance, err := h.runtime.InstantiateModule(t.Context(), compiled, wazero.NewModuleConfig().WithName(""))
			for _, export := range []string{result.Start, "run"} {
				if err == nil && export != "" {
					_, err = instance.ExportedFunction(export).Call(t.Context())
				}
			}
			runtime.ReadMemStats(&after)
			if !errors.Is(err, errOverflow) {
				t.Fatalf("%v", err)
			}
			memory := uint64(64 << 16)
			t.Logf("%s %d KiB allocated", name, (after.TotalAlloc-before.TotalAlloc)>>10)
			if got := after.TotalAlloc - before.TotalAlloc; got > most+memory {
				t.Errorf("%d bytes allocated", got)
			}
		})
	}
}

// However a function is left, the stack is as it was.
func TestDepthIsRestored(t *testing.T) {
	self := ops(with(wasm.OpLocalGet, 0), num(1), op(wasm.OpI32Sub), with(wasm.OpCall, 1))
	whileNotZero := func(body ...[]byte) fn {
		return fn{t: typeI32ToI32, code: ops(with(wasm.OpLocalGet, 0), block(wasm.OpIf, -1), ops(body...), op(wasm.OpElse), num(5), end)}
	}
	ways := map[string]fn{
		"end":            whileNotZero(self),
		"return":         whileNotZero(self, op(wasm.OpReturn)),
		"br":             whileNotZero(self, with(wasm.OpBr, 1)),
		"br_if":          whileNotZero(self, num(1), with(wasm.OpBrIf, 1)),
		"br_table":       whileNotZero(self, num(0), []byte{byte(wasm.OpBrTable), 1, 1, 1}),
		"from a loop":    whileNotZero(block(wasm.OpLoop, -1), self, with(wasm.OpBr, 2), end),
		"from two loops": whileNotZero(block(wasm.OpLoop, -1), block(wasm.OpLoop, -1), self, num(0), with(wasm.OpBrIf, 0), op(wasm.OpReturn), end, end),
	}
	for name, f := range ways {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, wazero.NewRuntimeConfig())
			result, err := Module(program(fn{t: typeNone, code: ops(num(100), with(wasm.OpCall, 1), drop)}, f).Encode(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			instance, err := h.runtime.InstantiateWithConfig(t.Context(), result.Module, wazero.NewModuleConfig().WithName(""))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := instance.ExportedFunction("run").Call(t.Context()); err != nil {
				t.Fatal(err)
			}
			if left := api.DecodeI32(instance.ExportedGlobal(result.Stack).Get()); left != DefaultStackBytes {
				t.Errorf("%d bytes of stack are left", left)
			}
			if left := api.DecodeI32(instance.ExportedGlobal(result.Left).Get()); left >= DefaultBudget {
				t.Errorf("%d reductions are left", left)
			}
		})
	}
}

// Results of a function come out of the block around its body, however many they are.
func TestResultsOfCountedFunctions(t *testing.T) {
	h := newHost(t, wazero.NewRuntimeConfig())
	swap := fn{t: typeTwoToTwo, code: ops(
		with(wasm.OpLocalGet, 0), block(wasm.OpIf, empty), num(0), num(4), with(wasm.OpCall, 1), op(wasm.OpReturn), end,
		with(wasm.OpLocalGet, 1), with(wasm.OpLocalGet, 0),
	)}
	m := program(fn{}, swap)
	m.Exports = append(m.Exports, wasm.Export{Name: "swap", Kind: wasm.KindFunc, Index: 1})
	instance := h.load(t, m.Encode(), true)
	got, err := instance.ExportedFunction("swap").Call(t.Context(), 1, 2)
	if err != nil || !slices.Equal(got, []uint64{4, 0}) {
		t.Errorf("%d, %v", got, err)
	}
}
