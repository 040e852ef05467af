// Command semtable prints the items of the semantics that docs/semantics.md lists, with the tests
// that cite each, those of them that run in guests, what wnode does otherwise on purpose, and which
// items are still open: neither tested nor different. It is run from the root of the repository, by
// scripts/semantics.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	open := flag.Bool("open", false, "print only what is open, and the counts")
	native := flag.Bool("native", false, "print only what is tested, but not in a guest, and the counts")
	flag.Parse()
	if err := run(os.Stdout, ".", *open, *native); err != nil {
		fmt.Fprintln(os.Stderr, "semtable:", err)
		os.Exit(1)
	}
}

// run prints the table of the repository at root. A test that cites what is not listed is an error.
// With open or native, only items that are one of these are listed.
func run(w io.Writer, root string, open, native bool) error {
	page, err := os.ReadFile(filepath.Join(root, "docs", "semantics.md"))
	if err != nil {
		return err
	}
	items, err := readItems(string(page))
	if err != nil {
		return fmt.Errorf("docs/semantics.md: %w", err)
	}
	citations, err := readCitations(root)
	if err != nil {
		return err
	}
	unknown := cite(items, citations)
	out := bufio.NewWriter(w)
	printItems(out, slices.DeleteFunc(slices.Clone(items), func(it *item) bool {
		return (open || native) && !(open && it.open()) && !(native && it.native())
	}))
	printCounts(out, items)
	if err := out.Flush(); err != nil {
		return err
	}
	if len(unknown) > 0 {
		return fmt.Errorf("%s cites %s, which is not listed", unknown[0].test, unknown[0].id)
	}
	return nil
}

func printItems(w io.Writer, items []*item) {
	section := ""
	for _, it := range items {
		if it.section != section {
			section = it.section
			fmt.Fprintf(w, "\n%s\n", section)
		}
		fmt.Fprintf(w, "  %-8s %s\n", it.id, it.about)
		if it.differs != "" {
			fmt.Fprintf(w, "           differs: %s\n", it.differs)
		}
		if it.hidden != "" {
			fmt.Fprintf(w, "           no guest sees it: %s\n", it.hidden)
		}
		for _, c := range it.tests {
			where := ""
			if c.guest {
				where = " (guest)"
			}
			fmt.Fprintf(w, "           %s%s\n", c.test, where)
		}
		if it.open() {
			fmt.Fprintln(w, "           OPEN")
		}
	}
}

// printCounts sums up each section, in the order of the page.
func printCounts(w io.Writer, items []*item) {
	type counts struct{ items, tested, guests, hidden, differ, open int }
	sums, order, total := map[string]*counts{}, []string{}, &counts{}
	for _, it := range items {
		if sums[it.section] == nil {
			sums[it.section] = &counts{}
			order = append(order, it.section)
		}
		for _, sum := range []*counts{sums[it.section], total} {
			sum.items++
			if len(it.tests) > 0 {
				sum.tested++
			}
			if it.inGuest() {
				sum.guests++
			}
			if it.hidden != "" {
				sum.hidden++
			}
			if it.differs != "" {
				sum.differ++
			}
			if it.open() {
				sum.open++
			}
		}
	}
	sums["in all"] = total
	fmt.Fprintf(w, "\n%-26s %6s %6s %6s %6s %6s %6s\n", "", "items", "tested", "guests", "hidden", "differ", "open")
	for _, section := range append(order, "in all") {
		sum := sums[section]
		fmt.Fprintf(w, "%-26s %6d %6d %6d %6d %6d %6d\n",
			section, sum.items, sum.tested, sum.guests, sum.hidden, sum.differ, sum.open)
	}
}
