package shell

import (
	"context"
	"testing"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
)

func (n *fakeNode) Stack(ctx context.Context, pid abi.Pid) []wnode.Frame {
	return n.sys.Stack(ctx, pid)
}

func (n *fakeNode) Trace(target, tracer abi.Pid, flags wnode.TraceFlags) error {
	return n.sys.Trace(target, tracer, flags)
}

func (n *fakeNode) SetPriority(pid abi.Pid, p wnode.Priority) (wnode.Priority, error) {
	return n.sys.SetPriority(pid, p)
}

func (n *fakeNode) Memory() wnode.Memory {
	return wnode.Memory{Most: 64 << 20, Processes: 3 << 20, Code: 1000, Waiting: 24, Modules: []wnode.ModuleMemory{
		{Name: "hello", Processes: 2, Instances: 3 << 20, Code: 1000},
	}}
}

func TestMemory(t *testing.T) {
	s := newSession(t)
	for _, c := range []struct{ source, want string }{
		{`m = memory(); [m.most, m.total, m.processes, m.waiting]`, `[67108864, 3146752, 3145728, 24]`},
		{`m.modules.map(m => [m.module.length, m.name, m.running, m.total, m.code])`, `[[71, "hello", 2, 3146728, 1000]]`},
		{`Object.keys(m).slice(0, 2)`, `["most", "total"]`},
	} {
		s.wants(c.source, c.want)
	}
}

func TestTrace(t *testing.T) {
	s := newSession(t)
	module := emptyModule(t)
	const call = `the call is Process.trace(pid[, flags[, tracer]])`
	for _, c := range []struct{ source, want string }{
		{`p = spawn(wasm(` + quote(module) + `)); Process.trace(p)`, `true`},
		{`send(p, ["hello", 1]); m = receive(); m[0] === "trace" && m[1] === p && m.slice(2)`, `["receive", ["hello", 1]]`},
		{`Process.link(p); Process.unlink(p); [receive(), receive()].map(m => m[2])`, `["getting_linked", "getting_unlinked"]`},
		{`Process.trace(p, ["procs"]); send(p, 1); Process.exit(p, "kill"); m = receive(); m.slice(2)`, `["exit", "killed"]`},
		{`Process.monitor(p); receive(); try { Process.trace(p) } catch (e) { e.message.endsWith("no such process") }`, `true`},
		{`p = spawn(wasm(` + quote(module) + `)); Process.trace(p, ["receive"]); Process.trace(p, false); send(p, 1); receive(0)`, `undefined`},
		{`q = spawn(wasm(` + quote(module) + `)); Process.trace(p, ["send"], q)`, `true`},
		{`try { Process.trace(p) } catch (e) { e.message.includes("traces it") }`, `true`},
		{`Process.trace(self(), ["sends"])`, `Uncaught TypeError: Process.trace: argument 2 must be an array of "send", "receive", "procs" and "set_on_spawn", or false, not ["sends"]; ` + call + ` (input 9, line 1, column 14)`},
	} {
		s.wants(c.source, c.want)
	}
}

func TestPriorityFlag(t *testing.T) {
	s := newSession(t)
	for _, c := range []struct{ source, want string }{
		{`Process.flag("priority", "low")`, `"normal"`},
		{`Process.flag(self(), "priority", "high")`, `"low"`},
		{`Process.info(self()).priority`, `"high"`},
		{`Process.info(self()).limits.priority`, `"high"`},
		{`Process.flag("priority", "top")`, `Uncaught TypeError: Process.flag: argument 2 must be "low", "normal", "high" or "max", not "top"; the call is Process.flag([pid,] name, value) (input 5, line 1, column 13)`},
		{`Process.flag(pid("0.99.0"), "priority", "low")`, `Uncaught Error: Process.flag: priority of #PID<0.99.0>: no such process (input 6, line 1, column 13)`},
		{`try { Process.flag("priority", "max") } catch (e) { e.message }`, `"Process.flag: priority max, at most high: permission denied"`},
	} {
		s.wants(c.source, c.want)
	}
}
