package guest

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/experimental/sysfs"

	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/guest/hostfs"
	"github.com/wnode/wnode/vm/guest/hostnet"
)

// reaches reports whether the process may reach anything of the host.
func (g *guest) reaches() bool {
	rights := g.process.Rights()
	return g.code.wasi && len(rights.Environment())+len(rights.Accesses())+len(rights.Listeners()) > 0
}

// reach adds what of the host the process may reach: its folders and its environment.
func (g *guest) reach(config wazero.ModuleConfig) wazero.ModuleConfig {
	rights := g.process.Rights()
	environment := rights.Environment()
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		config = config.WithEnv(name, environment[name])
	}
	folders := rights.Accesses()
	if len(folders) == 0 && len(rights.Listeners()) == 0 {
		return config
	}
	g.files = hostfs.New(hostfs.Options{
		Most:    rights.Limits.Files,
		Take:    func() bool { return g.engine.files.take(1) },
		Release: func() { g.engine.files.release(1) },
		Alive:   g.checkAlive,
		Away:    g.away,
	})
	g.descriptors = firstFolder + len(folders) + len(rights.Listeners()) + rights.Limits.Files
	if len(folders) == 0 {
		return config
	}
	if _, given := environment[workingDirectory]; !given {
		config = config.WithEnv(workingDirectory, "/")
	}
	mounts := wazero.NewFSConfig()
	for _, folder := range folders {
		mounts = mounts.(sysfs.FSConfig).WithSysFSMount(g.files.Mount(folder.Root, folder.Writable), folder.Guest)
	}
	return config.WithFSConfig(mounts)
}

// workingDirectory is the variable from which Go programs know where they are. Without it they are in
// their first folder, and programs in C and Rust are in "/".
const workingDirectory = "PWD"

// firstFolder is the descriptor of a guest's first folder: the standard streams come before.
const firstFolder = 3

// listen gives the guest its listeners, behind its folders. The function that it returns takes them away
// again, for the next process: only one at a time has a listener.
func (g *guest) listen(instance api.Module) (release func()) {
	listeners := g.process.Rights().Listeners()
	if !g.code.wasi || len(listeners) == 0 {
		return func() {}
	}
	return g.listenAt(instance, listeners)
}

func (g *guest) listenAt(instance api.Module, listeners []vm.Listener) (release func()) {
	var held []*Listener
	for _, given := range listeners {
		l, ok := given.(*Listener)
		if !ok || !l.acquire() {
			g.engine.opts.Logger.Warn("no listener: another process has it", "pid", g.process.Pid().Text(0), "address", given.Address())
			continue
		}
		held = append(held, l)
		if g.sockets == nil {
			g.sockets = hostnet.New(hostnet.Options{
				Context: g, Alive: g.checkAlive, Away: g.away, Take: g.files.Take, Release: g.files.Release, FailAs: g.files.FailAs,
			})
		}
		if _, errno := descriptorsOf(instance).add(g.sockets.Listen(l.tcp)); errno != 0 {
			g.engine.opts.Logger.Warn("no descriptor for a listener", "address", l.Address(), "err", errno)
		}
	}
	return func() {
		if g.sockets != nil {
			g.sockets.Close()
		}
		for _, l := range held {
			l.release()
		}
	}
}

// closeReach closes the files that the guest has left open. The runtime does so with an instance, but not
// when the module's start function opens files and then fails.
func (g *guest) closeReach() {
	if g.files != nil {
		g.files.Close()
	}
}

// freshRead listens to fd_read, which may read into several buffers: the first waits for input, the
// others do not.
type freshRead struct{}

// Before tells the sockets of it.
func (freshRead) Before(ctx context.Context, _ api.Module, _ api.FunctionDefinition, _ []uint64, _ experimental.StackIterator) {
	if g, ok := ctx.(*guest); ok && g.sockets != nil {
		g.sockets.BeginRead()
	}
}

// After has nothing to do.
func (freshRead) After(context.Context, api.Module, api.FunctionDefinition, []uint64) {}

// Abort has nothing to do.
func (freshRead) Abort(context.Context, api.Module, api.FunctionDefinition, error) {}

// changesFiles reports whether a function of WASI may fail in a way that [fileErrors] knows.
func changesFiles(function string) bool {
	return strings.HasPrefix(function, "path_") || slices.Contains([]string{
		"fd_allocate", "fd_close", "fd_datasync", "fd_filestat_set_size", "fd_pwrite", "fd_readdir", "fd_sync",
	}, function)
}

// fileErrors listens to functions that open and change files, and puts the right error number in place
// of the EIO that the runtime gives for what it has no name for, as for a full disk.
type fileErrors struct{}

// Before forgets what went wrong earlier.
func (f fileErrors) Before(ctx context.Context, _ api.Module, _ api.FunctionDefinition, _ []uint64, _ experimental.StackIterator) {
	g, _ := ctx.(*guest)
	f.forget(g)
}

// After changes the result.
func (f fileErrors) After(ctx context.Context, _ api.Module, _ api.FunctionDefinition, results []uint64) {
	g, _ := ctx.(*guest)
	f.tell(g, results)
}

// Abort has nothing to do: the guest has ended.
func (fileErrors) Abort(context.Context, api.Module, api.FunctionDefinition, error) {}

func (fileErrors) forget(g *guest) {
	if g != nil && g.files != nil {
		g.files.Errno()
	}
}

func (fileErrors) tell(g *guest, results []uint64) {
	if g == nil || g.files == nil || len(results) == 0 || results[0] != uint64(wasiErrorIO) {
		return
	}
	if number := g.files.Errno(); number != 0 {
		results[0] = uint64(number)
	}
}

// renumberGuard listens to fd_renumber. The runtime's table of descriptors is as long as the highest
// number, and a guest may give any: one that it could not get otherwise is made an invalid one.
type renumberGuard struct{}

// Before looks at the number.
func (renumberGuard) Before(ctx context.Context, _ api.Module, _ api.FunctionDefinition, params []uint64, _ experimental.StackIterator) {
	g, ok := ctx.(*guest)
	if to := uint32(params[1]); ok && uint64(to) >= uint64(g.descriptors) {
		params[1] = math.MaxUint32 // -1
	}
}

// After has nothing to do.
func (renumberGuard) After(context.Context, api.Module, api.FunctionDefinition, []uint64) {}

// Abort has nothing to do.
func (renumberGuard) Abort(context.Context, api.Module, api.FunctionDefinition, error) {}

// fallbackDescriptors is what guests may have open together where the system does not say what the
// node may.
const fallbackDescriptors = 4096

// halfOfDescriptors is half of what this program may have open.
func halfOfDescriptors() int {
	file, err := os.Open("/proc/self/limits")
	if err != nil {
		return fallbackDescriptors
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var soft int
		if n, _ := fmt.Sscanf(lines.Text(), "Max open files %d", &soft); n == 1 && soft > 0 {
			return max(soft/2, 1)
		}
	}
	return fallbackDescriptors
}
