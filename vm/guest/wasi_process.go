package guest

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

// addWASI makes the import module of WASI: the runtime's own, but for what waits, and for what belongs to a
// process. The runtime has that belong to an instance, which serves one process after another here.
func addWASI(ctx context.Context, r wazero.Runtime) error {
	module := r.NewHostModuleBuilder(wasi_snapshot_preview1.ModuleName)
	wasi_snapshot_preview1.NewFunctionExporter().ExportFunctions(module)
	exportOwnWASI(module)
	module.NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(procExit), []api.ValueType{wasmI32}, nil).
		Export("proc_exit")
	if _, err := module.Instantiate(ctx); err != nil {
		return fmt.Errorf("WASI: %w", err)
	}
	return nil
}

// procExit ends the guest. The instance can be used again.
func procExit(_ context.Context, _ api.Module, stack []uint64) {
	panic(sys.NewExitError(api.DecodeU32(stack[0])))
}

// argsSizesGet takes where the number of the arguments goes, and where their size with a NUL behind each.
func (g *guest) argsSizesGet(c *wasiCall) wasiErrno {
	line, size := g.commandLine(), 0
	for _, argument := range line {
		size += len(argument) + 1
	}
	if !c.memory.WriteUint32Le(c.u32(0), uint32(len(line))) || !c.memory.WriteUint32Le(c.u32(1), uint32(size)) {
		return wasiBadAddress
	}
	return wasiSuccess
}

// argsGet takes where the addresses of the arguments go, and where they go themselves, one behind the other.
func (g *guest) argsGet(c *wasiCall) wasiErrno {
	addresses, at := uint64(c.u32(0)), uint64(c.u32(1))
	for _, argument := range g.commandLine() {
		text := append([]byte(argument), 0)
		if addresses >= addressSpace || at >= addressSpace ||
			!c.memory.WriteUint32Le(uint32(addresses), uint32(at)) || !c.memory.Write(uint32(at), text) {
			return wasiBadAddress
		}
		addresses, at = addresses+4, at+uint64(len(text))
	}
	return wasiSuccess
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
