package abi_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wnode/wnode/abi"
)

var snake = regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)

func TestFunctions(t *testing.T) {
	groups := []string{"process", "mailbox", "send", "names", "nodes", "io", "modules", "time", "log"}
	seen := map[string]bool{}
	last := 0
	for _, f := range abi.Functions {
		if seen[f.Name] {
			t.Errorf("%s is there twice", f.Name)
		}
		seen[f.Name] = true
		if !snake.MatchString(f.Name) {
			t.Errorf("%s is no snake_case name", f.Name)
		}
		group := slices.Index(groups, f.Group)
		if group < last {
			t.Errorf("%s: group %q is unknown or out of order", f.Name, f.Group)
		}
		last = group
		if !strings.HasSuffix(f.Doc, ".") || strings.Contains(f.Doc, "\n") {
			t.Errorf("%s: the doc is not one paragraph of sentences: %q", f.Name, f.Doc)
		}
		checkParams(t, f)
	}
}

func checkParams(t *testing.T, f abi.Func) {
	t.Helper()
	names := map[string]bool{}
	for _, p := range f.Params {
		if !snake.MatchString(p.Name) || names[p.Name] {
			t.Errorf("%s: parameter %q is there twice or no snake_case name", f.Name, p.Name)
		}
		names[p.Name] = true
	}
	params, results := f.Signature()
	if len(params) < len(f.Params) {
		t.Errorf("%s: %d parameters travel as %d values", f.Name, len(f.Params), len(params))
	}
	if (len(results) == 0) != (f.Result == abi.ResultNever) {
		t.Errorf("%s: result kind %d gives %d values", f.Name, f.Result, len(results))
	}
}

// Error numbers named in a function's doc must exist.
func TestFunctionDocs(t *testing.T) {
	known := map[string]bool{"DOWN": true, "EXIT": true, "CBOR": true, "SHA-256": true, "UTC": true}
	for _, e := range abi.Errnos {
		known[e.Name] = true
	}
	for _, f := range abi.Functions {
		for _, word := range regexp.MustCompile(`\b[A-Z][A-Z_]+(-\d+)?\b`).FindAllString(f.Doc, -1) {
			if !known[word] {
				t.Errorf("%s: the doc names %s, which is no error number", f.Name, word)
			}
		}
	}
}

func TestSignature(t *testing.T) {
	const i32, i64 = abi.I32, abi.I64
	for _, c := range []struct {
		name    string
		params  []abi.ValueType
		results []abi.ValueType
	}{
		{"self", []abi.ValueType{i32}, []abi.ValueType{i32}},
		{"exit", []abi.ValueType{i32, i32}, nil},
		{"send", []abi.ValueType{i64, i64, i32, i32}, []abi.ValueType{i32}},
		{"receive", []abi.ValueType{i64, i32, i32}, []abi.ValueType{i32}},
		{"demonitor", []abi.ValueType{i64, i64, i32}, []abi.ValueType{i32}},
		{"module_exists", []abi.ValueType{i32}, []abi.ValueType{i32}},
		{"monotonic_time", nil, []abi.ValueType{i64}},
	} {
		i := slices.IndexFunc(abi.Functions, func(f abi.Func) bool { return f.Name == c.name })
		if i < 0 {
			t.Errorf("%s is gone: ABI version 1 only grows", c.name)
			continue
		}
		params, results := abi.Functions[i].Signature()
		if !slices.Equal(params, c.params) || !slices.Equal(results, c.results) {
			t.Errorf("%s: got %x -> %x, want %x -> %x", c.name, params, results, c.params, c.results)
		}
	}
	if got := abi.Int64.Values(); !slices.Equal(got, []abi.ValueType{i64}) {
		t.Errorf("Int64: %x", got)
	}
}
