package shell

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/dop251/goja"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
)

var processBuiltins = []builtin{
	{"self", "", "The pid of this shell.", func(e *Evaluator, _ arguments) (goja.Value, error) {
		return e.fromTerm(e.process.Pid()), nil
	}},
	{"spawn", "f, ...args", "Starts a process that runs f, a function made by wasm(), and gives its pid.\nIts output comes to this shell's group leader.", (*Evaluator).spawn},
	{"Process.spawn", "f[, args[, options]]", `Does what spawn does, with an array of arguments. options has any of {node: "two@host",
link: true, monitor: true} and of what the process is to have, which is never more than
this shell has: {limits: {memory: 1048576}, deny: ["connect"], folders: ["/data:ro"],
overflow: "drop", priority: "low"}; docs/policy.md says what there is. Gives the pid, or
[pid, ref] with a monitor.`, (*Evaluator).processSpawn},
	{"pid", "text", "The pid that is printed as text: pid(\"#PID<0.12.0>\") or pid(\"0.12.0\").", (*Evaluator).parsePid},
	{"Process.list", "", "The pids of the processes of this node.", func(e *Evaluator, _ arguments) (goja.Value, error) {
		return e.pids(e.node.Processes()), nil
	}},
	{"Process.info", "pid", "What is known of a process of this node; undefined when it has ended.\ncurrent_function is where a guest is, [module, function, arity]; a guest that computes is\nasked, for a second at most.", (*Evaluator).processInfo},
	{"memory", "", `What this node keeps for its processes, in bytes: most is what it may (--memory), total what it
does. Of that processes have their memory; pooled are instances for the next ones, images what
they begin with, code is compiled, waiting is messages, and links is messages on their way to or
from other nodes. modules says whose it is.`, func(e *Evaluator, _ arguments) (goja.Value, error) {
		return e.memory(e.node.Memory()), nil
	}},
	{"Process.exit", "pid, reason", "Sends an exit signal, to a process of any node. The reason \"kill\" ends every\nprocess, \"normal\" none but the caller. Gives true.", (*Evaluator).processExit},
}

func (e *Evaluator) pids(pids []abi.Pid) goja.Value {
	list := make([]any, len(pids))
	for i, pid := range pids {
		list[i] = e.fromTerm(pid)
	}
	return e.rt.NewArray(list...)
}

func (e *Evaluator) processInfo(a arguments) (goja.Value, error) {
	pid, err := a.pid(0)
	if err != nil {
		return nil, err
	}
	if pid.Node != e.node.ID() {
		return nil, a.wrong(0, "a pid of this node") // PROC-13
	}
	info, ok := e.node.Info(pid)
	if !ok {
		return goja.Undefined(), nil
	}
	return e.object(e.infoFields(info, e.node.Stack(e.ctx, pid))), nil
}

type infoField struct {
	name  string
	value goja.Value
}

// infoFields gives them in the order in which they are printed. What a process does not have is null.
func (e *Evaluator) infoFields(info wnode.Info, stack []wnode.Frame) []infoField {
	text := func(s string) goja.Value {
		if s == "" {
			return goja.Null()
		}
		return e.rt.ToValue(s)
	}
	function, module, memory, parent := goja.Null(), goja.Null(), goja.Null(), goja.Null()
	if info.Function != (abi.Function{}) {
		function, module = e.fromTerm(info.Function), e.rt.ToValue("sha256:"+info.Function.Module.String())
		memory = e.rt.ToValue(info.Memory)
	}
	if !info.Parent.IsZero() {
		parent = e.fromTerm(info.Parent)
	}
	current, calls := e.calls(stack)
	return []infoField{
		{"registered_name", text(info.Name)},
		{"label", text(info.Label)},
		{"status", text(info.Status)},
		{"current_function", current},
		{"current_stacktrace", calls},
		{"function", function},
		{"module", module},
		{"message_queue_len", e.rt.ToValue(info.MessageQueue)},
		{"message_queue_bytes", e.rt.ToValue(info.MessageBytes)},
		{"group_leader", e.fromTerm(info.GroupLeader)},
		{"parent", parent},
		{"trap_exit", e.rt.ToValue(info.TrapExit)},
		{"links", e.pids(info.Links)},
		{"monitors", e.pids(info.Monitors)},
		{"monitored_by", e.pids(info.MonitoredBy)},
		{"memory", memory},
		{"priority", text(info.Priority.String())},
		{"reductions", e.rt.ToValue(info.Reductions)},
		{"limits", e.limits(info.Rights.Limits)},
		{"denied", e.texts(info.Rights.Denied.PermissionNames())},
		{"folders", e.texts(info.Rights.FolderNames())},
		{"environment", e.texts(info.Rights.EnvironmentNames())},
		{"listeners", e.texts(info.Rights.ListenerNames())},
		{"started", text(info.Started.UTC().Format("2006-01-02T15:04:05.000Z"))},
	}
}

