package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

type runFlags struct {
	nodeFlags
	on string
}

func runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run [flags] prog.wasm [args...]",
		Short: "Run a module as a process, here or on another node, with this terminal",
		Long: `Run a module as a process, here or on another node. Its standard streams are
this program's, and its exit code becomes this program's; a crash is exit code 1.`,
		Example: `  wnode run examples/wasm/hello/hello.wasm
  echo hello | wnode run --on two examples/wasm/upcase/upcase.wasm`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args[0], args[1:]) },
	}
	f.add(c)
	c.Flags().StringVar(&f.on, "on", "", "the node to run it on, NAME@HOST or NAME@HOST:PORT (default: this one)")
	c.Flags().SetInterspersed(false)
	return c
}

func (f *runFlags) run(c *cobra.Command, path string, args []string) (err error) {
	ctx, cancel := untilSignal(c.Context(), os.Interrupt)
	defer cancel()
	if !c.Flags().Changed("log-level") {
		f.logLevel = levelNone // how the process ends is told here, and once
	}
	module, err := os.ReadFile(path)
	if err != nil {
		return readError(err)
	}
	status := newStatusLine(filepath.Base(path))
	defer status.clear()
	f.progress = status.report
	n, err := f.start(ctx, c, f.logger(os.Stderr))
	if err != nil {
		return err
	}
	defer stop(n, &err)
	fn, err := n.Load(filepath.Base(path), module)
	if err != nil {
		return err
	}
	leader, err := n.StartStream(wnode.Streams{Output: os.Stdout, Errors: os.Stderr, Input: os.Stdin})
	if err != nil {
		return err
	}
	if err := f.connectAll(ctx, n); err != nil {
		return err
	}
	node := n.ID()
	if f.on != "" {
		if node, err = n.Resolve(ctx, f.on); err != nil {
			return err
		}
	}
	reason, err := runProcess(ctx, n, leader, node, fn, args)
	if err != nil {
		return err
	}
	return exitOf(fn.Name, reason, n)
}

// readError says in one line what to do about a file that cannot be read.
func readError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("cannot read %s: %w", path.Path, path.Err)
	}
	return err
}

// runProcess runs a function on a node and gives its exit reason.
func runProcess(ctx context.Context, n *wnode.Node, leader abi.Pid, node abi.NodeID, fn abi.Function, args []string) (any, error) {
	type result struct {
		reason any
		err    error
	}
	done := make(chan result, 1)
	_, err := n.Spawn("run", leader, func(p *wnode.Process) wnode.Exit {
		defer close(done)
		reason, err := superviseProcess(ctx, p, node, wnode.SpawnRequest{Function: fn, Args: term.MustEncode(args)})
		done <- result{reason, err}
		return wnode.Normal
	})
	if err != nil {
		return nil, err
	}
	r, ok := <-done
	if !ok {
		return nil, errLost
	}
	return r.reason, r.err
}

// superviseProcess spawns a process and waits for its end; when ctx ends it takes the process with it.
func superviseProcess(ctx context.Context, p *wnode.Process, node abi.NodeID, req wnode.SpawnRequest) (any, error) {
	pid, ref, err := p.SpawnMonitor(ctx, node, req)
	if err != nil {
		return nil, err
	}
	for {
		m, err := p.Receive(ctx, wnode.Infinity)
		if err != nil {
			return nil, errors.Join(exitCode(interruptCode), p.ExitProcess(p.Context(), pid, term.MustEncode(abi.ReasonKill)))
		}
		if m.Kind != abi.MessageDown || m.Ref != ref {
			continue
		}
		t, err := term.Decode(m.Data)
		if err != nil {
			return nil, err
		}
		return t.([]any)[4], nil
	}
}

// interruptCode is the exit code of a program that Ctrl-C has ended, as shells have it.
const interruptCode = 130

// exitOf turns the exit reason of a process into the program's end.
func exitOf(name string, reason any, n *wnode.Node) error {
	if reason == abi.ReasonNormal {
		return nil
	}
	if reason == abi.ReasonNoConnection {
		return fmt.Errorf("%s: the connection to its node was lost", name)
	}
	list, ok := reason.([]any)
	if !ok || len(list) != 2 {
		return fmt.Errorf("%s ended: %s", name, term.Format(reason, n.Index))
	}
	if code, isCode := list[1].(int64); isCode && list[0] == abi.ReasonExitStatus {
		return exitCode(code & 0xff)
	}
	return errors.New(name + crashText(list[0], list[1], n))
}

// crashText says for people why a process crashed. The reason of a crash is an array of what
// happened and where.
func crashText(what, where any, n *wnode.Node) string {
	if failure, ok := what.([]any); ok && len(failure) == 2 {
		if text, ok := failure[1].(string); ok { // ["link_error", text] and the like
			return " cannot be run: " + text
		}
	}
	frames, _ := where.([]any)
	if what == "undef" && len(frames) > 0 {
		if call, ok := frames[0].([]any); ok && len(call) == 4 {
			return fmt.Sprintf(" cannot be run: it has no function %v, or the node could not get the module", call[1])
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, " crashed: %s", strings.Trim(term.Format(what, n.Index), `"`))
	for _, f := range frames {
		if frame, ok := f.([]any); ok && len(frame) >= 2 {
			fmt.Fprintf(&b, "\n    at %v (%v)", frame[1], frame[0])
		}
	}
	return b.String()
}
