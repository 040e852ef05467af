package guest

import (
	"math"
	"testing"

	"github.com/wnode/wnode/internal/kernels"
)

// measured are the kernels of a module, with one in so many of their sizes.
func measured(all []kernels.Kernel, part uint64) []Measured {
	list := make([]Measured, len(all))
	for i, k := range all {
		list[i] = Measured{k.Name, max(k.Size/part, 1)}
	}
	return list
}

func TestMeasureOverhead(t *testing.T) {
	t.Parallel()
	functions := measured(kernels.C, 20)
	overheads, err := MeasureOverhead(t.Context(), kernels.CModule, functions, 2)
	if err != nil || len(overheads) != len(functions) {
		t.Fatalf("%v, %v", overheads, err)
	}
	for i, o := range overheads {
		if o.Export != functions[i].Export || o.Plain <= 0 || o.Metered <= 0 || o.Ratio() <= 0 {
			t.Errorf("%+v for %+v", o, functions[i])
		}
	}
	if _, err := MeasureOverhead(t.Context(), kernels.CModule, []Measured{{"nothing", 1}}, 1); err == nil {
		t.Error("measured an export that is not there")
	}
	if _, err := MeasureOverhead(t.Context(), []byte("no module"), functions, 1); err == nil {
		t.Error("measured what is no module")
	}
}

// BenchmarkKernels prints for each kernel how long it takes rewritten, as a multiple of what it takes as it is. The best
// of as many rounds as -benchtime says, such as 30x, counts.
func BenchmarkKernels(b *testing.B) {
	goModule, err := kernels.GoModule()
	if err != nil {
		b.Fatal(err)
	}
	for language, c := range map[string]struct {
		module  []byte
		kernels []kernels.Kernel
	}{"C": {kernels.CModule, kernels.C}, "Go": {goModule, kernels.Go}} {
		b.Run(language, func(b *testing.B) {
			overheads, err := MeasureOverhead(b.Context(), c.module, measured(c.kernels, 1), b.N)
			if err != nil {
				b.Fatal(err)
			}
			product := 1.0
			for _, o := range overheads {
				product *= o.Ratio()
				b.ReportMetric(o.Ratio(), o.Export+"-ratio")
			}
			b.ReportMetric(math.Pow(product, 1/float64(len(overheads))), "geomean-ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}
