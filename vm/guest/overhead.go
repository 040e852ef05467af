package guest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wnode/wnode/vm/module/rewrite"
)

// Measured is an export that takes a size, an i32, and gives a checksum.
type Measured struct {
	Export string
	Size   uint64
}

// Overhead is how long a function takes as it is, and as nodes run it.
type Overhead struct {
	Export         string
	Plain, Metered time.Duration
}

// Ratio is what the function takes on a node as a multiple of what it takes as it is.
func (o *Overhead) Ratio() float64 { return float64(o.Metered) / float64(o.Plain) }

// MeasureOverhead calls functions of a module, as it is and rewritten in turn, and gives the shortest times of a number
// of rounds. Nothing else is different: neither has a process, and whoever is asked to yield goes on. The module may
// import WASI, and is trusted: nothing stops it. The error says which function gave two results.
func MeasureOverhead(ctx context.Context, module []byte, functions []Measured, rounds int) (_ []Overhead, err error) {
	rewritten, err := rewrite.Module(module, rewrite.Options{})
	if err != nil {
		return nil, err
	}
	runtime := wazero.NewRuntime(ctx)
	defer func() { err = errors.Join(err, runtime.Close(context.WithoutCancel(ctx))) }()
	if err := addMeterOfNobody(ctx, runtime); err != nil {
		return nil, err
	}
	var instances [2]api.Module
	for i, code := range [][]byte{module, rewritten.Module} {
		config := wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize")
		if instances[i], err = runtime.InstantiateWithConfig(ctx, code, config); err != nil {
			return nil, err
		}
	}
	overheads := make([]Overhead, len(functions))
	for i := range overheads {
		if overheads[i], err = functions[i].compare(ctx, instances, rounds); err != nil {
			return nil, err
		}
	}
	return overheads, nil
}

// compare calls the function in two instances in turn.
func (m *Measured) compare(ctx context.Context, instances [2]api.Module, rounds int) (Overhead, error) {
	best := [2]time.Duration{math.MaxInt64, math.MaxInt64}
	for range rounds {
		if err := ctx.Err(); err != nil {
			return Overhead{}, err
		}
		var results [2]uint64
		for i, instance := range instances {
			function := instance.ExportedFunction(m.Export)
			if function == nil {
				return Overhead{}, fmt.Errorf("no export %s", m.Export)
			}
			start := time.Now()
			result, err := function.Call(ctx, m.Size)
			if err != nil {
				return Overhead{}, fmt.Errorf("%s: %w", m.Export, err)
			}
			best[i], results[i] = min(best[i], time.Since(start)), result[0]
		}
		if results[0] != results[1] {
			return Overhead{}, fmt.Errorf("%s gives %d, and %d as nodes run it", m.Export, results[0], results[1])
		}
	}
	return Overhead{m.Export, best[0], best[1]}, nil
}

// addMeterOfNobody makes the import modules for guests that are no processes.
func addMeterOfNobody(ctx context.Context, runtime wazero.Runtime) error {
	yield := api.GoFunc(func(_ context.Context, stack []uint64) { stack[0] = api.EncodeI32(rewrite.DefaultBudget) })
	trap := func(name string) api.GoFunc {
		return func(context.Context, []uint64) { panic(errors.New(name)) }
	}
	i32 := []api.ValueType{api.ValueTypeI32}
	_, err := runtime.NewHostModuleBuilder(rewrite.ImportModule).
		NewFunctionBuilder().WithGoFunction(yield, i32, i32).Export(rewrite.Yield).
		NewFunctionBuilder().WithGoFunction(trap(rewrite.StackOverflow), nil, nil).Export(rewrite.StackOverflow).
		NewFunctionBuilder().WithGoFunction(trap(rewrite.TableTrap), i32, nil).Export(rewrite.TableTrap).
		Instantiate(ctx)
	if err != nil {
		return fmt.Errorf("metering functions: %w", err)
	}
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, runtime); err != nil {
		return fmt.Errorf("WASI: %w", err)
	}
	return nil
}
