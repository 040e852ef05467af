package shell

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/dop251/goja"
	"github.com/dop251/goja/file"

	"github.com/wnode/wnode"
)

// maxCallDepth bounds the recursion of JavaScript functions: each level also takes of Go's stack.
const maxCallDepth = 3000

// ErrInterrupted is how an evaluation ends that was interrupted.
var ErrInterrupted = errors.New("interrupted")

// Exception is an exception that nothing caught, or a syntax error.
type Exception struct {
	// Text is a line such as `Uncaught TypeError: x is not a function (input 3, line 1, column 5)`. That of
	// a syntax error has two lines more: the one with the mistake, and a mark below it.
	Text string
}

// Error gives the text.
func (e *Exception) Error() string { return e.Text }

// Quit is how an evaluation ends that called exit().
type Quit struct {
	Code int // the exit code asked for
}

// Error says so.
func (q *Quit) Error() string { return fmt.Sprintf("exit(%d)", q.Code) }

// Evaluator evaluates JavaScript inside a process, and keeps the variables from one input to the
// next. [Evaluator.Eval] is for the process's own goroutine; [Evaluator.Complete] is safe for concurrent use.
type Evaluator struct {
	node    Node
	process *wnode.Process
	inputs  int // evaluated so far; the process's own

	mu       sync.Mutex // guards all below; held while JavaScript runs
	rt       *goja.Runtime
	std      standard
	handles  handles
	builtins map[*goja.Object]*builtin
	rejected []*goja.Promise // rejected in this input, and nobody cares
	quiet    bool            // undefined is not worth printing: help() has been called

	// ctx is that of the evaluation under way: the runtime calls the builtins without one.
	ctx context.Context
}

// NewEvaluator makes an evaluator for a process of the node.
func NewEvaluator(node Node, p *wnode.Process) *Evaluator {
	rt := goja.New()
	rt.SetMaxCallStackSize(maxCallDepth)
	e := &Evaluator{node: node, process: p, rt: rt, std: captureStandard(rt)}
	e.handles = newHandles(rt, e.printTerm, node)
	rt.SetPromiseRejectionTracker(e.trackRejection)
	e.install()
	return e
}

// Eval evaluates one input and gives the value of its last expression as the shell prints it, ""
// when nothing is to be printed. It ends with ctx, whatever the input does. The errors are [*Exception], [*Quit] when the input
// called exit(), and the cause of ctx.
func (e *Evaluator) Eval(ctx context.Context, source string) (string, error) {
	e.inputs++
	return e.EvalAs(ctx, fmt.Sprintf("input %d", e.inputs), source)
}

// EvalAs is Eval with what exceptions call the input.
func (e *Evaluator) EvalAs(ctx context.Context, name, source string) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	program, err := compile(name, source)
	if err != nil {
		return "", e.exception(source, err)
	}
	release := e.enter(ctx)
	defer release()
	value, err := e.rt.RunProgram(program)
	if err != nil {
		return "", e.failure(ctx, source, err)
	}
	if err := e.unhandled(); err != nil {
		return "", err
	}
	if e.quiet && goja.IsUndefined(value) {
		return "", nil
	}
	return e.print(value), nil
}

// enter lets ctx interrupt the runtime until release is called.
func (e *Evaluator) enter(ctx context.Context) (release func()) {
	e.ctx = ctx
	e.rejected, e.quiet = nil, false
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		e.rt.Interrupt(context.Cause(ctx))
		close(interrupted)
	})
	return func() {
		if !stop() {
			<-interrupted
		}
		e.rt.ClearInterrupt()
		e.ctx = nil
	}
}

// failure turns what the runtime reports into an error of Eval.
func (e *Evaluator) failure(ctx context.Context, source string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var interrupted *goja.InterruptedError
	if errors.As(err, &interrupted) {
		if cause, ok := interrupted.Value().(error); ok {
			return cause
		}
	}
	return e.exception(source, err)
}

// exception describes an error of the runtime or the compiler.
func (e *Evaluator) exception(source string, err error) error {
	var syntax *syntaxError
	var overflow *goja.StackOverflowError
	var thrown *goja.Exception
	switch {
	case errors.As(err, &syntax):
		return &Exception{"Uncaught SyntaxError: " + syntax.message + where(syntax.position) + excerpt(source, syntax.position)}
	case errors.As(err, &overflow):
		return &Exception{"Uncaught RangeError: functions call each other too deeply" + whereIn(overflow.Stack())}
	case errors.As(err, &thrown):
		return &Exception{"Uncaught " + oneLine(e.describeThrown(thrown.Value())) + whereIn(thrown.Stack())}
	}
	return &Exception{"Uncaught Error: " + oneLine(err.Error())}
}

// describeThrown gives an Error object as `TypeError: message`, anything else as a printed value.
func (e *Evaluator) describeThrown(v goja.Value) string {
	if o, ok := v.(*goja.Object); ok && o.ClassName() == classError {
		return e.describeError(o)
	}
	return e.print(v)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// whereIn gives the position of the innermost frame that has one.
func whereIn(stack []goja.StackFrame) string {
	for _, frame := range stack {
		if p := frame.Position(); p.Line > 0 {
			return where(p)
		}
	}
	return ""
}

func where(p file.Position) string {
	if p.Line == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s, line %d, column %d)", p.Filename, p.Line, p.Column)
}

// trackRejection keeps the promises that are rejected while nobody handles it.
func (e *Evaluator) trackRejection(p *goja.Promise, operation goja.PromiseRejectionOperation) {
	if operation == goja.PromiseRejectionReject {
		e.rejected = append(e.rejected, p)
		return
	}
	for i, q := range e.rejected {
		if q == p {
			e.rejected = append(e.rejected[:i], e.rejected[i+1:]...)
			return
		}
	}
}

// unhandled reports the first promise of the input that was rejected in vain, as an exception.
func (e *Evaluator) unhandled() error {
	if len(e.rejected) == 0 {
		return nil
	}
	return &Exception{"Uncaught (in promise) " + oneLine(e.describeThrown(e.rejected[0].Result()))}
}
