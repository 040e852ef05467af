//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/wnode/wnode/internal/programtest"
)

// result is what came of a program.
type result struct {
	code   int
	stdout string
	stderr string
}

// run runs a command of the program to its end.
func (h *host) run(args ...string) result { return h.pipe(nil, args...) }

// pipe does so with a standard input; nil is an empty one.
func (h *host) pipe(stdin []byte, args ...string) result {
	h.t.Helper()
	var stdout bytes.Buffer
	r := h.pipeTo(stdin, &stdout, args...)
	r.stdout = stdout.String()
	return r
}

// pipeTo does so with a standard output as well, which the result lacks.
func (h *host) pipeTo(stdin []byte, stdout io.Writer, args ...string) result {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, wnodePath, args...)
	var stderr bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = h.environ(), bytes.NewReader(stdin), stdout, &stderr
	if h.nobody {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobodyID, Gid: nobodyID}}
	}
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		h.t.Fatalf("wnode %q: %v\n%s", args, err, &stderr)
	}
	programtest.MustBeSound(h.t, "wnode "+strings.Join(args, " "), stderr.String())
	return result{code: cmd.ProcessState.ExitCode(), stderr: stderr.String()}
}

const nobodyID = 65534

// eval evaluates on a node of its own and gives what that prints, which must be all.
func (h *host) eval(source string, flags ...string) string {
	h.t.Helper()
	r := h.run(nodeArgs("eval", append(flags, source))...)
	if r.code != 0 || r.stderr != "" {
		h.t.Fatalf("eval %q: %+v", source, r)
	}
	return strings.TrimSuffix(r.stdout, "\n")
}

// want fails the test unless the result is this one.
func (r result) want(t *testing.T, code int, stdout, stderr string) {
	t.Helper()
	if want := (result{code, stdout, stderr}); r != want {
		t.Errorf("got  %+v\nwant %+v", r, want)
	}
}

// wantError fails the test unless the program ended with an exit code and one line, which matches.
func (r result) wantError(t *testing.T, code int, pattern string) {
	t.Helper()
	oneLine := strings.Count(r.stderr, "\n") == 1 && strings.HasSuffix(r.stderr, "\n")
	if r.code != code || r.stdout != "" || !oneLine || !regexp.MustCompile("^wnode: "+pattern+"\n$").MatchString(r.stderr) {
		t.Errorf("got %+v\nwant exit code %d and the line %q", r, code, pattern)
	}
}

// server is a node without a shell.
type server struct {
	*programtest.Program
	name string
	addr string
}

// headless starts a node without a shell. It returns when the node is ready; the end of the test
// stops it.
func (h *host) headless(name string, flags ...string) *server {
	h.t.Helper()
	cmd := exec.Command(wnodePath, nodeArgs("start", append([]string{"--headless", "--name", name}, flags...))...)
	cmd.Env, cmd.Dir = h.environ(), h.home
	p := programtest.Start(h.t, name, cmd, func(p *programtest.Program) {
		if code := p.Stop(os.Interrupt); code != 0 {
			h.t.Errorf("%s ended with exit code %d", name, code)
		}
	})
	ready := p.Log.AwaitLine(h.t, `^node (\S+) listening on (\S+)$`)
	return &server{p, ready[1], ready[2]}
}
