//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
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
	mustBeSound(h.t, "wnode "+strings.Join(args, " "), stderr.String())
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
	t    *testing.T
	name string
	addr string
	cmd  *exec.Cmd
	out  *lines // standard output
	log  *lines // standard error
	wg   sync.WaitGroup
}

// headless starts a node without a shell. It returns when the node is ready; the end of the test
// stops it.
func (h *host) headless(name string, flags ...string) *server {
	h.t.Helper()
	args := nodeArgs("start", append([]string{"--headless", "--name", name}, flags...))
	cmd := exec.Command(wnodePath, args...)
	cmd.Env = h.environ()
	cmd.Dir = h.home
	s := &server{t: h.t, cmd: cmd, out: newLines(), log: newLines()}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		var stderr io.Reader
		if stderr, err = cmd.StderrPipe(); err == nil {
			err = cmd.Start()
			s.wg.Go(func() { s.log.follow(stderr) })
			s.wg.Go(func() { s.out.follow(stdout) })
		}
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(s.cleanUp)
	ready := s.log.await(h.t, `^node (\S+) listening on (\S+)$`)
	s.name, s.addr = ready[1], ready[2]
	return s
}

// stop sends a signal, and gives the exit code, -1 if the signal ended the program.
func (s *server) stop(sig os.Signal) int {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
	killer := time.AfterFunc(patience, func() { _ = s.cmd.Process.Kill() })
	defer killer.Stop()
	s.wg.Wait()
	_ = s.cmd.Wait() // the state is read from cmd
	return s.cmd.ProcessState.ExitCode()
}

func (s *server) cleanUp() {
	if s.cmd.ProcessState == nil {
		if code := s.stop(os.Interrupt); code != 0 {
			s.t.Errorf("%s ended with exit code %d", s.name, code)
		}
	}
	mustBeSound(s.t, s.name, s.log.String())
	if s.t.Failed() {
		s.t.Logf("%s wrote\n%s%s", s.name, s.out, s.log)
	}
}

// lines are the lines of a stream, as they come.
type lines struct {
	mu      sync.Mutex // guards all below
	changed chan struct{}
	all     []string
	ended   bool
}

func newLines() *lines { return &lines{changed: make(chan struct{})} }

func (l *lines) follow(r io.Reader) {
	for scanner := bufio.NewScanner(r); scanner.Scan(); {
		l.add(false, scanner.Text())
	}
	l.add(true)
}

func (l *lines) add(ended bool, line ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all, l.ended = append(l.all, line...), ended
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *lines) get() (all []string, changed <-chan struct{}, ended bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all[:len(l.all):len(l.all)], l.changed, l.ended
}

// String gives the lines so far.
func (l *lines) String() string {
	all, _, _ := l.get()
	text := strings.Join(all, "\n")
	if text != "" {
		text += "\n"
	}
	return text
}

// await waits for a line that matches, and gives what the groups of the pattern match.
func (l *lines) await(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(patience)
	for seen := 0; ; {
		all, changed, ended := l.get()
		for ; seen < len(all); seen++ {
			if m := re.FindStringSubmatch(all[seen]); m != nil {
				return m
			}
		}
		if ended {
			t.Fatalf("the stream ended without %q:\n%s", pattern, l)
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("no line %q in\n%s", pattern, l)
		}
	}
}
