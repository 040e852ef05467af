package guest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/module"
	"github.com/wnode/wnode/vm/module/rewrite"
)

// DefaultInspectTimeout is the default of [Inspection.Timeout].
const DefaultInspectTimeout = 10 * time.Second

// Inspection is what [Engine.Inspect] works with.
type Inspection struct {
	// Module is the module in the binary format. Required.
	Module []byte
	// System is where the process runs that initialises the module. It may do nothing there but compute.
	// Required.
	System *vm.System
	// Leader is the process's group leader, which takes what it writes.
	Leader abi.Pid
	// Timeout is how long that may take. 0: [DefaultInspectTimeout].
	Timeout time.Duration
}

// Inspect tells what becomes of a module on its way to a process. It compiles the module and has a process of its own
// initialise it, apart from those that the engine runs, to see whether that has to be done again for each. The
// error says in one line why this is no module, or none that can be compiled; that it cannot be linked is in the report.
func (e *Engine) Inspect(ctx context.Context, in Inspection) (report *Report, err error) {
	if !e.enter() {
		return nil, fmt.Errorf("inspect module: %w", errClosed)
	}
	defer e.leave()
	defer recoverCompile(&err)
	if err := module.Check(in.Module); err != nil {
		return nil, err
	}
	opts := e.rewriteOptions()
	opts.Explain = true
	began := time.Now()
	rewritten, compiled, err := e.rewrite(in.Module, opts, nil)
	took := time.Since(began)
	if err != nil {
		return nil, oneLine(err)
	}
	if !e.takeMemory(codeBytes(rewritten)) {
		e.close(compiled)
		return nil, fmt.Errorf("inspect module: %w", e.memory.Full())
	}
	code := e.newCode(sha256.Sum256(in.Module), rewritten, compiled)
	defer code.close()
	if report, err = describe(code.hash, in.Module); err != nil {
		return nil, err
	}
	report.Compile = CompileReport{Seconds: took.Seconds(), RewrittenBytes: len(rewritten.Module)}
	report.addCode(e, code, rewritten)
	if len(report.ImportProblems) > 0 {
		return report, nil
	}
	return report, e.observe(ctx, code, in, report)
}

// addCode tells what the rewritten and compiled module shows.
func (r *Report) addCode(e *Engine, c *code, rewritten *rewrite.Result) {
	for i := range r.Tables {
		r.Tables[i].BecomesCode = rewritten.Explained.DispatchedElements > 0
	}
	r.addEntries(c)
	for problem := range e.importProblems(c.compiled) {
		r.ImportProblems = append(r.ImportProblems, printable(problem, maxErrorBytes))
	}
	r.Instances = InstancesReport{Reused: rewritten.State.Hidden == "", Reason: rewritten.State.Hidden}
	r.Initialization.Times = InitializedUnknown
}

// observe initialises a module and tells what it saw.
func (e *Engine) observe(ctx context.Context, c *code, in Inspection, report *Report) error {
	failure, spent, err := e.tryInitialize(ctx, c, in)
	if err != nil {
		return fmt.Errorf("initialise module: %w", err)
	}
	img, ready := c.pool.current()
	if img != nil {
		report.Image = &ImageReport{Bytes: img.Bytes(), MemoryBytes: img.Size()}
		report.Takes = &TakesReport{ProcessBytes: c.weight + img.Size(), ImageBytes: c.pool.footprint(), CodeBytes: c.size}
	}
	if spent && report.Instances.Reused {
		report.Instances = InstancesReport{Reason: "its initialisation changes descriptors"}
	}
	to := &report.Initialization
	switch {
	case failure != "":
		to.Times, to.Reason = InitializedFails, failure
	case len(to.By) == 0:
		to.Times = InitializedNever
	case ready:
		to.Times = InitializedOnce
	case c.pool.own == "":
		to.Times, to.Reason = InitializedFails, "it ends the process"
	default:
		to.Times, to.Reason = InitializedEach, c.pool.own
	}
	return nil
}

// tryInitialize has a process of its own initialise a module, which may fail, and tells whether it changed
// descriptors. The error is one of the system, or the cause of ctx.
func (e *Engine) tryInitialize(ctx context.Context, c *code, in Inspection) (failure string, spent bool, err error) {
	timeout := in.Timeout
	if timeout == 0 {
		timeout = DefaultInspectTimeout
	}
	done := make(chan struct{})
	_, err = in.System.Spawn(vm.SpawnOptions{
		Label: "inspect", Leader: in.Leader,
		Rights: vm.Rights{Limits: vm.Limits{WallTime: timeout}, Denied: vm.AllPermissions},
		Body: vm.Func(func(p *vm.Process) vm.Exit {
			defer close(done)
			failure = "internal error" // unless it gets to its end
			within, cancel := context.WithCancelCause(p.Context())
			defer cancel(nil)
			defer context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })()
			g := &guest{Context: within, process: p, engine: e, fn: abi.Function{Module: c.hash}, entry: initializeExport, code: c}
			exit := g.run()
			failure, spent = failureOf(p, exit, timeout), g.of != nil && g.of.spent
			return exit
		}),
	})
	if err != nil {
		return "", false, err
	}
	<-done
	if ctx.Err() != nil {
		return "", false, context.Cause(ctx)
	}
	return failure, spent, nil
}

// failureOf says why a process that has ended did not initialise its module, "" when it did.
func failureOf(p *vm.Process, exit vm.Exit, timeout time.Duration) string {
	reason := exit.Reason
	if cause := new(vm.ExitError); errors.As(context.Cause(p.Context()), &cause) {
		told, err := term.Decode(cause.Reason)
		if err == nil && told == vm.ReasonWallTime {
			return fmt.Sprintf("it takes longer than %v", timeout)
		}
		reason = told
	}
	if reason == abi.ReasonNormal && !exit.Crash {
		return ""
	}
	return "it ends with " + printable(term.Format(reason, nil), maxErrorBytes)
}

// oneLine makes what compiling failed with one line.
func oneLine(err error) error {
	var broken *compileError
	if errors.As(err, &broken) {
		return &compileError{printable(broken.what, maxErrorBytes)}
	}
	return err
}

// Rewrite gives a module as a node with the defaults of [Options] runs it, but that [Options.Threads] is set, and what was done to it. The errors are
// those of [rewrite.Module], or say that the module imports what only a node puts in.
func Rewrite(content []byte) (*rewrite.Result, error) {
	if err := module.Check(content); err != nil {
		return nil, err
	}
	opts := rewrite.Options{Budget: firstBudget, MemoryPages: DefaultMemoryPages, Threads: true, State: true, Waits: waits, Explain: true}
	result, err := rewrite.Module(content, opts)
	if errors.Is(err, rewrite.ErrReserved) {
		return nil, errReserved
	}
	if err != nil {
		return nil, err
	}
	for i := range result.Explained.Functions {
		f := &result.Explained.Functions[i]
		f.Name = printable(demangle(f.Name), maxNameBytes)
	}
	return result, nil
}
