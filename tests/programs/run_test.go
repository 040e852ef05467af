package programs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wnode/wnode/internal/goguest"
)

// program is a module, and what it is given.
type program struct {
	module string // its path
	args   []string
	stdin  string
	env    []string
	files  map[string]string // what is in its folder, /data, to begin with; nil: it has none
	vary   *regexp.Regexp    // what may differ in its output; nil: nothing
}

// outcome is what came of a program.
type outcome struct {
	code           int
	stdout, stderr string
	files          map[string]string // what is in its folder in the end
}

// mustAgree runs a program on a node and in plain wazero, and gives what came of both. cache is a folder for compiled
// code.
func mustAgree(t testing.TB, p program, cache string) outcome {
	t.Helper()
	want, plainly := plain(t, p, filepath.Join(cache, "plain"))
	got, metered := onNode(t, p, cache)
	if p.vary != nil {
		got.stdout, want.stdout = p.vary.ReplaceAllString(got.stdout, ""), p.vary.ReplaceAllString(want.stdout, "")
	}
	t.Logf("%s %q: %v on a node, %v in plain wazero", filepath.Base(p.module), p.args, metered, plainly)
	mustBeEqual(t, "standard output", got.stdout, want.stdout)
	mustBeEqual(t, "standard error", got.stderr, want.stderr)
	if got.code != want.code {
		t.Errorf("exit code %d on a node, %d in plain wazero", got.code, want.code)
	}
	for name := range merged(got.files, want.files) {
		mustBeEqual(t, name, got.files[name], want.files[name])
	}
	return got
}

func merged(maps ...map[string]string) map[string]bool {
	all := map[string]bool{}
	for _, m := range maps {
		for name := range m {
			all[name] = true
		}
	}
	return all
}

// mustBeEqual shows where two texts begin to differ.
func mustBeEqual(t testing.TB, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	from := max(at-200, 0)
	t.Errorf("%s differs at byte %d of %d on a node, of %d in plain wazero\n%q\n%q",
		what, at, len(got), len(want), got[from:min(at+200, len(got))], want[from:min(at+200, len(want))])
}

// patience is how long a program may take. Only failures last that long.
const patience = 5 * time.Minute

// onNode gives what comes of a program that `wnode run` runs.
func onNode(t testing.TB, p program, cache string) (outcome, time.Duration) {
	t.Helper()
	args := []string{"run", "--listen", "127.0.0.1:0", "--cookie", "compares programs", "--name", nodeName}
	dir := p.folder(t)
	if dir != "" {
		args = append(args, "--dir", dir+":/data")
	}
	for _, variable := range p.env {
		args = append(args, "--env", variable)
	}
	port, err := goguest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, guests.Program(), append(append(args, p.module), p.args...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_CACHE_HOME="+cache, fmt.Sprintf("WNODE_PORT=%d", port))
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(p.stdin), &stdout, &stderr
	start := time.Now()
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) || ctx.Err() != nil {
		t.Fatalf("wnode %q: %v\n%s", args, err, &stderr)
	}
	took := time.Since(start)
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String(), readFiles(t, dir)}, took
}

// folder makes the folder of a program, "" if it has none.
func (p *program) folder(t testing.TB) string {
	t.Helper()
	if p.files == nil {
		return ""
	}
	dir := t.TempDir()
	for name, content := range p.files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// readFiles gives the files in a folder and those below it.
func readFiles(t testing.TB, dir string) map[string]string {
	t.Helper()
	if dir == "" {
		return nil
	}
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, path))
		files[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
