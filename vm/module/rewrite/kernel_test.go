package rewrite

import (
	"context"
	_ "embed"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

//go:embed testdata/kernels.wasm
var kernelsWasm []byte

// kernels are the functions of testdata/kernels.c with sizes that take some milliseconds.
var kernels = []struct {
	name string
	size uint64
}{
	{"fib", 27},
	{"sieve", 1_000_000},
	{"matmul", 130},
	{"sha256", 6000},
	{"interp", 1000},
	{"interp16", 80_000},
	{"qsort", 40_000},
	{"strlen", 80_000},
	{"mandel", 180},
	{"nbody", 15_000},
	{"hashmap", 400_000},
	{"crc32", 1_500_000},
	{"queens", 11},
	{"levenshtein", 1000},
	{"trees", 60},
	{"compress", 900_000},
	{"copy", 60_000},
	{"spectral", 600},
}

var errOverflow = errors.New("stack overflow")

// host is a stand-in for the node: it counts.
type host struct {
	runtime wazero.Runtime
	yields  int
	stop    error         // what a yield ends the guest with
	longest time.Duration // between two yields
	last    time.Time
	timed   bool
	layout  Layout
}

func newHost(t testing.TB, config wazero.RuntimeConfig) *host {
	t.Helper()
	h := &host{runtime: wazero.NewRuntimeWithConfig(t.Context(), config)}
	t.Cleanup(func() { _ = h.runtime.Close(context.Background()) })
	_, err := h.runtime.NewHostModuleBuilder(ImportModule).
		NewFunctionBuilder().WithGoFunction(api.GoFunc(h.yield), []api.ValueType{api.ValueTypeI32}, []api.ValueType{api.ValueTypeI32}).
		Export(Yield).
		NewFunctionBuilder().WithGoFunction(api.GoFunc(func(context.Context, []uint64) { panic(errOverflow) }), nil, nil).
		Export(StackOverflow).
		Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *host) yield(_ context.Context, stack []uint64) {
	if h.yields++; h.stop != nil {
		panic(h.stop)
	}
	if h.timed {
		now := time.Now()
		h.longest = max(h.longest, now.Sub(h.last))
		h.last = now
	}
	stack[0] = api.EncodeI32(DefaultBudget)
}

// load instantiates a module, rewritten or as it is.
func (h *host) load(t testing.TB, module []byte, rewritten bool) api.Module {
	t.Helper()
	if rewritten {
		result, err := Module(module, Options{})
		if err != nil {
			t.Fatal(err)
		}
		module, h.layout = result.Module, result.Layout
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
	before, after := h.load(t, kernelsWasm, false), h.load(t, kernelsWasm, true)
	for _, k := range kernels {
		t.Run(k.name, func(t *testing.T) {
			want, err := before.ExportedFunction(k.name).Call(t.Context(), k.size)
			if err != nil {
				t.Fatal(err)
			}
			h.yields = 0
			got, err := after.ExportedFunction(k.name).Call(t.Context(), k.size)
			if err != nil || got[0] != want[0] {
				t.Errorf("%d, %v, want %d", got, err, want)
			}
			if h.yields == 0 {
				t.Error("no yield")
			}
		})
	}
}

// BenchmarkKernels prints for each kernel how long it takes rewritten, as a multiple of what it takes as it is,
// and how long it runs between two yields. The best of interleaved runs counts.
func BenchmarkKernels(b *testing.B) {
	h := newHost(b, wazero.NewRuntimeConfig())
	before, after := h.load(b, kernelsWasm, false), h.load(b, kernelsWasm, true)
	product := 1.0
	for _, k := range kernels {
		b.Run(k.name, func(b *testing.B) {
			plain, metered := before.ExportedFunction(k.name), after.ExportedFunction(k.name)
			h.longest, h.timed = 0, false
			best := [2]time.Duration{math.MaxInt64, math.MaxInt64}
			for b.Loop() {
				for i, f := range []api.Function{plain, metered} {
					start := time.Now()
					if _, err := f.Call(b.Context(), k.size); err != nil {
						b.Fatal(err)
					}
					best[i] = min(best[i], time.Since(start))
				}
			}
			h.timed, h.yields, h.last = true, 0, time.Now()
			_, _ = metered.Call(b.Context(), k.size)
			ratio := float64(best[1]) / float64(best[0])
			product *= ratio
			b.ReportMetric(ratio, "ratio")
			b.ReportMetric(float64(best[1].Microseconds())/float64(h.yields+1), "us/yield")
			b.ReportMetric(float64(best[0].Microseconds()), "plain-us")
			b.ReportMetric(0, "ns/op")
		})
	}
	b.Run("geomean", func(b *testing.B) {
		b.ReportMetric(math.Pow(product, 1/float64(len(kernels))), "ratio")
		b.ReportMetric(0, "ns/op")
	})
}
