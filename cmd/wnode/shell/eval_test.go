package shell

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// session is an evaluator in a process, whose goroutine runs what the test gives it.
type session struct {
	t      *testing.T
	node   *fakeNode
	device *device
	pid    abi.Pid
	e      *Evaluator
	work   chan func()
}

func newSession(t *testing.T) *session {
	t.Helper()
	n := newFakeNode(t)
	s := &session{t: t, node: n, device: startDevice(t, n), work: make(chan func())}
	ready := make(chan struct{})
	pid, err := n.Spawn("shell", s.device.pid, func(p *wnode.Process) wnode.Exit {
		s.e = NewEvaluator(n, p)
		close(ready)
		for f := range s.work {
			f()
		}
		return vm.Normal
	})
	if err != nil {
		t.Fatal(err)
	}
	<-ready
	s.pid = pid
	t.Cleanup(func() { close(s.work) })
	return s
}

// do runs f on the process's goroutine.
func (s *session) do(f func()) {
	done := make(chan struct{})
	s.work <- func() { defer close(done); f() }
	<-done
}

// eval gives what the shell would print.
func (s *session) eval(source string) string {
	text, err := s.evalContext(s.t.Context(), source)
	if err != nil {
		return err.Error()
	}
	return text
}

func (s *session) evalContext(ctx context.Context, source string) (text string, err error) {
	s.do(func() { text, err = s.e.Eval(ctx, source) })
	return text, err
}

func (s *session) wants(source, want string) {
	s.t.Helper()
	if got := s.eval(source); got != want {
		s.t.Errorf("%s\n got %s\nwant %s", source, got, want)
	}
}

