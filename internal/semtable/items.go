package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// item is one item of the semantics.
type item struct {
	id, about, section string
	differs            string // what wnode does instead, "" when it does the same
	hidden             string // why no guest can see it, "" when one can
	tests              []citation
}

// cite enters a citation, once for each test.
func (it *item) cite(c citation) {
	i := slices.IndexFunc(it.tests, func(other citation) bool { return other.test == c.test })
	if i < 0 {
		it.tests = append(it.tests, c)
		return
	}
	it.tests[i].guest = it.tests[i].guest || c.guest
}

// open reports whether the item is neither tested nor different.
func (it *item) open() bool { return len(it.tests) == 0 && it.differs == "" }

// native reports whether a guest could see the item, and it is tested, but by no guest.
func (it *item) native() bool {
	return it.hidden == "" && len(it.tests) > 0 && !it.inGuest()
}

func (it *item) inGuest() bool {
	return slices.ContainsFunc(it.tests, func(c citation) bool { return c.guest })
}

// prefix gives the letters of an identifier.
func prefix(id string) string { return id[:strings.LastIndexByte(id, '-')] }

// The headings of the page.
const (
	headingHidden = "# What guests cannot see"
	headingAll    = "# All items"
)

// readItems reads the page: first a table of what differs, then under headings of their own a table of
// what guests cannot see and the tables that list everything.
func readItems(page string) ([]*item, error) {
	before, all, ok := strings.Cut(page, "\n"+headingAll+"\n")
	if !ok {
		return nil, fmt.Errorf("there is no heading %q", headingAll)
	}
	differs, hidden, ok := strings.Cut(before, "\n"+headingHidden+"\n")
	if !ok {
		return nil, fmt.Errorf("there is no heading %q", headingHidden)
	}
	var items []*item
	byID := map[string]*item{}
	section := ""
	for line := range strings.Lines(all) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(title)
		}
		for _, id := range rowIDs(line) {
			if byID[id] != nil {
				return nil, fmt.Errorf("%s is listed twice", id)
			}
			byID[id] = &item{id: id, about: cell(line, 1), section: section}
			items = append(items, byID[id])
		}
	}
	return items, errors.Join(
		mention(byID, differs, func(it *item, line string) { it.differs = cell(line, 2) }),
		mention(byID, hidden, func(it *item, line string) { it.hidden = cell(line, 1) }),
	)
}

// mention gives each row of a table to the items that it names.
func mention(byID map[string]*item, table string, note func(it *item, line string)) error {
	for line := range strings.Lines(table) {
		for _, id := range rowIDs(line) {
			if byID[id] == nil {
				return fmt.Errorf("%s has a row, but is not listed", id)
			}
			note(byID[id], line)
		}
	}
	return nil
}

// identifier is that of an item, whatever its letters.
var identifier = regexp.MustCompile(`[A-Z]+-[0-9]{2}b?`)

// rowIDs gives the identifiers in the first cell of a table's row.
func rowIDs(line string) []string { return identifier.FindAllString(cell(line, 0), -1) }

// cell gives a cell of a table's row, "" for a line that is none.
func cell(line string, n int) string {
	cells := strings.Split(strings.TrimSpace(line), "|")
	if len(cells) < n+3 || cells[0] != "" {
		return ""
	}
	return strings.TrimSpace(cells[n+1])
}
