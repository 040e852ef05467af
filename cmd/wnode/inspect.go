package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
)

func inspectCommand() *cobra.Command {
	var asJSON bool
	var maxModule byteSize
	c := &cobra.Command{
		Use:   "inspect prog.wasm",
		Short: "Tell what a module needs, and how its processes start",
		Long: `Tell what a module needs, where its processes can start, and whether they are
started from an image of one that has been initialised, which is far faster; and if
not, why. The module is initialised for that, in a process that may do nothing but
compute, and only for some seconds. docs/modules.md has how to read this.`,
		Example: `  wnode inspect prog.wasm
  wnode inspect --json prog.wasm | jq .initialization`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := untilSignal(c.Context(), os.Interrupt)
			defer cancel()
			module, err := readModule(args[0], maxModule)
			if err != nil {
				return err
			}
			name := filepath.Base(args[0])
			report, err := wnode.InspectModule(ctx, module, 0)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return printReport(newOutput(), inspected{name, report}, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	maxModuleFlag(c, &maxModule)
	return c
}

// inspected is a file with what is known of it.
type inspected struct {
	File string `json:"name"`
	*wnode.ModuleReport
}

func printReport(out *output, r inspected, asJSON bool) error {
	if asJSON {
		return out.printJSON(r)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	r.tellContent(w)
	r.tellStart(w)
	for _, warning := range r.warnings() {
		row(w, "warning", warning)
	}
	if slices.Contains(r.Entries, abi.ReactorExport) && r.DefaultEntry == abi.DefaultExport {
		row(w, "hint", "built with -buildmode=c-shared, it would be initialised once for all processes: see docs/modules.md")
	}
	return out.failure(w.Flush())
}

// row writes what there is to say of something, in one or more lines.
func row(w io.Writer, what string, lines ...string) {
	for _, line := range lines {
		fmt.Fprintf(w, "%s\t%s\n", what, line)
		what = ""
	}
}

// tellContent tells what is in the module.
func (r *inspected) tellContent(w io.Writer) {
	name := r.File
	if r.Name != "" && r.Name != name {
		name += ", which calls itself " + r.Name
	}
	row(w, "name", name)
	row(w, "sha256", r.SHA256)
	row(w, "size", bytesText(uint64(r.Bytes)))
	made := make([]string, 0, len(r.Producers))
	for _, p := range r.Producers {
		made = append(made, strings.TrimSpace(p.Name+" "+p.Version)+" ("+p.Field+")")
	}
	row(w, "made with", listed(made, "it does not say")...)
	customs := make([]string, 0, len(r.Customs))
	for _, c := range r.Customs {
		customs = append(customs, fmt.Sprintf("%s (%d)", c.Name, c.Bytes))
	}
	row(w, "custom sections", listed(customs, "none")...)
	lines := "backtraces have no source lines: build it with debug information for them"
	if r.SourceLines {
		lines = "backtraces have source lines"
	}
	row(w, "functions", fmt.Sprintf("%d, %d names; %s", r.Functions, r.NamedFunctions, lines))
	row(w, "features", listed(r.Features, "none beyond the first version")...)
	row(w, "memory", r.memoryText())
	for _, t := range r.Tables {
		row(w, "table", tableText(t.MinElements, t.MaxElements, t.BecomesCode))
	}
	row(w, "mutable globals", fmt.Sprint(r.MutableGlobals))
	for _, i := range r.Imports {
		row(w, "imports of "+i.Module, listed(i.Names, "")...)
	}
}

// tellStart tells whether and how processes of the module start.
func (r *inspected) tellStart(w io.Writer) {
	if len(r.ImportProblems) == 0 {
		row(w, "linking", "a node of this version has all that it imports")
	} else {
		problems := r.ImportProblems
		if more := len(problems) - maxExportsNamed; more > 0 {
			problems = append(problems[:maxExportsNamed:maxExportsNamed], fmt.Sprintf("and %d more", more))
		}
		row(w, "cannot be run", problems...)
	}
	entries := make([]string, 0, len(r.Entries))
	for _, name := range r.Entries {
		if name == r.DefaultEntry {
			name += " (default)"
		}
		entries = append(entries, name)
	}
	row(w, "starts at", listed(entries, "nothing: it exports no function without parameters")...)
	instances := "each serves one process after the other"
	if !r.Instances.Reused {
		instances = "each serves one process only: " + r.Instances.Reason
	}
	row(w, "instances", instances)
	row(w, "initialised", r.initializedText())
	if r.Image != nil {
		row(w, "image", fmt.Sprintf("%s of %s are not zero", bytesText(r.Image.Bytes), bytesText(r.Image.MemoryBytes)))
	}
	if t := r.Takes; t != nil {
		row(w, "takes", fmt.Sprintf("%s for each process, and once %s for the image and %s for code",
			bytesText(t.ProcessBytes), bytesText(t.ImageBytes), bytesText(t.CodeBytes)))
	}
	row(w, "compiled in", fmt.Sprintf("%v, from %s rewritten",
		time.Duration(r.Compile.Seconds*float64(time.Second)).Round(100*time.Microsecond), bytesText(uint64(r.Compile.RewrittenBytes))))
}

func (r *inspected) initializedText() string {
	by := strings.Join(r.Initialization.By, ", ")
	switch r.Initialization.Times {
	case wnode.InitializedNever:
		return "never: it has neither a start function nor _initialize; what a program does first, each process does"
	case wnode.InitializedOnce:
		return "once for all processes (" + by + ")"
	case wnode.InitializedEach:
		return "for each process (" + by + "): " + r.Initialization.Reason
	case wnode.InitializedFails:
		return "in vain (" + by + "): " + r.Initialization.Reason
	default:
		return "unknown: it cannot be run"
	}
}

const pageBytes = 64 << 10

func (r *inspected) memoryText() string {
	m := r.Memory
	if m == nil {
		return "none of its own"
	}
	text := bytesText(uint64(m.MinPages)*pageBytes) + " to begin with"
	if m.MaxPages != nil {
		text += ", " + bytesText(uint64(*m.MaxPages)*pageBytes) + " at most"
	}
	return text
}

func tableText(least uint32, most *uint32, code bool) string {
	switch {
	case code:
		return fmt.Sprintf("%d elements, which become code", least)
	case most != nil && *most != least:
		return fmt.Sprintf("%d elements to begin with, %d at most", least, *most)
	}
	return fmt.Sprintf("%d elements", least)
}

// warnings are what may surprise.
func (r *inspected) warnings() (all []string) {
	if r.DefaultEntry == "" && len(r.Entries) > 0 {
		all = append(all, "it has no export "+abi.DefaultExport+" and none "+abi.ReactorExport+", so a start has to name the export")
	}
	if slices.Contains(r.Features, wnode.FeatureAtomics) {
		all = append(all, "it uses atomic instructions, so only nodes that were started with --features threads run it")
	}
	if r.Initialization.Times == wnode.InitializedOnce && len(r.SharedGenerators) > 0 {
		all = append(all, "all its processes draw the same numbers from "+strings.Join(r.SharedGenerators, " and ")+
			", whose generator was seeded with the image: use crypto/rand, or a generator that is seeded in the process")
	}
	return all
}

// Bounds of lists for people.
const (
	maxListed = 200
	lineWidth = 76
)

// listed joins names to lines that are not too long, and gives none when there are none.
func listed(names []string, none string) (lines []string) {
	if more := len(names) - maxListed; more > 0 {
		names = append(names[:maxListed:maxListed], fmt.Sprintf("and %d more", more))
	}
	line := ""
	for i, name := range names {
		if i < len(names)-1 {
			name += ","
		}
		if line != "" && len(line)+1+len(name) > lineWidth {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+name, " ")
	}
	return append(lines, cmp.Or(line, none))
}

// bytesText gives a size with a unit that people can read.
func bytesText(n uint64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
