package shell

import (
	"errors"
	"math"
	"time"

	"github.com/dop251/goja"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
)

var linkBuiltins = []builtin{
	{"spawn_link", "f, ...args", "Does what spawn does, and links the process with this shell from the start.", (*Evaluator).spawnLink},
	{"spawn_monitor", "f, ...args", "Does what spawn does, and monitors the process from the start. Gives [pid, ref].", (*Evaluator).spawnMonitor},
	{"Process.link", "pid", "Links this shell with a process of any node: when one ends with a reason other than\n\"normal\", so does the other, or gets [\"EXIT\", pid, reason] if it traps exits. Gives true.", (*Evaluator).processLink},
	{"Process.unlink", "pid", "Takes a link back. Gives true.", (*Evaluator).processUnlink},
	{"Process.monitor", "who", "Asks for [\"DOWN\", ref, \"process\", who, reason] when a process ends. who is a pid or\n[name, node]. Gives the ref.", (*Evaluator).processMonitor},
	{"Process.demonitor", "ref, flush", "Takes a monitor back, and with flush true its message out of the mailbox. Gives\nwhether it still stood.", (*Evaluator).processDemonitor},
	{"Process.flag", "[pid,] name, value", "Sets a flag of this shell, or of the process pid, and gives the old value. The flags are\n\"trap_exit\", of this shell: with true, exit signals become messages; \"priority\": \"low\",\n\"normal\", \"high\" or \"max\".", (*Evaluator).processFlag},
	{"Process.alias", "", "Makes a ref that messages to this shell can be sent to, until Process.unalias.", (*Evaluator).processAlias},
	{"Process.unalias", "ref", "Ends an alias: messages to it are dropped. Gives whether it was active.", (*Evaluator).processUnalias},
	{"Process.send_after", "to, term, ms", "Sends a message to a process of this node, a pid or a registered name, after ms\nmilliseconds. Gives the timer's ref.", (*Evaluator).sendAfter},
	{"Process.cancel_timer", "ref", "Stops a timer and gives the milliseconds that were left; false when there is none.", (*Evaluator).cancelTimer},
	{"Process.read_timer", "ref", "The milliseconds until a timer fires; false when there is none.", (*Evaluator).readTimer},
}

func (e *Evaluator) processLink(a arguments) (goja.Value, error) {
	pid, err := a.pid(0)
	if err != nil {
		return nil, err
	}
	if err := e.process.Link(e.ctx, pid); err != nil {
		return nil, err
	}
	return e.rt.ToValue(true), nil
}

func (e *Evaluator) processUnlink(a arguments) (goja.Value, error) {
	pid, err := a.pid(0)
	if err != nil {
		return nil, err
	}
	e.process.Unlink(pid)
	return e.rt.ToValue(true), nil
}

func (e *Evaluator) processMonitor(a arguments) (goja.Value, error) {
	if pid, err := toPid(a.at(0)); err == nil {
		return e.fromTerm(e.process.Monitor(pid)), nil
	}
	o, ok := a.at(0).(*goja.Object)
	if !ok || e.kind(o) != kindArray || length(o) != 2 {
		return nil, a.wrong(0, "a pid or [name, node]")
	}
	name, isText := o.Get("0").(goja.String)
	node, isText2 := o.Get("1").(goja.String)
	if !isText || !isText2 {
		return nil, a.wrong(0, "a pid or [name, node]")
	}
	id, err := e.resolve(node.String())
	switch {
	case errors.Is(err, abi.ErrBadArgument):
		return nil, err
	case err != nil: // MON-06
		return e.fromTerm(e.process.MonitorUnreachable(name.String(), node.String())), nil
	}
	return e.fromTerm(e.process.MonitorName(name.String(), id, node.String())), nil
}

func (e *Evaluator) processDemonitor(a arguments) (goja.Value, error) {
	ref, err := a.ref(0)
	if err != nil {
		return nil, err
	}
	return e.rt.ToValue(e.process.Demonitor(ref, a.at(1).ToBoolean())), nil
}

func (e *Evaluator) processFlag(a arguments) (goja.Value, error) {
	of, i := e.process.Pid(), 0
	if pid, err := toPid(a.at(0)); err == nil {
		of, i = pid, 1
	}
	name, err := a.text(i)
	if err != nil {
		return nil, err
	}
	switch {
	case name == "priority":
		return e.setPriority(a, of, i+1)
	case name != "trap_exit":
		return nil, a.wrong(i, `"trap_exit" or "priority"`)
	case of != e.process.Pid():
		return nil, a.wrong(i, `"priority": a process says itself whether it traps exits`)
	}
	on, ok := a.at(i + 1).Export().(bool)
	if !ok {
		return nil, a.wrong(i+1, "true or false")
	}
	return e.rt.ToValue(e.process.TrapExits(on)), nil
}

// setPriority sets the priority of a process to the argument i.
func (e *Evaluator) setPriority(a arguments, of abi.Pid, i int) (goja.Value, error) {
	name, _ := a.at(i).Export().(string)
	priority, err := wnode.ParsePriority(name)
	if err != nil {
		return nil, a.wrong(i, `"low", "normal", "high" or "max"`)
	}
	before, err := e.node.SetPriority(of, priority)
	if err != nil {
		return nil, err
	}
	return e.rt.ToValue(before.String()), nil
}

func (e *Evaluator) processAlias(arguments) (goja.Value, error) {
	ref, err := e.process.Alias(wnode.AliasExplicit)
	if err != nil {
		return nil, err
	}
	return e.fromTerm(ref), nil
}

func (e *Evaluator) processUnalias(a arguments) (goja.Value, error) {
	ref, err := a.ref(0)
	if err != nil {
		return nil, err
	}
	return e.rt.ToValue(e.process.Unalias(ref)), nil
}

func (e *Evaluator) sendAfter(a arguments) (goja.Value, error) {
	var to wnode.TimerTarget
	var err error
	if name, ok := a.at(0).(goja.String); ok {
		to.Name = name.String()
	} else if to.Pid, err = a.pid(0); err != nil {
		return nil, a.wrong(0, "a pid or a registered name")
	}
	message, err := e.encode(a.at(1))
	if err != nil {
		return nil, err
	}
	delay, err := a.duration(2)
	if err != nil || delay == wnode.Infinity {
		return nil, a.wrong(2, "a number of milliseconds")
	}
	ref, err := e.process.SendAfter(delay, to, message)
	if err != nil {
		return nil, err
	}
	return e.fromTerm(ref), nil
}

func (e *Evaluator) cancelTimer(a arguments) (goja.Value, error) {
	return e.timeLeft(a, e.process.System().CancelTimer)
}

func (e *Evaluator) readTimer(a arguments) (goja.Value, error) {
	return e.timeLeft(a, e.process.System().ReadTimer)
}

func (e *Evaluator) timeLeft(a arguments, look func(abi.Ref) (time.Duration, bool)) (goja.Value, error) {
	ref, err := a.ref(0)
	if err != nil {
		return nil, err
	}
	left, ok := look(ref)
	if !ok {
		return e.rt.ToValue(false), nil
	}
	return e.rt.ToValue(int64(math.Ceil(float64(left) / float64(time.Millisecond)))), nil
}

// ref takes a ref.
func (a arguments) ref(i int) (abi.Ref, error) {
	ref, ok := toRef(a.at(i))
	if !ok {
		return ref, a.wrong(i, "a ref")
	}
	return ref, nil
}

func toRef(v goja.Value) (abi.Ref, bool) {
	t, _ := handleOf(v)
	ref, ok := t.(abi.Ref)
	return ref, ok
}
