package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/wnode/wnode"
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

func runEval(c *cobra.Command, f *nodeFlags, source string) (err error) {
	ctx, cancel := untilSignal(c.Context(), os.Interrupt)
	defer cancel()
	n, err := f.start(ctx, c, f.logger(os.Stderr))
	if err != nil {
		return err
	}
	defer stop(n, &err)
	leader, err := n.StartStream(wnode.Streams{Output: os.Stdout, Errors: os.Stderr, Input: os.Stdin})
	if err != nil {
		return err
	}
	if err := f.connectAll(ctx, n); err != nil {
		return err
	}
	text, err := evaluate(ctx, n, leader, source)
	if err != nil {
		return err
	}
	fmt.Println(text)
	return nil
}
