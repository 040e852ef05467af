package rewrite

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"
	"pgregory.net/rapid"

	"github.com/wnode/wnode/vm/module/wasm"
)

// generator writes random functions (i32, i32) -> i32 that end. Locals 2 to 5 are for anybody, those from 6 on
// count what is left of a loop each.
type generator struct {
	t     *rapid.T
	funcs int
	self  int
	loops uint32
	open  int // blocks
}

const (
	variables = 6
	maxLoops  = 3
)

func (g *generator) pick(n int) int { return rapid.IntRange(0, n-1).Draw(g.t, "n") }

// expr leaves a number.
func (g *generator) expr(depth int) []byte {
	switch n := g.pick(6); {
	case depth == 0 || n == 0:
		return num(int64(rapid.Int32().Draw(g.t, "const")))
	case n < 3:
		return with(wasm.OpLocalGet, uint32(g.pick(variables)))
	case n == 3 && g.self+1 < g.funcs:
		callee := uint32(g.self + 1 + g.pick(g.funcs-g.self-1))
		if g.pick(2) == 0 {
			return ops(g.expr(depth-1), g.expr(depth-1), with(wasm.OpCall, callee))
		}
		return ops(g.expr(depth-1), g.expr(depth-1), num(int64(callee)), indirect(typeBinary))
	default:
		operation := []wasm.Op{wasm.OpI32Add, wasm.OpI32Sub, 0x6c, 0x73, wasm.OpI32LtS, wasm.OpI32ShrU}[g.pick(6)]
		return ops(g.expr(depth-1), g.expr(depth-1), op(operation))
	}
}

// within writes statements inside of so many blocks more.
func (g *generator) within(blocks, depth int) []byte {
	g.open += blocks
	body := g.statements(depth)
	g.open -= blocks
	return body
}

func (g *generator) statements(depth int) []byte {
	var code [][]byte
	for range 1 + g.pick(4) {
		code = append(code, g.statement(depth))
	}
	return slices.Concat(code...)
}

// statement leaves the operands as they are. All blocks that are open are without results, but for the function.
func (g *generator) statement(depth int) []byte {
	if depth == 0 {
		return ops(g.expr(2), with(wasm.OpLocalSet, uint32(g.pick(variables))))
	}
	switch g.pick(8) {
	case 0:
		return ops(block(wasm.OpBlock, empty), g.within(1, depth-1), end)
	case 1:
		condition := g.expr(2)
		return ops(condition, block(wasm.OpIf, empty), g.within(1, depth-1), op(wasm.OpElse), g.within(1, depth-1), end)
	case 2:
		return g.repeat(depth)
	case 3: // out of the function, with a result
		return ops(g.expr(2), g.expr(2), with(wasm.OpBrIf, uint32(g.open)), drop)
	case 4:
		if g.open == 0 {
			return nil
		}
		return ops(g.expr(2), with(wasm.OpBrIf, uint32(g.pick(g.open))))
	case 5:
		table := ops(g.expr(2), []byte{byte(wasm.OpBrTable), 2})
		for range 3 {
			table = wasm.AppendU32(table, uint32(g.pick(g.open+1)))
		}
		return ops(block(wasm.OpBlock, empty), g.expr(2), with(wasm.OpBrIf, 0), table, end)
	case 6:
		return ops(g.expr(2), block(wasm.OpIf, empty), g.expr(2), op(wasm.OpReturn), end)
	default:
		return ops(g.expr(3), with(wasm.OpLocalSet, uint32(g.pick(variables))))
	}
}

// repeat writes a loop with a counter.
func (g *generator) repeat(depth int) []byte {
	if g.loops == maxLoops {
		return nil
	}
	counter := variables + g.loops
	g.loops++
	turn := ops(with(wasm.OpLocalGet, counter), num(1), op(wasm.OpI32Sub), with(wasm.OpLocalTee, counter))
	body := ops(turn, num(0), op(wasm.OpI32LtS), with(wasm.OpBrIf, 1), g.within(2, depth-1))
	return ops(num(int64(1+g.pick(3))), with(wasm.OpLocalSet, counter),
		block(wasm.OpBlock, empty), block(wasm.OpLoop, empty), body, with(wasm.OpBr, 0), end, end)
}

const typeBinary = 5

// random makes a module of a few functions; those that come first call those that come later.
func random(t *rapid.T) *wasm.Module {
	g := &generator{t: t, funcs: rapid.IntRange(1, 3).Draw(t, "functions")}
	var funcs []fn
	for g.self = range g.funcs {
		g.loops = 0
		body := g.statements(3)
		if g.loops == 0 || g.pick(2) == 0 {
			body = ops(body, g.repeat(3))
		}
		funcs = append(funcs, fn{t: typeBinary, locals: variables - 2 + maxLoops, code: ops(body, g.expr(3))})
	}
	m := program(funcs...)
	m.Types = append(m.Types, wasm.FuncType{Params: []wasm.ValueType{wasm.I32, wasm.I32}, Results: []wasm.ValueType{wasm.I32}})
	return m
}

// Random programs have the same results with and without rewriting.
func TestRandomPrograms(t *testing.T) {
	h := newHost(t, wazero.NewRuntimeConfig())
	valid := 0
	rapid.Check(t, func(rt *rapid.T) {
		m := random(rt)
		if rapid.Bool().Draw(rt, "dispatch") {
			m = smallTable(m)
		}
		b := m.Encode()
		result, err := Module(b, Options{Budget: 50, DispatchFrom: 1})
		if err != nil {
			rt.Fatal(err)
		}
		got := make([]string, 2)
		for i, module := range [][]byte{b, result.Module} {
			instance, err := h.runtime.InstantiateWithConfig(t.Context(), module, wazero.NewModuleConfig().WithName(""))
			if err != nil {
				got[i] = "invalid"
				continue
			}
			valid++
			results, err := instance.ExportedFunction("run").Call(t.Context(), 3, 1000)
			got[i] = fmt.Sprint(results, err)
			_ = instance.Close(t.Context())
		}
		if got[0] != got[1] {
			rt.Fatalf("%s, without rewriting %s", got[1], got[0])
		}
		if got[0] == "invalid" {
			_, err := h.runtime.CompileModule(t.Context(), b)
			rt.Fatalf("the generator is wrong: %v", err)
		}
	})
	if valid == 0 || h.yields == 0 {
		t.Errorf("%d programs, %d yields", valid, h.yields)
	}
}
