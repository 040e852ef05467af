package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/wnode/wnode"
)

func moduleCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "module",
		Short: "Work with modules as files",
	}
	c.AddCommand(rewriteCommand())
	return c
}

// maxModuleFlag adds the flag for the largest module to read.
func maxModuleFlag(c *cobra.Command, size *byteSize) {
	*size = defaultMaxModule
	c.Flags().Var(size, "max-module", "the largest module to take: bytes, or a number with a unit such as 64MiB")
}

type rewriteFlags struct {
	to        string
	explain   bool
	asJSON    bool
	maxModule byteSize
}

func rewriteCommand() *cobra.Command {
	var f rewriteFlags
	c := &cobra.Command{
		Use:   "rewrite prog.wasm -o OUT.wasm",
		Short: "Write a module as nodes run it, and tell what was done to it",
		Long: `Write a module as nodes run it: metered, with its stack bounded, and with its state
within reach, so that instances can be reused.

With --explain there is a line for each function, the longest work first:
  work      the longest way through it, in instructions, with what it calls up to
            functions that charge for themselves, and each loop taken once
  charged   where that is paid for: at its entry, in the loop it begins with, or by
            its callers; and how many reductions that is
  stack     the bytes of stack it takes in the same way; "counted" if it checks them
  loops     those that ask the host from outside (fast), and from inside
  indirect  calls through a table, or through code that stands in for it
  bulk      operations on memories and tables that are charged by their length
  bytes     of its code, before and after`,
		Example: `  wnode module rewrite prog.wasm -o rewritten.wasm
  wnode module rewrite prog.wasm --explain | head -20`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args[0]) },
	}
	c.Flags().StringVarP(&f.to, "output", "o", "", "the file to write, - for standard output")
	c.Flags().BoolVar(&f.explain, "explain", false, "tell of each function")
	c.Flags().BoolVar(&f.asJSON, "json", false, "tell as JSON, of each function too")
	maxModuleFlag(c, &f.maxModule)
	return c
}

var (
	errNoOutput  = errors.New("give a file to write with -o, or ask with --explain or --json what would be done")
	errTwoOutput = errors.New("-o - and --json both want standard output: give a file with -o")
)

func (f *rewriteFlags) run(c *cobra.Command, path string) error {
	toStdout := f.to == "-"
	switch {
	case f.to == "" && !f.explain && !f.asJSON:
		return usage(c, errNoOutput)
	case toStdout && f.asJSON:
		return usage(c, errTwoOutput)
	}
	module, err := readModule(path, f.maxModule)
	if err != nil {
		return err
	}
	name := filepath.Base(path)
	rewritten, err := wnode.RewriteModule(module)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	out := newOutput()
	switch {
	case toStdout:
		_, _ = out.Write(rewritten.Module) // out remembers
		if !f.explain || out.failure(nil) != nil {
			return out.failure(nil)
		}
		return f.tell(os.Stderr, summaryOf(name, len(module), rewritten))
	case f.to != "":
		if err := os.WriteFile(f.to, rewritten.Module, 0o644); err != nil {
			return fmt.Errorf("cannot write %s: %w", f.to, bareError(err))
		}
	}
	summary := summaryOf(name, len(module), rewritten)
	if f.asJSON {
		return out.printJSON(summary)
	}
	return out.failure(f.tell(out, summary))
}

// rewriteSummary is what `wnode module rewrite --json` prints.
type rewriteSummary struct {
	Name        string `json:"name"`
	BytesBefore int    `json:"bytes_before"`
	BytesAfter  int    `json:"bytes_after"`
	// Charged functions charge for themselves, counted ones check the depth of calls.
	Charged int `json:"charged_functions"`
	Counted int `json:"counted_functions"`
	// ExportedGlobals are the mutable globals that can be seen from outside, and the detached segments what
	// is no longer written to the memory by instantiation.
	ExportedGlobals  int `json:"exported_globals"`
	DetachedSegments int `json:"detached_segments"`
	DetachedBytes    int `json:"detached_bytes"`
	// HiddenState is why an instance cannot be used again, "" when it can.
	HiddenState string `json:"hidden_state"`
	// Of the table that was turned into code, of what was added, and of source lines.
	DispatchFunctions  int  `json:"dispatch_functions"`
	DispatchedElements int  `json:"dispatched_elements"`
	Helpers            int  `json:"helper_functions"`
	SourceLines        bool `json:"source_lines"`

	Functions []wnode.FunctionReport `json:"functions"`
}

