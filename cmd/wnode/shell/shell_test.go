package shell

import (
	"strings"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

func startShell(t *testing.T) (*fakeNode, *device, *Shell) {
	t.Helper()
	n := newFakeNode(t)
	d := startDevice(t, n)
	s, err := Start(n, d.pid, "")
	if err != nil {
		t.Fatal(err)
	}
	d.shows(t, "wnode(one@host)1> ")
	return n, d, s
}

func evaluator(t *testing.T, n *fakeNode) abi.Pid {
	t.Helper()
	for _, pid := range n.Processes() {
		if info, ok := n.Info(pid); ok && info.Label == "shell" && info.Status != "exiting" {
			return pid
		}
	}
	t.Fatal("there is no shell")
	return abi.Pid{}
}

func (d *device) expect(t *testing.T, input any, want string) {
	t.Helper()
	d.give(input)
	if got := d.shows(t, want[strings.LastIndex(want, "\n")+1:]); got != want {
		t.Errorf("after %q the output is %q, want %q", input, got, want)
	}
}

func TestShell(t *testing.T) {
	_, d, s := startShell(t)
	d.expect(t, "1 + 1\n", "2\nwnode(one@host)2> ")
	d.expect(t, "\n", "wnode(one@host)2> ")
	d.expect(t, "// nothing\n", "undefined\nwnode(one@host)3> ")
	d.expect(t, "x = {\n", "...> ")
	d.expect(t, "\n", "...> ")
	d.expect(t, "  a: 1\n", "...> ")
	d.expect(t, "}\n", "{a: 1}\nwnode(one@host)4> ")
	d.expect(t, "nope\n", "Uncaught ReferenceError: nope is not defined (input 4, line 1, column 1)\nwnode(one@host)5> ")
	d.expect(t, "f(\n", "...> ")
	d.expect(t, []any{"error", "interrupted"}, "wnode(one@host)5> ") // Ctrl-C forgets the lines
	d.expect(t, "IO.puts('hi')\n", "hi\n\"ok\"\nwnode(one@host)6> ")
	d.expect(t, "x.a", "") // a long line comes in pieces
	d.expect(t, " + 1\n", "2\nwnode(one@host)7> ")
	if s.Interrupt() {
		t.Error("there is something to interrupt")
	}
	if start, got := s.Complete("Node.con"); start != 5 || len(got) != 1 {
		t.Errorf("completes with %v", got)
	}
	if !s.Prompt("...> ") || !s.Prompt("wnode(one@host)12> ") || s.Prompt("name? ") {
		t.Error("prompts are not told apart")
	}
	d.give("f(\n")
	d.shows(t, "...> ")
	d.expect(t, "eof", "Uncaught SyntaxError: Unexpected end of input (input 7, line 2, column 1)\nwnode(one@host)8> ")
	d.give("eof")
	<-s.Done()
	if got := d.take(); got != "end of input, stopping one@host\n" || s.Code() != 0 {
		t.Errorf("ends with %q and code %d", got, s.Code())
	}
}

func TestShellExit(t *testing.T) {
	_, d, s := startShell(t)
	d.give("exit(7)\n")
	<-s.Done()
	if got := d.take(); got != "" || s.Code() != 7 {
		t.Errorf("ends with %q and code %d", got, s.Code())
	}
}

func TestShellInterrupt(t *testing.T) {
	_, d, s := startShell(t)
	d.give("IO.puts('now'); for (;;) ;\n")
	d.shows(t, "now\n")
	if !s.Interrupt() {
		t.Error("there is nothing to interrupt")
	}
	if got := d.shows(t, "2> "); got != "interrupted\nwnode(one@host)2> " {
		t.Errorf("output %q", got)
	}
	d.give("eof")
	<-s.Done()
}

// An interrupt counts from the moment at which a line is entered, and is forgotten with its input.
func TestShellInterruptedEarly(t *testing.T) {
	_, d, s := startShell(t)
	s.Entered("name? ") // not the shell's line
	if s.Interrupt() {
		t.Error("a line that is not the shell's is interrupted")
	}
	s.Entered("wnode(one@host)1> ")
	if !s.Interrupt() {
		t.Error("the line that was entered cannot be interrupted")
	}
	d.expect(t, "for (;;) ;\n", "interrupted\nwnode(one@host)2> ")
	s.Entered("wnode(one@host)2> ")
	s.Interrupt()
	d.expect(t, "{\n", "wnode(one@host)2> ") // not "...> ": the line is dropped
	s.Entered("wnode(one@host)2> ")
	s.Interrupt()
	d.expect(t, "\n", "wnode(one@host)2> ")
	d.expect(t, "1 + 1\n", "2\nwnode(one@host)3> ")
	d.give("eof")
	<-s.Done()
}

// What is evaluated first is seen by all inputs, unless it fails.
func TestShellFirst(t *testing.T) {
	n := newFakeNode(t)
	start := func(first string) (*device, *Shell) {
		d := startDevice(t, n)
		s, err := Start(n, d.pid, first)
		if err != nil {
			t.Fatal(err)
		}
		return d, s
	}
	d, s := start("x = 20; let y = 1; IO.puts('first')")
	if got := d.shows(t, "1> "); got != "first\nwnode(one@host)1> " {
		t.Errorf("output %q", got)
	}
	d.expect(t, "x + y\n", "21\nwnode(one@host)2> ")
	d.expect(t, "nope\n", "Uncaught ReferenceError: nope is not defined (input 2, line 1, column 1)\nwnode(one@host)3> ")
	d.give("Process.exit(self(), \"kill\")\n") // another evaluator does not begin with it again
	d.shows(t, "1> ")
	d.expect(t, "typeof x\n", "\"undefined\"\nwnode(one@host)2> ")
	d.give("eof")
	<-s.Done()
	if err := s.Err(); err != nil {
		t.Errorf("the shell ends with %v", err)
	}
	d, s = start("nope")
	<-s.Done()
	if err := s.Err(); err == nil || err.Error() != "Uncaught ReferenceError: nope is not defined (--eval, line 1, column 1)" || d.take() != "" {
		t.Errorf("the shell ends with %v", err)
	}
	_, s = start("exit(3)")
	if <-s.Done(); s.Err() != nil || s.Code() != 3 {
		t.Errorf("the shell ends with %v and code %d", s.Err(), s.Code())
	}
}

// After help there is nothing more to say.
func TestShellHelp(t *testing.T) {
	_, d, s := startShell(t)
	d.give("help(self)\n")
	if got := d.shows(t, "2> "); got != "self()\n\n  The pid of this shell.\nwnode(one@host)2> " {
		t.Errorf("output %q", got)
	}
	d.expect(t, "undefined\n", "undefined\nwnode(one@host)3> ")
	d.give("eof")
	<-s.Done()
}

// LINK-09: the shell's process may die; the shell goes on with another, which knows nothing of the
// variables of the one before.
func TestShellDies(t *testing.T) {
	n, d, s := startShell(t)
	d.expect(t, "x = 1\n", "1\nwnode(one@host)2> ")
	old := evaluator(t, n)
	d.give("Process.exit(self(), [\"boom\", 1])\n")
	want := "** (EXIT from " + old.Text(0) + ") shell process exited with reason: [\"boom\", 1]\nwnode(one@host)1> "
	if got := d.shows(t, "1> "); got != want {
		t.Errorf("output %q, want %q", got, want)
	}
	d.expect(t, "typeof x\n", "\"undefined\"\nwnode(one@host)2> ")

	old = evaluator(t, n)
	n.sys.Deliver(abi.Signal{Kind: abi.SignalExit, From: d.pid, To: old, Data: term.MustEncode("kill")})
	if got := d.shows(t, "1> "); !strings.Contains(got, "reason: \"killed\"\n") {
		t.Errorf("output %q", got)
	}
	d.give("exit()\n")
	<-s.Done()
}

// The shell ends with the node, and with its I/O server.
func TestShellEndsWithDevice(t *testing.T) {
	n, d, s := startShell(t)
	n.sys.Deliver(abi.Signal{Kind: abi.SignalExit, From: d.pid, To: d.pid, Data: term.MustEncode("kill")})
	<-s.Done()
}

func TestShellEndsWithNode(t *testing.T) {
	n, _, s := startShell(t)
	if err := n.sys.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
}
