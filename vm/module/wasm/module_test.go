package wasm_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wnode/wnode/vm/module/wasm"
)

// modules gives the modules of this repository: those that are committed, and those that were built.
func modules(t testing.TB) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	root := filepath.Join("..", "..", "..")
	for _, dir := range []string{"examples/wasm", "guest-sdk/testdata", "vm/module", "bin/guests"} {
		_ = filepath.WalkDir(filepath.Join(root, dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".wasm") {
				return nil // what was not built is not there
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Error(err)
			}
			found[filepath.Base(path)] = b
			return nil
		})
	}
	if len(found) < 5 {
		t.Fatalf("%d modules found", len(found))
	}
	return found
}

// unplaced forgets where the code of a module was.
func unplaced(m *wasm.Module) *wasm.Module {
	for i := range m.Codes {
		m.Codes[i].Start = 0
	}
	return m
}

// checkStarts checks that functions are where they are said to be, before and after decoding.
func checkStarts(t *testing.T, m *wasm.Module, b []byte, n *wasm.Module) {
	t.Helper()
	sections, err := wasm.Sections(b)
	if err != nil {
		t.Fatal(err)
	}
	code := slices.IndexFunc(sections, func(s wasm.Section) bool { return s.ID == wasm.SectionCode })
	for i, offset := range m.BodyOffsets() {
		c := n.Codes[i]
		if int(c.Start) != sections[code].Start+int(offset) || !bytes.HasPrefix(b[c.Start:], c.Body) {
			t.Fatalf("function %d is at %d, or at %d of the section that begins at %d", i, c.Start, offset, sections[code].Start)
		}
	}
}

// What is decoded and encoded again means the same to this package, and to the compiler.
func TestRoundTrip(t *testing.T) {
	runtime := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	defer runtime.Close(t.Context())
	for name, b := range modules(t) {
		t.Run(name, func(t *testing.T) {
			m, err := wasm.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			again := m.Encode()
			n, err := wasm.Decode(again)
			if err != nil {
				t.Fatal(err)
			}
			checkStarts(t, m, again, n)
			if !reflect.DeepEqual(unplaced(m), unplaced(n)) {
				t.Error("encoding changes the module")
			}
			if len(again) > len(b) {
				t.Errorf("%d bytes from %d", len(again), len(b))
			}
			if _, err := runtime.CompileModule(t.Context(), again); err != nil {
				t.Error(err)
			}
		})
	}
}

// Every instruction of every function is walked through to its end.
func TestWalk(t *testing.T) {
	for name, b := range modules(t) {
		m, err := wasm.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range m.Codes {
			walk := wasm.Walk(c.Body)
			var in wasm.Instr
			end := 0
			for walk.Next(&in) {
				if in.Start != end {
					t.Fatalf("%s: function %d: instruction at %d, want %d", name, i, in.Start, end)
				}
				end = in.End
			}
			if walk.Err() != nil || end != len(c.Body) || in.Op != wasm.OpEnd {
				t.Errorf("%s: function %d: ends at %d of %d: %v", name, i, end, len(c.Body), walk.Err())
			}
		}
	}
}

// all has a thing of every kind.
func all() *wasm.Module {
	index := uint32(1)
	expr := func(b ...byte) wasm.Expr { return wasm.Expr{Op: wasm.Op(b[0]), Code: b} }
	zero := expr(0x41, 0)
	v128 := wasm.Expr{Op: wasm.OpV128Const, Code: append([]byte{0xfd, 0x0c}, make([]byte, 16)...)}
	return &wasm.Module{
		Types: []wasm.FuncType{
			{Params: []wasm.ValueType{}, Results: []wasm.ValueType{}},
			{Params: []wasm.ValueType{wasm.I32, wasm.V128}, Results: []wasm.ValueType{wasm.F32, wasm.ExternRef}},
		},
		Imports: []wasm.Import{
			{Module: "m", Name: "f", Kind: wasm.KindFunc},
			{Module: "m", Name: "t", Kind: wasm.KindTable, Table: wasm.Table{Element: wasm.FuncRef, Limits: wasm.Limits{Min: 1}}},
			{Module: "m", Name: "m", Kind: wasm.KindMemory, Memory: wasm.Limits{Min: 1, Max: 2, HasMax: true}},
			{Module: "m", Name: "g", Kind: wasm.KindGlobal, Global: wasm.GlobalType{Value: wasm.I64, Mutable: true}},
		},
		Funcs:    []uint32{0},
		Tables:   []wasm.Table{{Element: wasm.ExternRef, Limits: wasm.Limits{Min: 0, Max: 9, HasMax: true}}},
		Memories: []wasm.Limits{{Min: 1}},
		Globals: []wasm.Global{
			{Type: wasm.GlobalType{Value: wasm.V128}, Init: v128},
			{Type: wasm.GlobalType{Value: wasm.FuncRef, Mutable: true}, Init: wasm.FuncExpr(1)},
			{Type: wasm.GlobalType{Value: wasm.F64}, Init: expr(0x44, 1, 2, 3, 4, 5, 6, 7, 8)},
		},
		Exports: []wasm.Export{{Name: "f", Kind: wasm.KindFunc, Index: 1}, {Name: "g", Kind: wasm.KindGlobal, Index: 3}},
		Start:   &index,
		Elements: []wasm.Element{
			{Type: wasm.FuncRef, Offset: zero, Funcs: []uint32{0, 1}},
			{Type: wasm.FuncRef, Offset: zero, Table: 0, Explicit: true, Funcs: []uint32{1}},
			{Type: wasm.FuncRef, Mode: wasm.Passive, Funcs: []uint32{}},
			{Type: wasm.FuncRef, Mode: wasm.Declarative, Funcs: []uint32{1}},
			{Type: wasm.FuncRef, Offset: zero, Exprs: []wasm.Expr{wasm.FuncExpr(1)}},
			{Type: wasm.ExternRef, Offset: zero, Table: 1, Explicit: true, Exprs: []wasm.Expr{expr(0xd0, 0x6f)}},
			{Type: wasm.ExternRef, Mode: wasm.Passive, Exprs: []wasm.Expr{}},
			{Type: wasm.FuncRef, Mode: wasm.Declarative, Exprs: []wasm.Expr{expr(0xd0, 0x70)}},
		},
		DataCount: func() *uint32 { n := uint32(3); return &n }(),
		Codes:     []wasm.Code{{Locals: []wasm.LocalGroup{{Count: 3, Type: wasm.I64}}, Body: []byte{0x0b}}},
		Data: []wasm.Data{
			{Offset: zero, Bytes: []byte("a")},
			{Mode: wasm.Passive, Bytes: []byte{}},
			{Offset: zero, Explicit: true, Bytes: []byte("b")},
		},
		Customs: []wasm.Custom{
			{Name: "first", Content: []byte{1}},
			{Name: "middle", Content: []byte{}, After: wasm.SectionGlobal},
			{Name: "last", Content: []byte{2}, After: wasm.SectionData},
		},
	}
}

func TestEveryKind(t *testing.T) {
	m := all()
	b := m.Encode()
	got, err := wasm.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(unplaced(got), m) {
		t.Errorf("got %+v\nwant %+v", got, m)
	}
	for n := range b { // a part of a module may be one, and must never be taken for the whole
		part, err := wasm.Decode(b[:n])
		if err == nil && reflect.DeepEqual(unplaced(part), m) {
			t.Errorf("the first %d of %d bytes are enough", n, len(b))
		}
	}
}
