//go:build linux

package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// applicationFile names an example as an application, in a file of its own.
func applicationFile(t *testing.T, name, kind string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "wnode.toml")
	write(t, path, fmt.Appendf(nil, "[[application]]\nmodule = %q\ntype = %q\n", guest(t, name), kind), 0o600)
	return path
}

// wantLine checks that a line is in a text.
func wantLine(t *testing.T, text, line string) {
	t.Helper()
	if !slices.Contains(strings.Split(text, "\n"), line) {
		t.Errorf("there is no line %q in %q", line, text)
	}
}

// The end of a permanent application is that of the node; one that runs ends with the node, in good order.
func TestApplication(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	r := h.run(nodeArgs("start", []string{"--headless", "--name", "brief@127.0.0.1", "--log-level", "error", "--app", applicationFile(t, "whoami", "permanent")})...)
	if r.code != 1 || r.stdout != "brief@127.0.0.1\n" {
		t.Errorf("%+v", r)
	}
	wantLine(t, r.stderr, `wnode: application whoami ended: "normal"`)

	s := h.headless("lasting@127.0.0.1", "--app", applicationFile(t, "echo", "permanent"))
	if got := h.eval(`Node.ping("lasting@127.0.0.1")`); got != `"pong"` {
		t.Errorf("it does not run: %s", got)
	}
	if code := s.Stop(syscall.SIGTERM); code != 0 {
		t.Errorf("stopped with exit code %d", code)
	}

	r = h.run(nodeArgs("start", []string{"--headless", "--app", "/nowhere.toml"})...)
	r.wantError(t, 1, "application file /nowhere.toml: no such file or directory")
}

// What a policy denies is denied to guests, here and to those of other nodes.
func TestPolicy(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	dir := t.TempDir()
	small, short := filepath.Join(dir, "small.toml"), filepath.Join(dir, "short.toml")
	write(t, small, []byte("[remote]\nmemory = \"64KiB\"\n"), 0o600)
	write(t, short, []byte("[processes]\nwall_time = \"300ms\"\n"), 0o600)
	h.headless("strict@127.0.0.1", "--policy", small)
	// A C program with a libc begins with more than one page.
	r := h.run("run", "--listen", "127.0.0.1:0", "--on", "strict@127.0.0.1", guest(t, "hello"))
	if r.code != 1 {
		t.Errorf("%+v", r)
	}
	wantLine(t, r.stderr, `wnode: hello.wasm ended: "memory_limit"`)
	r = h.run("run", "--listen", "127.0.0.1:0", "--policy", short, guest(t, "echo"))
	if r.code != 1 {
		t.Errorf("%+v", r)
	}
	wantLine(t, r.stderr, `wnode: echo.wasm ended: "time_limit"`)
}
