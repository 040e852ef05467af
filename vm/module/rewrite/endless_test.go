package rewrite

import (
	"errors"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wnode/wnode/vm/module/wasm"
)

var errStopped = errors.New("stopped")

// op, with and num write code in tests.
func ops(parts ...[]byte) []byte { return slices.Concat(parts...) }

func op(o ...wasm.Op) []byte {
	var c code
	c.op(o...)
	return c
}

func with(o wasm.Op, index uint32) []byte {
	var c code
	c.with(o, index)
	return c
}

func num(v int64) []byte {
	var c code
	c.i32(v)
	return c
}

func block(o wasm.Op, t int64) []byte {
	var c code
	c.block(o, t)
	return c
}

var (
	end     = op(wasm.OpEnd)
	drop    = []byte{0x1a}
	empty   = int64(wasm.BlockEmpty)
	forever = ops(block(wasm.OpLoop, empty), with(wasm.OpBr, 0), end)
)

// Types of the modules that program makes.
const (
	typeNone      = iota // () -> ()
	typeI32              // (i32) -> ()
	typeI32ToI32         // (i32) -> (i32)
	typeTwoToTwo         // (i32, i32) -> (i32, i32)
	typeUnusedI64        // (i64) -> ()
)

// fn is a function of a program: its type, how many i32 locals it has besides parameters, its code without the end.
type fn struct {
	t      uint32
	locals uint32
	code   []byte
}

// program makes a module whose function 0 is the entry, exported as "run". All functions are in the
// table; it has a memory of 64 pages, and a passive segment of data.
func program(funcs ...fn) *wasm.Module {
	i32 := []wasm.ValueType{wasm.I32}
	two := []wasm.ValueType{wasm.I32, wasm.I32}
	one := uint32(1)
	m := &wasm.Module{
		Types: []wasm.FuncType{
			{}, {Params: i32}, {Params: i32, Results: i32}, {Params: two, Results: two}, {Params: []wasm.ValueType{wasm.I64}},
		},
		Tables:    []wasm.Table{{Element: wasm.FuncRef, Limits: wasm.Limits{Min: 1 << 16}}},
		Memories:  []wasm.Limits{{Min: 64}},
		Exports:   []wasm.Export{{Name: "run", Kind: wasm.KindFunc}, {Name: "memory", Kind: wasm.KindMemory}},
		DataCount: &one,
		Data:      []wasm.Data{{Mode: wasm.Passive, Bytes: make([]byte, 1<<16)}},
	}
	segment := wasm.Element{Type: wasm.FuncRef, Offset: wasm.Expr{Op: wasm.OpI32Const, Code: num(0)}}
	for i, f := range funcs {
		m.Funcs = append(m.Funcs, f.t)
		c := wasm.Code{Body: ops(f.code, end)}
		if f.locals > 0 {
			c.Locals = []wasm.LocalGroup{{Count: f.locals, Type: wasm.I32}}
		}
		m.Codes = append(m.Codes, c)
		segment.Funcs = append(segment.Funcs, uint32(i))
	}
	m.Elements = []wasm.Element{segment}
	return m
}

// tree gives a function that calls other functions twice, with one less as long as it is not 0.
func tree(call []byte) fn {
	less := ops(with(wasm.OpLocalGet, 0), num(1), op(wasm.OpI32Sub))
	return fn{t: typeI32, code: ops(
		with(wasm.OpLocalGet, 0), block(wasm.OpIf, empty), less, call, less, call, end,
	)}
}

// doubling gives functions each of which calls the next twice: no circle, and no end in sight.
func doubling(levels int) []fn {
	var funcs []fn
	for i := range levels {
		call := with(wasm.OpCall, uint32(i+1))
		funcs = append(funcs, fn{code: ops(call, call)})
	}
	return append(funcs, fn{})
}

func indirect(t uint32) []byte { return ops(with(wasm.OpCallIndirect, t), []byte{0}) }

func tailIndirect(t uint32) []byte { return ops(with(wasm.OpReturnCallIndirect, t), []byte{0}) }

// tailTree is a [tree] whose second call is a tail call.
func tailTree(f uint32) fn {
	less := ops(with(wasm.OpLocalGet, 0), num(1), op(wasm.OpI32Sub))
	return fn{t: typeI32, code: ops(
		with(wasm.OpLocalGet, 0), block(wasm.OpIf, empty), less, with(wasm.OpCall, f), less, with(wasm.OpReturnCall, f), end,
	)}
}

