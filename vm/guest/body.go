package guest

import (
	"context"
	"errors"
	"strings"

	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/guest/hostfs"
	"github.com/wnode/wnode/vm/guest/hostnet"
)

// initializeExport is what a WASI reactor wants to be called before anything else.
const initializeExport = "_initialize"

// body is a function to run as a process.
type body struct {
	engine *Engine
	fn     abi.Function
	origin abi.NodeID
}

// Scheduled says that the machine's scheduler runs the process.
func (b *body) Scheduled() {}

// Run loads the module, makes an instance of its own for the process, and calls the function.
func (b *body) Run(p *vm.Process) vm.Exit {
	if !b.engine.enter() {
		return vm.Exit{Reason: abi.ReasonShutdown}
	}
	defer b.engine.leave()
	code, err := b.engine.modules.acquire(p, b.fn.Module, b.origin)
	if err != nil {
		return b.loadFailed(p, err)
	}
	defer b.engine.modules.release(code)
	export := code.entry(b.fn.Export)
	entry, ok := code.exports[export]
	if !ok {
		return b.undefined(p, code.noSuchExport(b.fn.Export))
	}
	if first, ok := code.exports[initializeExport]; ok {
		if err := checkEntry(first, initializeExport); err != nil {
			return b.loadFailed(p, err)
		}
	}
	if err := checkEntry(entry, export); err != nil {
		return b.loadFailed(p, err)
	}
	g := &guest{Context: p.Context(), process: p, engine: b.engine, fn: b.fn, entry: export, code: code}
	g.logs.Burst, g.logs.PerSecond = logBurst, logPerSecond
	defer g.closeLog()
	p.SetInspector(inspector{g})
	return g.run()
}

// full gives the exit of a process for which the node has no memory left.
func (e *Engine) full() vm.Exit {
	return vm.Exit{Reason: vm.ReasonNodeFull, Crash: true, Detail: e.memory.Full().Error()}
}

// loadFailed gives the exit of a process whose code is not there or cannot be run.
func (b *body) loadFailed(p *vm.Process, err error) vm.Exit {
	var missing *loadError
	var broken *compileError
	var unlinked *linkError
	switch {
	case p.Context().Err() != nil:
		return vm.Normal // the process ends for another reason already
	case errors.Is(err, errNodeFull):
		return b.engine.full()
	case errors.As(err, &missing) && (errors.Is(err, abi.ErrTooLarge) || errors.Is(err, abi.ErrLimit)):
		return codeError("load_error", missing.Error())
	case errors.As(err, &missing):
		return b.undefined(p, err.Error())
	case errors.As(err, &broken):
		return codeError("compile_error", broken.what)
	case errors.As(err, &unlinked):
		return codeError("link_error", unlinked.what)
	}
	return vm.Exit{Reason: []any{"host_error", err.Error()}, Crash: true}
}

// codeError gives the exit [[kind, what], []].
func codeError(kind, what string) vm.Exit {
	return vm.Exit{Reason: []any{[]any{kind, printable(what, maxErrorBytes)}, []any{}}, Crash: true}
}

// undefined gives the exit ["undef", [[module, export, args, []]]] (PROC-11).
func (b *body) undefined(p *vm.Process, detail string) vm.Exit {
	frame := []any{moduleName(b.fn), b.fn.Export, arguments(p), []any{}}
	return vm.Exit{
		Reason: []any{"undef", []any{frame}}, Crash: true,
		Detail: b.fn.String() + ": " + printable(detail, maxErrorBytes),
	}
}

// moduleName is what people call the module.
func moduleName(fn abi.Function) string {
	if fn.Name == "" {
		return "module " + fn.Module.Short()
	}
	return fn.Name
}

// arguments gives the arguments of a process as terms. They may come from another node: what is
// no array counts as none.
func arguments(p *vm.Process) []any {
	if t, err := term.Decode(p.Args()); err == nil {
		if list, ok := t.([]any); ok {
			return list
		}
	}
	return []any{}
}

// guest is a process's instance, and the context of all calls into it: a host function finds its
// process by asserting the type of its context. It belongs to the process's stack.
type guest struct {
	context.Context // of the process

	process *vm.Process
	engine  *Engine
	fn      abi.Function
	entry   string // export at which it starts
	code    *code
	of      *instance

	memory api.Memory // nil until a host function needs it
	call   call       // the host call that is being made
	stack  stack      // where it is

	interrupted interrupted
	left        api.Global // what is left of the budget; nil before there is an instance
	pace        pace       // how fast it runs
	work        uint32     // of the host for it, since its turn was looked at last
	exited      *vm.Exit   // set by the host function exit
	message     seen       // what the guest has looked at in its mailbox
	spawned     *lastSpawn // nil before the first spawn
	first       *string    // while the instance is initialised, the first that made it different from others
	logs        vm.LogRate // what it may still write to the node's log

	stackLeft int32 // what it may have of its stack beyond [firstStack], in bytes; 0 once it has it

	files       *hostfs.Files    // what it has open on the host; nil when it has no folder and no listener
	sockets     *hostnet.Sockets // nil when it has no listener
	fdstat      [2]uint32        // descriptor and address of the fd_fdstat_get under way
	descriptors int              // bounds the numbers of its descriptors; 0 when it has the standard streams only
	gather      int              // bytes of the fd_write under way, when it has several buffers
	gathered    []byte           // those that have come
}

// run gets an instance and calls what the process is there for.
func (g *guest) run() vm.Exit {
	defer g.closeReach()
	i, err := g.instance()
	switch {
	case errors.Is(err, errMemory):
		return vm.Exit{Reason: ReasonMemory, Crash: true}
	case errors.Is(err, errNodeFull):
		return g.engine.full()
	}
	if err != nil {
		return g.instantiateFailed(err)
	}
	defer g.listen(i.module)()
	if !g.bound(i) {
		g.leave(i, vm.Normal)
		return vm.Exit{Reason: ReasonTables, Crash: true}
	}
	err = g.initialize(i)
	if err == nil && g.entry != initializeExport {
		err = i.call(g, g.entry)
	}
	g.settle()
	exit := vm.Normal
	if err != nil {
		exit = g.exit(err)
	}
	g.leave(i, exit)
	return exit
}

// commandLine gives the arguments as a WASI program sees them: the module's name, then those of
// the process, texts as they are and other terms as they print.
func (g *guest) commandLine() []string {
	if g.shares() {
		return nil
	}
	line := []string{moduleName(g.fn)}
	for _, argument := range arguments(g.process) {
		text, ok := argument.(string)
		if !ok {
			text = term.Format(argument, nil)
		}
		line = append(line, text)
	}
	for i, text := range line {
		line[i] = strings.ReplaceAll(text, "\x00", "\ufffd") // C strings end there
	}
	return line
}
