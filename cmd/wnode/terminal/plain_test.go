package terminal

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/wnode/wnode/abi"
)

func TestDumb(t *testing.T) {
	tm := open(t, 80, Options{Dumb: true})
	line := tm.read(t.Context(), "> ")
	tm.shows(">")
	tm.write("above\n")
	tm.shows(">\nabove\n>")
	tm.keys("abc\r")
	tm.enters(line, "abc")
	line = tm.read(t.Context(), "> ")
	tm.shows(">\nabove\n> abc\n>")
	tm.editor.Interrupt()
	if got := <-line; !errors.Is(got.err, abi.ErrInterrupted) {
		t.Errorf("Interrupt gives %v", got.err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	line = tm.read(ctx, "> ")
	cancel()
	if got := <-line; !errors.Is(got.err, context.Canceled) {
		t.Errorf("the read gives %v", got.err)
	}
	line = tm.read(t.Context(), "> ")
	tm.keys("\x04")
	if got := <-line; got.err != io.EOF {
		t.Errorf("Ctrl-D gives %v", got.err)
	}
}

func TestPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	editor, err := Open(r, out, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString("one\r\ntwo"); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	for _, want := range []string{"one", "two"} {
		if got, err := editor.ReadLine(t.Context()); err != nil || got != want {
			t.Errorf("read %q, %v, want %q", got, err, want)
		}
	}
	if _, err := editor.ReadLine(t.Context()); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if err := editor.Close(); err != nil {
		t.Error(err)
	}
}
