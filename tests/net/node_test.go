//go:build linux

package net

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// node is the program with a shell, whose lines a test types.
type node struct {
	t      *testing.T
	name   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *transcript
	log    *transcript
	inputs int // that have been typed
	wg     sync.WaitGroup
}

// start starts a node on the host. The end of the test stops it.
func (h *host) start(name string, flags ...string) *node {
	h.t.Helper()
	path, err := program()
	if err != nil {
		h.t.Fatal(err)
	}
	n := &node{t: h.t, name: name + "@" + h.address, out: newTranscript(), log: newTranscript()}
	args := append([]string{"netns", "exec", h.namespace, path, "start", "--name", n.name, "--log-level", "DEBUG"}, flags...)
	n.cmd = exec.Command("ip", args...) // which becomes the node
	n.cmd.Env = h.environ()
	n.cmd.Dir = h.home
	if n.in, err = n.cmd.StdinPipe(); err != nil {
		h.t.Fatal(err)
	}
	for stream, pipe := range map[*transcript]func() (io.ReadCloser, error){n.out: n.cmd.StdoutPipe, n.log: n.cmd.StderrPipe} {
		r, err := pipe()
		if err != nil {
			h.t.Fatal(err)
		}
		n.wg.Go(func() { stream.follow(r) })
	}
	if err := n.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(n.cleanUp)
	n.inputs = 1
	n.out.await(h.t, n.prompt())
	n.eval(prelude)
	return n
}

// environ is the environment of the programs on the host. The cookie is all hosts'.
func (h *host) environ() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + h.home, "XDG_CACHE_HOME=" + filepath.Join(h.home, "cache"),
		"WNODE_COOKIE=the-cookie-of-all-these-hosts", "TERM=dumb",
		"QUIC_GO_DISABLE_GSO=true", // or devices would hand the middlebox many packets as one
		"GORACE=atexit_sleep_ms=0",
	}
}

func (n *node) prompt() string { return fmt.Sprintf("wnode(%s)%d> ", n.name, n.inputs) }

// begin types a line. The function that it gives waits for what the shell prints for it.
func (n *node) begin(source string) (result func() string) {
	n.t.Helper()
	prompt := n.prompt()
	n.inputs++
	next := n.prompt()
	if _, err := io.WriteString(n.in, source+"\n"); err != nil {
		n.t.Fatal(err)
	}
	return func() string {
		n.t.Helper()
		_, printed, _ := strings.Cut(n.out.await(n.t, next), prompt)
		return strings.TrimSpace(printed)
	}
}

// eval evaluates a line and gives what the shell prints.
func (n *node) eval(source string) string {
	n.t.Helper()
	return n.begin(source)()
}

// gives fails the test unless a line evaluates to want, a text.
func (n *node) gives(source, want string) {
	n.t.Helper()
	if got := strings.Trim(n.eval(source), `"`); got != want {
		n.t.Fatalf("%s: %s gives %s, want %s", n.name, source, got, want)
	}
}

func (n *node) signal(sig os.Signal) {
	n.t.Helper()
	if err := n.cmd.Process.Signal(sig); err != nil {
		n.t.Fatal(err)
	}
}

// kill ends the program without a word.
func (n *node) kill() {
	n.signal(os.Kill)
	n.wg.Wait()
	_ = n.cmd.Wait() // it was killed
}

// stop ends the program in good order, as the end of its input does.
func (n *node) stop() {
	n.t.Helper()
	_ = n.in.Close()
	killer := time.AfterFunc(patience, func() { _ = n.cmd.Process.Kill() })
	defer killer.Stop()
	n.wg.Wait()
	if err := n.cmd.Wait(); err != nil {
		n.t.Errorf("%s: %v", n.name, err)
	}
}

// cleanUp stops the node if it runs, and looks at what it has said.
func (n *node) cleanUp() {
	if n.cmd.ProcessState == nil {
		_ = n.cmd.Process.Signal(syscall.SIGCONT)
		n.stop()
	}
	for _, word := range []string{"DATA RACE", "panic:", "fatal error:"} {
		if strings.Contains(n.log.String(), word) {
			n.t.Errorf("%s is broken", n.name)
		}
	}
	if n.t.Failed() {
		n.t.Logf("%s wrote\n%s%s", n.name, n.out, n.log)
	}
}

// transcript is what a program has written to a stream.
type transcript struct {
	mu      sync.Mutex // guards what follows
	text    []byte
	ended   bool
	changed chan struct{}
}

func newTranscript() *transcript { return &transcript{changed: make(chan struct{})} }

func (s *transcript) follow(r io.Reader) {
	buffer := make([]byte, 1<<12)
	for {
		n, err := r.Read(buffer)
		s.mu.Lock()
		s.text, s.ended = append(s.text, buffer[:n]...), err != nil
		close(s.changed)
		s.changed = make(chan struct{})
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// String gives all of it.
func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.text)
}

// await waits until there is a text, and gives what is in front of it.
func (s *transcript) await(t *testing.T, text string) string {
	t.Helper()
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		all, changed, ended := s.text, s.changed, s.ended
		s.mu.Unlock()
		if before, _, found := bytes.Cut(all, []byte(text)); found {
			return string(before)
		}
		if ended {
			t.Fatalf("the stream ended without %q:\n%s", text, all)
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("no %q in\n%s", text, all)
		}
	}
}
