package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/metrics"
	"slices"
	"time"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/kernels"
	"github.com/wnode/wnode/internal/processors"
)

// collectorFigures say how long guests keep the garbage collector waiting, which has to stop the world twice in each cycle.
var collectorFigures = []figure{
	{"gc_pause_p99_ns", nanoseconds, "stop of the world by the garbage collector, 99th percentile, while guests compute on all processors"},
	{"gc_cycle_ns", nanoseconds, "a whole collection meanwhile, median"},
}

// pauses is how Go's runtime calls the histogram of the times for which its collector has stopped the world.
const pauses = "/sched/pauses/total/gc:seconds"

func (b *bench) collector(ctx context.Context, m *measurement) (values []float64, err error) {
	stop, err := b.spin(ctx, processors.All())
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return nil, err
	}
	cycles := make([]time.Duration, m.sizes[0])
	before := readPauses()
	for i := range cycles {
		start := time.Now()
		runtime.GC()
		cycles[i] = time.Since(start)
	}
	after := readPauses()
	slices.Sort(cycles)
	return []float64{after.since(before).percentile(0.99) * float64(time.Second), float64(cycles[len(cycles)/2])}, nil
}

// spin has guests compute without end until stop is called, which waits for their end, and is never nil.
func (b *bench) spin(ctx context.Context, n int) (stop func() error, err error) {
	var pids []abi.Pid
	var refs []abi.Ref
	stop = func() (err error) {
		for i, pid := range pids {
			err = errors.Join(err, b.driver.ExitProcess(ctx, pid, term.MustEncode(abi.ReasonKill)))
			_, downErr := b.driver.ReceiveDown(ctx, refs[i])
			err = errors.Join(err, downErr)
		}
		return err
	}
	fn := b.fn
	fn.Export = "spin"
	req := wnode.SpawnRequest{Function: fn, Args: term.MustEncode([]any{b.driver.Pid()})}
	for range n {
		pid, ref, err := b.driver.SpawnMonitor(ctx, b.driver.Pid().Node, req)
		if err != nil {
			return stop, err
		}
		pids, refs = append(pids, pid), append(refs, ref)
	}
	for range n { // each sends a message when it begins
		if _, err := b.driver.Receive(ctx, wnode.Infinity); err != nil {
			return stop, err
		}
	}
	return stop, nil
}

// histogram counts times by buckets, between bounds in seconds.
type histogram struct {
	counts []uint64
	bounds []float64
}

func readPauses() histogram {
	sample := []metrics.Sample{{Name: pauses}}
	metrics.Read(sample)
	h := sample[0].Value.Float64Histogram()
	return histogram{h.Counts, h.Buckets}
}

func (h histogram) since(before histogram) histogram {
	counts := slices.Clone(h.counts)
	for i := range counts {
		counts[i] -= before.counts[i]
	}
	return histogram{counts, h.bounds}
}

// percentile gives the upper bound of the bucket that has it, in seconds; the lower one where there is no upper.
func (h histogram) percentile(part float64) float64 {
	var total, seen uint64
	for _, n := range h.counts {
		total += n
	}
	for i, n := range h.counts {
		if seen += n; n > 0 && float64(seen) >= part*float64(total) {
			if upper := h.bounds[i+1]; !math.IsInf(upper, 1) {
				return upper
			}
			return h.bounds[i]
		}
	}
	return 0
}

// goSpawn gives the nanoseconds from the spawn of the Go program to its DOWN. The first process compiles the program and
// initialises it for all, and is not counted, nor are some that find the node not yet warm.
func (b *bench) goSpawn(ctx context.Context, m *measurement) ([]float64, error) {
	module, err := kernels.GoModule()
	if err != nil {
		return nil, err
	}
	fn, err := b.node.Load("gokernels.wasm", module)
	if err != nil {
		return nil, err
	}
	fn.Export = m.driver
	const uncounted = 20
	var start time.Time
	for i := range uncounted + m.sizes[0] {
		if i == uncounted {
			start = time.Now()
		}
		_, ref, err := b.driver.SpawnMonitor(ctx, b.driver.Pid().Node, wnode.SpawnRequest{Function: fn})
		if err != nil {
			return nil, err
		}
		reason, err := b.driver.ReceiveDown(ctx, ref)
		if err != nil {
			return nil, err
		}
		if reason != abi.ReasonNormal {
			return nil, fmt.Errorf("the program ended: %v", reason)
		}
	}
	return []float64{float64(time.Since(start)) / m.ops()}, nil
}

// meteringFigures are one for each kernel, and what sums them up.
func meteringFigures() []figure {
	figures := []figure{
		{"metering_geomean", times, "what metered functions take, of what they take unmetered: geometric mean of those below"},
		{"metering_worst", times, "the most of those below"},
	}
	for _, k := range kernels.C {
		figures = append(figures, figure{"metering_c_" + k.Name, times, k.Name + " in C"})
	}
	for _, k := range kernels.Go {
		figures = append(figures, figure{"metering_go_" + k.Name, times, k.Name + " in Go"})
	}
	return figures
}

// metering gives the ratios of the kernels. Its size is how often they are run, and the shortest time counts; with few
// runs they do less, too.
func (b *bench) metering(ctx context.Context, m *measurement) ([]float64, error) {
	goModule, err := kernels.GoModule()
	if err != nil {
		return nil, err
	}
	values, product := []float64{0, 0}, 1.0
	for _, part := range []struct {
		module  []byte
		kernels []kernels.Kernel
	}{{kernels.CModule, kernels.C}, {goModule, kernels.Go}} {
		functions := make([]wnode.Measured, len(part.kernels))
		for i, k := range part.kernels {
			functions[i] = wnode.Measured{Export: k.Name, Size: max(k.Size/uint64(b.shrink), 1)}
		}
		overheads, err := wnode.MeasureOverhead(ctx, part.module, functions, int(m.sizes[0]))
		if err != nil {
			return nil, err
		}
		for _, o := range overheads {
			values = append(values, o.Ratio())
			product *= o.Ratio()
		}
	}
	ratios := values[2:]
	values[0], values[1] = math.Pow(product, 1/float64(len(ratios))), slices.Max(ratios)
	return values, nil
}
