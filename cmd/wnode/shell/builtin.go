package shell

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dop251/goja"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
)

// builtin is a function that the shell adds to JavaScript, with its documentation.
type builtin struct {
	name string // "Node.spawn"
	args string // "node, f, ...args"
	doc  string // for help(); the first line says what it does
	// call gets the arguments. An error is thrown, as a TypeError when it is one.
	call func(e *Evaluator, args arguments) (goja.Value, error)
}

// builtins lists them in the order in which help shows them.
func builtins() []builtin {
	return slices.Concat(processBuiltins, linkBuiltins, traceBuiltins, messageBuiltins, nodeBuiltins, ioBuiltins, registryBuiltins, globalBuiltins, shellBuiltins)
}

// install puts the builtins into the global object.
func (e *Evaluator) install() {
	e.builtins = map[*goja.Object]*builtin{}
	for _, b := range builtins() {
		e.define(&b)
	}
}

func (e *Evaluator) define(b *builtin) {
	owner, name := e.rt.GlobalObject(), b.name
	if space, member, ok := strings.Cut(b.name, "."); ok {
		o, exists := owner.Get(space).(*goja.Object)
		if !exists {
			o = e.rt.NewObject()
			setHidden(owner, space, o)
		}
		owner, name = o, member
	}
	f := e.rt.ToValue(e.native(b)).ToObject(e.rt)
	_ = f.DefineDataProperty("name", e.rt.ToValue(b.name), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE)
	e.builtins[f] = b
	if owner == e.rt.GlobalObject() {
		setHidden(owner, name, f)
		return
	}
	_ = owner.Set(name, f) // an ordinary object takes any property
}

// setHidden defines a global the way the standard ones are: writable and not enumerable.
func setHidden(global *goja.Object, name string, v goja.Value) {
	_ = global.DefineDataProperty(name, v, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
}

// native makes a JavaScript function of a builtin. When the evaluation is to end, nothing more of
// the input runs, not even what catches exceptions.
func (e *Evaluator) native(b *builtin) func(goja.FunctionCall) goja.Value {
	return func(call goja.FunctionCall) goja.Value {
		if e.ctx == nil {
			return goja.Undefined() // outside of an evaluation, which only a getter met by completion would be
		}
		v, err := b.call(e, arguments{e: e, b: b, list: call.Arguments})
		if e.ctx.Err() != nil {
			e.rt.Interrupt(context.Cause(e.ctx))
			return goja.Undefined()
		}
		if err != nil {
			e.throw(b, err)
		}
		return v
	}
}

// throw throws err as a JavaScript exception.
func (e *Evaluator) throw(b *builtin, err error) {
	var thrown *goja.Exception
	var wrong typeError
	switch {
	case errors.As(err, &thrown):
		panic(thrown)
	case errors.As(err, &wrong):
		panic(e.rt.NewTypeError("%s: %s", b.name, err.Error()))
	case errors.Is(err, ErrInterrupted):
		e.rt.Interrupt(err)
	default:
		panic(e.std.newError(b.name + ": " + err.Error()))
	}
}

// arguments are those of one call.
type arguments struct {
	e    *Evaluator
	b    *builtin
	list []goja.Value
}

func (a arguments) at(i int) goja.Value {
	if i < len(a.list) {
		return a.list[i]
	}
	return goja.Undefined()
}

func (a arguments) wrong(i int, want string) error {
	return typeErrorf("argument %d must be %s, not %s; the call is %s(%s)", i+1, want, oneLine(a.e.print(a.at(i))), a.b.name, a.b.args)
}

func (a arguments) text(i int) (string, error) {
	s, ok := a.at(i).(goja.String)
	if !ok {
		return "", a.wrong(i, "a string")
	}
	return strings.ToValidUTF8(s.String(), "\ufffd"), nil
}

func (a arguments) pid(i int) (abi.Pid, error) {
	pid, err := toPid(a.at(i))
	if err != nil {
		return pid, a.wrong(i, "a pid")
	}
	return pid, nil
}

// function takes what can be spawned: code that can travel, which JavaScript is not.
func (a arguments) function(i int) (abi.Function, error) {
	t, _ := handleOf(a.at(i))
	if f, ok := t.(abi.Function); ok {
		return f, nil
	}
	if _, ok := goja.AssertFunction(a.at(i)); ok {
		return abi.Function{}, typeErrorf(`a JavaScript function cannot be spawned: processes run WebAssembly, so pass wasm("file.wasm")`)
	}
	return abi.Function{}, a.wrong(i, `a function made by wasm("file.wasm")`)
}

// duration takes milliseconds; a missing argument and Infinity wait for ever.
func (a arguments) duration(i int) (time.Duration, error) {
	v := a.at(i)
	if goja.IsUndefined(v) {
		return wnode.Infinity, nil
	}
	if !goja.IsNumber(v) {
		return 0, a.wrong(i, "a number of milliseconds")
	}
	switch ms := v.ToFloat(); {
	case math.IsNaN(ms) || ms < 0:
		return 0, a.wrong(i, "a number of milliseconds")
	case ms > math.MaxInt64/float64(time.Millisecond)/2:
		return wnode.Infinity, nil
	default:
		return time.Duration(ms * float64(time.Millisecond)), nil
	}
}

// device takes the I/O server that the arguments name, and what follows it. Without one it is the
// zero pid, which stands for the group leader.
func (a arguments) device(others int) (abi.Pid, arguments, error) {
	if len(a.list) <= others {
		return abi.Pid{}, a, nil
	}
	rest := arguments{e: a.e, b: a.b, list: a.list[1:]}
	if pid, err := toPid(a.at(0)); err == nil {
		return pid, rest, nil
	}
	name, ok := a.at(0).(goja.String)
	if !ok {
		return abi.Pid{}, a, a.wrong(0, "a pid or a registered name")
	}
	pid, ok := a.e.node.Whereis(name.String())
	if !ok {
		return abi.Pid{}, a, fmt.Errorf("no process is registered as %q", name.String())
	}
	return pid, rest, nil
}
