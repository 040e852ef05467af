package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"go.uber.org/goleak"

	"github.com/wnode/wnode/abi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// terminal is an editor on a pseudo-terminal, with the screen that a user would see and a keyboard.
type terminal struct {
	t        *testing.T
	editor   Editor
	screen   *emulator
	keyboard *os.File
}

func open(t *testing.T, columns int, opts Options) *terminal {
	t.Helper()
	keyboard, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(tty, &pty.Winsize{Cols: uint16(columns), Rows: 24}); err != nil {
		t.Fatal(err)
	}
	editor, err := Open(tty, tty, opts)
	if err != nil {
		t.Fatal(err)
	}
	tm := &terminal{t: t, editor: editor, screen: newEmulator(columns), keyboard: keyboard}
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		tm.screen.follow(keyboard)
	}()
	// A test that waits for what never shows ends by this, and not with the test binary.
	watchdog := time.AfterFunc(10*time.Second, tm.screen.giveUp)
	t.Cleanup(func() {
		watchdog.Stop()
		if err := editor.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		_ = tty.Close()
		<-followed
		_ = keyboard.Close()
		if len(tm.screen.unknown) > 0 {
			t.Errorf("sequences that the emulator does not know: %q", tm.screen.unknown)
		}
	})
	return tm
}

func (tm *terminal) keys(s string) {
	tm.t.Helper()
	if _, err := tm.keyboard.WriteString(s); err != nil {
		tm.t.Fatal(err)
	}
}

// shows waits until the screen is exactly want.
func (tm *terminal) shows(want string) {
	tm.t.Helper()
	if got, ok := tm.screen.await(func(s string) bool { return s == want }); !ok {
		tm.t.Fatalf("the screen shows\n%s\nwant\n%s", got, want)
	}
}

// prompts waits until the last line of the screen is a prompt: keys typed before it belong to nobody's line.
func (tm *terminal) prompts(prompt string) {
	tm.t.Helper()
	if got, ok := tm.screen.await(func(s string) bool { return strings.HasSuffix(s, "\n"+prompt) }); !ok {
		tm.t.Fatalf("the screen shows\n%s\nand no prompt %s", got, prompt)
	}
}

// raw waits until the editor reads keys: before, the system would show what is typed.
func (tm *terminal) raw() {
	tm.screen.await(func(string) bool { return tm.screen.modes["?2004"] })
}

type entered struct {
	text string
	err  error
}

func (tm *terminal) read(ctx context.Context, prompt string) <-chan entered {
	result := make(chan entered, 1)
	tm.editor.SetPrompt(prompt)
	go func() {
		text, err := tm.editor.ReadLine(ctx)
		result <- entered{text, err}
	}()
	return result
}

func (tm *terminal) write(s string) {
	tm.t.Helper()
	if _, err := tm.editor.Write([]byte(s)); err != nil {
		tm.t.Fatal(err)
	}
}

func (tm *terminal) enters(result <-chan entered, want string) {
	tm.t.Helper()
	if got := <-result; got.err != nil || got.text != want {
		tm.t.Fatalf("read %q, %v, want %q", got.text, got.err, want)
	}
}

func TestLine(t *testing.T) {
	tm := open(t, 80, Options{})
	line := tm.read(t.Context(), "> ")
	tm.shows(">")
	tm.keys("helo\x1b[Dl") // a letter is put in
	tm.shows("> hello")
	tm.keys("\r")
	tm.enters(line, "hello")
	tm.write("answer\n")
	line = tm.read(t.Context(), "2> ")
	tm.shows("> hello\nanswer\n2>")
	tm.keys("\x1b[A!\r") // the line before, from the history
	tm.enters(line, "hello!")
	tm.shows("> hello\nanswer\n2> hello!")
}

