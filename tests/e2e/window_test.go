//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/wnode/wnode/internal/programtest"
)

// The size of the windows: what the tests type fits into one row.
const columns, rowsOfWindow = 80, 24

// window is a terminal window in which a node runs with its shell.
type window struct {
	t        *testing.T
	name     string // the node's
	prompts  int    // inputs so far
	mark     int    // the row at which the current input began
	entered  int    // lines that had been read when the last one was entered
	cmd      *exec.Cmd
	keyboard *os.File
	screen   *screen
	exitCode int           // with which the program is to end
	exited   chan struct{} // closed when the program has ended and all of its output is on the screen
}

// window opens a window and starts a node in it, in a folder, with flags of `wnode start`. It returns
// when the prompt is there. Leaving the shell is part of each test.
func (h *host) window(dir, name string, flags ...string) *window {
	h.t.Helper()
	w := h.open(dir, nodeArgs("start", append([]string{"--name", name}, flags...))...)
	w.name = name
	if !strings.Contains(name, "@") {
		w.name = name + "@" + shortHostname(h.t)
	}
	w.awaitPrompt()
	return w
}

// open runs any command of the program in a window.
func (h *host) open(dir string, args ...string) *window {
	h.t.Helper()
	cmd := exec.Command(wnodePath, args...)
	cmd.Dir, cmd.Env = dir, h.environ()
	keyboard, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: columns, Rows: rowsOfWindow})
	if err != nil {
		h.t.Fatal(err)
	}
	w := &window{t: h.t, cmd: cmd, keyboard: keyboard, screen: newScreen(columns), exited: make(chan struct{})}
	go func() {
		defer close(w.exited)
		w.screen.follow(keyboard)
		_ = cmd.Wait() // the state is read from cmd
	}()
	h.t.Cleanup(w.close)
	return w
}

// close leaves the shell as its user would, and looks whether the program was well.
func (w *window) close() {
	defer w.keyboard.Close()
	select {
	case <-w.exited:
	default:
		w.keys("\x03\x04") // drop what is typed, end of input
	}
	if !w.waits(patience) {
		w.t.Errorf("%s does not end", w.cmd)
		_ = w.cmd.Process.Kill()
		<-w.exited
	}
	programtest.MustBeSound(w.t, w.cmd.String(), w.text())
	if code := w.cmd.ProcessState.ExitCode(); code != w.exitCode {
		w.t.Errorf("%s ended with exit code %d, not %d", w.cmd, code, w.exitCode)
	}
	if w.t.Failed() {
		w.t.Logf("the window of %s:\n%s", w.cmd, w.text())
	}
	if len(w.screen.unknown) > 0 {
		w.t.Errorf("%s wrote sequences that the tests do not know: %q", w.name, w.screen.unknown)
	}
}

func (w *window) waits(d time.Duration) bool {
	select {
	case <-w.exited:
		return true
	case <-time.After(d):
		return false
	}
}

func (w *window) text() string {
	text, _, _ := w.screen.text(0)
	return text
}

// keys types.
func (w *window) keys(text string) {
	w.t.Helper()
	if _, err := w.keyboard.WriteString(text); err != nil {
		w.t.Fatalf("type %q: %v\n%s", text, err, w.text())
	}
}

// enter types the rest of a line.
func (w *window) enter(text string) {
	w.t.Helper()
	c, _, _ := w.screen.cursor()
	w.entered = c.begun
	w.keys(text + "\r")
}

// prompt is the prompt of the current input.
func (w *window) prompt() string { return fmt.Sprintf("wnode(%s)%d> ", w.name, w.prompts+1) }

// awaitPrompt waits until the cursor stands behind the prompt, with nothing typed, and makes that
// the row where the next input begins.
func (w *window) awaitPrompt() {
	w.t.Helper()
	w.mark = w.awaitCursor(w.prompt())
}

