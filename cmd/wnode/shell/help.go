package shell

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/dop251/goja"

	"github.com/wnode/wnode/abi"
)

var shellBuiltins = []builtin{
	{"wasm", "path[, export]", "Loads a WebAssembly module from a file and gives its function, for spawn.\nThe function is the program itself, unless an export is named.", (*Evaluator).wasm},
	{"help", "[f]", "Explains the shell, or one function: help(spawn), help(\"Node.spawn\").", (*Evaluator).help},
	{"exit", "[code]", "Stops the node and this program, with exit code 0 or the one given.", (*Evaluator).exit},
	{"quit", "[code]", "The same as exit.", (*Evaluator).exit},
}

// overview is what help() shows: one screen of 80 columns and 24 lines.
const overview = `This is JavaScript, running as a process of a wnode. Variables stay until the
shell ends. Output of other processes appears above the line you type.

  self()  spawn(f, ...args)  pid(text)              this process, new ones
  send(to, term)  receive(ms)  flush()              messages
  wasm(path[, export])  memory()                    functions to spawn, what they take
  Node.self()  .list()  .connect(node)  .disconnect(node)  .ping(node)
  Node.spawn(node, f, ...args)                      other nodes
  Process.list()  .info(pid)  .exit(pid, reason)  .trace(pid)  .spawn(f, args)
  Process.register(pid, name)  .unregister(name)  .whereis(name)  .registered()
  global.register_name(name, pid)  .unregister_name(name)  .whereis_name(name)
  global.send(name, term)  .registered_names()      names on all nodes
  IO.puts([device,] text)  .inspect(x)  .gets(prompt)  group_leader()

  node_two = "two@" + Node.self().split("@")[1]
  Node.connect(node_two)
  Node.spawn(node_two, wasm("examples/wasm/whoami/whoami.wasm"))

Tab completes. Ctrl-C interrupts, Ctrl-D or exit() stops the node, Ctrl-\ does so
at any time. help(spawn) explains one function.
`

func (e *Evaluator) help(a arguments) (goja.Value, error) {
	text := overview
	if !goja.IsUndefined(a.at(0)) {
		b := e.documented(a.at(0))
		if b == nil {
			return nil, errors.New("there is no help on that: help() lists what the shell adds to JavaScript")
		}
		text = fmt.Sprintf("%s(%s)\n\n  %s\n", b.name, b.args, strings.ReplaceAll(b.doc, "\n", "\n  "))
	}
	e.quiet = true
	return goja.Undefined(), e.write(abi.Pid{}, []byte(text))
}

// documented finds a builtin by the function itself or by its name.
func (e *Evaluator) documented(v goja.Value) *builtin {
	if o, ok := v.(*goja.Object); ok {
		return e.builtins[o]
	}
	name := strings.TrimSuffix(v.String(), "()")
	for _, b := range e.builtins {
		if b.name == name {
			return b
		}
	}
	return nil
}

// exit ends the evaluation at once; whoever evaluates gets [*Quit].
func (e *Evaluator) exit(a arguments) (goja.Value, error) {
	code := 0.0
	if v := a.at(0); !goja.IsUndefined(v) {
		if !goja.IsNumber(v) {
			return nil, a.wrong(0, "a number")
		}
		code = v.ToFloat()
	}
	if code != math.Trunc(code) || code < 0 || code > 255 {
		return nil, a.wrong(0, "a number from 0 to 255")
	}
	e.rt.Interrupt(&Quit{Code: int(code)})
	return goja.Undefined(), nil
}
