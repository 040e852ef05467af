package shell

import (
	"strings"
	"testing"
)

// Process.spawn as people type it. PROC-07, PROC-08, W-08.
func TestSpawnOptions(t *testing.T) {
	s := newSession(t)
	module := emptyModule(t)
	for _, c := range []struct{ source, want string }{
		{`f = wasm(` + quote(module) + `); 1`, `1`},
		{`Process.info(Process.spawn(f)).priority`, `"normal"`},
		{`info = Process.info(Process.spawn(f, ["x"], {limits: {timers: 3, priority: "low"}, deny: ["connect", "names"], folders: [], overflow: "drop", priority: "high"})); 1`, `1`},
		{`[info.limits.timers, info.limits.priority, info.denied, info.priority]`, `[3, "low", ["connect", "names"], "low"]`},
		{`Process.info(Process.spawn(f, [], {limits: info.limits})).limits.timers`, `3`},
		{`p = Process.spawn(f, [], {link: true}); Process.info(p).links[0] === self()`, `true`},
		{`Process.unlink(p) && Process.exit(p, "kill")`, `true`},
		{`[p, r] = Process.spawn(f, [], {monitor: true, node: Node.self()}); Process.exit(p, "kill"); m = receive(); m[1] === r && m[4]`, `"killed"`},
		{`[p, r] = Process.spawn(f, [], {monitor: true, node: "nobody@host"}); m = receive(); m[1] === r && m[4]`, `"noconnection"`}, // RSP-03
	} {
		s.wants(c.source, c.want)
	}
	for _, c := range []struct{ args, want string }{
		{`f, "x"`, `argument 2 must be an array of the process's arguments, not "x"`},
		{`f, [], 5`, `argument 3 must be options, as in {link: true, limits: {memory: 1048576}}, not 5`},
		{`f, [], {wings: 2}`, `option wings: there is none of that name; there are node, link, monitor, limits, deny, folders, overflow and priority`},
		{`f, [], {link: 1}`, `option link: it must be true or false`},
		{`f, [], {monitor: "yes"}`, `option monitor: it must be true or false`},
		{`f, [], {node: 1}`, `option node: it must be the name of a node`},
		{`f, [], {limits: [1]}`, `option limits: it must be an object`},
		{`f, [], {limits: {timers: -1}}`, `option limits: timers must be a whole number, and not less than 0`},
		{`f, [], {limits: {timers: 1.5}}`, `option limits: timers must be a whole number, and not less than 0`},
		{`f, [], {limits: {wings: 2}}`, `option limits: limit "wings": there is none of that name`},
		{`f, [], {limits: {priority: "x"}}`, `option limits: priority "x": it is one of [low normal high max] (input`},
		{`f, [], {deny: "connect"}`, `option deny: it must be an array of strings`},
		{`f, [], {deny: ["fun"]}`, `option deny: permission "fun": there is none of that name`},
		{`f, [], {folders: [1]}`, `option folders: it must be an array of strings`},
		{`f, [], {folders: ["relative"]}`, `option folders: folder "relative": what a guest sees must be an absolute path`},
		{`f, [], {overflow: "spill"}`, `option overflow: overflow "spill": it is one of [kill drop block]`},
		{`f, [], {priority: 3}`, `option priority: it must be a string`},
	} {
		got := s.eval(`Process.spawn(` + c.args + `)`)
		if want := "Uncaught TypeError: Process.spawn: " + c.want; !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", c.args, got, want)
		}
	}
}
