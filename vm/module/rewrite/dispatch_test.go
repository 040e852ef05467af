package rewrite

import (
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wnode/wnode/vm/module/wasm"
)

// smallTable gives a program with a table of no more elements than it has functions: one that can be turned into code.
func smallTable(m *wasm.Module) *wasm.Module {
	small := *m
	small.Tables = slices.Clone(m.Tables)
	small.Tables[0].Limits.Min = uint32(len(m.Elements[0].Funcs)) + 3
	return &small
}

// withDispatch adds to programs the same with small tables, but for those that need a large one.
func withDispatch(programs map[string]*wasm.Module) map[string]*wasm.Module {
	all := map[string]*wasm.Module{}
	for name, m := range programs {
		all[name] = m
		if !strings.HasPrefix(name, "table.") {
			all[name+", dispatched"] = smallTable(m)
		}
	}
	return all
}

// What is called through a table, and what traps, is the same when the table is code.
func TestDispatch(t *testing.T) {
	call := func(t uint32, index int64, args ...[]byte) []byte {
		return ops(slices.Concat(args...), num(index), indirect(t))
	}
	check := func(want int64, code []byte) []byte { // traps unless the code gives what is wanted
		return ops(code, num(want), []byte{0x47}, block(wasm.OpIf, empty), op(wasm.OpUnreachable), end)
	}
	add := fn{t: typeI32ToI32, code: ops(with(wasm.OpLocalGet, 0), num(5), []byte{0x6a})}
	swap := fn{t: typeTwoToTwo, code: ops(with(wasm.OpLocalGet, 1), with(wasm.OpLocalGet, 0))}
	nothing := fn{t: typeNone}
	for name, tt := range map[string]struct {
		code []byte
		want string // "" for no error
	}{
		"one result":   {check(12, call(typeI32ToI32, 1, num(7))), ""},
		"the other":    {check(13, call(typeI32ToI32, 4, num(8))), ""},
		"two results":  {check(2, ops(call(typeTwoToTwo, 2, num(2), num(9)), []byte{0x1a}, num(7), []byte{0x6b})), ""},
		"no result":    {call(typeNone, 3), ""},
		"another type": {call(typeNone, 1), "indirect call type mismatch"},
		"no type":      {call(typeUnusedI64, 1, []byte{0x42, 1}), "indirect call type mismatch"},
		"empty":        {call(typeNone, 5), "invalid table access"},
		"beyond":       {call(typeNone, 100), "invalid table access"},
		"negative":     {call(typeNone, -1), "invalid table access"},
	} {
		t.Run(name, func(t *testing.T) {
			again := fn{t: typeI32ToI32, code: add.code}
			m := program(fn{code: tt.code}, add, swap, nothing, again)
			h := newHost(t, wazero.NewRuntimeConfig())
			for _, m := range []*wasm.Module{m, smallTable(m)} {
				result, err := Module(m.Encode(), Options{DispatchFrom: 1})
				if err != nil {
					t.Fatal(err)
				}
				rewritten, err := wasm.Decode(result.Module)
				if err != nil {
					t.Fatal(err)
				}
				if kept, large := len(rewritten.Tables) == 1, m.Tables[0].Limits.Min > 100; kept != large {
					t.Errorf("table kept: %v", kept)
				}
				instance, err := h.runtime.InstantiateWithConfig(t.Context(), result.Module, wazero.NewModuleConfig().WithName(""))
				if err != nil {
					t.Fatal(err)
				}
				_, err = instance.ExportedFunction("run").Call(t.Context())
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
					t.Errorf("%v, want %q", err, tt.want)
				}
			}
		})
	}
}

// Tables that code changes or looks at, or that others could, stay.
func TestTablesThatStay(t *testing.T) {
	for name, change := range map[string]func(*wasm.Module){
		"exported": func(m *wasm.Module) { m.Exports = append(m.Exports, wasm.Export{Name: "t", Kind: wasm.KindTable}) },
		"two":      func(m *wasm.Module) { m.Tables = append(m.Tables, m.Tables[0]) },
		"size":     func(m *wasm.Module) { m.Codes[0].Body = ops(op(wasm.OpTableSize), []byte{0, 0x1a}, end) },
		"set":      func(m *wasm.Module) { m.Codes[0].Body = ops(num(0), []byte{0xd0, 0x70, 0x26, 0}, end) },
		"passive":  func(m *wasm.Module) { m.Elements[0].Mode = wasm.Passive },
		"too long": func(m *wasm.Module) { m.Elements[0].Offset.Code = num(4) },
		"parameters": func(m *wasm.Module) { // carried to each of many calls
			m.Types[typeI32].Params = slices.Repeat(m.Types[typeI32].Params, 900)
			for f := range uint32(2000) {
				m.Funcs, m.Codes = append(m.Funcs, typeI32), append(m.Codes, wasm.Code{Body: end})
				m.Elements[0].Funcs = append(m.Elements[0].Funcs, 2+f)
			}
			m.Tables[0].Limits.Min = 2002
			m.Codes[0].Body = ops(op(wasm.OpUnreachable), indirect(typeI32), end)
		},
		"few": func(m *wasm.Module) { m.Tables[0].Limits.Min = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			m := smallTable(program(fn{}, fn{}))
			change(m)
			result, err := Module(m.Encode(), Options{DispatchFrom: 2})
			if err != nil {
				t.Fatal(err)
			}
			rewritten, err := wasm.Decode(result.Module)
			if err != nil {
				t.Fatal(err)
			}
			if len(rewritten.Tables) != len(m.Tables) || len(rewritten.Elements) != 1 {
				t.Errorf("%d tables, %d segments", len(rewritten.Tables), len(rewritten.Elements))
			}
		})
	}
}
