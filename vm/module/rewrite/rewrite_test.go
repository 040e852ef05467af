package rewrite

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wnode/wnode/internal/kernels"
	"github.com/wnode/wnode/vm/module/wasm"
)

const head = "\x00asm\x01\x00\x00\x00"

func TestRefused(t *testing.T) {
	reserved := program(fn{})
	reserved.Imports = []wasm.Import{{Module: ImportModule, Name: Yield, Kind: wasm.KindFunc}}
	if _, err := Module(reserved.Encode(), Options{}); !errors.Is(err, ErrReserved) {
		t.Errorf("import of yield: %v", err)
	}
	for name, section := range map[string]string{
		"one table":  "\x04\x07\x01\x70\x00\x80\x80\x80\x40",                 // 2^27 elements
		"in shares":  "\x04\x0b\x02\x70\x00\x81\x80\x20\x70\x00\x81\x80\x20", // 2^19+1 each
		"too many":   "\x04\x34\x11" + strings.Repeat("\x70\x00\x00", 17),
		"with a max": "\x04\x0b\x01\x70\x01\x80\x80\x80\x40\x80\x80\x80\x40",
	} {
		var bound *BoundError
		if _, err := Module([]byte(head+section), Options{}); !errors.As(err, &bound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What is not there must not become what is added.
	for name, body := range map[string][]byte{
		"tail call":   ops(num(0), tailIndirect(typeI32ToI32)), // of another result
		"global":      ops(num(1), with(wasm.OpGlobalSet, 0)),
		"local":       with(wasm.OpLocalSet, 0),
		"function":    with(wasm.OpCall, 1),
		"ref.func":    ops(with(wasm.OpRefFunc, 1), drop),
		"type":        ops(block(wasm.OpBlock, 5), end),
		"call type":   indirect(5),
		"table":       ops(num(0), with(wasm.OpCallIndirect, typeNone), []byte{1}),
		"label":       with(wasm.OpBr, 1),
		"label, loop": ops(block(wasm.OpLoop, empty), with(wasm.OpBrIf, 2), end),
		"two ends":    end,
		"else":        op(wasm.OpElse),
		"opcode":      {0x27},
	} {
		if _, err := Module(program(fn{code: body}).Encode(), Options{}); !errors.Is(err, wasm.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	unended := program(fn{})
	unended.Codes[0].Body = block(wasm.OpBlock, empty)
	if _, err := Module(unended.Encode(), Options{}); !errors.Is(err, wasm.ErrMalformed) {
		t.Errorf("no end: %v", err)
	}
}

func TestBounds(t *testing.T) {
	m := program(fn{})
	m.Tables = append(m.Tables, wasm.Table{Element: wasm.ExternRef, Limits: wasm.Limits{Min: 1, Max: 10, HasMax: true}})
	result, err := Module(m.Encode(), Options{MemoryPages: 100})
	if err != nil {
		t.Fatal(err)
	}
	got, err := wasm.Decode(result.Module)
	if err != nil {
		t.Fatal(err)
	}
	if l := got.Tables[0].Limits; l.Max != MaxTableElements/2 || !l.HasMax {
		t.Errorf("table without a maximum: %+v", l)
	}
	if l := got.Tables[1].Limits; l.Max != 10 {
		t.Errorf("table with a maximum: %+v", l)
	}
	if l := got.Memories[0]; l.Max != 100 || !l.HasMax || l.Min != 64 {
		t.Errorf("memory: %+v", l)
	}
	m.Memories[0].Min = 101 // the compiler says what is wrong
	if result, err = Module(m.Encode(), Options{MemoryPages: 100}); err != nil {
		t.Fatal(err)
	}
	if got, _ = wasm.Decode(result.Module); got.Memories[0].HasMax {
		t.Errorf("memory that is too large: %+v", got.Memories[0])
	}
}

// Everything that goes by the index of a function still means the same function.
func TestIndices(t *testing.T) {
	m := program(
		fn{code: with(wasm.OpCall, 1)},
		fn{code: ops(num(2), indirect(typeNone))},
		fn{code: ops(with(wasm.OpRefFunc, 3), drop, op(wasm.OpUnreachable))},
		fn{code: with(wasm.OpCall, 0)},
	)
	for i := range m.Codes { // one import comes first
		m.Elements[0].Funcs[i]++
	}
	m.Imports = []wasm.Import{{Module: "env", Name: "f", Kind: wasm.KindFunc}}
	m.Exports = append(m.Exports,
		wasm.Export{Name: ImportModule, Kind: wasm.KindFunc, Index: 3},
		wasm.Export{Name: ImportModule + "'/left", Kind: wasm.KindFunc, Index: 3},
	)
	m.Exports[0].Index = 1
	m.Customs = []wasm.Custom{
		{Name: wasm.NameSection, Content: []byte("\x01\x0b\x02\x01\x05first\x03\x01z"), After: wasm.SectionData},
		{Name: ".debug_info", Content: []byte("x"), After: wasm.SectionData},
		{Name: "producers", Content: []byte("x"), After: wasm.SectionData},
	}
	h := newHost(t, wazero.NewRuntimeConfig())
	if _, err := h.runtime.NewHostModuleBuilder("env").NewFunctionBuilder().WithFunc(func() {}).Export("f").Instantiate(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := m.Encode()
	result, err := Module(b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	instance := h.load(t, b, true)
	_, err = instance.ExportedFunction("run").Call(t.Context())
	for _, name := range []string{"first", "z"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("no %s in %v", name, err)
		}
	}
	if instance.ExportedGlobal(result.Left) == nil || instance.ExportedGlobal(result.Stack) == nil {
		t.Error("counters are not exported")
	}
	got, err := wasm.Decode(result.Module)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Customs) != 1 || got.Customs[0].Name != wasm.NameSection {
		t.Errorf("custom sections %+v", got.Customs)
	}
	for old, now := range map[uint32]uint32{0: 0, 1: 4, 4: 7} {
		if i := result.Layout.New(old); i != now {
			t.Errorf("function %d is now %d, want %d", old, i, now)
		}
		if i, ok := result.Layout.Original(now); i != old || !ok {
			t.Errorf("function %d was %d, %v, want %d", now, i, ok, old)
		}
	}
	for _, added := range []uint32{1, 2, 3, 8} {
		if i, ok := result.Layout.Original(added); ok {
			t.Errorf("function %d was %d", added, i)
		}
	}
}

// The longest way through code, whatever its branches.
func TestLongestWay(t *testing.T) {
	work := func(n int) []byte { return bytes.Repeat([]byte{0x01}, n) } // nop
	choice := ops(num(0), block(wasm.OpIf, empty), work(100), op(wasm.OpElse), work(700), end)
	out := ops(block(wasm.OpBlock, empty), num(0), with(wasm.OpBrIf, 0), work(500), end, work(100))
	turn := ops(block(wasm.OpLoop, empty), work(300), num(0), with(wasm.OpBrIf, 0), work(5000), end)
	for name, tt := range map[string]struct {
		code []byte
		want int64 // without the instructions that control it
		loop int64
	}{
		"straight":     {work(1000), 1000, 0},
		"if":           {choice, 700, 0},
		"br":           {out, 600, 0},
		"after return": {ops(op(wasm.OpReturn), work(1000)), 0, 0},
		"loop":         {turn, 5300, 300},
		"import":       {with(wasm.OpCall, 0), costImport, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := program(fn{code: tt.code})
			m.Imports = []wasm.Import{{Kind: wasm.KindFunc}}
			r := &rewriter{m: m}
			if err := r.analyze(); err != nil {
				t.Fatal(err)
			}
			r.plan()
			if got := r.funcs[0].work; got < tt.want || got > tt.want+20 {
				t.Errorf("%d instructions, want %d", got, tt.want)
			}
			if tt.loop > 0 {
				if got := r.funcs[0].loops[0].longest; got < tt.loop || got > tt.loop+20 {
					t.Errorf("%d instructions around the loop, want %d", got, tt.loop)
				}
			}
		})
	}
}

// guests gives the modules of this repository that are committed, and those that were built.
func guests(t testing.TB) (modules [][]byte) {
	t.Helper()
	for _, pattern := range []string{"examples/wasm/*/*.wasm", "guest-sdk/testdata/*.wasm", "bin/guests/*.wasm"} {
		paths, err := filepath.Glob(filepath.Join("..", "..", "..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			modules = append(modules, b)
		}
	}
	return append(modules, kernels.CModule)
}

func TestGuestsStayValid(t *testing.T) {
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	defer r.Close(t.Context())
	for _, b := range guests(t) {
		result, err := Module(b, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.CompileModule(t.Context(), result.Module); err != nil {
			t.Error(err)
		}
	}
}

// A module is valid after rewriting if and only if it was before, and the input is left alone.
func FuzzModule(f *testing.F) {
	r := wazero.NewRuntimeWithConfig(f.Context(), wazero.NewRuntimeConfigInterpreter())
	f.Cleanup(func() { _ = r.Close(context.Background()) })
	for _, b := range guests(f) {
		if len(b) < 16<<10 {
			f.Add(b)
		}
	}
	for _, m := range deep() {
		f.Add(m.Encode())
	}
	f.Add([]byte(head + "\x0a\x06\x01\x04\x01\x02\x7f\x0b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		result, err := Module(b, Options{MemoryPages: 1000, State: true})
		if !bytes.Equal(before, b) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			return
		}
		if valid, still := compiles(r, b), compiles(r, result.Module); valid != still {
			t.Fatalf("valid before: %v, after: %v", valid, still)
		}
	})
}

func compiles(r wazero.Runtime, b []byte) bool {
	compiled, err := r.CompileModule(context.Background(), b)
	if err == nil {
		_ = compiled.Close(context.Background())
	}
	return err == nil
}

func BenchmarkModule(b *testing.B) {
	for _, module := range guests(b) {
		if len(module) > 1<<20 {
			b.Run("go", func(b *testing.B) {
				b.SetBytes(int64(len(module)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Module(module, Options{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