func TestEnds(t *testing.T) {
	interrupts := 0
	tm := open(t, 80, Options{Interrupted: func() { interrupts++ }})
	line := tm.read(t.Context(), "> ")
	tm.shows(">")
	tm.keys("abc\x03")
	if got := <-line; !errors.Is(got.err, abi.ErrInterrupted) || interrupts != 1 {
		t.Errorf("Ctrl-C gives %v, and tells of it %d times", got.err, interrupts)
	}
	tm.editor.Interrupt()
	if interrupts != 2 {
		t.Errorf("without a line, Interrupt tells of it %d times", interrupts-1)
	}
	line = tm.read(t.Context(), "> ")
	tm.shows("> abc^C\n^C\n>")
	tm.editor.Interrupt()
	if got := <-line; !errors.Is(got.err, abi.ErrInterrupted) {
		t.Errorf("Interrupt gives %v", got.err)
	}
	line = tm.read(t.Context(), "> ")
	tm.shows("> abc^C\n^C\n> ^C\n>")
	tm.keys("\x04")
	if got := <-line; got.err != io.EOF {
		t.Errorf("Ctrl-D gives %v", got.err)
	}
	line = tm.read(t.Context(), "> ")
	tm.shows("> abc^C\n^C\n> ^C\n> ^D\n>")
	tm.keys("\x1azz\r") // Ctrl-Z does nothing
	tm.enters(line, "zz")
	line = tm.read(t.Context(), "> ")
	tm.shows("> abc^C\n^C\n> ^C\n> ^D\n> zz\n>")
	if err := tm.editor.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-line; !errors.Is(got.err, fs.ErrClosed) {
		t.Errorf("Close gives %v", got.err)
	}
	if _, err := tm.editor.Write([]byte("x")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Write after Close gives %v", err)
	}
	if _, err := tm.editor.ReadLine(t.Context()); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("ReadLine after Close gives %v", err)
	}
}

// IO-21: what others write comes above the line, and what has no newline stays in front of the prompt.
func TestWriteWhileReading(t *testing.T) {
	tm := open(t, 80, Options{})
	line := tm.read(t.Context(), "wnode(a)1> ")
	tm.shows("wnode(a)1>")
	tm.keys("typed")
	tm.shows("wnode(a)1> typed")
	tm.write("one\ntwo\n")
	tm.shows("one\ntwo\nwnode(a)1> typed")
	tm.write("par")
	tm.shows("one\ntwo\nparwnode(a)1> typed")
	tm.write("tial")
	tm.shows("one\ntwo\npartialwnode(a)1> typed")
	tm.keys(" more\x1b[D\x1b[D")
	tm.shows("one\ntwo\npartialwnode(a)1> typed more")
	tm.write("!\n")
	tm.keys("X")
	tm.shows("one\ntwo\npartial!\nwnode(a)1> typed moXre")
	tm.write("\x1b[31mred\x1b[0m 水\n")
	tm.keys("\r")
	tm.enters(line, "typed moXre")
	tm.write("question? ")
	tm.shows("one\ntwo\npartial!\nred 水\nwnode(a)1> typed moXre\nquestion?")
	line = tm.read(t.Context(), "")
	tm.raw()
	tm.keys("yes\r")
	tm.enters(line, "yes")
	tm.shows("one\ntwo\npartial!\nred 水\nwnode(a)1> typed moXre\nquestion? yes")
}

// Output as wide as the terminal, and a line longer than it.
func TestNarrow(t *testing.T) {
	tm := open(t, 20, Options{})
	line := tm.read(t.Context(), "> ")
	tm.shows(">")
	tm.keys(strings.Repeat("abcdefghij", 4))
	typed := "> abcdefghijabcdefgh\nijabcdefghijabcdefgh\nij"
	tm.shows(typed)
	tm.write("short\n")
	tm.shows("short\n" + typed)
	tm.write(strings.Repeat("x", 20) + "\n")
	tm.shows("short\n" + strings.Repeat("x", 20) + "\n" + typed)
	tm.write(strings.Repeat("y", 20))
	tm.shows("short\n" + strings.Repeat("x", 20) + "\n" + strings.Repeat("y", 20) + "\n" + typed)
	tm.write("\n")
	tm.keys("!\r")
	tm.enters(line, strings.Repeat("abcdefghij", 4)+"!")
}