// awaitCursor waits until a line is being read, after the one that was entered, and the cursor stands
// behind a text that begins its row. It gives the row.
func (w *window) awaitCursor(text string) (row int) {
	w.t.Helper()
	return w.await(func(c cursor) bool { return c.reads && c.begun > w.entered && c.before == text }, text).row
}

// awaitBusy waits until no line is being read.
func (w *window) awaitBusy() {
	w.t.Helper()
	w.await(func(c cursor) bool { return !c.reads }, "no line is read")
}

func (w *window) await(ok func(cursor) bool, want string) cursor {
	w.t.Helper()
	deadline := time.After(patience)
	for {
		c, changed, ended := w.screen.cursor()
		if ok(c) {
			return c
		}
		if ended {
			w.t.Fatalf("%s has ended; want %q:\n%s", w.name, want, w.text())
		}
		select {
		case <-changed:
		case <-deadline:
			w.t.Fatalf("%+v, want %q:\n%s", c, want, w.text())
		}
	}
}

var errNotShown = errors.New("does not show")

// awaits waits until the rows from the last input on match.
func (w *window) awaits(pattern *regexp.Regexp, d time.Duration) error {
	deadline := time.After(d)
	for {
		text, changed, ended := w.screen.text(w.mark)
		if pattern.MatchString(text) {
			return nil
		}
		err := fmt.Errorf("the window of %s %w\n%s\nbut\n%s", w.name, errNotShown, pattern, text)
		if ended {
			return err
		}
		select {
		case <-changed:
		case <-deadline:
			return err
		}
	}
}

// expect waits until the rows from the last input on match a pattern, in which ^ and $ are the
// beginnings and ends of rows.
func (w *window) expect(pattern string) {
	w.t.Helper()
	if err := w.awaits(regexp.MustCompile("(?m)"+pattern), patience); err != nil {
		w.t.Fatal(err)
	}
}

// begin types an input, and does not wait for what comes of it.
func (w *window) begin(input string) {
	w.t.Helper()
	w.awaitPrompt()
	w.enter(input)
}

// end waits until the window shows, from the last input on: the prompt with the input, rows that
// match a pattern and nothing else, and the next prompt.
func (w *window) end(input, pattern string) {
	w.t.Helper()
	first := w.prompt() + input
	w.prompts++
	whole := "^" + regexp.QuoteMeta(first) + "\n" + pattern + "\n" + regexp.QuoteMeta(strings.TrimRight(w.prompt(), " ")) + "$"
	if err := w.awaits(regexp.MustCompile(whole), patience); err != nil {
		w.t.Fatal(err)
	}
}

// types types an input and waits for the whole of what comes of it, which matches a pattern.
func (w *window) types(input, pattern string) {
	w.t.Helper()
	w.begin(input)
	w.end(input, pattern)
}

// gives types an input and waits for exactly these rows.
func (w *window) gives(input string, rows ...string) {
	w.t.Helper()
	w.types(input, regexp.QuoteMeta(strings.Join(rows, "\n")))
}

// until waits until a condition holds for the node, as its shell sees it.
func (w *window) until(condition string) {
	w.t.Helper()
	w.gives(`while (!(`+condition+`)) receive(1); "now"`, `"now"`)
}

// showsAbove waits until a row that matches has appeared above the prompt.
func (w *window) showsAbove(pattern string) {
	w.t.Helper()
	w.expect("^" + pattern + "$(.|\n)*^" + regexp.QuoteMeta(strings.TrimRight(w.prompt(), " ")))
}

// either is a pattern for rows that come in any order: output of another process, and a value.
func either(a, b string) string { return "(" + a + "\n" + b + "|" + b + "\n" + a + ")" }

const localPid, remotePid = `#PID<0\.\d+\.\d+>`, `#PID<[1-9]\d*\.\d+\.\d+>`

func shortHostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	short, _, _ := strings.Cut(name, ".")
	return short
}
