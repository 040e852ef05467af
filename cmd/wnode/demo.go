package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	guests "github.com/wnode/wnode/examples/wasm"
)

func demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show it: two nodes, one cookie, a module shipped, spawned there, its output here",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := untilSignal(c.Context(), os.Interrupt)
			defer cancel()
			return runDemo(ctx)
		},
	}
}

// The nodes of the demo. They are on the loopback address, and have a well-known port of their own,
// so that they meet no other node of this host.
const (
	demoHere  = "node_one@127.0.0.1"
	demoThere = "node_two@127.0.0.1"
)

// demo is the story, with this program as its first node.
type demo struct {
	family
	out   *output
	here  *wnode.Node
	there *child
}

func runDemo(ctx context.Context) (err error) {
	d := &demo{out: newOutput()}
	if d.family, err = newFamily(); err != nil {
		return err
	}
	defer func() { err = d.out.failure(errors.Join(err, d.end())) }()
	for _, step := range []func(context.Context) error{d.bootHere, d.bootThere, d.refuse, d.connect, d.spawn} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return d.out.println("That was it. `wnode start --name one` is a node of your own; help() in its shell shows what it can do.")
}

// say tells of a step. A write that fails is the demo's error in the end.
func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, "* "+format+"\n", args...) }

func (d *demo) bootHere(ctx context.Context) (err error) {
	log := (&nodeFlags{logLevel: slog.LevelError}).logger(prefixWriter{d.out, demoHere})
	d.here, err = wnode.Start(ctx, wnode.Options{
		Name: demoHere, Cookie: d.cookie, Listen: anyLoopback, WellKnownPort: d.port, Logger: log,
	})
	if err == nil {
		d.say("%s runs in this program, process %d, and listens on %s (UDP).", demoHere, os.Getpid(), d.here.Addr())
	}
	return err
}

func (d *demo) bootThere(ctx context.Context) (err error) {
	if d.there, err = d.startNode(ctx, demoThere, prefixWriter{d.out, demoThere}); err != nil {
		return err
	}
	line, err := d.there.waitFor(ctx, listening)
	if err == nil {
		d.say("%s runs in another program, process %d: %s.", demoThere, d.there.cmd.Process.Pid, line)
	}
	return err
}

// refuse lets a third node try with a cookie of its own.
func (d *demo) refuse(ctx context.Context) error {
	wrong, err := wnode.RandomCookie()
	if err != nil {
		return err
	}
	d.say("A third node, with another cookie, tries to connect to %s.", demoThere)
	cmd, err := family{cookie: wrong, port: d.port}.command(ctx, "eval", "--listen", anyLoopback, "--name", "node_three@127.0.0.1", fmt.Sprintf("Node.connect(%q)", demoThere))
	if err != nil {
		return err
	}
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("the third node: %w", err)
	}
	if got := strings.TrimSpace(string(out)); got != "false" {
		return fmt.Errorf("the third node got %s and not false", got)
	}
	if _, err := d.there.waitFor(ctx, regexp.MustCompile("disallowed node node_three@127.0.0.1")); err != nil {
		return err
	}
	d.say("It gets false, and %s has logged who tried.", demoThere)
	return nil
}

func (d *demo) connect(ctx context.Context) error {
	start := time.Now()
	if err := d.here.Connect(ctx, demoThere); err != nil {
		return err
	}
	d.say("%s has the same cookie: connected in %v, Node.list() is %q.", demoHere, time.Since(start).Round(100*time.Microsecond), d.here.Nodes())
	return nil
}

// spawn runs a module that the other node has never seen.
func (d *demo) spawn(ctx context.Context) error {
	fn, err := d.here.Load("whoami.wasm", guests.Whoami)
	if err != nil {
		return err
	}
	leader, err := d.here.StartStream(wnode.Streams{Output: prefixWriter{d.out, "output"}})
	if err != nil {
		return err
	}
	there, err := d.here.Resolve(ctx, demoThere)
	if err != nil {
		return err
	}
	d.say("%s spawns %v on %s, which lacks the module (%d bytes) and fetches it.", demoHere, fn, demoThere, len(guests.Whoami))
	start := time.Now()
	reason, err := runProcess(ctx, d.here, leader, there, wnode.SpawnRequest{Function: fn})
	if err != nil {
		return err
	}
	if reason != abi.ReasonNormal {
		return exitOf(fn.Name, reason, d.here)
	}
	d.say("The process ran there and wrote here, to the group leader of its spawner: %v from spawn to exit.", time.Since(start).Round(100*time.Microsecond))
	return nil
}

func (d *demo) end() error {
	var errs []error
	if d.there != nil {
		errs = append(errs, d.there.stop())
	}
	if d.here != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		errs = append(errs, d.here.Close(ctx))
	}
	return errors.Join(errs...)
}

// prefixWriter writes lines, each after who says it.
type prefixWriter struct {
	w   io.Writer
	who string
}

// Write writes p, which is one or more whole lines.
func (w prefixWriter) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		if _, err := fmt.Fprintf(w.w, "    %s | %s\n", w.who, strings.TrimRight(line, "\n")); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
