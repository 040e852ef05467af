//go:build linux

package e2e

import (
	"strings"
	"testing"
)

// What the keys do at the prompt.
func TestShellKeys(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	w := h.window("", nodeOne)

	w.gives("answer = 42", "42")
	w.awaitPrompt()
	w.keys("Node.li\t") // completion
	w.expect(`^wnode\(node_one@127\.0\.0\.1\)2> Node\.list`)
	w.keys("\x15") // all that is typed goes
	w.awaitPrompt()
	w.keys("\x1b[A") // the line before
	w.expect(`^wnode\(node_one@127\.0\.0\.1\)2> answer = 42$`)
	w.keys("\x01\x1b[C\x1b[C\x1b[3~S\x05\x7f\x7f43") // some edits
	w.enter("")
	w.end("anSwer = 43", "43")

	w.types("undefined_thing", `Uncaught ReferenceError: undefined_thing is not defined .*`)
	w.begin("({")
	w.awaitCursor("...> ")
	w.enter("a: 1})")
	w.prompts++
	w.expect(`^\.\.\.> a: 1}\)\n{a: 1}\nwnode\(node_one@127\.0\.0\.1\)5>$`)

	const endless = `IO.puts("busy"); while (true) {}`
	w.begin(endless)
	w.expect(`^busy$`)
	w.keys("\x03")
	w.end(endless, `busy\n\^C\ninterrupted`)
	w.awaitPrompt()
	w.keys("half a li\x03") // this is not evaluated
	w.expect(`half a li\^C\nwnode\(node_one@127\.0\.0\.1\)6>$`)
	w.awaitPrompt()
	w.exitCode = 3
	w.enter("exit(3)")
	<-w.exited
}

// Keys that come while an input is being evaluated, or just before, are neither lost nor kept for what they are not meant for.
func TestShellKeysWhileBusy(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	w := h.window("", nodeOne)
	for range 20 {
		w.awaitPrompt()
		w.enter("for (;;) ;")
		w.keys("lost\x03")
		w.end("for (;;) ;", `\^C\ninterrupted`)
	}
	w.begin(`receive(100); "done"`)
	w.keys("6 * 7\r\x04") // the next input, and then the end
	<-w.exited
	w.expect(`^"done"\n.*> 6 \* 7\n42\n.*> \^D\nend of input, stopping node_one@127\.0\.0\.1$`)
}

// Ctrl-\ leaves at once, whatever goes on.
func TestShellQuit(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	w := h.window("", nodeOne)
	w.begin("for (;;) ;")
	w.awaitBusy()
	w.keys("\x1c")
	<-w.exited
}

// What --eval defines is there in the shell; when it fails, so does the program.
func TestShellFirst(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	w := h.window("", nodeOne, "--eval", "x = 41; const add = (y) => x + y")
	w.gives("add(1)", "42")
	r := h.run(nodeArgs("start", []string{"--name", nodeTwo, "--eval", "nope"})...)
	if r.code != 1 || r.stderr != "Uncaught ReferenceError: nope is not defined (--eval, line 1, column 1)\n" {
		t.Errorf("%+v", r)
	}
}

// Lines are remembered from one start to the next.
func TestShellHistory(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	first := h.window("", nodeOne)
	first.gives(`"remember me"`, `"remember me"`)
	first.awaitPrompt()
	first.keys("\x04")
	<-first.exited
	second := h.window("", nodeOne)
	second.keys("\x1b[A")
	second.expect(`1> "remember me"$`)
}

// The shell also works for a program: without a terminal it reads lines and writes lines.
func TestShellOfPipe(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	r := h.pipe([]byte("1 + 1\nthrow 1\nNode.self()\n"), nodeArgs("start", []string{"--name", nodeOne})...)
	for _, want := range []string{"2\n", "Uncaught 1", `"node_one@127.0.0.1"` + "\n"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in %+v", want, r)
		}
	}
	if r.code != 0 || r.stderr != "" {
		t.Errorf("%+v", r)
	}
}

func TestShellConnects(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	one, two := h.headless(nodeOne), h.headless(nodeTwo)
	w := h.window("", "three@127.0.0.1", "--connect", one.name, "--connect", two.name)
	w.gives(`Node.list()`, `["node_one@127.0.0.1", "node_two@127.0.0.1"]`)
	four := h.open("", nodeArgs("start", []string{"--name", "four@127.0.0.1", "--connect", "nobody@127.0.0.1"})...)
	four.name = "four@127.0.0.1"
	four.expect(`^wnode: cannot connect to nobody@127\.0\.0\.1: .*`)
	four.gives(`Node.list()`, `[]`)
}
