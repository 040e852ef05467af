package rewrite

import (
	"cmp"
	"context"
	"errors"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/internal/kernels"
)

var errOverflow = errors.New("stack overflow")

// host is a stand-in for the node: it counts.
type host struct {
	runtime wazero.Runtime
	yields  int
	stop    error // what a yield ends the guest with
	// patience is how many yields come before.
	patience int
	budget   int32 // what a yield gives; 0: [DefaultBudget]
}

// newHost makes a host, with what else rewritten modules import from it.
func newHost(t testing.TB, config wazero.RuntimeConfig, others ...func(wazero.HostModuleBuilder)) *host {
	t.Helper()
	h := &host{runtime: wazero.NewRuntimeWithConfig(t.Context(), config.WithCoreFeatures(CoreFeatures))}
	t.Cleanup(func() { _ = h.runtime.Close(context.Background()) })
	module := h.runtime.NewHostModuleBuilder(ImportModule)
	for _, add := range others {
		add(module)
	}
	_, err := module.
		NewFunctionBuilder().WithGoFunction(api.GoFunc(h.yield), []api.ValueType{api.ValueTypeI32}, []api.ValueType{api.ValueTypeI32}).
		Export(Yield).
		NewFunctionBuilder().WithGoFunction(api.GoFunc(func(context.Context, []uint64) { panic(errOverflow) }), nil, nil).
		Export(StackOverflow).
		NewFunctionBuilder().WithGoFunction(api.GoFunc(tableTrap), []api.ValueType{api.ValueTypeI32}, nil).
		Export(TableTrap).
		Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func tableTrap(_ context.Context, stack []uint64) {
	panic(errors.New(map[uint64]string{TrapNoFunction: "invalid table access", TrapOtherType: "indirect call type mismatch"}[uint64(api.DecodeU32(stack[0]))]))
}

func (h *host) yield(_ context.Context, stack []uint64) {
	if h.yields++; h.stop != nil && h.yields > h.patience {
		panic(h.stop)
	}
	stack[0] = api.EncodeI32(cmp.Or(h.budget, DefaultBudget))
}

// load instantiates a module, rewritten or as it is.
func (h *host) load(t testing.TB, module []byte, rewritten bool) api.Module {
	t.Helper()
	if rewritten {
		result, err := Module(module, Options{})
		if err != nil {
			t.Fatal(err)
		}
		module = result.Module
	}
	instance, err := h.runtime.InstantiateWithConfig(t.Context(), module, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	return instance
}

// The results are the same, and the guest yields often enough to be stopped at any time.
func TestKernels(t *testing.T) {
	h := newHost(t, wazero.NewRuntimeConfig())
	before, after := h.load(t, kernels.CModule, false), h.load(t, kernels.CModule, true)
	for _, k := range kernels.C {
		t.Run(k.Name, func(t *testing.T) {
			want, err := before.ExportedFunction(k.Name).Call(t.Context(), k.Size)
			if err != nil {
				t.Fatal(err)
			}
			h.yields = 0
			got, err := after.ExportedFunction(k.Name).Call(t.Context(), k.Size)
			if err != nil || got[0] != want[0] {
				t.Errorf("%d, %v, want %d", got, err, want)
			}
			if h.yields == 0 {
				t.Error("no yield")
			}
		})
	}
}
