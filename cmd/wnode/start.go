package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/cmd/wnode/shell"
	"github.com/wnode/wnode/cmd/wnode/terminal"
)

type startFlags struct {
	nodeFlags
	eval     string
	headless bool
	app      string
}

func startCommand() *cobra.Command {
	var f startFlags
	c := &cobra.Command{
		Use:   "start",
		Short: "Start a node, with a JavaScript shell or headless",
		Example: `  wnode start --name one
  wnode start --name two --connect one
  wnode start --name three --headless --listen 127.0.0.1:0`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	f.add(c)
	c.Flags().StringVar(&f.eval, "eval", "", "JavaScript to evaluate first")
	c.Flags().StringVar(&f.app, "app", "", "an application file, wnode.toml: processes that run from the node's start to its end (see docs/application.md)")
	c.Flags().BoolVar(&f.headless, "headless", false, "no shell: output goes to standard output, logs to standard error, until SIGTERM or SIGINT")
	return c
}

func (f *startFlags) run(c *cobra.Command) error {
	var applications []*application
	if f.app != "" {
		file, err := readApplications(f.app)
		applications = file.Application
		defer closeApplications(applications)
		if err != nil {
			return err
		}
		if !c.Flags().Changed("memory") {
			f.memory = file.Memory
		}
	}
	if f.headless {
		return f.runHeadless(c, applications)
	}
	return f.runShell(c, applications)
}

// runHeadless runs the node until it is told to stop.
func (f *startFlags) runHeadless(c *cobra.Command, applications []*application) error {
	ctx, cancel := untilSignal(c.Context(), os.Interrupt)
	defer cancel()
	if !c.Flags().Changed("log-level") {
		f.logLevel = slog.LevelInfo
	}
	return f.serve(ctx, c, wnode.Streams{Output: os.Stdout, Errors: os.Stderr}, func(n *wnode.Node, leader abi.Pid) error {
		f.tryConnect(ctx, n, os.Stderr)
		ended, err := startApplications(applications, shellNode{n, f.maxModule}, leader)
		if err != nil {
			return err
		}
		if f.eval != "" {
			if _, err := evaluate(ctx, shellNode{n, f.maxModule}, leader, f.eval); err != nil {
				return ignoreInterrupt(ctx, err)
			}
		}
		fmt.Fprintf(os.Stderr, "node %s listening on %s\n", n.Name(), n.Addr())
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return nil
		}
	})
}

// runShell runs a shell. On a terminal logs appear above the line that is being typed.
func (f *startFlags) runShell(c *cobra.Command, applications []*application) (err error) {
	ctx, quit := context.WithCancel(c.Context())
	defer quit()
	ui := new(interaction)
	editor, err := terminal.Open(os.Stdin, os.Stdout, terminal.Options{
		HistoryFile: historyFile(), Dumb: os.Getenv("TERM") == "dumb",
		Complete: ui.complete, Assisted: ui.assisted, Entered: ui.entered, Interrupted: ui.interrupt, Quit: quit,
	})
	if err != nil {
		return err
	}
	closeEditor := sync.OnceFunc(func() { _ = editor.Close() })
	defer closeEditor()
	logs := io.Writer(os.Stderr)
	if term.IsTerminal(int(os.Stderr.Fd())) {
		logs = editor
	}
	n, err := f.start(ctx, c, f.logger(logs))
	if err != nil {
		return err
	}
	defer f.stop(n, &err)
	leader, err := n.StartTerminal(editor)
	if err != nil {
		return err
	}
	fmt.Fprintf(editor, "wnode %s, node %s listening on %s\nhelp() for help, Ctrl-D to leave\n", version(), n.Name(), n.Addr())
	f.tryConnect(ctx, n, logs)
	ended, err := startApplications(applications, shellNode{n, f.maxModule}, leader)
	if err != nil {
		return err
	}
	s, err := shell.Start(shellNode{n, f.maxModule}, leader, f.eval)
	if err != nil {
		return err
	}
	return endWith(ended, quit, func() error { return ui.run(ctx, s, editor) })
}

// endWith runs the shell, and quits when the end of an application is to be that of the node.
func endWith(ended <-chan error, quit func(), run func() error) error {
	finished, failed := make(chan struct{}), make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case err := <-ended:
			failed <- err
			quit()
		case <-finished:
		}
	})
	err := run()
	close(finished)
	wg.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return err
	}
}

// tryConnect connects to other nodes and keeps them connected. One that cannot be reached yet is no reason
// not to start.
func (f *startFlags) tryConnect(ctx context.Context, n *wnode.Node, w io.Writer) {
	for _, name := range f.connect {
		err := n.Connect(ctx, name)
		if ctx.Err() != nil {
			return
		}
		if keepErr := n.KeepConnected(name); keepErr != nil { // it is no name
			fmt.Fprintf(w, "wnode: %v\n", keepErr)
		} else if err != nil {
			fmt.Fprintf(w, "wnode: %v; trying again\n", err)
		}
	}
}

func ignoreInterrupt(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// codeError is the error for an exit code, nil for 0.
func codeError(code int) error {
	if code == 0 {
		return nil
	}
	return exitCode(code)
}

func historyFile() string {
	dir := cacheDir()
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "history")
}

// errLost is the error of a process of the program's own that ended without a result.
var errLost = errors.New("the process crashed: see the log")

// evaluate runs JavaScript in a process of its own and gives what a shell would print.
func evaluate(ctx context.Context, n shellNode, leader abi.Pid, source string) (string, error) {
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	_, err := n.Spawn("eval", leader, func(p *wnode.Process) wnode.Exit {
		defer close(done)
		evalCtx, cancel := context.WithCancelCause(p.Context())
		defer context.AfterFunc(ctx, func() { cancel(shell.ErrInterrupted) })()
		text, err := shell.NewEvaluator(n, p).Eval(evalCtx, source)
		done <- result{text, err}
		return wnode.Normal
	})
	if err != nil {
		return "", err
	}
	r, ok := <-done
	if !ok {
		return "", errLost
	}
	var quit *shell.Quit
	if errors.As(r.err, &quit) {
		return "", exitCode(quit.Code)
	}
	return r.text, r.err
}
