package shell

import (
	"errors"
	"fmt"

	"github.com/dop251/goja"

	"github.com/wnode/wnode/abi"
)

var registryBuiltins = []builtin{
	{"Process.register", "pid, name", "Registers a process of this node under a name, which send understands. Gives true.", (*Evaluator).register},
	{"Process.unregister", "name", "Frees a name. Gives true.", (*Evaluator).unregister},
	{"Process.whereis", "name", "The pid that is registered under a name, or undefined.", func(e *Evaluator, a arguments) (goja.Value, error) {
		return e.whereis(a, e.node.Whereis)
	}},
	{"Process.registered", "", "The names that are registered on this node.", func(e *Evaluator, _ arguments) (goja.Value, error) {
		return e.texts(e.node.Registered()), nil
	}},
}

var globalBuiltins = []builtin{
	{"global.register_name", "name, pid", "Registers a process of any node under a name on all connected nodes.\n\"yes\", or \"no\" when the name is taken or the process has another.", (*Evaluator).globalRegister},
	{"global.unregister_name", "name", "Frees a name on all connected nodes. Gives \"ok\".", (*Evaluator).globalUnregister},
	{"global.whereis_name", "name", "The pid that is registered globally under a name, or undefined.", func(e *Evaluator, a arguments) (goja.Value, error) {
		return e.whereis(a, e.node.GlobalWhereis)
	}},
	{"global.send", "name, term", "Sends a message to the process registered globally under a name, and gives its pid.", (*Evaluator).globalSend},
	{"global.registered_names", "", "The names that are registered globally.", func(e *Evaluator, _ arguments) (goja.Value, error) {
		return e.texts(e.node.GlobalNames()), nil
	}},
}

func (e *Evaluator) register(a arguments) (goja.Value, error) {
	pid, err := a.pid(0)
	if err != nil {
		return nil, err
	}
	name, err := a.text(1)
	if err != nil {
		return nil, err
	}
	switch err := e.node.Register(name, pid); {
	case errors.Is(err, abi.ErrNameTaken):
		return nil, fmt.Errorf("%q is taken, or %s has a name already", name, e.printTerm(pid))
	case err != nil:
		return nil, err
	}
	return e.rt.ToValue(true), nil
}

func (e *Evaluator) unregister(a arguments) (goja.Value, error) {
	name, err := a.text(0)
	if err != nil {
		return nil, err
	}
	switch err := e.node.Unregister(name); {
	case errors.Is(err, abi.ErrNoName): // REG-03
		return nil, fmt.Errorf("no process is registered as %q", name)
	case err != nil:
		return nil, err
	}
	return e.rt.ToValue(true), nil
}

func (e *Evaluator) whereis(a arguments, look func(string) (abi.Pid, bool)) (goja.Value, error) {
	name, err := a.text(0)
	if err != nil {
		return nil, err
	}
	pid, ok := look(name)
	if !ok {
		return goja.Undefined(), nil
	}
	return e.fromTerm(pid), nil
}

func (e *Evaluator) globalRegister(a arguments) (goja.Value, error) {
	name, err := a.text(0)
	if err != nil {
		return nil, err
	}
	pid, err := a.pid(1)
	if err != nil {
		return nil, err
	}
	switch err := e.node.GlobalRegister(e.ctx, name, pid); {
	case errors.Is(err, abi.ErrNameTaken): // GLOB-02
		return e.rt.ToValue("no"), nil
	case err != nil:
		return nil, err
	}
	return e.rt.ToValue("yes"), nil
}

func (e *Evaluator) globalUnregister(a arguments) (goja.Value, error) {
	name, err := a.text(0)
	if err != nil {
		return nil, err
	}
	if err := e.node.GlobalUnregister(e.ctx, name); err != nil {
		return nil, err
	}
	return e.rt.ToValue("ok"), nil
}

// globalSend throws when nobody has the name (GLOB-05).
func (e *Evaluator) globalSend(a arguments) (goja.Value, error) {
	name, err := a.text(0)
	if err != nil {
		return nil, err
	}
	if len(a.list) < 2 {
		return nil, a.wrong(1, "the message")
	}
	message, err := e.encode(a.at(1))
	if err != nil {
		return nil, err
	}
	pid, ok := e.node.GlobalWhereis(name)
	if !ok {
		return nil, fmt.Errorf("no process is registered globally as %q", name)
	}
	return e.fromTerm(pid), e.process.Send(e.ctx, pid, message)
}
