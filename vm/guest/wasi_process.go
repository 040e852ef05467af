package guest

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

// addWASI makes the import module of WASI: the runtime's own, but for what belongs to a process. The
// runtime has that belong to an instance, which serves one process after another here.
func addWASI(ctx context.Context, r wazero.Runtime) error {
	module := r.NewHostModuleBuilder(wasi_snapshot_preview1.ModuleName)
	wasi_snapshot_preview1.NewFunctionExporter().ExportFunctions(module)
	for name, f := range map[string]struct {
		call    api.GoModuleFunc
		params  int
		results int
	}{
		"args_sizes_get": {argsSizesGet, 2, 1},
		"args_get":       {argsGet, 2, 1},
		"proc_exit":      {procExit, 1, 0},
	} {
		module.NewFunctionBuilder().
			WithGoModuleFunction(f.call, i32s(f.params), i32s(f.results)).
			Export(name)
	}
	if _, err := module.Instantiate(ctx); err != nil {
		return fmt.Errorf("WASI: %w", err)
	}
	return nil
}

func i32s(n int) []api.ValueType {
	types := make([]api.ValueType, n)
	for i := range types {
		types[i] = api.ValueTypeI32
	}
	return types
}

// procExit ends the guest. The instance can be used again.
func procExit(_ context.Context, _ api.Module, stack []uint64) {
	panic(sys.NewExitError(api.DecodeU32(stack[0])))
}

// argsSizesGet writes how many arguments there are, and their size with a NUL behind each.
func argsSizesGet(ctx context.Context, module api.Module, stack []uint64) {
	count, size := api.DecodeU32(stack[0]), api.DecodeU32(stack[1])
	total := 0
	line := ctx.(*guest).commandLine()
	for _, argument := range line {
		total += len(argument) + 1
	}
	m := module.Memory()
	stack[0] = wasiErrno(m.WriteUint32Le(count, uint32(len(line))) && m.WriteUint32Le(size, uint32(total)))
}

// argsGet writes the arguments, one behind the other, and their addresses.
func argsGet(ctx context.Context, module api.Module, stack []uint64) {
	addresses, at := uint64(api.DecodeU32(stack[0])), uint64(api.DecodeU32(stack[1]))
	m := module.Memory()
	for _, argument := range ctx.(*guest).commandLine() {
		text := append([]byte(argument), 0)
		if addresses >= uint64(m.Size()) || at >= uint64(m.Size()) ||
			!m.WriteUint32Le(uint32(addresses), uint32(at)) || !m.Write(uint32(at), text) {
			stack[0] = wasiErrno(false)
			return
		}
		addresses, at = addresses+4, at+uint64(len(text))
	}
	stack[0] = wasiErrno(true)
}

// errnoFault is WASI's "bad address".
const errnoFault = 21

// wasiErrno gives the result of a function that writes to memory.
func wasiErrno(written bool) uint64 {
	if !written {
		return errnoFault
	}
	return 0
}

// How the functions of WASI affect an instance that is to serve other processes later.
type wasiEffect int

const (
	differs  wasiEffect = iota // the result is not the same for all processes
	reads                      // nor is it here, but processes may share it if their module says so
	harmless                   // it is the same
	spends                     // it changes descriptors, which cannot be set back
	flags                      // it does so but for the standard streams, which have no flags
)

// wasiEffects has the functions that do not differ.
var wasiEffects = map[string]wasiEffect{
	"fd_fdstat_get":       harmless,
	"fd_prestat_get":      harmless,
	"fd_prestat_dir_name": harmless,
	"sched_yield":         harmless,

	"args_get":          reads,
	"args_sizes_get":    reads,
	"environ_get":       reads,
	"environ_sizes_get": reads,
	"clock_res_get":     reads,
	"clock_time_get":    reads,
	"random_get":        reads,

	"fd_close":            spends,
	"fd_renumber":         spends,
	"fd_fdstat_set_flags": flags,
	"path_open":           spends,
	"sock_accept":         spends,
	"sock_shutdown":       spends,
}

// affected notes what a call of WASI does to the instance.
func (g *guest) affected(name string, params []uint64) {
	const lastStream = 2
	switch effect := wasiEffects[name]; {
	case effect == reads && g.shares(), effect == flags && api.DecodeU32(params[0]) <= lastStream:
		return
	case effect == flags, effect == spends:
		g.of.spent = true
	}
	g.differs(name)
}