// emptyModule writes a module with nothing in it, called whoami.wasm, and gives its path.
func emptyModule(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "whoami.wasm")
	if err := os.WriteFile(path, []byte("\x00asm\x01\x00\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEval(t *testing.T) {
	s := newSession(t)
	module := emptyModule(t)
	text := filepath.Join(filepath.Dir(module), "text.wasm")
	if err := os.WriteFile(text, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ source, want string }{
		{`1 + 1`, `2`},
		{`Node.self()`, `"one@host"`},
		{`Node.list()`, `[]`},
		{`Node.connect("nobody@host")`, `false`}, // DIST-02
		{`Node.connect(Node.self())`, `true`},
		{`Node.connect("two@host")`, `true`},
		{`Node.list()`, `["two@host"]`},
		{`Node.connect(1)`, `Uncaught TypeError: Node.connect: argument 1 must be a string, not 1; the call is Node.connect(node) (input 8, line 1, column 13)`},
		{`Node.ping("two@host") + Node.ping("nobody@host") + Node.ping(Node.self())`, `"pongpangpong"`}, // DIST-03
		{`Node.disconnect("two@host")`, `true`},
		{`Node.disconnect("two@host")`, `false`}, // DIST-08
		{`self() === self() && self().equals(self())`, `true`},
		{`self() === group_leader() || self().equals(group_leader())`, `false`},
		{"`${self()}` === String(self()) && self().node() === Node.self()", `true`},
		{`self() === pid(String(self())) && pid("0.5.1").toString()`, `"#PID<0.5.1>"`},
		{`pid("#PID<7.1.0>")`, `Uncaught Error: pid: #PID<7.1.0> is no process: no node has the number 7 here (input 16, line 1, column 4)`}, // PROC-18
		{`pid("#PID<0.0.0>")`, `Uncaught Error: pid: #PID<0.0.0> is no process: no node has the number 0 here (input 17, line 1, column 4)`},
		{`pid("<1.2")`, `Uncaught Error: pid: not the text of a pid, which is like "#PID<0.12.0>" (input 18, line 1, column 4)`},
		{`Node.connect("two@host"); pid("1.2.3")`, `#PID<1.2.3>`},
		{`send(self(), {a: [1, "x", null]})`, `{a: [1, "x", null]}`},
		{`receive(0)`, `{a: [1, "x", null]}`},
		{`receive(0)`, `undefined`},
		{`receive(1)`, `undefined`},
		{`receive("x")`, `Uncaught TypeError: receive: argument 1 must be a number of milliseconds, not "x"; the call is receive(ms) (input 24, line 1, column 8)`},
		{`send("nobody", 1)`, `Uncaught Error: send: no process is registered as "nobody" (input 25, line 1, column 5)`}, // SIG-04
		{`send(["nobody", Node.self()], 1)`, `1`},                           // REG-05
		{`send(["x", "nobody@host"], 1)`, `1`},                              // SIG-06
		{`try { send(5, 1) } catch (e) { e instanceof TypeError }`, `true`}, // SIG-05
		{`Process.register(self(), "me")`, `true`},
		{`send("me", 1); send(["me", Node.self()], 2); [receive(0), receive(0)]`, `[1, 2]`},
		{`Process.register(self(), "again")`, `Uncaught Error: Process.register: "again" is taken, or ` + s.pid.Text(0) + ` has a name already (input 31, line 1, column 17)`}, // REG-01
		{`Process.registered()`, `["me"]`},
		{`Process.whereis("me") === self()`, `true`},
		{`Process.whereis("you")`, `undefined`}, // REG-03
		{`Process.unregister("me")`, `true`},
		{`Process.unregister("me")`, `Uncaught Error: Process.unregister: no process is registered as "me" (input 36, line 1, column 19)`},
		{`global.register_name("two", group_leader())`, `"yes"`}, // GLOB-01
		{`global.register_name("two", self())`, `"no"`},          // GLOB-02
		{`two = global.whereis_name("two"); IO.puts(two, "Hello")`, `"ok"`},
		{`global.whereis_name("three")`, `undefined`}, // GLOB-03
		{`global.registered_names()`, `["two"]`},
		{`global.unregister_name("two") + global.unregister_name("two")`, `"okok"`}, // GLOB-04
		{`global.register_name("me", self()); global.send("me", 5) === self() && receive(0)`, `5`},
		{`global.send("nobody", 1)`, `Uncaught Error: global.send: no process is registered globally as "nobody" (input 44, line 1, column 12)`}, // GLOB-05
		{`who = wasm(` + quote(module) + `)`, `#Function<whoami.wasm sha256:3fa9...>`},
		{`wasm(` + quote(module) + `, "go")`, `#Function<whoami.wasm:go sha256:3fa9...>`},
		{`wasm(` + quote(text) + `)`, `Uncaught Error: wasm: text.wasm is no WebAssembly module (input 47, line 1, column 5)`},
		{`try { wasm("/") } catch (e) { e.message }`, `"wasm: read /: is a directory"`},
		{`p = spawn(who, 1, "a"); Process.info(p).label`, `"whoami.wasm"`},
		{`Process.info(p).group_leader === group_leader() && Process.info(p).parent === self()`, `true`}, // GL-01
		{`Process.list().length`, `3`},
		{`Process.info(pid("0.1000.0"))`, `undefined`},
		{`try { Process.info(pid("1.5.0")) } catch (e) { e instanceof TypeError }`, `true`}, // PROC-13
		{`Process.exit(p, "normal") && Process.info(p).status`, `"running"`},
		{`Process.exit(p, "kill")`, `true`},
		{`spawn(function f() {})`, `Uncaught TypeError: spawn: a JavaScript function cannot be spawned: processes run WebAssembly, so pass wasm("file.wasm") (input 56, line 1, column 6)`},
		{`try { spawn(1) } catch (e) { e instanceof TypeError }`, `true`},
		{`Node.spawn("nobody@host", who) === self()`, `false`}, // RSP-02
		{`Node.spawn(Node.self(), who) === self()`, `false`},
		{`IO.inspect([1])`, `[1]`},
		{`IO.puts(self(), "x")`, `Uncaught Error: IO.puts: the shell is no I/O server: write to group_leader() (input 61, line 1, column 8)`},
		{`IO.puts(pid("0.1000.0"), "x")`, `Uncaught Error: IO.puts: the device has terminated (input 62, line 1, column 8)`}, // IO-20
		{`IO.puts("nobody", "x")`, `Uncaught Error: IO.puts: no process is registered as "nobody" (input 63, line 1, column 8)`},
		{`help()`, ``},
		{`help(spawn)`, ``},
		{`try { help(1) } catch (e) { e.message }`, `"help: there is no help on that: help() lists what the shell adds to JavaScript"`},
	} {
		s.wants(c.source, c.want)
	}
	if got := s.device.take(); !strings.HasPrefix(got, "Hello\n[1]\nThis is JavaScript") || !strings.Contains(got, "\nspawn(f, ...args)\n\n  Starts") {
		t.Errorf("output %q", got)
	}
	if logs := s.node.logs.String(); strings.Count(logs, "Can not start #Function<whoami.wasm sha256:3fa9...>") != 1 {
		t.Errorf("log: %s", logs)
	}
}

func TestSpawnArguments(t *testing.T) {
	s := newSession(t)
	f := abi.Function{Module: abi.Hash{1}, Export: "go", Name: "m.wasm"}
	s.do(func() { s.e.rt.Set("f", s.e.fromTerm(f)) })
	s.wants(`p = spawn(f, "a", [1n], self()); 0`, `0`)
	s.wants(`spawn(f, () => 1)`, `Uncaught TypeError: spawn: argument 2: a JavaScript function cannot leave the shell: only wasm functions can, see help(wasm) (input 2, line 1, column 6)`)
	s.wants(`while (Process.info(p).status === "exiting") ; Process.exit(p, "shutdown")`, `true`)
	s.wants(`while (Process.info(p)) ;`, `undefined`)
	s.node.mu.Lock()
	defer s.node.mu.Unlock()
	want := term.MustEncode([]any{"a", []any{int64(1)}, s.pid})
	if len(s.node.spawned) != 1 || s.node.spawned[0].Function != f || string(s.node.spawned[0].Args) != string(want) {
		t.Errorf("spawned %v", s.node.spawned)
	}
}

func TestDeclarations(t *testing.T) {
	s := newSession(t)
	for _, c := range []struct{ source, want string }{
		{`let x = 1`, `undefined`},
		{`x`, `1`},
		{`let x = 2, y = x; x + y`, `4`},
		{`const x = 3`, `undefined`},
		{`x = 4`, `4`},
		{`let x; x`, `undefined`},
		{`let {a, b: [c]} = {a: 1, b: [2]}; a + c`, `3`},
		{`class A { v() { return 1 } }`, `undefined`},
		{`class A { v() { return 2 } } new A().v()`, `2`},
		{`function f() { let x = "inner"; return x } f()`, `"inner"`},
		{`x`, `undefined`},
		{`for (let i = 0; i < 2; i++) ; typeof i`, `"undefined"`},
		{`{ let hidden = 1 } typeof hidden`, `"undefined"`},
		{`const q`, `Uncaught SyntaxError: Missing initializer in const declaration (input 14, line 1, column 1)` + "\n  const q\n  ^"},
		{`{a: 1, b: {c: 2}}`, `{a: 1, b: {c: 2}}`},
		{`{}`, `{}`},
		{`let self = 5; self`, `5`},
		{`x =`, `Uncaught SyntaxError: Unexpected end of input (input 18, line 1, column 4)` + "\n  x =\n     ^"},
		{"1;\n  nope()", `Uncaught ReferenceError: nope is not defined (input 19, line 2, column 7)`},
		{`throw "text"`, `Uncaught "text" (input 20, line 1, column 1)`},
		{`throw {a: 1}`, `Uncaught {a: 1} (input 21, line 1, column 1)`},
		{`throw new RangeError("a\nb")`, `Uncaught RangeError: a b (input 22, line 1, column 7)`},
		{`(function f() { f() })()`, `Uncaught RangeError: functions call each other too deeply (input 23, line 1, column 18)`},
		{`Promise.reject(new Error("lost")); 1`, `Uncaught (in promise) Error: lost`},
		{`Promise.reject(1).catch(() => 2)`, `Promise {2}`},
		{`async function g() { return 1 } g()`, `Promise {1}`},
		{`//# sourceMappingURL=/etc/passwd` + "\n7", `7`},
		{strings.Repeat(" ", MaxSourceBytes+1), `Uncaught SyntaxError: input of 131073 bytes, at most 131072`},
	} {
		s.wants(c.source, c.want)
	}
}

func TestMailbox(t *testing.T) {
	s := newSession(t)
	s.wants(`send(self(), ["tick", 1]); send(self(), "x"); flush()`, `"ok"`)
	s.wants(`flush()`, `"ok"`)
	if got := s.device.take(); got != "[\"tick\", 1]\n\"x\"\n" {
		t.Errorf("flush printed %q", got)
	}
	s.do(func() { _ = s.e.process.Send(t.Context(), s.pid, []byte{0xff}) })
	s.wants(`receive()`, `Uint8Array(1) [255]`) // a message that is no term
	s.do(func() {
		s.e.process.Monitor(abi.Pid{Node: selfID, Num: 1 << 30})
	})
	s.wants(`m = receive(); [m[0], m[2], m[4], m[1] === m[1]]`, `["DOWN", "process", "noproc", true]`)
	s.wants(`String(m[1]).slice(0, 5)`, `"#Ref<"`)
}

func TestGets(t *testing.T) {
	s := newSession(t)
	s.device.give("Ada\n")
	s.device.give("eof")
	s.device.give([]any{"error", "eio"})
	s.device.give([]any{"error", "interrupted"})
	s.wants(`IO.gets("name? ")`, `"Ada\n"`)
	s.wants(`IO.gets(group_leader(), 5)`, `null`)
	s.wants(`IO.gets()`, `Uncaught Error: IO.gets: ["error", "eio"]: input/output error (input 3, line 1, column 8)`)
	s.wants(`try { IO.gets() } catch (e) {} 1`, `interrupted`)
	if got := s.device.take(); got != "name? 5" {
		t.Errorf("prompts %q", got)
	}
	s.wants(`IO.puts(new Uint8Array([104, 105])); IO.puts(12); IO.puts(self); IO.puts()`, `"ok"`)
	if got := s.device.take(); got != "hi\n12\n[Function: self]\nundefined\n" {
		t.Errorf("output %q", got)
	}
}

func TestExit(t *testing.T) {
	s := newSession(t)
	var quit *Quit
	if _, err := s.evalContext(t.Context(), `try { exit(3) } finally { x = 1 }`); !errors.As(err, &quit) || quit.Code != 3 {
		t.Errorf("exit(3) gives %v", err)
	}
	if _, err := s.evalContext(t.Context(), `quit()`); !errors.As(err, &quit) || quit.Code != 0 {
		t.Errorf("quit() gives %v", err)
	}
	s.wants(`typeof x`, `"undefined"`)
	s.wants(`exit(256)`, `Uncaught TypeError: exit: argument 1 must be a number from 0 to 255, not 256; the call is exit([code]) (input 4, line 1, column 5)`)
}

// Whatever an input does, its context ends it, and the evaluator works on.
func TestInterrupt(t *testing.T) {
	s := newSession(t)
	why := errors.New("enough")
	for name, source := range map[string]string{
		"loop":       `for (;;) ;`,
		"caught":     `for (;;) try { for (;;) ; } catch (e) {} finally { continue }`,
		"receive":    `receive(); x = 1`,
		"receive ms": `receive(1e9)`,
		"gets":       `IO.gets("? ")`,
		"connect":    `Node.connect("slow@host"); x = 1`,
		"ping":       `Node.ping("slow@host"); x = 1`,
		"spawn":      `Node.spawn("slow@host", f); x = 1`,
		"send":       `send(["x", "slow@host"], 1); x = 1`,
		"sort":       `[3, 2, 1].sort(() => { for (;;) ; })`,
		"promise":    `Promise.resolve().then(() => { for (;;) ; }); 1`,
		"toString":   "`${{toString() { for (;;) ; }}}`",
	} {
		t.Run(name, func(t *testing.T) {
			s.do(func() { s.e.rt.Set("f", s.e.fromTerm(abi.Function{Name: "f"})) })
			ctx, cancel := context.WithCancelCause(t.Context())
			timer := time.AfterFunc(10*time.Millisecond, func() { cancel(why) })
			defer timer.Stop()
			if _, err := s.evalContext(ctx, source); err != why {
				t.Errorf("got %v", err)
			}
			s.wants(`typeof x`, `"undefined"`)
		})
	}
	s.device.give("eof")
}

// An exit signal to the shell itself ends the evaluation at once.
func TestExitSelf(t *testing.T) {
	s := newSession(t)
	var err error
	s.do(func() { _, err = s.e.Eval(s.e.process.Context(), `Process.exit(self(), "boom"); for (;;) ;`) })
	var exit *wnode.ExitError
	if !errors.As(err, &exit) || string(exit.Reason) != string(term.MustEncode("boom")) {
		t.Errorf("got %v", err)
	}
}
