package rewrite

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

//go:embed testdata/kernels.wasm
var kernelsWasm []byte

// kernel is a function of a size.
type kernel struct {
	name string
	size uint64
}

// kernels are the functions of testdata/kernels.c with sizes that take some milliseconds.
var kernels = []kernel{
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
	stop    error // what a yield ends the guest with
	// patience is how many yields come before.
	patience int
	budget   int32 // what a yield gives; 0: [DefaultBudget]
}

func newHost(t testing.TB, config wazero.RuntimeConfig) *host {
	t.Helper()
	h := &host{runtime: wazero.NewRuntimeWithConfig(t.Context(), config.WithCoreFeatures(CoreFeatures))}
	t.Cleanup(func() { _ = h.runtime.Close(context.Background()) })
	_, err := h.runtime.NewHostModuleBuilder(ImportModule).
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

// goKernels are the functions of testdata/gokernels.
var goKernels = []kernel{{"json", 200}, {"regexp", 200}, {"sha", 60}, {"sort", 10_000}, {"map", 100_000}, {"fib", 22}}

// BenchmarkKernels prints for each kernel how long it takes rewritten, as a multiple of what it takes as it is,
// and how long it runs between two yields. The best of interleaved runs counts.
func BenchmarkKernels(b *testing.B) { benchmarkKernels(b, kernelsWasm, kernels) }

// BenchmarkGoKernels is BenchmarkKernels for what the Go compiler makes.
func BenchmarkGoKernels(b *testing.B) {
	path := filepath.Join(b.TempDir(), "kernels.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-o", path, "./testdata/gokernels")
	build.Env = append(build.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	module, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	benchmarkKernels(b, module, goKernels)
}

func benchmarkKernels(b *testing.B, module []byte, kernels []kernel) {
	h := newHost(b, wazero.NewRuntimeConfig())
	wasi_snapshot_preview1.MustInstantiate(b.Context(), h.runtime)
	before, after := h.load(b, module, false), h.load(b, module, true)
	for _, m := range []api.Module{before, after} {
		if initialize := m.ExportedFunction("_initialize"); initialize != nil {
			if _, err := initialize.Call(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	product := 1.0
	for _, k := range kernels {
		b.Run(k.name, func(b *testing.B) {
			product *= h.compare(b, k.size, before.ExportedFunction(k.name), after.ExportedFunction(k.name))
		})
	}
	b.Run("geomean", func(b *testing.B) {
		b.ReportMetric(math.Pow(product, 1/float64(len(kernels))), "ratio")
		b.ReportMetric(0, "ns/op")
	})
}

// compare gives the time of one function as a multiple of that of another.
func (h *host) compare(b *testing.B, size uint64, plain, metered api.Function) float64 {
	best := [2]time.Duration{math.MaxInt64, math.MaxInt64}
	for b.Loop() {
		for i, f := range []api.Function{plain, metered} {
			h.yields = 0
			start := time.Now()
			if _, err := f.Call(b.Context(), size); err != nil {
				b.Fatal(err)
			}
			best[i] = min(best[i], time.Since(start))
		}
	}
	ratio := float64(best[1]) / float64(best[0])
	b.ReportMetric(ratio, "ratio")
	b.ReportMetric(float64(best[1].Microseconds())/float64(h.yields+1), "us/yield")
	b.ReportMetric(float64(best[0].Microseconds()), "plain-us")
	b.ReportMetric(0, "ns/op")
	return ratio
}
