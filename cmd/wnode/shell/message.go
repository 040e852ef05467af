package shell

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dop251/goja"

	"github.com/wnode/wnode/abi"
)

var messageBuiltins = []builtin{
	{"send", "to, term[, options]", "Sends a message to a pid, an alias, a registered name, or [name, node], and gives it\nback.\nOnly a name that nobody has is an error; a process that has ended is none. With the\noptions {noconnect: true} and {nosuspend: true} it is one that the node is not\nconnected, or that the shell would have to wait.", (*Evaluator).send},
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
	flags, err := e.sendFlags(a)
	if err != nil {
		return nil, err
	}
	to := a.at(0)
	if o, ok := to.(*goja.Object); ok && e.kind(o) == kindArray && length(o) == 2 {
		return a.at(1), sendError(e.sendTo(o.Get("0"), o.Get("1"), message, flags, a))
	}
	pid, err := e.receiver(to, a)
	if err != nil {
		return nil, err
	}
	return a.at(1), sendError(e.process.SendWith(e.ctx, flags, pid, message))
}

// receiver gives the process, or the alias (ALIAS-01), that a message to a destination of this node goes to.
func (e *Evaluator) receiver(to goja.Value, a arguments) (abi.Pid, error) {
	if pid, err := toPid(to); err == nil {
		return pid, nil
	}
	if ref, ok := toRef(to); ok {
		return abi.Pid(ref), nil
	}
	name, ok := to.(goja.String)
	if !ok {
		return abi.Pid{}, a.wrong(0, "a pid, an alias, a registered name, or [name, node]") // SIG-05
	}
	pid, ok := e.node.Whereis(name.String())
	if !ok { // SIG-04
		return abi.Pid{}, fmt.Errorf("no process is registered as %q", name.String())
	}
	return pid, nil
}

// sendFlags reads the options of a send (SIG-07).
func (e *Evaluator) sendFlags(a arguments) (flags abi.SendFlags, err error) {
	if goja.IsUndefined(a.at(2)) {
		return 0, nil
	}
	const want = "options, {noconnect: true, nosuspend: true}"
	o, ok := a.at(2).(*goja.Object)
	if !ok || e.kind(o) != kindObject {
		return 0, a.wrong(2, want)
	}
	for _, key := range o.Keys() {
		flag, known := map[string]abi.SendFlags{"noconnect": abi.SendNoConnect, "nosuspend": abi.SendNoSuspend}[key]
		if !known {
			return 0, a.wrong(2, want)
		}
		if o.Get(key).ToBoolean() {
			flags |= flag
		}
	}
	return flags, nil
}

// sendError says what the options of a send did not let happen.
func sendError(err error) error {
	switch {
	case errors.Is(err, abi.ErrNotConnected):
		return errors.New("the node is not connected")
	case errors.Is(err, abi.ErrWouldWait):
		return errors.New("the way to the process is congested, and the send would have to wait")
	}
	return err
}

// sendTo sends to whoever has the name on the node. A node that cannot be reached and a name that
// nobody has are no errors (REG-05, SIG-06), unless the flags say so.
func (e *Evaluator) sendTo(name, node goja.Value, message []byte, flags abi.SendFlags, a arguments) error {
	name, isText := name.(goja.String)
	host, isText2 := node.(goja.String)
	if !isText || !isText2 {
		return a.wrong(0, "a pid, an alias, a registered name, or [name, node]")
	}
	here := host.String() == e.node.Name()
	if flags&abi.SendNoConnect != 0 && !here && !slices.Contains(e.node.Nodes(), host.String()) {
		return abi.ErrNotConnected
	}
	id, err := e.resolve(host.String())
	if err != nil {
		return nil
	}
	return e.process.SendNodeWith(e.ctx, flags, name.String(), id, message)
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
