package guest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/module/image"
	"github.com/wnode/wnode/vm/module/rewrite"
)

// Defaults of [Options].
const (
	DefaultMemoryPages    = 4096 // 256 MiB
	DefaultMaxCompiled    = 256
	DefaultMaxModuleBytes = 64 << 20
)

// maxMemoryPages is what 32-bit addresses reach: 4 GiB.
const maxMemoryPages = 1 << 16

// PagesFor gives the pages of memory that have so many bytes, of those that a guest can have at most.
func PagesFor(bytes uint64) uint32 { return uint32(min(bytes/pageBytes, maxMemoryPages)) }

// Options are the parameters of an [Engine].
type Options struct {
	// Modules has the code. Required.
	Modules Modules
	// Names has the registered names of this node. nil: there are none, and none can be made.
	Names Names
	// Globals has the global names. nil: there are none, and none can be made.
	Globals Globals
	// Nodes is this node and its peers. nil: the node is alone.
	Nodes Nodes
	// Logger receives what guests log. nil: nothing is logged.
	Logger *slog.Logger
	// Compiling is told when a module begins to be compiled, with done 0, and when it has been, with
	// done the size in bytes; on any goroutine. nil: nobody is.
	Compiling func(hash abi.Hash, done, size int64)
	// CacheDir keeps compiled code across restarts, for all engines that are given it. Only the user and the
	// administrator may be able to write there, as what is in it is run: else, and when it cannot be used, there is
	// a warning, and nothing is kept. "": nothing is kept.
	CacheDir string
	// CacheBytes bounds the compiled code in CacheDir; what was not used for longest goes first.
	// 0: [module.DefaultCodeBytes].
	CacheBytes int64
	// CompileWorkers is how many goroutines compile a module when no other is being compiled. More than one make that
	// faster, but cannot be recovered from: a module that makes the compiler panic then ends the program. 0: 1.
	CompileWorkers int
	// MemoryPages bounds the memory of one guest, in pages of 64 KiB, at most 65536.
	// 0: [DefaultMemoryPages].
	MemoryPages uint32
	// Memory is what the node may keep, of which guests take their linear memories and tables, 20 KiB for each, what
	// the instances of each module begin with, and the compiled code. nil: one of the default size for guests only.
	Memory *vm.Memory
	// TotalFiles bounds what all guests together have open on the host. 0: half of what the node may.
	TotalFiles int
	// MaxCompiled bounds the compiled modules that are kept while no process runs them.
	// 0: [DefaultMaxCompiled].
	MaxCompiled int
	// Threads allows modules the atomic instructions of the proposal for threads. Shared memories stay refused.
	Threads bool
	// MaxModuleBytes bounds a module that a guest puts into the node's store.
	// 0: [DefaultMaxModuleBytes].
	MaxModuleBytes int
}

// errClosed is what a closed engine answers.
var errClosed = errors.New("guest engine closed")

// Engine compiles modules and runs them. Its methods may be called concurrently.
type Engine struct {
	opts      Options
	started   time.Time
	runtime   wazero.Runtime
	onDisk    *codeCache          // nil when nothing is kept
	config    wazero.ModuleConfig // what all instances have in common
	hosts     map[string]map[string]api.FunctionDefinition
	modules   cache
	compiling atomic.Int32 // modules that are
	arena     image.Arena
	memory    *vm.Memory
	files     budget
	logs      vm.LogRate    // of all guests
	pooled    chan struct{} // holds a token when there may be instances at rest
	symbols   symbols

	ctx    context.Context // ends when the engine is closed
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup // bodies that run and modules that load
}

var _ vm.Loader = (*Engine)(nil)

// NewEngine makes an engine. [Engine.Close] ends it. It fails on options that make no sense.
func NewEngine(opts Options) (*Engine, error) {
	if err := opts.complete(); err != nil {
		return nil, fmt.Errorf("guest engine: %w", err)
	}
	e := &Engine{opts: opts, started: time.Now()}
	e.config = commonConfig(e.started)
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.modules.init(e, opts.MaxCompiled)
	e.pooled = make(chan struct{}, 1)
	e.memory, e.files.most = opts.Memory, uint64(opts.TotalFiles)
	e.logs.Burst, e.logs.PerSecond = logBurstAll, logPerSecAll
	e.symbols.init()

	config := wazero.NewRuntimeConfig().
		WithCoreFeatures(opts.coreFeatures()).
		WithMemoryLimitPages(opts.MemoryPages).
		// A module has no debug information but what the rewriter gave it, and that only when it had its own.
		WithDebugInfoEnabled(true)
	if opts.CacheDir != "" {
		e.onDisk = openCodeCache(opts.CacheDir, opts.CacheBytes, opts.Logger)
	}
	if e.onDisk != nil {
		config = config.WithCompilationCache(e.onDisk.wazero)
	}
	e.runtime = wazero.NewRuntimeWithConfig(e.ctx, config)
	if err := e.addHostModules(); err != nil {
		return nil, errors.Join(fmt.Errorf("guest engine: %w", err), e.Close(context.Background()))
	}
	e.wg.Go(e.shrinkPools)
	return e, nil
}