// calls gives the innermost call of a stack as [module, function, arity], and all of them; both are null
// when nobody knows.
func (e *Evaluator) calls(stack []wnode.Frame) (current, all goja.Value) {
	if len(stack) == 0 {
		return goja.Null(), goja.Null()
	}
	list := make([]any, len(stack))
	for i, f := range stack {
		list[i] = e.rt.NewArray(f.Module, f.Function, f.Arity)
	}
	return e.rt.NewArray(stack[0].Module, stack[0].Function, stack[0].Arity), e.rt.NewArray(list...)
}

// limits gives the bounds that there are, by name.
func (e *Evaluator) limits(limits wnode.Limits) goja.Value {
	values := map[any]any{}
	for name, value := range limits.Values() {
		values[name] = int64(value)
	}
	if limits.Priority != 0 {
		values["priority"] = limits.Priority.String()
	}
	return e.fromMap(values)
}

func (e *Evaluator) processExit(a arguments) (goja.Value, error) {
	pid, err := a.pid(0)
	if err != nil {
		return nil, err
	}
	if len(a.list) < 2 {
		return nil, a.wrong(1, "the reason")
	}
	reason, err := e.encode(a.at(1))
	if err != nil {
		return nil, err
	}
	if err := e.process.ExitProcess(e.ctx, pid, reason); err != nil {
		return nil, err
	}
	return e.rt.ToValue(true), nil
}

var errPidText = errors.New(`not the text of a pid, which is like "#PID<0.12.0>"`)

// parsePid refuses what denotes no possible process (PROC-18).
func (e *Evaluator) parsePid(a arguments) (goja.Value, error) {
	text, err := a.text(0)
	if err != nil {
		return nil, err
	}
	node, num, err := splitPid(text)
	if err != nil {
		return nil, err
	}
	id, ok := e.nodeAt(node)
	if !ok || num == abi.NodeProcess {
		return nil, fmt.Errorf("%s is no process: no node has the number %d here", text, node)
	}
	return e.fromTerm(abi.Pid{Node: id, Num: num}), nil
}

// splitPid reads #PID<node.low.high>; the frame may be missing.
func splitPid(text string) (node int, num uint64, err error) {
	inner := strings.TrimPrefix(text, "#PID")
	if strings.HasPrefix(inner, "<") && strings.HasSuffix(inner, ">") {
		inner = inner[1 : len(inner)-1]
	} else if inner != text {
		return 0, 0, errPidText
	}
	parts := strings.Split(inner, ".")
	if len(parts) != 3 {
		return 0, 0, errPidText
	}
	var n [3]uint64
	for i, part := range parts {
		if n[i], err = strconv.ParseUint(part, 10, 32); err != nil || part[0] == '+' {
			return 0, 0, errPidText
		}
	}
	return int(n[0]), n[2]<<32 | n[1], nil
}

// nodeAt finds the node that printed pids show as number n: this one, a connected one, or one of
// which this shell has a pid.
func (e *Evaluator) nodeAt(n int) (abi.NodeID, bool) {
	if n == 0 {
		return e.node.ID(), true
	}
	for _, name := range e.node.Nodes() {
		if id, err := e.node.Resolve(e.ctx, name); err == nil && e.node.Index(id) == n {
			return id, true
		}
	}
	return e.handles.nodeAt(n, e.node)
}
