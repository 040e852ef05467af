package guest

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/internal/processors"
	"github.com/wnode/wnode/vm/module"
	"github.com/wnode/wnode/vm/module/rewrite"
	"github.com/wnode/wnode/vm/module/wasm"
)

// compile makes a module ready. A module that makes the compiler panic costs no more than its own process, as long
// as it is one goroutine that compiles.
func (e *Engine) compile(hash abi.Hash, content []byte) (ready *code, err error) {
	defer recoverCompile(&err)
	defer processors.Hold()()
	if err := module.Check(content); err != nil {
		return nil, &compileError{err.Error()}
	}
	size := int64(len(content))
	e.opts.Compiling(hash, 0, size)
	rewritten, compiled, err := e.rewrite(content, e.rewriteOptions(), e.checkNames)
	e.opts.Compiling(hash, size, size)
	if err != nil {
		return nil, err
	}
	err = e.checkImports(compiled)
	if err == nil && !e.takeMemory(codeBytes(rewritten)) {
		err = errNodeFull
	}
	if err != nil {
		e.close(compiled)
		return nil, err
	}
	return e.newCode(hash, rewritten, compiled), nil
}

// codeGrowth is by how much a rewritten module is smaller than what is kept of it once it is compiled: machine code
// and the runtime's tables.
const codeGrowth = 5

// codeBytes estimates what the compiled code of a module takes, in bytes: the runtime does not tell.
func codeBytes(r *rewrite.Result) uint64 { return codeGrowth * uint64(len(r.Module)) }

// recoverCompile is deferred by what compiles. A panic becomes an error.
func recoverCompile(err *error) {
	if r := recover(); r != nil {
		*err = &compileError{"internal error: " + fmt.Sprint(r)}
	}
}

// newCode takes over the memory that was taken for the code.
func (e *Engine) newCode(hash abi.Hash, rewritten *rewrite.Result, compiled wazero.CompiledModule) *code {
	exports := compiled.ExportedFunctions()
	delete(exports, rewritten.Start) // which is nobody's to name
	ready := &code{
		hash: hash, compiled: compiled, exports: exports,
		wasi:   importsFrom(compiled, wasi_snapshot_preview1.ModuleName),
		inner:  compiled.Name(),
		layout: rewritten.Layout, offsets: rewritten.Offsets, debug: rewritten.DebugBytes,
		left: rewritten.Left, weight: instanceBytes + rewritten.TableBytes, bounds: boundsOf(rewritten),
		engine: e, size: codeBytes(rewritten),
	}
	ready.pool.init(ready, e.memory, rewritten)
	return ready
}

// rewriteOptions are those with which modules are rewritten that guests run.
func (e *Engine) rewriteOptions() rewrite.Options {
	return rewrite.Options{Budget: firstBudget, MemoryPages: e.opts.MemoryPages, Threads: e.opts.Threads, State: true, Waits: waits}
}

// errReserved is the error of modules that import what the rewriter puts in.
var errReserved = &linkError{fmt.Sprintf("unknown import module %q", rewrite.ImportModule)}

// rewrite meters a module and compiles it. What goes wrong is told in the words of the compiler
// about the module as it was. One that the compiler would take and the rewriter does not is refused, and so is one whose
// imports check refuses, unless that is nil.
func (e *Engine) rewrite(content []byte, opts rewrite.Options, check func([]wasm.Import) error) (*rewrite.Result, wazero.CompiledModule, error) {
	rewritten, err := e.rewriteModule(content, opts)
	if errors.Is(err, rewrite.ErrReserved) {
		return nil, nil, errReserved
	}
	var compiled wazero.CompiledModule
	if err == nil {
		if check != nil {
			if err := check(rewritten.Imports); err != nil {
				return nil, nil, err
			}
		}
		if compiled, err = e.compileModule(rewritten.Module); err == nil {
			return rewritten, compiled, nil
		}
	} else if !errors.Is(err, wasm.ErrMalformed) {
		return nil, nil, &compileError{err.Error()}
	}
	if reason := e.explain(content); reason != nil {
		return nil, nil, &compileError{reason.Error()}
	}
	return nil, nil, &compileError{err.Error()}
}

// compileModule has the runtime compile a module, on as many goroutines as it may while others are not compiled.
func (e *Engine) compileModule(module []byte) (wazero.CompiledModule, error) {
	defer e.compiling.Add(-1)
	ctx := e.ctx
	if e.compiling.Add(1) == 1 && e.opts.CompileWorkers > 1 {
		ctx = experimental.WithCompilationWorkers(ctx, e.opts.CompileWorkers)
	}
	return e.runtime.CompileModule(ctx, module)
}

// explain gives what the runtime has against a module, nil for nothing. Nothing has bounded the time
// that the compiler would take over it, so the interpreter looks at it, which goes through it once. It makes room for
// as many things as a module says it has: one whose form is not right, or its custom sections, are not for it to see.
func (e *Engine) explain(content []byte) error {
	m, err := wasm.Decode(content)
	if err != nil {
		return nil
	}
	m.Customs = nil
	content = m.Encode()
	config := wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(e.opts.coreFeatures()).
		WithMemoryLimitPages(e.opts.MemoryPages).WithDebugInfoEnabled(false)
	interpreter := wazero.NewRuntimeWithConfig(e.ctx, config)
	_, reason := interpreter.CompileModule(e.ctx, content)
	if err := interpreter.Close(context.Background()); err != nil { // the module with it
		e.opts.Logger.Warn("interpreter not closed", "err", err)
	}
	return reason
}

// close frees a module that nobody uses.
func (c *code) close() {
	c.pool.close()
	c.engine.close(c.compiled)
	c.engine.memory.Release(c.size)
}

// close frees a compiled module that has no instance.
func (e *Engine) close(compiled wazero.CompiledModule) {
	if err := compiled.Close(context.Background()); err != nil {
		e.opts.Logger.Warn("compiled module not closed", "err", err)
	}
}