// complete puts in the defaults.
func (o *Options) complete() error {
	if o.Modules == nil {
		return errors.New("no modules given")
	}
	if o.MemoryPages > maxMemoryPages {
		return fmt.Errorf("%d pages of memory, at most %d", o.MemoryPages, maxMemoryPages)
	}
	if o.MaxCompiled < 0 || o.MaxModuleBytes < 0 || o.CacheBytes < 0 || o.CompileWorkers < 0 || o.TotalFiles < 0 {
		return errors.New("a negative bound")
	}
	if o.MemoryPages == 0 {
		o.MemoryPages = DefaultMemoryPages
	}
	if o.Memory == nil {
		o.Memory = vm.NewMemory(0)
	}
	if o.TotalFiles == 0 {
		o.TotalFiles = halfOfDescriptors()
	}
	if o.MaxCompiled == 0 {
		o.MaxCompiled = DefaultMaxCompiled
	}
	if o.MaxModuleBytes == 0 {
		o.MaxModuleBytes = DefaultMaxModuleBytes
	}
	if o.Names == nil {
		o.Names = alone{}
	}
	if o.Globals == nil {
		o.Globals = noGlobals{}
	}
	if o.Nodes == nil {
		o.Nodes = alone{}
	}
	if o.Compiling == nil {
		o.Compiling = func(abi.Hash, int64, int64) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// coreFeatures are what the compiler has to know of WebAssembly.
func (o *Options) coreFeatures() api.CoreFeatures {
	if o.Threads {
		return rewrite.CoreFeatures | experimental.CoreFeaturesThreads
	}
	return rewrite.CoreFeatures
}

// commonConfig is anonymous, starts nothing by itself, and has real clocks and real randomness:
// the runtime's own defaults are fakes that cost more. The monotonic clock counts from a time, as the
// node's own functions do.
func commonConfig(started time.Time) wazero.ModuleConfig {
	return wazero.NewModuleConfig().
		WithName("").
		WithStartFunctions().
		WithSysWalltime().
		WithNanotime(func() int64 { return int64(time.Since(started)) }, 1).
		WithOsyield(runtime.Gosched).
		WithRandSource(rand.Reader)
}

// addHostModules makes what guests import, and notes it for the check of imports.
func (e *Engine) addHostModules() error {
	ctx := withListeners(e.ctx)
	if err := addWASI(ctx, e.runtime); err != nil {
		return err
	}
	if err := addHostFunctions(ctx, e.runtime); err != nil {
		return err
	}
	if err := addMeter(ctx, e.runtime); err != nil {
		return err
	}
	e.hosts = map[string]map[string]api.FunctionDefinition{}
	for _, name := range []string{abi.ImportModule, wasi_snapshot_preview1.ModuleName} {
		e.hosts[name] = e.runtime.Module(name).ExportedFunctionDefinitions()
	}
	return nil
}

// Body gives what runs a function. It loads the module when it runs, from this node or else from
// origin, so that missing code is the process's exit reason (W-05).
func (e *Engine) Body(fn abi.Function, origin abi.NodeID) vm.Body {
	if fn.Export == "" {
		fn.Export = abi.DefaultExport
	}
	return &body{engine: e, fn: fn, origin: origin}
}

// enter notes that a body runs, and reports false when the engine is closed. leave takes it back.
func (e *Engine) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.wg.Add(1)
	return true
}

func (e *Engine) leave() { e.wg.Done() }

// hasPooled says that there are instances at rest.
func (e *Engine) hasPooled() {
	select {
	case e.pooled <- struct{}{}:
	default:
	}
}

// shrinkPools lets instances go that nobody needs, as long as the engine is not closed.
func (e *Engine) shrinkPools() {
	for {
		select {
		case <-e.pooled:
		case <-e.ctx.Done():
			return
		}
		for left := true; left; {
			select {
			case <-time.After(shrinkPeriod):
				left = e.modules.shrink()
			case <-e.ctx.Done():
				return
			}
		}
	}
}

// Close waits until the processes that run guests have ended, which the caller has told them to
// ([vm.System.Close]), and frees everything. When ctx ends first it reports so, and frees nothing
// but what is loading. Closing twice is harmless.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.cancel()
	done := make(chan struct{})
	go func() { e.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		select {
		case <-done: // without guests there is nothing to wait for
		default:
			return fmt.Errorf("close guest engine: guests still running: %w", ctx.Err())
		}
	}
	e.modules.close()
	err := e.runtime.Close(ctx)
	e.arena.Close()
	if e.onDisk != nil {
		err = errors.Join(err, e.onDisk.wazero.Close(ctx))
	}
	if err != nil {
		return fmt.Errorf("close guest engine: %w", err)
	}
	return nil
}
