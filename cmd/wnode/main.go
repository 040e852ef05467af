// The command wnode runs and controls nodes whose processes are WebAssembly.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/wnode/wnode/cmd/wnode/shell"
	"github.com/wnode/wnode/internal/processors"
)

func main() {
	ctx, cancel := untilSignal(context.Background(), syscall.SIGTERM, syscall.SIGHUP)
	kept := headroom()
	stop := processors.Follow()
	code := run(ctx, os.Args[1:])
	stop()
	runtime.KeepAlive(kept)
	cancel()
	os.Exit(code)
}

// exitCode ends the program with a code when all that is to be said has been said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// run executes one command line and gives the program's exit code: 0, 1 for failures, 2 for bad usage.
func run(ctx context.Context, args []string) int {
	root := rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var code exitCode
	var badUsage usageError
	var exception *shell.Exception
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &badUsage):
		fmt.Fprintf(os.Stderr, "wnode: %v\n", err)
		return 2
	case errors.As(err, &exception):
		fmt.Fprintln(os.Stderr, exception)
		return 1
	default:
		fmt.Fprintf(os.Stderr, "wnode: %v\n", err)
		return 1
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "wnode",
		Short: "An Erlang-style node whose processes are WebAssembly",
		Long: `wnode runs processes that are WebAssembly modules. Nodes that share a cookie
join over QUIC, send each other messages, and spawn processes on each other.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetFlagErrorFunc(usage)
	root.AddCommand(startCommand(), evalCommand(), runCommand(), namesCommand(), cookieCommand(), inspectCommand(), moduleCommand(),
		benchCommand(), bareStreamCommand(), versionCommand(), demoCommand())
	checkArgs(root)
	return root
}
