package shell

import (
	"testing"
)

// Links, monitors, aliases and timers as people type them.
func TestLinkBuiltins(t *testing.T) {
	s := newSession(t)
	module := emptyModule(t)
	for _, c := range []struct{ source, want string }{
		{`f = wasm(` + quote(module) + `); 1`, `1`},
		{`Process.flag("trap_exit", true)`, `false`}, // LINK-13
		{`Process.flag("trap_exit", true)`, `true`},
		{`Process.flag("color", true)`, `Uncaught TypeError: Process.flag: argument 1 must be "trap_exit" or "priority", not "color"; the call is Process.flag([pid,] name, value) (input 4, line 1, column 13)`},
		{`Process.flag("trap_exit", 1)`, `Uncaught TypeError: Process.flag: argument 2 must be true or false, not 1; the call is Process.flag([pid,] name, value) (input 5, line 1, column 13)`},
		{`p = spawn_link(f); Process.info(p).links[0] === self() && Process.info(self()).links[0] === p`, `true`},
		{`Process.exit(p, ["boom", 1]); m = receive(); m[0] === "EXIT" && m[1] === p && m[2]`, `["boom", 1]`},
		{`Process.link(p); receive()[2]`, `"noproc"`}, // LINK-06
		{`p = spawn(f); Process.link(p) && Process.unlink(p) && Process.exit(p, "boom")`, `true`},
		{`[p, r] = spawn_monitor(f); Process.exit(p, "kill"); m = receive(); m[0] === "DOWN" && m[1] === r && m[3] === p && m[4]`, `"killed"`},
		{`r = Process.monitor(p); m = receive(); m[1] === r && m[4]`, `"noproc"`},
		{`Process.monitor(["nobody", Node.self()]); receive().slice(3)`, `[["nobody", "one@host"], "noproc"]`}, // MON-04, MON-06
		{`Process.monitor(["db", "nobody@host"]); receive().slice(3)`, `[["db", "nobody@host"], "noconnection"]`},
		{`Process.monitor("db")`, `Uncaught TypeError: Process.monitor: argument 1 must be a pid or [name, node], not "db"; the call is Process.monitor(who) (input 14, line 1, column 16)`},
		{`r = Process.monitor(spawn(f)); [Process.demonitor(r), Process.demonitor(r, true)]`, `[true, false]`}, // MON-09
		{`a = Process.alias(); send(a, "through"); receive(0)`, `"through"`},                                   // ALIAS-01
		{`[Process.unalias(a), Process.unalias(a), send(a, "late"), receive(0)]`, `[true, false, "late", undefined]`},
		{`t = Process.send_after(self(), "tick", 0); receive()`, `"tick"`}, // TMR-01
		{`t = Process.send_after("somebody", 1, 60000); Process.read_timer(t) > 50000`, `true`},
		{`Process.cancel_timer(t) > 50000 && Process.cancel_timer(t)`, `false`}, // TMR-03
		{`Process.read_timer(t)`, `false`},
		{`Process.cancel_timer(5)`, `Uncaught TypeError: Process.cancel_timer: argument 1 must be a ref, not 5; the call is Process.cancel_timer(ref) (input 22, line 1, column 21)`},
		{`Process.send_after(self(), 1)`, `Uncaught TypeError: Process.send_after: argument 3 must be a number of milliseconds, not undefined; the call is Process.send_after(to, term, ms) (input 23, line 1, column 19)`},
		{`p = Node.spawn_link("nobody@host", f); m = receive(); m[1] === p && m[2]`, `"noconnection"`}, // RSP-03
		{`[p, r] = Node.spawn_monitor("nobody@host", f); m = receive(); m[1] === r && m[4]`, `"noconnection"`},
		{`[p, r] = Node.spawn_monitor(Node.self(), f); Process.info(p).monitored_by[0] === self()`, `true`},
		{`Node.monitor("nobody@host"); receive()`, `["nodedown", "nobody@host"]`}, // MON-12
		{`[Node.monitor(Node.self()), Node.monitor(Node.self(), false), Node.monitor(Node.self(), false)]`, `[true, true, false]`},
		{`[Node.monitor_nodes(), Node.monitor_nodes(false), Node.monitor_nodes(false), receive(0)]`, `[true, true, false, undefined]`}, // MON-13
		{`Process.info(p).denied`, `[]`},
	} {
		s.wants(c.source, c.want)
	}
}
