package cookie

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// writeFile makes a cookie file with exactly this mode.
func writeFile(t *testing.T, content string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), FileName)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkOneLine makes sure that an error about a file is a line that names it and
// shows nothing of its content.
func checkOneLine(t *testing.T, err error, path string) {
	t.Helper()
	fileErr, ok := errors.AsType[*FileError](err)
	if !ok || fileErr.Path != path {
		t.Errorf("error %v is no *FileError about %s", err, path)
	}
	if text := err.Error(); strings.ContainsAny(text, "\r\n") || strings.Count(text, path) == 0 || strings.Contains(text, "SECRET") {
		t.Errorf("bad text: %q", text)
	}
}

// COOK-10
func TestLoadContent(t *testing.T) {
	for name, tt := range map[string]struct {
		content string
		want    string
		err     error
	}{
		"no line end":            {"SECRET", "SECRET", nil},
		"LF":                     {"SECRET\n", "SECRET", nil},
		"CR LF":                  {"SECRET\r\n", "SECRET", nil},
		"blanks after line end":  {"SECRET\n \t\n", "SECRET", nil},
		"blanks before line end": {"SEC RET \n", "SEC RET ", nil},
		"second line":            {"SECRET\nSECRET2\n", "", ErrBadCharacters},
		"control":                {"SEC\x01RET", "", ErrBadCharacters},
		"not ASCII":              {"SECRÉT", "", ErrBadCharacters},
		"empty":                  {"", "", ErrEmpty},
		"empty line":             {"\nSECRET", "", ErrBadCharacters},
		"only line ends":         {"\n\n", "", ErrEmpty},
		"too long":               {"SECRET" + strings.Repeat("x", MaxLength), "", ErrTooLong},
		"far too long":           {strings.Repeat("SECRET", 100_000), "", ErrTooLong},
		"blanks without end":     {"SECRET" + strings.Repeat("\n", 10_000), "", ErrTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, tt.content, 0o400)
			got, err := Load(path)
			if !errors.Is(err, tt.err) || got.Reveal() != tt.want {
				t.Fatalf("Load = %q, %v; want %q, %v", got.Reveal(), err, tt.want, tt.err)
			}
			if err != nil {
				checkOneLine(t, err, path)
			}
		})
	}
}

func TestLoadNotAFile(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	for path, want := range map[string]error{dir: ErrNotRegular, missing: fs.ErrNotExist} {
		_, err := Load(path)
		if !errors.Is(err, want) {
			t.Errorf("Load(%s): %v, want %v", path, err, want)
			continue
		}
		checkOneLine(t, err, path)
	}
}

func TestNewAndReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	first, err := New(path, false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(path, false)
	if !errors.Is(err, fs.ErrExist) {
		t.Fatalf("second New: %v, want fs.ErrExist", err)
	}
	checkOneLine(t, err, path)
	if got, err := Load(path); err != nil || !got.Equal(first) {
		t.Fatalf("Load after a refused New: %v, same cookie %v", err, got.Equal(first))
	}
	second, err := New(path, true)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Load(path); err != nil || !got.Equal(second) || got.Equal(first) {
		t.Fatalf("Load after a replacing New: %v, new cookie %v", err, got.Equal(second))
	}
	checkAlone(t, path)
}

// checkAlone makes sure that no temporary file is left beside path.
func checkAlone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("files beside the cookie: %v", entries)
	}
}

func TestNewFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", FileName)
	for _, replace := range []bool{false, true} {
		_, err := New(path, replace)
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "failed to create") {
			t.Errorf("New(replace %v) in a missing folder: %v", replace, err)
			continue
		}
		checkOneLine(t, err, path)
	}
}

// Two nodes that a user starts at the same time for the first time share a cookie.
func TestCreateTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	const nodes = 16
	got, errs := make([]Secret, nodes), make([]error, nodes)
	var wg sync.WaitGroup
	for i := range nodes {
		wg.Go(func() { got[i], errs[i] = Create(path) })
	}
	wg.Wait()
	for i := range nodes {
		if errs[i] != nil || !got[i].Equal(got[0]) {
			t.Errorf("node %d: %v, same cookie %v", i, errs[i], got[i].Equal(got[0]))
		}
	}
	checkAlone(t, path)
}

func TestWriteExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	want := secret(t, "SECRET")
	if err := writeExclusive(path, want); err != nil {
		t.Fatal(err)
	}
	if got, err := Load(path); err != nil || !got.Equal(want) {
		t.Fatalf("Load: %v, same cookie %v", err, got.Equal(want))
	}
	if err := writeExclusive(path, want); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second time: %v, want fs.ErrExist", err)
	}
}

func TestShellQuote(t *testing.T) {
	for path, want := range map[string]string{
		"/home/me/.wnode.cookie": "/home/me/.wnode.cookie",
		"/home/my self/c":        "'/home/my self/c'",
		"/it's":                  `'/it'\''s'`,
		"":                       "''",
	} {
		if got := shellQuote(path); got != want {
			t.Errorf("shellQuote(%q) = %s, want %s", path, got, want)
		}
	}
}
