package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ofGuests are the sections whose items guests can see, but for those that the page says they cannot.
var ofGuests = []string{
	"Mapping to WebAssembly", "Processes and pids", "Signals", "Receive", "Links and exits", "Monitors and aliases",
	"Names of a node", "Group leaders", "I/O", "Timers", "Crash logs", "Servers and supervisors",
}

// A test that cites an item which the page does not list fails here, and an item that guests can see and
// that is tested without one.
func TestCitedItemsAreListed(t *testing.T) {
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "semantics.md"))
	if err != nil {
		t.Fatal(err)
	}
	items, err := readItems(string(page))
	if err != nil {
		t.Fatal(err)
	}
	citations, err := readCitations(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cite(items, citations) {
		t.Errorf("%s cites %s, which docs/semantics.md does not list", c.test, c.id)
	}
	for _, it := range items {
		if it.native() && slices.Contains(ofGuests, it.section) {
			t.Errorf("%s is tested by %s and by no guest", it.id, it.tests[0].test)
		}
	}
	if len(citations) < 100 {
		t.Errorf("%d citations: the tests are not found", len(citations))
	}
}

func TestCitedIDs(t *testing.T) {
	for text, want := range map[string]string{
		"AB-01: one":                    "AB-01",
		"AB-01, AB-03 and CD-02b.":      "AB-01 AB-03 CD-02b",
		"AB-08..10":                     "AB-08 AB-09 AB-10",
		"from AB-01 to AB-03, and on":   "AB-01 AB-02 AB-03",
		"AB-01 to 02":                   "AB-01 AB-02",
		"UTF-16 is two letters too few": "UTF-16",
		"nothing, AB-1, AB-001, ab-01":  "",
	} {
		got, err := citedIDs(text)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q cites %v, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"AB-03..01", "AB-01 to CD-03"} {
		if ids, err := citedIDs(text); err == nil {
			t.Errorf("%q cites %v", text, ids)
		}
	}
}

const examplePage = `# Differences
| ID | there | here |
| --- | --- | --- |
| AB-02 | so | otherwise |

# What guests cannot see
| ID | Why |
| --- | --- |
| AB-04 | it is inside |

# All items
## First
| ID | About |
| --- | --- |
| AB-01 | one |
| AB-02 | two |
| AB-03 | three |
| AB-04 | four |
`

func wantLines(t *testing.T, lines []string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %q in:\n%s", want, strings.Join(lines, "\n"))
		}
	}
}

func citedIn(t *testing.T, lines []string) []string {
	t.Helper()
	ids, err := citedIDs(strings.Join(lines, " "))
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestTable(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("docs/semantics.md", examplePage)
	write("a/a_test.go", "package a\n\n// AB-01, UTF-16\nfunc TestA() {\n\t// AB-01\n}\n")
	write("a/c_test.go", "package a\n\n// AB-02: the same,\n// in a\n// guest.\nfunc TestC() {}\n")
	write("tests/guests/g/main.go", "package g\n\n// AB-02\nfunc g() {}\n")
	write("a/d_test.go", "package a\n\n// AB-04\nfunc TestD() {}\n")
	write("a/a.go", "package a\n\n// AB-03: no test\nfunc a() {}\n")
	table := func(open, native bool) []string {
		var out strings.Builder
		if err := run(&out, root, open, native); err != nil {
			t.Fatal(err)
		}
		return strings.Split(out.String(), "\n")
	}
	wantLines(t, table(false, false), "           a/a_test.go:TestA", "           a/c_test.go:TestC (guest)",
		"           tests/guests/g/main.go:g (guest)", "           differs: otherwise", "           OPEN",
		"in all                          4      3      1      1      1      1", "           no guest sees it: it is inside")
	for _, c := range []struct {
		open, native bool
		items        []string
	}{
		{true, false, []string{"AB-03"}},
		{false, true, []string{"AB-01"}},
		{true, true, []string{"AB-01", "AB-03"}},
	} {
		if got := citedIn(t, table(c.open, c.native)); !slices.Equal(got, c.items) {
			t.Errorf("open %v, native %v: %v", c.open, c.native, got)
		}
	}
	write("a/b_test.go", "package a\n\n// AB-07\n")
	if err := run(io.Discard, root, true, false); err == nil || !strings.Contains(err.Error(), "a/b_test.go cites AB-07") {
		t.Errorf("a citation of nothing: %v", err)
	}
	for _, page := range []string{"", examplePage + "| AB-01 | again |\n", "| CD-01 | so | otherwise |\n" + examplePage, strings.Replace(examplePage, "AB-04", "CD-04", 1), strings.Replace(examplePage, "cannot", "can", 1)} {
		if _, err := readItems(page); err == nil {
			t.Errorf("read:\n%s", page)
		}
	}
}
