package guest

import (
	"context"
	"errors"
	"strings"

	"github.com/tetratelabs/wazero"
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

// Run loads the module, makes an instance of its own for the process, and calls the function.
func (b *body) Run(p *vm.Process) vm.Exit {
	if !b.engine.enter() {
		return vm.Exit{Reason: abi.ReasonShutdown}
	}
	defer b.engine.leave()
	code, err := b.engine.modules.acquire(p.Context(), b.fn.Module, b.origin)
	if err != nil {
		return b.loadFailed(p, err)
	}
	defer b.engine.modules.release(code)
	entry, ok := code.exports[b.fn.Export]
	if !ok {
		return b.undefined(p, code.noSuchExport(b.fn.Export))
	}
	calls := []string{b.fn.Export}
	if first, ok := code.exports[initializeExport]; ok && b.fn.Export != initializeExport {
		calls = []string{initializeExport, b.fn.Export}
		if err := checkEntry(first, initializeExport); err != nil {
			return b.loadFailed(p, err)
		}
	}
	if err := checkEntry(entry, b.fn.Export); err != nil {
		return b.loadFailed(p, err)
	}
	g := &guest{Context: b.engine.withMemory(p), process: p, engine: b.engine, fn: b.fn, code: code}
	g.logs.burst, g.logs.perSecond = logBurst, logPerSecond
	defer g.closeLog()
	return g.run(calls)
}

// loadFailed gives the exit of a process whose code is not there or cannot be run.
func (b *body) loadFailed(p *vm.Process, err error) vm.Exit {
	var missing *loadError
	var broken *compileError
	var unlinked *linkError
	switch {
	case p.Context().Err() != nil:
		return vm.Normal // the process ends for another reason already
	case errors.As(err, &missing) && errors.Is(err, abi.ErrTooLarge):
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
// process by asserting the type of its context. It belongs to the process's goroutine.
type guest struct {
	context.Context // of the process

	process *vm.Process
	engine  *Engine
	fn      abi.Function
	code    *code

	memory  api.Memory // nil until a host function needs it
	call    call       // the host call that is being made
	pace    pace       // how fast it runs
	exited  *vm.Exit   // set by the host function exit
	message seen       // what the guest has looked at in its mailbox
	logs    logRate    // what it may still write to the node's log

	files       *hostfs.Files    // what it has open on the host; nil when it has no folder and no listener
	sockets     *hostnet.Sockets // nil when it has no listener
	fdstat      [2]uint32        // descriptor and address of the fd_fdstat_get under way
	descriptors int              // bounds the numbers of its descriptors
	gather      int              // bytes of the fd_write under way, when it has several buffers
	gathered    []byte           // those that have come
}

// run instantiates the module and makes the calls.
func (g *guest) run(calls []string) vm.Exit {
	defer g.closeReach()
	instance, err := g.instantiate(g.config())
	if errors.Is(err, errMemory) {
		return vm.Exit{Reason: ReasonMemory, Crash: true}
	}
	if err != nil {
		return g.instantiateFailed(err)
	}
	defer g.listen(instance)()
	defer g.close(instance)
	defer g.settle(instance)
	for _, export := range calls {
		if _, err := instance.ExportedFunction(export).Call(g); err != nil {
			return g.exit(err)
		}
	}
	return vm.Normal
}

func (g *guest) close(instance api.Module) {
	if err := instance.Close(context.WithoutCancel(g.Context)); err != nil {
		g.engine.opts.Logger.Warn("instance not closed", "err", err)
	}
}

// config adds to what all instances have in common what WASI gives to this one.
func (g *guest) config() wazero.ModuleConfig {
	if !g.code.wasi {
		return g.engine.config
	}
	streams := stdio{g}
	return g.reach(g.engine.config).
		WithArgs(g.commandLine()...).
		WithStdin(streams).WithStdout(streams).WithStderr(stderr{streams}).
		WithNanosleep(g.nanosleep)
}

// commandLine gives the arguments as a WASI program sees them: the module's name, then those of
// the process, texts as they are and other terms as they print.
func (g *guest) commandLine() []string {
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
