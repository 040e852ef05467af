package terminal

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wnode/wnode/abi"
)

// counter counts what an editor tells.
type counter struct {
	mu     sync.Mutex
	counts map[string]int
	told   chan string
}

func newCounter() *counter { return &counter{counts: map[string]int{}, told: make(chan string, 100)} }

func (c *counter) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[what]++
	c.told <- what
}

func (c *counter) options() Options {
	return Options{
		Assisted:    func(prompt string) bool { return prompt == "> " },
		Entered:     func(prompt string) { c.add("entered " + prompt) },
		Interrupted: func() { c.add("interrupted") },
		Quit:        func() { c.add("quit") },
	}
}

func (c *counter) tells(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		select {
		case got := <-c.told:
			if got != w {
				t.Fatalf("the editor tells of %q, want %q", got, w)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("the editor does not tell of %q", w)
		}
	}
	select {
	case got := <-c.told:
		t.Fatalf("the editor tells of %q", got)
	default:
	}
}

// Ctrl-C at any moment after Enter is meant for what comes of the line; what was typed before it is dropped.
func TestInterruptAfterEnter(t *testing.T) {
	c := newCounter()
	tm := open(t, 80, c.options())
	screen := ""
	for i := range 50 {
		line := tm.read(t.Context(), "> ")
		tm.shows(screen + ">")
		tm.keys("x\r")
		if i%2 == 0 {
			tm.keys("dropped\x03")
			tm.enters(line, "x")
		} else {
			tm.enters(line, "x")
			tm.keys("dropped\x1b\x03")
		}
		screen += "> x\n^C\n"
		tm.shows(strings.TrimSuffix(screen, "\n"))
		c.tells(t, "entered > ", "interrupted")
	}
	line := tm.read(t.Context(), "> ")
	tm.shows(screen + ">")
	tm.keys("ab\x1b\x03") // and at the prompt, even after a lone Escape
	if got := <-line; !errors.Is(got.err, abi.ErrInterrupted) {
		t.Errorf("Ctrl-C gives %v", got.err)
	}
	c.tells(t, "interrupted")
}

// Keys that come while no line is read are those of the next line, and are not shown before.
func TestTypedAhead(t *testing.T) {
	tm := open(t, 80, Options{})
	line := tm.read(t.Context(), "> ")
	tm.shows(">")
	tm.keys("one\rtwo\r\x1b[Ath")
	tm.enters(line, "one")
	tm.keys("ree\x01\x04\x04\x05")
	tm.write("busy\n")
	tm.shows("> one\nbusy")
	tm.enters(tm.read(t.Context(), "> "), "two")
	line = tm.read(t.Context(), "> ")
	tm.shows("> one\nbusy\n> two\n> othree")
	tm.keys("\r\x04")
	tm.enters(line, "othree")
	if got := <-tm.read(t.Context(), "> "); got.err != io.EOF {
		t.Errorf("Ctrl-D typed ahead gives %q, %v", got.text, got.err)
	}
}

// What is typed for a process that reads waits for it to read again, and the end of its input is never that of
// the shell.
func TestTypedForAnother(t *testing.T) {
	c := newCounter()
	tm := open(t, 80, c.options())
	line := tm.read(t.Context(), "name? ")
	tm.shows("name?")
	tm.keys("one\rtwo\rthree\r\x04")
	tm.enters(line, "one")
	line = tm.read(t.Context(), "> ") // the shell's prompt is next in line
	tm.shows("name? one\n>")
	tm.editor.SetPrompt("name? ") // and the process reads again
	tm.enters(line, "two")
	line = tm.read(t.Context(), "> ") // it reads no more: the line goes to the shell, but not its end
	tm.enters(line, "three")
	c.tells(t, "entered name? ", "entered name? ", "entered > ")
	line = tm.read(t.Context(), "> ")
	tm.keys("still here\r")
	tm.enters(line, "still here")
	c.tells(t, "entered > ")
	line = tm.read(t.Context(), "name? ")
	tm.prompts("name?")
	tm.keys("four\x03\x04") // who breaks off what reads does not mean it any more
	if got := <-line; !errors.Is(got.err, abi.ErrInterrupted) {
		t.Errorf("Ctrl-C gives %v", got.err)
	}
	if got := <-tm.read(t.Context(), "> "); got.err != io.EOF {
		t.Errorf("Ctrl-D after Ctrl-C gives %q, %v", got.text, got.err)
	}
}

func TestQuit(t *testing.T) {
	c := newCounter()
	tm := open(t, 80, c.options())
	line := tm.read(t.Context(), "> ")
	tm.shows(">")
	tm.keys("x\x1c")
	c.tells(t, "quit")
	tm.keys("\r")
	tm.enters(line, "x")
	c.tells(t, "entered > ")
	tm.keys("\x1c")
	c.tells(t, "quit")
}

// Output of others comes between any two keys, and never into one.
func TestKeysWhileOthersWrite(t *testing.T) {
	tm := open(t, 80, Options{})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_, _ = fmt.Fprintf(tm.editor, "%d\n", i) // fails when the test has
			}
		}
	})
	defer wg.Wait()
	defer close(stop)
	enter := func(keys, want string) {
		t.Helper()
		line := tm.read(t.Context(), "> ")
		for i := range keys {
			tm.keys(keys[i : i+1]) // sequences come in pieces
		}
		tm.enters(line, want)
	}
	enter("first\r", "first")
	for range 30 {
		enter("xyz\x15\x1b[A!\x7f\r", "first")
		enter("b\x1b[Da\x1b[C\x1b[1;5Dx\x1b[3~\x1bOFc水\x1b[D\x1b[3~\r", "xbc")
		enter("first\r", "first")
	}
}
