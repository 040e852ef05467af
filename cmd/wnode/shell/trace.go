package shell

import (
	"github.com/dop251/goja"

	"github.com/wnode/wnode"
)

var traceBuiltins = []builtin{
	{"Process.trace", "pid[, flags[, tracer]]", `Has a process of this node traced: ["trace", pid, event, ...] comes to this shell, or to
the process tracer, for receive and flush. flags are of "send" (event "send", message, to),
"receive" ("receive", message), "procs" ("spawn", child, function; "spawned", parent,
function; "exit", reason; "register" and "unregister", name; "link", "unlink",
"getting_linked" and "getting_unlinked", pid) and "set_on_spawn" (what it spawns is traced
too); without them the first three. false ends it, as does the tracer's end. Gives true.`, (*Evaluator).trace},
}

func (e *Evaluator) trace(a arguments) (goja.Value, error) {
	pid, err := a.pid(0)
	if err != nil {
		return nil, err
	}
	flags, err := a.traceFlags(1)
	if err != nil {
		return nil, err
	}
	tracer := e.process.Pid()
	if !goja.IsUndefined(a.at(2)) {
		if tracer, err = a.pid(2); err != nil {
			return nil, err
		}
	}
	if err := e.node.Trace(pid, tracer, flags); err != nil {
		return nil, err
	}
	return e.rt.ToValue(true), nil
}

// traceFlags reads an array of names; false is none, and a missing argument all but set_on_spawn.
func (a arguments) traceFlags(i int) (flags wnode.TraceFlags, err error) {
	v := a.at(i)
	switch {
	case goja.IsUndefined(v):
		return wnode.TraceSend | wnode.TraceReceive | wnode.TraceProcs, nil
	case v.Export() == false:
		return 0, nil
	}
	const want = `an array of "send", "receive", "procs" and "set_on_spawn", or false`
	t, err := a.e.toTerm(v)
	if err != nil {
		return 0, err
	}
	names, ok := t.([]any)
	if !ok || len(names) == 0 {
		return 0, a.wrong(i, want)
	}
	for _, name := range names {
		text, _ := name.(string)
		flag, err := wnode.ParseTraceFlag(text)
		if err != nil {
			return 0, a.wrong(i, want)
		}
		flags |= flag
	}
	return flags, nil
}
