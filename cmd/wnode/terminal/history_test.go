package terminal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHistoryFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wnode", "history")
	tm := open(t, 80, Options{HistoryFile: path})
	screen := ""
	for _, text := range []string{"first", "second", " "} {
		line := tm.read(t.Context(), "> ")
		tm.shows(screen + ">")
		screen += strings.TrimSpace("> "+text) + "\n"
		tm.keys(text + "\r")
		tm.enters(line, text)
	}
	if err := tm.editor.SetEcho(false); err != nil {
		t.Fatal(err)
	}
	line := tm.read(t.Context(), "password: ")
	tm.shows(screen + "password:")
	tm.keys("secret\r")
	tm.enters(line, "secret")
	tm.shows("> first\n> second\n>\npassword:")
	if err := tm.editor.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil || string(data) != "first\nsecond\n" {
		t.Errorf("the file has %q, %v", data, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
	again := open(t, 80, Options{HistoryFile: path})
	line = again.read(t.Context(), "> ")
	again.shows(">")
	again.keys("\x1b[A\x1b[A\r")
	again.enters(line, "first")
}

// A line is found again as it was entered, and nothing else is found.
func TestHistoryKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	if err := os.WriteFile(path, nil, 0o600); err != nil { // as a start without an input leaves it
		t.Fatal(err)
	}
	tm := open(t, 80, Options{HistoryFile: path, Assisted: func(prompt string) bool { return prompt == "> " }})
	enter := func(prompt, keys, want string) {
		t.Helper()
		line := tm.read(t.Context(), prompt)
		tm.keys(keys)
		tm.enters(line, want)
	}
	const up, down, search, clear = "\x1b[A", "\x1b[B", "\x12", "\x15"
	secret := func() {
		t.Helper()
		if err := tm.editor.SetEcho(false); err != nil {
			t.Fatal(err)
		}
		enter("password: ", "secret\r", "secret")
		if err := tm.editor.SetEcho(true); err != nil {
			t.Fatal(err)
		}
	}
	enter("> ", "x"+clear+"\r", "")
	enter("> ", up+"a\r", "a") // there is nothing yet
	enter("> ", up+clear+"\r", "")
	enter("> ", up+"\r", "a")
	enter("> ", "b\r", "b")
	enter("> ", up+up+clear+up+down+down+"c\r", "c")
	enter("> ", up+up+up+"!\r", "a!")
	secret()
	enter("> ", up+down+"\r", "")
	enter("> ", search+"se\x07\r", "")
	again := open(t, 80, Options{})
	tm = again
	secret()
	enter("> ", up+down+search+"se\x07\r", "")
}

func TestHistoryLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	if err := os.WriteFile(path, []byte(strings.Repeat("x\n", 21)), 0o644); err != nil {
		t.Fatal(err)
	}
	h := openHistory(path, 10)
	h.add("new")
	h.add("not\none line")
	h.close()
	h.add("too late")
	data, err := os.ReadFile(path)
	if err != nil || string(data) != strings.Repeat("x\n", 10)+"new\n" || len(h.lines) != 10 {
		t.Errorf("%q, %v", data, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if h := openHistory(t.TempDir(), 0); h.file != nil || h.limit != defaultHistoryLines {
		t.Error("a folder is taken for a history")
	}
}
