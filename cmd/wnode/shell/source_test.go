package shell

import (
	"strings"
	"testing"
)

var inputs = map[string]bool{ // whether they are incomplete
	"":                           false,
	"1 + 1":                      false,
	"f(":                         true,
	"f(1,\n 2":                   true,
	"f(1,\n 2)":                  false,
	"function f() {":             true,
	"function f() { if (x) {\n}": true,
	"`text":                      true,
	"`text ${1":                  true,
	"`text\n`":                   false,
	"/* comment":                 true,
	"// comment":                 false,
	"'text":                      false, // a mistake: a string ends with its line
	"[1, 2":                      true,
	"{a: 1,":                     true,
	"{a: {":                      true,
	"{a: {b: 1}}":                false,
	"x =":                        true,
	"a.":                         true,
	"() =>":                      true,
	"class A {":                  true,
	"try {\n  f()\n}":            true,
	"try { } catch (e) {":        true,
	"try { } finally { }":        false,
	"try { f( } ":                false,
	"switch (x) {":               true,
	"switch (x) { case 1:":       true,
	"switch (x) { case 1: }":     false,
	"'switch'":                   false,
	"}":                          false,
	"f())":                       false,
	"if (x)":                     true,
	"if (x) y; else":             true,
	"{":                          true,
}

func TestIncomplete(t *testing.T) {
	for source, want := range inputs {
		if got := Incomplete(source); got != want {
			t.Errorf("%q: %v, want %v", source, got, want)
		}
	}
	if Incomplete(strings.Repeat("(", MaxSourceBytes+1)) {
		t.Error("an input goes on beyond any bound")
	}
}

// FuzzIncomplete: an input that is not incomplete either compiles or has a mistake that no further
// line could mend; one that is incomplete does not compile.
func FuzzIncomplete(f *testing.F) {
	for source := range inputs {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 4<<10 {
			return // the parser's work grows faster than its input
		}
		incomplete := Incomplete(source)
		_, err := compile("", source)
		if incomplete && err == nil && !strings.Contains(source, "switch") {
			t.Errorf("%q compiles and is incomplete", source)
		}
		if err != nil && err.Error() == "" {
			t.Errorf("%q: an error without words", source)
		}
	})
}