func summaryOf(name string, before int, r *wnode.Rewritten) *rewriteSummary {
	s := &rewriteSummary{
		Name: name, BytesBefore: before, BytesAfter: len(r.Module),
		ExportedGlobals: len(r.State.Globals), DetachedSegments: len(r.State.Data), HiddenState: r.State.Hidden,
		DispatchFunctions: r.Explained.DispatchFunctions, DispatchedElements: r.Explained.DispatchedElements,
		Helpers: r.Explained.Helpers, SourceLines: r.Explained.Lines, Functions: r.Explained.Functions,
	}
	for _, data := range r.State.Data {
		s.DetachedBytes += len(data.Bytes)
	}
	for i := range s.Functions {
		if s.Functions[i].Charged != wnode.ChargedByCallers {
			s.Charged++
		}
		if s.Functions[i].Counted {
			s.Counted++
		}
	}
	return s
}

// tell writes the summary for people.
func (f *rewriteFlags) tell(out io.Writer, s *rewriteSummary) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if f.explain {
		tellFunctions(w, s.Functions)
	}
	fmt.Fprintf(w, "functions\t%d: %d charge for themselves, %d check the depth of calls\n", len(s.Functions), s.Charged, s.Counted)
	fmt.Fprintf(w, "added\t%s\n", s.added())
	state := fmt.Sprintf("%d globals exported, %d segments with %d bytes detached", s.ExportedGlobals, s.DetachedSegments, s.DetachedBytes)
	if s.HiddenState != "" {
		state = "instances cannot be used again: " + s.HiddenState
	}
	fmt.Fprintf(w, "state\t%s\n", state)
	fmt.Fprintf(w, "bytes\t%d before, %d after\n", s.BytesBefore, s.BytesAfter)
	return w.Flush()
}

// added says what was added.
func (s *rewriteSummary) added() string {
	text := fmt.Sprintf("%d helper functions", s.Helpers)
	if s.DispatchedElements > 0 {
		text += fmt.Sprintf(", and in place of a table of %d elements %d", s.DispatchedElements, s.DispatchFunctions)
	}
	return text
}

func tellFunctions(w io.Writer, functions []wnode.FunctionReport) {
	sorted := slices.Clone(functions)
	slices.SortStableFunc(sorted, func(a, b wnode.FunctionReport) int { return cmp.Compare(b.Work, a.Work) })
	fmt.Fprintln(w, "work\tcharged\tstack\tloops\tindirect\tbulk\tbytes\tfunction")
	for i := range sorted {
		f := &sorted[i]
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%d -> %d\t%d %s\n", f.Work, chargedText(f), stackText(f), loopsText(f),
			orDash(f.IndirectCode+f.IndirectTable, indirectBy(f)), orDash(f.Bulk, ""), f.Before, f.After, f.Index, f.Name)
	}
	fmt.Fprintln(w)
}

func chargedText(f *wnode.FunctionReport) string {
	if f.Charged == wnode.ChargedByCallers {
		return "by callers"
	}
	return fmt.Sprintf("%s, %d", f.Charged, f.Reductions)
}

func stackText(f *wnode.FunctionReport) string {
	if f.Counted {
		return fmt.Sprintf("%d counted", f.StackBytes)
	}
	return fmt.Sprint(f.StackBytes)
}

func loopsText(f *wnode.FunctionReport) string {
	switch {
	case f.LoopsInside == 0:
		return orDash(f.LoopsOutside, " outside")
	case f.LoopsOutside == 0:
		return orDash(f.LoopsInside, " inside")
	}
	return fmt.Sprintf("%d outside, %d inside", f.LoopsOutside, f.LoopsInside)
}

func indirectBy(f *wnode.FunctionReport) string {
	if f.IndirectCode > 0 {
		return " by code"
	}
	return " by table"
}

// orDash gives a number with what it is of, or a dash for none.
func orDash(n int, of string) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n, of)
}
