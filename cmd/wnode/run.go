package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

type runFlags struct {
	nodeFlags
	on    string
	reach reachTexts
}

func runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run [flags] prog.wasm [args...]",
		Short: "Run a module as a process, here or on another node, with this terminal",
		Long: `Run a module as a process, here or on another node. Its standard streams are
this program's, and its exit code becomes this program's; a crash is exit code 1.
It reaches only those folders, environment variables and TCP addresses that it is
given.`,
		Example: `  wnode run examples/wasm/hello/hello.wasm
  echo hello | wnode run --on two examples/wasm/upcase/upcase.wasm
  wnode run --dir photos --dir /etc/ssl:/ssl:ro --env LANG resize.wasm photos/1.png`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args[0], args[1:]) },
	}
	f.add(c)
	c.Flags().StringVar(&f.on, "on", "", "the node to run it on, NAME@HOST or NAME@HOST:PORT (default: this one)")
	c.Flags().StringArrayVar(&f.reach.folders, "dir", nil, "give it a folder: HOST, HOST:GUEST or HOST:GUEST:ro, where GUEST is the path under which it sees the folder, and ro is for reading only; may be repeated")
	c.Flags().StringArrayVar(&f.reach.environment, "env", nil, "give it an environment variable: NAME=VALUE, or NAME with the value that it has here; may be repeated")
	c.Flags().StringArrayVar(&f.reach.listen, "listen-tcp", nil, "let it listen at a TCP address, HOST:PORT: a WASI socket behind its folders; may be repeated")
	c.Flags().SetInterspersed(false)
	return c
}

func (f *runFlags) run(c *cobra.Command, path string, args []string) error {
	ctx, cancel := untilSignal(c.Context(), os.Interrupt)
	defer cancel()
	if !c.Flags().Changed("log-level") {
		f.logLevel = levelNone // how the process ends is told here, and once
	}
	reach, err := f.openReach(c)
	defer closeReach(reach)
	if err != nil {
		return err
	}
	module, err := readModule(path, f.maxModule)
	if err != nil {
		return err
	}
	status := newStatusLine(filepath.Base(path))
	defer status.clear()
	f.progress = status.report
	if f.on == "" {
		f.compileWorkers = compileWorkers
	}
	out := newOutput()
	streams := wnode.Streams{Output: printing{out, status}, Errors: printing{os.Stderr, status}, Input: os.Stdin}
	return out.failure(f.serve(ctx, c, streams, func(n *wnode.Node, leader abi.Pid) error {
		fn, err := n.Load(filepath.Base(path), module)
		if err != nil {
			return err
		}
		status.follow(fn.Module, n.Name())
		node, err := f.target(ctx, n)
		if err != nil {
			return err
		}
		reason, err := runProcess(ctx, n, leader, node, wnode.SpawnRequest{
			Function: fn, Args: term.MustEncode(args), Rights: wnode.Rights{Reach: reach},
		})
		if err != nil {
			return err
		}
		if isUndefined(reason) {
			return notStarted(fn, module)
		}
		return exitOf(fn.Name, reason, n)
	}))
}

// compileWorkers compile the module of a node that has no other: nobody else is hurt if it ends the program.
const compileWorkers = 2

// openReach opens what the module is given.
func (f *runFlags) openReach(c *cobra.Command) (*wnode.Reach, error) {
	if f.on != "" && !f.reach.empty() {
		return nil, usage(c, errReachElsewhere)
	}
	return f.reach.open(".")
}

var errReachElsewhere = errors.New("--dir, --env and --listen-tcp give what is here, and --on runs the module elsewhere: what it has there is said by that node's policy, under [remote]")

// target gives the node on which the module is to run.
func (f *runFlags) target(ctx context.Context, n *wnode.Node) (abi.NodeID, error) {
	if err := f.connectAll(ctx, n); err != nil {
		return 0, err
	}
	if f.on == "" {
		return n.ID(), nil
	}
	return n.Resolve(ctx, f.on)
}

// runProcess runs a function on a node and gives its exit reason.
func runProcess(ctx context.Context, n *wnode.Node, leader abi.Pid, node abi.NodeID, req wnode.SpawnRequest) (any, error) {
	type result struct {
		reason any
		err    error
	}
	done := make(chan result, 1)
	_, err := n.Spawn("run", leader, func(p *wnode.Process) wnode.Exit {
		defer close(done)
		reason, err := superviseProcess(ctx, p, node, req)
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
	reason, err := p.ReceiveDown(ctx, ref)
	if err != nil {
		return nil, errors.Join(exitCode(interruptCode), p.ExitProcess(p.Context(), pid, term.MustEncode(abi.ReasonKill)))
	}
	return reason, nil
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
	if reason == wnode.ReasonNodeFull {
		return fmt.Errorf("%s ended: %q: the memory of its node is used up; --memory gives a node more", name, reason)
	}
	list, _ := reason.([]any)
	if len(list) == 2 && list[0] == abi.ReasonExitStatus {
		if code, isCode := list[1].(int64); isCode {
			return exitCode(code & 0xff)
		}
	}
	if len(list) != 2 || !isBacktrace(list[1]) {
		return fmt.Errorf("%s ended: %s", name, term.Format(reason, n.Index))
	}
	return errors.New(name + crashText(list[0], list[1], n))
}

// isBacktrace tells the reason of a trap, [what, frames], from other pairs, such as ["panic", text].
func isBacktrace(where any) bool {
	frames, ok := where.([]any)
	return ok && !slices.ContainsFunc(frames, func(frame any) bool {
		_, isFrame := frame.([]any)
		return !isFrame
	})
}

// isUndefined reports whether a process ended because its function was not there (PROC-11).
func isUndefined(reason any) bool {
	list, ok := reason.([]any)
	return ok && len(list) == 2 && list[0] == "undef"
}

// maxExportsNamed bounds how many exports an error lists.
const maxExportsNamed = 10

// notStarted says why a function was not there: the module does not export it, or did not get to the node.
func notStarted(fn abi.Function, module []byte) error {
	exports := exportedFunctions(module)
	if slices.Contains(exports, fn.Export) {
		return fmt.Errorf("%s cannot be run: the node could not get the module; its log says why", fn.Name)
	}
	if len(exports) == 0 {
		return fmt.Errorf("%s cannot be run: it exports no function, and %s is where a program starts; build it as a program, not as a library", fn.Name, fn.Export)
	}
	if n := len(exports) - maxExportsNamed; n > 0 {
		exports = append(exports[:maxExportsNamed], fmt.Sprintf("and %d more", n))
	}
	return fmt.Errorf("%s cannot be run: it has no export %s, which is where a program starts, but %s; in a shell, spawn(wasm(file, export)) starts any of them that has no parameters",
		fn.Name, fn.Export, strings.Join(exports, ", "))
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
	var b strings.Builder
	fmt.Fprintf(&b, " crashed: %s", strings.Trim(term.Format(what, n.Index), `"`))
	for _, f := range frames {
		if frame, ok := f.([]any); ok && len(frame) == 4 {
			place := cmp.Or(wnode.SourceLine(frame[3]), fmt.Sprint(frame[0]))
			fmt.Fprintf(&b, "\n    at %v (%s)", frame[1], place)
		}
	}
	return b.String()
}
