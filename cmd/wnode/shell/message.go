package shell

import (
	"errors"
	"fmt"

	"github.com/dop251/goja"

	"github.com/wnode/wnode/abi"
)

var messageBuiltins = []builtin{
	{"send", "to, term", "Sends a message to a pid, an alias, a registered name, or [name, node], and gives it\nback.\nOnly a name that nobody has is an error; a process that has ended is none.", (*Evaluator).send},
	{"receive", "ms", "Takes the next message out of the mailbox and gives it; waits for one for ms\nmilliseconds, for ever without an argument, not at all with 0. undefined: there was none.", (*Evaluator).receive},
	{"flush", "", "Prints and removes every message in the mailbox.", (*Evaluator).flush},
}

func (e *Evaluator) send(a arguments) (goja.Value, error) {
	if len(a.list) < 2 {
		return nil, a.wrong(len(a.list), "the message")
	}
	message, err := e.encode(a.at(1))
	if err != nil {
		return nil, err
	}
	to := a.at(0)
	if pid, err := toPid(to); err == nil {
		return a.at(1), e.process.Send(e.ctx, pid, message)
	}
	if ref, ok := toRef(to); ok { // ALIAS-01
		return a.at(1), e.process.Send(e.ctx, abi.Pid(ref), message)
	}
	if name, ok := to.(goja.String); ok {
		err := e.process.SendName(e.ctx, name.String(), message)
		if errors.Is(err, abi.ErrNoName) { // SIG-04
			return nil, fmt.Errorf("no process is registered as %q", name.String())
		}
		return a.at(1), err
	}
	if o, ok := to.(*goja.Object); ok && e.kind(o) == kindArray && length(o) == 2 {
		return a.at(1), e.sendTo(o.Get("0"), o.Get("1"), message, a)
	}
	return nil, a.wrong(0, "a pid, an alias, a registered name, or [name, node]") // SIG-05
}

// sendTo sends to whoever has the name on the node. A node that cannot be reached and a name that
// nobody has are no errors (REG-05, SIG-06).
func (e *Evaluator) sendTo(name, node goja.Value, message []byte, a arguments) error {
	name, isText := name.(goja.String)
	host, isText2 := node.(goja.String)
	if !isText || !isText2 {
		return a.wrong(0, "a pid, an alias, a registered name, or [name, node]")
	}
	id, err := e.resolve(host.String())
	if err != nil {
		return nil
	}
	return e.process.SendNode(e.ctx, name.String(), id, message)
}

func (e *Evaluator) receive(a arguments) (goja.Value, error) {
	timeout, err := a.duration(0)
	if err != nil {
		return nil, err
	}
	m, err := e.process.Receive(e.ctx, timeout)
	if errors.Is(err, abi.ErrTimedOut) {
		return goja.Undefined(), nil
	}
	if err != nil {
		return nil, err
	}
	return e.decode(m.Data), nil
}

func (e *Evaluator) flush(arguments) (goja.Value, error) {
	for {
		m, err := e.process.Receive(e.ctx, 0)
		if errors.Is(err, abi.ErrTimedOut) {
			return e.rt.ToValue("ok"), nil
		}
		if err != nil {
			return nil, err
		}
		if err := e.writeLine(abi.Pid{}, e.print(e.decode(m.Data))); err != nil {
			return nil, err
		}
	}
}
