package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// usageError is a command line that makes no sense. It says where to read what would make some.
type usageError struct {
	command string
	err     error
}

func usage(c *cobra.Command, err error) error { return usageError{c.CommandPath(), err} }

func (u usageError) Error() string { return fmt.Sprintf("%v (see %s --help)", u.err, u.command) }

func (u usageError) Unwrap() error { return u.err }

// checkArgs makes a wrong number of arguments a usage error, for a command and those below it.
func checkArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if check(c, args) == nil {
				return nil
			}
			what := "an argument is missing"
			if len(args) > 0 {
				what = fmt.Sprintf("unexpected argument %q", args[len(args)-1])
			}
			return usage(c, fmt.Errorf("%s, the usage is: %s", what, c.UseLine()))
		}
	}
	if c.HasSubCommands() {
		c.Args, c.RunE, c.DisableFlagsInUseLine = cobra.ArbitraryArgs, runGroup, true
	}
	for _, sub := range c.Commands() {
		checkArgs(sub)
	}
}

// runGroup is run for a command that is nothing without one of those below it.
func runGroup(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	return usage(c, fmt.Errorf("unknown command %q", args[0]))
}

var errTwoCookies = errors.New("give --cookie or --cookie-file, not both")