// The prompt of a read that comes later takes the place of the one before, and what is typed stays (IO-21).
func TestNewPrompt(t *testing.T) {
	tm := open(t, 80, Options{})
	line := tm.read(t.Context(), "shell> ")
	tm.shows("shell>")
	tm.keys("abc")
	tm.shows("shell> abc")
	tm.editor.SetPrompt("a much longer prompt? ")
	tm.shows("a much longer prompt? abc")
	tm.editor.SetPrompt("> ")
	tm.write("above\n")
	tm.keys("d\r")
	tm.shows("above\n> abcd")
	tm.enters(line, "abcd")
}

func TestCancel(t *testing.T) {
	tm := open(t, 80, Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	line := tm.read(ctx, "gone> ")
	tm.shows("gone>")
	tm.keys("abc")
	tm.shows("gone> abc")
	why := errors.New("nobody wants it")
	cancel(why)
	if got := <-line; got.err != why {
		t.Errorf("the read gives %v", got.err)
	}
	tm.shows("")
	tm.write("next\n")
	line = tm.read(t.Context(), "> ")
	tm.shows("next\n>")
	tm.keys("def\r")
	tm.enters(line, "def")
	tm.shows("next\n> def")
}

// Several goroutines write whole lines while a line is typed: each stays whole, and so does what is typed.
func TestManyWriters(t *testing.T) {
	const writers, lines = 4, 25
	tm := open(t, 80, Options{})
	line := tm.read(t.Context(), "wnode(a@b)1> ")
	tm.shows("wnode(a@b)1>")
	typed := `Node.spawn("two@b", wasm("ticker.wasm"), 1, 2, 3)`
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range lines {
				if _, err := fmt.Fprintf(tm.editor, "writer %d line %d\n", w, i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, r := range typed {
		tm.keys(string(r))
	}
	wg.Wait()
	prompt := "wnode(a@b)1> " + typed
	screen, ok := tm.screen.await(func(s string) bool {
		return strings.HasSuffix(s, "\n"+prompt) && strings.Count(s, "\n") >= writers*lines
	})
	if !ok {
		t.Fatalf("a line is missing or not whole:\n%s", screen)
	}
	tm.keys("\r")
	tm.enters(line, typed)
	got := strings.Split(strings.TrimSuffix(screen, "\n"+prompt), "\n")
	if len(got) != writers*lines {
		t.Errorf("%d lines, want %d:\n%s", len(got), writers*lines, screen)
	}
	next := [writers]int{}
	for _, l := range got {
		var w, i int
		if n, err := fmt.Sscanf(l, "writer %d line %d", &w, &i); n != 2 || err != nil || l != fmt.Sprintf("writer %d line %d", w, next[w]) {
			t.Fatalf("%q is torn or out of order", l)
		}
		next[w]++
	}
}

func TestPaste(t *testing.T) {
	tm := open(t, 80, Options{Complete: func(string) (int, []string) {
		t.Error("a pasted tab completes")
		return 0, nil
	}})
	line := tm.read(t.Context(), "> ")
	tm.shows(">")
	if !tm.screen.modes["?2004"] {
		t.Error("pasted text is not marked")
	}
	tm.keys("\x1b[200~if (x) {\r\n\ty\x03()\r}\x1b[201~")
	tm.enters(line, "if (x) {")
	tm.enters(tm.read(t.Context(), "> "), "    y()")
	line = tm.read(t.Context(), "> ")
	tm.shows("> if (x) {\n>     y()\n> }")
	tm.keys("!\r")
	tm.enters(line, "}!")
}

func TestCompletion(t *testing.T) {
	tm := open(t, 80, Options{
		Assisted: func(prompt string) bool { return prompt == "> " },
		Complete: func(line string) (int, []string) {
			if i := strings.LastIndex(line, "."); i >= 0 {
				return i + 1, []string{"connect"}
			}
			return 0, []string{"Node", "Number"}
		},
	})
	line := tm.read(t.Context(), "> ")
	tm.shows(">")
	tm.keys("No\x7f\x7fNode.con\t()\r")
	tm.enters(line, "Node.connect()")
	line = tm.read(t.Context(), "other? ")
	tm.shows("> Node.connect()\nother?")
	tm.keys("a.con\t\x1b[Ab\r") // no completion, no history
	tm.enters(line, "a.conb")
}
