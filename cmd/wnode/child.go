package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"sync"

	"github.com/wnode/wnode"
)

// anyLoopback is where nodes listen that are there for each other only.
const anyLoopback = "127.0.0.1:0"

// family is what the nodes of one command have in common, and no other node has: they meet nobody else on this host.
type family struct {
	cookie wnode.Cookie
	port   uint16   // the well-known one
	env    []string // of the children, beside this program's
}

func newFamily() (f family, err error) {
	if f.cookie, err = wnode.RandomCookie(); err != nil {
		return f, err
	}
	f.port, err = freePort()
	return f, err
}

// freePort gives a UDP port of the loopback address that nothing listens on at the moment.
func freePort() (uint16, error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return uint16(conn.LocalAddr().(*net.UDPAddr).Port), nil
}

// command makes a command line of this very program. The cookie travels in the environment, where
// other users do not see it.
func (f family) command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = append(os.Environ(), f.env...)
	cmd.Env = append(cmd.Env, "WNODE_COOKIE="+f.cookie.Reveal(), fmt.Sprintf("%s=%d", portVariable, f.port))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = closeTimeout
	return cmd, nil
}

// child is a run of this program whose lines on standard error are shown, and can be waited for.
type child struct {
	cmd   *exec.Cmd
	lines chan string // closed at the end
	wg    sync.WaitGroup
}

// start starts a child, whose lines are written to show.
func (f family) start(ctx context.Context, show io.Writer, args ...string) (*child, error) {
	cmd, err := f.command(ctx, args...)
	if err != nil {
		return nil, err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start another wnode: %w", err)
	}
	c := &child{cmd: cmd, lines: make(chan string, 100)}
	c.wg.Go(func() { c.show(show, stderr) })
	return c, nil
}

// startNode starts a node in a program of its own.
func (f family) startNode(ctx context.Context, name string, show io.Writer, args ...string) (*child, error) {
	return f.start(ctx, show, append([]string{"start", "--headless", "--listen", anyLoopback, "--name", name}, args...)...)
}

// listening is what a node says when others can reach it.
var listening = regexp.MustCompile(`^node .* listening on (.*)`)

func (c *child) show(show io.Writer, stderr io.Reader) {
	defer close(c.lines)
	for scanner := bufio.NewScanner(stderr); scanner.Scan(); {
		_, _ = show.Write(scanner.Bytes()) // a write that fails is the error of who has made the writer
		select {
		case c.lines <- scanner.Text():
		default: // nobody waits for so many
		}
	}
}

// waitFor gives the first line that comes and matches.
func (c *child) waitFor(ctx context.Context, pattern *regexp.Regexp) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	for {
		select {
		case line, ok := <-c.lines:
			if !ok {
				return "", errors.New("the other node has ended")
			}
			if pattern.MatchString(line) {
				return line, nil
			}
		case <-ctx.Done():
			return "", fmt.Errorf("the other node did not say %q", pattern)
		}
	}
}

// stop stops the child and waits for its end.
func (c *child) stop() error {
	if err := c.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return c.wait()
}

// wait waits for the end of a child that ends by itself.
func (c *child) wait() error {
	c.wg.Wait()
	return c.cmd.Wait()
}
