package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
)

func evalCommand() *cobra.Command {
	var f nodeFlags
	c := &cobra.Command{
		Use:   "eval [flags] 'JS'",
		Short: "Boot a node, evaluate JavaScript, print the value of the last expression",
		Example: `  wnode eval 'Node.ping("one")'
  wnode eval --connect one 'Node.list()'`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runEval(c, &f, args[0]) },
	}
	f.add(c)
	return c
}

func runEval(c *cobra.Command, f *nodeFlags, source string) error {
	ctx, cancel := untilSignal(c.Context(), os.Interrupt)
	defer cancel()
	out := newOutput()
	streams := wnode.Streams{Output: out, Errors: os.Stderr, Input: os.Stdin}
	return out.failure(f.serve(ctx, c, streams, func(n *wnode.Node, leader abi.Pid) error {
		if err := f.connectAll(ctx, n); err != nil {
			return err
		}
		text, err := evaluate(ctx, shellNode{n, f.maxModule}, leader, source)
		if err != nil || text == "" {
			return err
		}
		return out.println(text)
	}))
}
