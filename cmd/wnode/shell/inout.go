package shell

import (
	"context"
	"errors"
	"fmt"

	"github.com/dop251/goja"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

var ioBuiltins = []builtin{
	{"IO.puts", "[device,] text", "Writes a line to an I/O server, a pid or a registered name; without one to the\ngroup leader. Gives \"ok\".", (*Evaluator).ioPuts},
	{"IO.inspect", "x[, {limit: n}]", "Writes a value as the shell prints it, and gives it back. Of each array and object\nn elements are shown, 50 unless said otherwise; {limit: Infinity} shows all.", (*Evaluator).ioInspect},
	{"IO.gets", "[device,] prompt", "Shows a prompt and reads a line, which it gives with its newline; null at the end\nof the input.", (*Evaluator).ioGets},
	{"group_leader", "", "The pid of the I/O server that this shell's output goes to.", func(e *Evaluator, _ arguments) (goja.Value, error) {
		return e.fromTerm(e.process.GroupLeader()), nil
	}},
}

// writeLine writes a line to a device. A device that has ended is an error (IO-20).
func (e *Evaluator) writeLine(device abi.Pid, text string) error {
	return e.write(device, append([]byte(text), '\n'))
}

func (e *Evaluator) write(device abi.Pid, data []byte) error {
	err := e.process.Write(e.ctx, device, data)
	if device == e.process.Pid() && errors.Is(err, abi.ErrBadArgument) {
		return errors.New("the shell is no I/O server: write to group_leader()")
	}
	return err
}

func (e *Evaluator) ioPuts(a arguments) (goja.Value, error) {
	device, rest, err := a.device(1)
	if err != nil {
		return nil, err
	}
	return e.rt.ToValue("ok"), e.write(device, append(e.text(rest.at(0)), '\n'))
}

// text gives what IO.puts writes of a value: strings and bytes as they are, all else as printed.
func (e *Evaluator) text(v goja.Value) []byte {
	if o, ok := v.(*goja.Object); ok {
		if b, ok := bytesOf(o); ok {
			return b
		}
	}
	if s, ok := v.(goja.String); ok {
		return []byte(s.String())
	}
	return []byte(e.print(v))
}

func (e *Evaluator) ioInspect(a arguments) (goja.Value, error) {
	limit := printElements
	if options, ok := a.at(1).(*goja.Object); ok {
		n := options.Get("limit")
		if n == nil || !goja.IsNumber(n) || !(n.ToFloat() >= 0) {
			return nil, a.wrong(1, "an object {limit: n} with a number n")
		}
		limit = int(min(n.ToFloat(), maxPrintBytes)) // no more elements than bytes
	}
	return a.at(0), e.writeLine(abi.Pid{}, e.printAtMost(a.at(0), limit))
}

func (e *Evaluator) ioGets(a arguments) (goja.Value, error) {
	device, rest, err := a.device(1)
	if err != nil {
		return nil, err
	}
	prompt := ""
	if !goja.IsUndefined(rest.at(0)) {
		prompt = string(e.text(rest.at(0)))
	}
	line, err := readLine(e.ctx, e.process, device, prompt)
	switch {
	case errors.Is(err, abi.ErrEndOfFile):
		return goja.Null(), nil
	case errors.Is(err, abi.ErrInterrupted):
		return nil, ErrInterrupted
	case err != nil:
		return nil, err
	}
	return e.rt.ToValue(string(line)), nil
}

// readLine asks an I/O server for a line, or for a piece of a very long one. The errors are
// [abi.ErrEndOfFile], [abi.ErrInterrupted] when the user broke the line off, and those of the request.
func readLine(ctx context.Context, p *wnode.Process, device abi.Pid, prompt string) ([]byte, error) {
	reply, err := p.IORequest(ctx, device, []any{"get_line", "unicode", prompt})
	if err != nil {
		return nil, err
	}
	switch reply := reply.(type) {
	case []byte:
		return reply, nil
	case string:
		return nil, abi.ErrEndOfFile
	case []any:
		if len(reply) == 2 && reply[1] == "interrupted" {
			return nil, abi.ErrInterrupted
		}
	}
	return nil, fmt.Errorf("%s: %w", term.Format(reply, nil), abi.ErrIO)
}

// wasm reads a module from a file.
func (e *Evaluator) wasm(a arguments) (goja.Value, error) {
	path, err := a.text(0)
	if err != nil {
		return nil, err
	}
	export := abi.DefaultExport
	if !goja.IsUndefined(a.at(1)) {
		if export, err = a.text(1); err != nil {
			return nil, err
		}
	}
	f, err := e.node.LoadFile(path)
	if err != nil {
		return nil, err
	}
	f.Export = export
	if _, err := f.MarshalBinary(); err != nil {
		return nil, err
	}
	return e.fromTerm(f), nil
}
