package rewrite

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/vm/module/wasm"
)

// waiting makes a module with a function that calls what it imports, of which the first may want to be called again.
func waiting(call []byte) *wasm.Module {
	m := program(fn{t: typeI32ToI32, code: call})
	m.Imports = []wasm.Import{
		{Module: "env", Name: "wait", Kind: wasm.KindFunc, Type: typeI32ToI32},
		{Module: "env", Name: "other", Kind: wasm.KindFunc, Type: typeI32ToI32},
		{Module: "env", Name: "mute", Kind: wasm.KindFunc, Type: typeI32},
	}
	m.Elements[0].Funcs = []uint32{3, 0, 1}
	m.Exports[0].Index = 3
	m.Exports = append(m.Exports, wasm.Export{Name: "import", Kind: wasm.KindFunc, Index: 0})
	m.Customs = []wasm.Custom{{Name: wasm.NameSection, Content: []byte("\x01\x09\x02\x00\x01w\x03\x03run"), After: wasm.SectionData}}
	return m
}

// waitingHost lets a module wait that wants to be called again so many times.
type waitingHost struct {
	again  int
	given  []int32 // the arguments of all calls
	wheres int
}

func (w *waitingHost) install(t *testing.T, r wazero.Runtime) {
	t.Helper()
	_, err := r.NewHostModuleBuilder("env").
		NewFunctionBuilder().WithFunc(func(_ context.Context, v int32) int32 {
		w.given = append(w.given, v)
		if w.again--; w.again >= 0 {
			return Again
		}
		return v + 1
	}).Export("wait").
		NewFunctionBuilder().WithFunc(func(context.Context, int32) int32 { return Again }).Export("other").
		NewFunctionBuilder().WithFunc(func(context.Context, int32) {}).Export("mute").
		Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
}

// However it is called, a function that wants to be called again is, with the same arguments, after the host was told where the
// guest is; one that does not is called once.
func TestWaits(t *testing.T) {
	get := with(wasm.OpLocalGet, 0)
	for name, tt := range map[string]struct {
		export string
		call   []byte
	}{
		"call":      {"run", ops(get, with(wasm.OpCall, 0))},
		"tail call": {"run", ops(get, with(wasm.OpReturnCall, 0))},
		"by table":  {"run", ops(get, num(1), indirect(typeI32ToI32))},
		"exported":  {"import", get},
	} {
		for _, dispatch := range []int{-1, 1} {
			for again := range 3 {
				w := &waitingHost{again: again}
				h := newHostWhere(t, w)
				result, err := Module(waiting(tt.call).Encode(), Options{DispatchFrom: dispatch, Waits: []string{"env.mute", "env.wait"}})
				if err != nil {
					t.Fatal(err)
				}
				instance, err := h.runtime.InstantiateWithConfig(t.Context(), result.Module, wazero.NewModuleConfig().WithName(""))
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				got, err := instance.ExportedFunction(tt.export).Call(t.Context(), 7)
				if err != nil || !slices.Equal(got, []uint64{8}) {
					t.Errorf("%s: %d, %v", name, got, err)
				}
				if want := slices.Repeat([]int32{7}, again+1); !slices.Equal(w.given, want) || w.wheres != again {
					t.Errorf("%s: called with %d, want %d; asked %d times where it is", name, w.given, want, w.wheres)
				}
			}
		}
	}
}

// newHostWhere makes a host that is told where guests are, too.
func newHostWhere(t *testing.T, w *waitingHost) *host {
	t.Helper()
	h := newHost(t, wazero.NewRuntimeConfig(), func(b wazero.HostModuleBuilder) {
		b.NewFunctionBuilder().WithGoFunction(api.GoFunc(func(context.Context, []uint64) { w.wheres++ }), nil, nil).Export(Where)
	})
	w.install(t, h.runtime)
	return h
}

// Who imports nothing of the kind is not changed by that, and what has no result to say so is called once, whatever its name.
func TestNoWaits(t *testing.T) {
	w := &waitingHost{}
	h := newHostWhere(t, w)
	call := ops(with(wasm.OpLocalGet, 0), with(wasm.OpCall, 2), with(wasm.OpLocalGet, 0), with(wasm.OpCall, 1))
	with, err := Module(waiting(call).Encode(), Options{Waits: []string{"env.mute", "wait", "env."}})
	if err != nil {
		t.Fatal(err)
	}
	without, err := Module(waiting(call).Encode(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if string(with.Module) != string(without.Module) {
		t.Error("a module that waits for nothing is another one")
	}
	instance, err := h.runtime.InstantiateWithConfig(t.Context(), with.Module, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := instance.ExportedFunction("run").Call(t.Context(), 7); err != nil || api.DecodeI32(got[0]) != Again {
		t.Errorf("%d, %v: another function's result was taken for a wish", got, err)
	}
}

// What stands in for an import is known by that, in backtraces too.
func TestWaitLayout(t *testing.T) {
	w := &waitingHost{}
	h := newHostWhere(t, w)
	m := waiting(ops(with(wasm.OpLocalGet, 0), with(wasm.OpCall, 0), op(wasm.OpUnreachable)))
	result, err := Module(m.Encode(), Options{Waits: []string{"env.wait"}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := result.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var again Result
	if err := again.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	for _, l := range []Layout{result.Layout, again.Layout} {
		standIn := l.New(0)
		want := Wait{Import: 0, Index: standIn, Module: "env", Name: "wait"}
		if got, ok := l.Wait(standIn); !ok || got != want || standIn < 8 {
			t.Errorf("%+v, %v, want %+v", got, ok, want)
		}
		if _, ok := l.Original(standIn); ok {
			t.Errorf("function %d was there before", standIn)
		}
		if f := l.New(3); f != 7 {
			t.Errorf("run is now %d", f)
		}
		if _, ok := l.Wait(7); ok {
			t.Error("run stands in for an import")
		}
	}
	instance, err := h.runtime.InstantiateWithConfig(t.Context(), result.Module, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := instance.ExportedFunction("run").Call(t.Context(), 7); err == nil || !strings.Contains(err.Error(), "run") {
		t.Errorf("no run in %v", err)
	}
}