func callTree(f uint32) fn { return fn{code: ops(num(60), with(wasm.OpCall, f))} }

// Whatever a module does, it comes to a place where it can be stopped.
func TestEverythingYields(t *testing.T) {
	repeated := func(body ...[]byte) *wasm.Module {
		return program(fn{locals: 1, code: ops(block(wasm.OpLoop, empty), ops(body...), with(wasm.OpBr, 0), end)})
	}
	table := func(labels ...byte) []byte {
		return append([]byte{byte(wasm.OpBrTable), byte(len(labels) - 1)}, labels...)
	}
	bulk := func(o wasm.Op, immediates ...byte) []byte { return append(op(o), immediates...) }
	started := program(fn{}, fn{code: forever})
	started.Start = &started.Elements[0].Funcs[1]
	straight := ops(slices.Repeat(ops(with(wasm.OpLocalGet, 0), num(3), op(wasm.OpI32Add), with(wasm.OpLocalSet, 0)), 100_000))
	tests := map[string]*wasm.Module{
		"br":                program(fn{code: forever}),
		"br_if":             program(fn{code: ops(block(wasm.OpLoop, empty), num(1), with(wasm.OpBrIf, 0), end)}),
		"br_table":          program(fn{code: ops(block(wasm.OpLoop, empty), num(0), table(0, 1), end)}),
		"br_table, default": program(fn{code: ops(block(wasm.OpLoop, empty), num(7), table(1, 0), end)}),
		"br from inside": program(fn{code: ops(
			block(wasm.OpLoop, empty), block(wasm.OpBlock, empty), block(wasm.OpLoop, empty), with(wasm.OpBr, 2), end, end, end)}),
		"loop in a loop": program(fn{locals: 1, code: ops(
			block(wasm.OpLoop, empty), num(1), with(wasm.OpLocalSet, 0),
			block(wasm.OpLoop, empty), with(wasm.OpLocalGet, 0), num(0), with(wasm.OpLocalSet, 0), with(wasm.OpBrIf, 0), end,
			with(wasm.OpBr, 0), end)}),
		"loop with parameters": program(fn{code: ops(
			num(1), num(2), block(wasm.OpLoop, typeTwoToTwo), with(wasm.OpBr, 0), end, drop, drop)}),
		"loop with a result":   program(fn{code: ops(block(wasm.OpLoop, -1), num(1), with(wasm.OpBr, 0), end, drop)}),
		"recursion":            program(callTree(1), tree(with(wasm.OpCall, 1))),
		"recursion in two":     program(callTree(1), tree(with(wasm.OpCall, 2)), tree(with(wasm.OpCall, 1))),
		"recursion by table":   program(callTree(1), tree(ops(num(1), indirect(typeI32)))),
		"table in two":         program(callTree(1), tree(ops(num(2), indirect(typeI32))), tree(ops(num(1), indirect(typeI32)))),
		"table and direct":     program(callTree(1), tree(with(wasm.OpCall, 2)), tree(ops(num(1), indirect(typeI32)))),
		"calls without circle": program(doubling(64)...),
		"tail call":            program(fn{code: with(wasm.OpReturnCall, 0)}),
		"tail call in two":     program(fn{code: with(wasm.OpReturnCall, 1)}, fn{code: with(wasm.OpReturnCall, 0)}),
		"tail call by table":   program(fn{code: ops(num(0), tailIndirect(typeNone))}),
		"tail calls in three": program(fn{code: ops(num(1), tailIndirect(typeNone))},
			fn{code: with(wasm.OpReturnCall, 2)}, fn{code: ops(num(0), tailIndirect(typeNone))}),
		"tail call and tree": program(callTree(1), tree(with(wasm.OpCall, 2)), fn{t: typeI32, code: ops(with(wasm.OpLocalGet, 0), with(wasm.OpReturnCall, 1))}),
		"tail calls down":    program(callTree(1), tailTree(1)),
		"tail call in a loop": program(fn{locals: 1, code: ops(block(wasm.OpLoop, empty), with(wasm.OpLocalGet, 0), with(wasm.OpBrIf, 0),
			with(wasm.OpReturnCall, 0), end)}),
		"start":              started,
		"calls in a loop":    program(fn{code: ops(block(wasm.OpLoop, empty), with(wasm.OpCall, 1), with(wasm.OpBr, 0), end)}, fn{}),
		"table in a loop":    program(fn{code: ops(block(wasm.OpLoop, empty), num(1), indirect(typeNone), with(wasm.OpBr, 0), end)}, fn{}),
		"long function":      program(fn{locals: 1, code: ops(block(wasm.OpLoop, empty), straight, with(wasm.OpBr, 0), end)}),
		"long callee":        program(fn{code: ops(block(wasm.OpLoop, empty), with(wasm.OpCall, 1), with(wasm.OpBr, 0), end)}, fn{locals: 1, code: straight}),
		"memory.fill":        repeated(num(0), num(1), num(4<<20), bulk(wasm.OpMemoryFill, 0)),
		"memory.fill, short": repeated(num(0), num(1), num(10), bulk(wasm.OpMemoryFill, 0)),
		"memory.copy":        repeated(num(0), num(1), num(3<<20), bulk(wasm.OpMemoryCopy, 0, 0)),
		"memory.init":        repeated(num(0), num(0), num(1<<16), bulk(wasm.OpMemoryInit, 0, 0)),
		"memory.grow":        repeated(num(0), with(wasm.OpMemoryGrow, 0), drop),
		"table.fill":         repeated(num(0), []byte{0xd0, 0x70}, num(1<<16), bulk(wasm.OpTableFill, 0)),
		"table.copy":         repeated(num(0), num(1), num(1<<15), bulk(wasm.OpTableCopy, 0, 0)),
		"table.grow":         repeated([]byte{0xd0, 0x70}, num(0), bulk(wasm.OpTableGrow, 0), drop),
		"table.init":         repeated(num(0), num(0), num(0), bulk(wasm.OpTableInit, 0, 0)),
	}
	for name, m := range withDispatch(tests) {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, wazero.NewRuntimeConfig())
			h.stop = errStopped
			result, err := Module(m.Encode(), Options{DispatchFrom: 1})
			if err != nil {
				t.Fatal(err)
			}
			instance, err := h.runtime.InstantiateWithConfig(t.Context(), result.Module, wazero.NewModuleConfig().WithName(""))
			for _, export := range []string{result.Start, "run"} {
				if err == nil && export != "" {
					_, err = instance.ExportedFunction(export).Call(t.Context())
				}
			}
			if !errors.Is(err, errStopped) {
				t.Errorf("%v after %d yields", err, h.yields)
			}
		})
	}
}

