package rewrite

import (
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/vm/module/wasm"
)

// A short loop does what it did, however often it goes around and wherever it is left, and each of its turns is
// charged for; but for one turn more when a branch leaves it after an odd number of them.
func TestShortLoops(t *testing.T) {
	count := ops(with(wasm.OpLocalGet, 1), num(1), op(wasm.OpI32Add), with(wasm.OpLocalSet, 1))
	under := ops(with(wasm.OpLocalGet, 1), with(wasm.OpLocalGet, 0), op(wasm.OpI32LtS))
	get, eqz := with(wasm.OpLocalGet, 1), []byte{0x45}
	for name, body := range map[string][]byte{
		"left at its end":     ops(block(wasm.OpLoop, empty), count, under, with(wasm.OpBrIf, 0), end),
		"left by a branch":    ops(block(wasm.OpBlock, empty), block(wasm.OpLoop, empty), count, under, eqz, with(wasm.OpBrIf, 1), with(wasm.OpBr, 0), end, end),
		"left by a return":    ops(block(wasm.OpLoop, empty), count, under, eqz, block(wasm.OpIf, empty), get, op(wasm.OpReturn), end, with(wasm.OpBr, 0), end),
		"left by a table":     ops(block(wasm.OpBlock, empty), block(wasm.OpLoop, empty), count, under, []byte{byte(wasm.OpBrTable), 1, 1, 0}, end, end),
		"around from a block": ops(block(wasm.OpLoop, empty), count, block(wasm.OpBlock, empty), under, with(wasm.OpBrIf, 1), end, end),
	} {
		t.Run(name, func(t *testing.T) {
			m := program(fn{t: typeI32ToI32, locals: 1, code: ops(body, get)})
			result, err := Module(m.Encode(), Options{State: true})
			if err != nil {
				t.Fatal(err)
			}
			h := newHost(t, wazero.NewRuntimeConfig())
			before, after := h.load(t, m.Encode(), false), h.load(t, result.Module, false)
			left := after.ExportedGlobal(result.Left).(api.MutableGlobal)
			for _, times := range []uint64{0, 1, 2, 3, 4, 5, 1000, 1001} {
				left.Set(DefaultBudget)
				want, err := before.ExportedFunction("run").Call(t.Context(), times)
				if err != nil {
					t.Fatal(err)
				}
				got, err := after.ExportedFunction("run").Call(t.Context(), times)
				if err != nil || got[0] != want[0] {
					t.Errorf("%d times: %d, %v, want %d", times, got, err, want)
				}
				charged, odd := DefaultBudget-left.Get(), want[0]%2
				if byBranch := strings.HasPrefix(name, "left by"); !byBranch {
					odd = 0
				}
				if charged != want[0]+odd {
					t.Errorf("%d times around are %d reductions", want[0], charged)
				}
			}
		})
	}
}
