package shell

import "testing"

// SIG-07: what the options of a send forbid is an error where it would be needed, and nowhere else.
func TestSendOptions(t *testing.T) {
	s := newSession(t)
	for _, c := range []struct{ source, want string }{
		{`send(self(), 1, {noconnect: true, nosuspend: true}); receive(0)`, `1`},
		{`send(self(), 2, {noconnect: false}); receive(0)`, `2`},
		{`send(["x", Node.self()], 3, {noconnect: true})`, `3`},
		{`send(["x", "nobody@host"], 4, {nosuspend: true})`, `4`},
		{`send(["x", "nobody@host"], 5, {noconnect: true})`, `Uncaught Error: send: the node is not connected (input 5, line 1, column 5)`},
		{`try { send(self(), 7, {noconect: true}) } catch (e) { e.message }`, `"send: argument 3 must be options, {noconnect: true, nosuspend: true}, not {noconect: true}; the call is send(to, term[, options])"`},
		{`try { send(self(), 8, true) } catch (e) { e instanceof TypeError }`, `true`},
		{`receive(0)`, `undefined`},
	} {
		s.wants(c.source, c.want)
	}
}