// A loop whose turns cost more than the host gives at a time gets on all the same.
func TestLongTurns(t *testing.T) {
	straight := ops(slices.Repeat(ops(with(wasm.OpLocalGet, 1), num(3), op(wasm.OpI32Add), with(wasm.OpLocalSet, 1)), 50_000))
	body := ops(block(wasm.OpLoop, empty), straight,
		with(wasm.OpLocalGet, 0), num(1), op(wasm.OpI32Sub), with(wasm.OpLocalTee, 0), with(wasm.OpBrIf, 0), end, with(wasm.OpLocalGet, 1))
	h := newHost(t, wazero.NewRuntimeConfig())
	h.budget, h.stop, h.patience = MinBudget, errStopped, 100
	instance := h.load(t, program(fn{t: typeI32ToI32, locals: 1, code: body}).Encode(), true)
	if got, err := instance.ExportedFunction("run").Call(t.Context(), 100); err != nil || got[0] != 100*3*50_000 {
		t.Errorf("%d, %v after %d yields", got, err, h.yields)
	}
}

// Functions that take nothing are charged where they are called, and others for themselves.
func TestWhoIsCharged(t *testing.T) {
	m := program(doubling(20)...)
	r := &rewriter{m: m}
	if err := r.analyze(); err != nil {
		t.Fatal(err)
	}
	r.plan()
	charged := 0
	for i := range r.funcs {
		if f := &r.funcs[i]; f.charged {
			charged++
		} else if f.work > maxUnchargedWork {
			t.Errorf("function %d does %d instructions for nothing", i, f.work)
		}
	}
	if charged == 0 || charged > 4 {
		t.Errorf("%d of 21 functions are charged", charged)
	}
}
