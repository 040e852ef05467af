// Package wiredoc reads docs/protocol.md for the tests of the packages that speak the protocol: they decode its
// examples and encode them again, and compare its lists of numbers with their constants, so that the
// page cannot say anything else than the code does.
package wiredoc

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Kinds are the kinds of examples that there are; of each, one package reads all.
var Kinds = []string{
	"stream", "control", "signal", "lane", // net/wire
	"module-request", "module-answer", "transfer-request", "transfer-answer", // net/ship
	"lookup-request", "lookup-reply", // net/names
	"token", "proof", // cookie
	"spawn", "spawn-reply", // vm
	"service", // the root
}

// Example is one block of bytes, which begins with a line "```hex KIND NAME".
type Example struct {
	Kind, Name string
	Bytes      []byte
	Line       int // of the page
}

// Examples gives the examples of one of [Kinds]; there must be some.
func Examples(t testing.TB, kind string) []Example {
	t.Helper()
	var found []Example
	for _, b := range blocks(t, "hex") {
		of, name, _ := strings.Cut(b.label, " ")
		if of != kind {
			continue
		}
		content, err := unhex(b.lines)
		if err != nil {
			t.Fatalf("docs/protocol.md:%d: %v", b.line, err)
		}
		found = append(found, Example{Kind: of, Name: name, Bytes: content, Line: b.line})
	}
	if !slices.Contains(Kinds, kind) || len(found) == 0 {
		t.Fatalf("docs/protocol.md has no example of the kind %q, of which there are %q", kind, Kinds)
	}
	return found
}

// Check decodes each example of a kind and encodes it again, by one function, and gives the examples.
func Check(t testing.TB, kind string, again func(Example) ([]byte, error)) []Example {
	t.Helper()
	examples := Examples(t, kind)
	for _, e := range examples {
		b, err := again(e)
		if err != nil || !bytes.Equal(b, e.Bytes) {
			t.Errorf("docs/protocol.md:%d: %s %s\n    has % x\ncode gives % x, %v", e.Line, kind, e.Name, e.Bytes, b, err)
		}
	}
	return examples
}

// CheckNumbers compares a list of the page, a block "```numbers NAME" of lines "number meaning", with
// the constants of a type in a Go file of the package under test.
func CheckNumbers(t testing.TB, name, file, typeName string) {
	t.Helper()
	listed := Numbers(t, name)
	declared := Constants(t, file, typeName)
	for constant, number := range declared {
		if listed[number] == "" {
			t.Errorf("docs/protocol.md does not list %s, %d, among the numbers of %s", constant, number, name)
		}
		delete(listed, number)
	}
	for number, meaning := range listed {
		t.Errorf("docs/protocol.md lists %d %s among the numbers of %s; there is no such constant", number, meaning, name)
	}
}

// Numbers gives a list of the page by its numbers.
func Numbers(t testing.TB, name string) map[uint64]string {
	t.Helper()
	listed := map[uint64]string{}
	for _, b := range blocks(t, "numbers") {
		if b.label != name {
			continue
		}
		for _, line := range b.lines {
			text, meaning, _ := strings.Cut(strings.TrimSpace(line), " ")
			number, err := strconv.ParseUint(text, 0, 64)
			if err != nil || meaning == "" || listed[number] != "" {
				t.Fatalf("docs/protocol.md:%d: bad line %q", b.line, line)
			}
			listed[number] = strings.TrimSpace(meaning)
		}
	}
	if len(listed) == 0 {
		t.Fatalf("docs/protocol.md has no numbers of %s", name)
	}
	return listed
}

// Constants gives the numbers of the constants of a type that a Go file declares, by name.
func Constants(t testing.TB, file, typeName string) map[string]uint64 {
	t.Helper()
	found := map[string]uint64{}
	for _, c := range declared(t, file) {
		if number, exact := constant.Uint64Val(constant.ToInt(c.Val())); exact && isNamed(c.Type(), typeName) {
			found[c.Name()] = number
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s declares no constants of type %s", file, typeName)
	}
	return found
}

// Texts gives the texts of the constants that a Go file declares and whose names begin with prefix.
func Texts(t testing.TB, file, prefix string) (found []string) {
	t.Helper()
	for _, c := range declared(t, file) {
		if c.Val().Kind() == constant.String && strings.HasPrefix(c.Name(), prefix) {
			found = append(found, constant.StringVal(c.Val()))
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s declares no texts with names that begin with %s", file, prefix)
	}
	return found
}

// declared gives the constants that a Go file declares, sorted by name.
func declared(t testing.TB, file string) (found []*types.Const) {
	t.Helper()
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	// What the file has of others is not resolved, and constants do not need it.
	config := types.Config{Error: func(error) {}, Importer: importer.ForCompiler(set, "none", nil)}
	pkg, _ := config.Check("", set, []*ast.File{parsed}, nil)
	for _, name := range pkg.Scope().Names() {
		if c, ok := pkg.Scope().Lookup(name).(*types.Const); ok {
			found = append(found, c)
		}
	}
	return found
}

func isNamed(t types.Type, name string) bool {
	named, ok := t.(*types.Named)
	return ok && named.Obj().Name() == name
}

// block is a fenced block of the page.
type block struct {
	label string
	lines []string
	line  int
}

// Mentions reports whether the page has a text.
func Mentions(t testing.TB, text string) bool {
	t.Helper()
	return strings.Contains(page(t), text)
}

func page(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), "docs", "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// blocks gives the blocks of a language.
func blocks(t testing.TB, language string) (found []block) {
	t.Helper()
	inside, wanted := false, false
	for i, line := range strings.Split(page(t), "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && !inside:
			var label string
			label, wanted = strings.CutPrefix(fence, language+" ")
			if wanted {
				found = append(found, block{label: label, line: i + 1})
			}
			inside = true
		case isFence:
			inside, wanted = false, false
		case wanted:
			last := &found[len(found)-1]
			last.lines = append(last.lines, line)
		}
	}
	return found
}

// root is the folder of go.mod, above that of the test.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}

// unhex reads bytes in hexadecimal, of which "00x62" is 62 zeros. What follows a # is for people.
func unhex(lines []string) ([]byte, error) {
	var b []byte
	for _, line := range lines {
		line, _, _ = strings.Cut(line, "#")
		for _, field := range strings.Fields(line) {
			digits, times, repeated := strings.Cut(field, "x")
			part, err := hex.DecodeString(digits)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", field, err)
			}
			n := 1
			if repeated {
				if n, err = strconv.Atoi(times); err != nil {
					return nil, fmt.Errorf("%q: %w", field, err)
				}
			}
			b = append(b, slices.Repeat(part, n)...)
		}
	}
	return b, nil
}
