//go:build linux

package net

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/wnode/wnode/internal/programtest"
)

// node is the program with a shell, whose lines a test types.
type node struct {
	*programtest.Program
	t      *testing.T
	name   string
	inputs int // that have been typed
}

// start starts a node on the host. The end of the test stops it.
func (h *host) start(name string, flags ...string) *node {
	h.t.Helper()
	path, err := program()
	if err != nil {
		h.t.Fatal(err)
	}
	n := &node{t: h.t, name: name + "@" + h.address, inputs: 1}
	args := append([]string{"netns", "exec", h.namespace, path, "start", "--name", n.name, "--log-level", "DEBUG"}, flags...)
	cmd := exec.Command("ip", args...) // which becomes the node
	cmd.Env, cmd.Dir = h.environ(), h.home
	n.Program = programtest.Start(h.t, n.name, cmd, func(p *programtest.Program) {
		p.Signal(syscall.SIGCONT)
		n.stop()
	})
	n.Out.AwaitText(h.t, n.prompt())
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
	if _, err := io.WriteString(n.In, source+"\n"); err != nil {
		n.t.Fatal(err)
	}
	return func() string {
		n.t.Helper()
		_, printed, _ := strings.Cut(n.Out.AwaitText(n.t, next), prompt)
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

// stop ends the program in good order, as the end of its input does.
func (n *node) stop() {
	n.t.Helper()
	if code := n.Close(); code != 0 {
		n.t.Errorf("%s: exit code %d", n.name, code)
	}
}
