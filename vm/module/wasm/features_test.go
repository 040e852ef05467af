package wasm_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/wnode/wnode/vm/module/wasm"
)

func TestFeatures(t *testing.T) {
	one := uint32(1)
	code := func(body ...byte) *wasm.Module {
		return &wasm.Module{Types: []wasm.FuncType{{}}, Funcs: []uint32{0}, Codes: []wasm.Code{{Body: append(body, 0x0b)}}}
	}
	global := wasm.Global{Type: wasm.GlobalType{Value: wasm.I32, Mutable: true}}
	export := []wasm.Export{{Kind: wasm.KindGlobal}}
	sum := wasm.Expr{Op: wasm.OpI32Add, Code: []byte{0x41, 1, 0x41, 2, 0x6a}}
	for name, tt := range map[string]struct {
		m    *wasm.Module
		want []string
	}{
		"none":           {code(0x01, 0x41, 0, 0x1a), []string{}},
		"private global": {&wasm.Module{Globals: []wasm.Global{global}}, []string{}},
		"global":         {&wasm.Module{Globals: []wasm.Global{global}, Exports: export}, []string{wasm.FeatureMutableGlobals}},
		"its import":     {&wasm.Module{Imports: []wasm.Import{{Kind: wasm.KindGlobal, Global: global.Type}}, Exports: export}, []string{wasm.FeatureMutableGlobals}},
		"sign":           {code(0x41, 0, 0xc0, 0x1a), []string{wasm.FeatureSignExtension}},
		"saturating":     {code(0x43, 0, 0, 0, 0, 0xfc, 0, 0x1a), []string{wasm.FeatureSaturating}},
		"bulk":           {code(0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 0x0b, 0), []string{wasm.FeatureBulkMemory}},
		"data count":     {&wasm.Module{DataCount: &one}, []string{wasm.FeatureBulkMemory}},
		"references":     {code(0xd0, 0x70, 0x1a), []string{wasm.FeatureReferenceTypes}},
		"table.size":     {code(0xfc, 0x10, 0, 0x1a), []string{wasm.FeatureReferenceTypes}},
		"extern table":   {&wasm.Module{Tables: []wasm.Table{{Element: wasm.ExternRef}}}, []string{wasm.FeatureReferenceTypes}},
		"one table":      {&wasm.Module{Tables: []wasm.Table{{Element: wasm.FuncRef}}}, []string{}},
		"two tables":     {&wasm.Module{Tables: make([]wasm.Table, 2)}, []string{wasm.FeatureReferenceTypes}},
		"two results":    {&wasm.Module{Types: []wasm.FuncType{{Results: []wasm.ValueType{wasm.I32, wasm.I32}}}}, []string{wasm.FeatureMultiValue}},
		"block type":     {code(0x02, 0, 0x0b), []string{wasm.FeatureMultiValue}},
		"tail call":      {code(0x12, 0), []string{wasm.FeatureTailCall}},
		"atomics":        {code(0xfe, 0x03, 0), []string{wasm.FeatureAtomics}},
		"extended":       {&wasm.Module{Globals: []wasm.Global{{Init: sum}}}, []string{wasm.FeatureExtendedConst}},
		"vectors":        {code(slices.Concat([]byte{0xfd, 0x0c}, make([]byte, 16), []byte{0xc0, 0x1a})...), []string{wasm.FeatureSignExtension, wasm.FeatureSIMD}},
		"vector type":    {&wasm.Module{Types: []wasm.FuncType{{Params: []wasm.ValueType{wasm.V128}}}}, []string{wasm.FeatureSIMD}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := tt.m.Features(); err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%q, %v, want %q", got, err, tt.want)
			}
		})
	}
	if _, err := code(0xff).Features(); !errors.Is(err, wasm.ErrMalformed) {
		t.Errorf("unknown instruction: %v", err)
	}
}

func TestReadNames(t *testing.T) {
	content := []byte{0, 2, 1, 'm', 1, 10, 2, 3, 3, 'o', 'n', 'e', 7, 1, 'b', 4, 1, 0}
	n := wasm.ReadNames(content)
	if n.Module != "m" || len(n.Functions) != 2 || n.Functions[3] != "one" || n.Functions[7] != "b" {
		t.Errorf("%+v", n)
	}
	if n := wasm.ReadNames(content[:9]); len(n.Functions) > 1 {
		t.Errorf("cut off: %+v", n)
	}
}

func TestReadProducers(t *testing.T) {
	content := []byte("\x02\x08language\x01\x02Go\x041.26\x03sdk\x02\x01a\x00\x01b\x012")
	want := []wasm.Producer{{"language", "Go", "1.26"}, {"sdk", "a", ""}, {"sdk", "b", "2"}}
	if got := wasm.ReadProducers(content); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for n := range content {
		if got := wasm.ReadProducers(content[:n]); len(got) >= len(want) {
			t.Errorf("%q in %d bytes", got, n)
		}
	}
}

func FuzzDescriptions(f *testing.F) {
	f.Add([]byte{0, 2, 1, 'm', 1, 6, 1, 3, 3, 'o', 'n', 'e'})
	f.Add([]byte("\x01\x08language\x01\x02Go\x041.26"))
	f.Fuzz(func(t *testing.T, content []byte) {
		total := 0
		for _, name := range wasm.ReadNames(content).Functions {
			total += len(name)
		}
		for _, p := range wasm.ReadProducers(content) {
			total += len(p.Name) + len(p.Version)
		}
		if total > 2*len(content) {
			t.Errorf("%d bytes of names in %d bytes", total, len(content))
		}
	})
}
