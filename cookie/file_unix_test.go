//go:build unix

package cookie

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// COOK-09
func TestLoadMode(t *testing.T) {
	for mode, want := range map[fs.FileMode]error{
		0o400: nil, 0o600: nil, 0o700: nil,
		0o440: ErrExposed, 0o420: ErrExposed, 0o410: ErrExposed,
		0o404: ErrExposed, 0o402: ErrExposed, 0o401: ErrExposed, 0o644: ErrExposed, 0o777: ErrExposed,
	} {
		t.Run(fmt.Sprintf("%04o", mode), func(t *testing.T) {
			path := writeFile(t, "SECRET", mode)
			_, err := Load(path)
			if !errors.Is(err, want) {
				t.Fatalf("error %v, want %v", err, want)
			}
			if err == nil {
				return
			}
			checkOneLine(t, err, path)
			if text := err.Error(); text != "cookie file "+path+" must be accessible by owner only; run: chmod 400 "+path {
				t.Errorf("text: %s", text)
			}
			if err := os.Chmod(path, 0o400); err != nil {
				t.Fatal(err)
			}
			if _, err := Load(path); err != nil {
				t.Errorf("after the command that mends it: %v", err)
			}
		})
	}
}

// COOK-09: a symbolic link is followed; what counts is the file's own mode.
func TestLoadSymlink(t *testing.T) {
	path := writeFile(t, "SECRET", 0o400)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if got, err := Load(link); err != nil || got.Reveal() != "SECRET" {
		t.Fatalf("Load = %q, %v", got.Reveal(), err)
	}
	if err := os.Chmod(path, 0o440); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(link); !errors.Is(err, ErrExposed) {
		t.Errorf("error %v, want ErrExposed", err)
	}
}

// A pipe must not make a node wait for a writer.
func TestLoadPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); !errors.Is(err, ErrNotRegular) {
		t.Errorf("error %v, want ErrNotRegular", err)
	}
}

// COOK-08: created with mode 0400, whatever the umask.
func TestCreateMode(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	path, err := DefaultPath()
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(home, ".wnode.cookie"); path != want {
		t.Fatalf("DefaultPath() = %s, want %s", path, want)
	}
	for _, replace := range []bool{false, true} {
		if _, err := New(path, replace); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o400 {
			t.Errorf("replace %v: mode %v, want 0400", replace, info.Mode())
		}
	}
}

func TestDefaultPathWithoutHome(t *testing.T) {
	t.Setenv("HOME", "")
	if _, err := DefaultPath(); err == nil || !strings.Contains(err.Error(), "cookie file") {
		t.Errorf("error %v", err)
	}
	if _, err := Resolve(Sources{LookupEnv: func(string) (string, bool) { return "", false }}); err == nil {
		t.Error("Resolve found a cookie without a home folder")
	}
}
