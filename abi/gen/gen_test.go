package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wnode/wnode/abi"
)

// What is committed must be what the tables give today.
func TestOutputsAreCurrent(t *testing.T) {
	if err := run("../..", true); err != nil {
		t.Error(err)
	}
}

func TestRunWritesAndChecks(t *testing.T) {
	root := t.TempDir()
	if err := run(root, true); err == nil {
		t.Error("the check passes although no file is there")
	}
	if err := run(root, false); err != nil {
		t.Fatal(err)
	}
	if err := run(root, true); err != nil {
		t.Error(err)
	}
	for _, o := range outputs {
		path := filepath.Join(root, filepath.FromSlash(o.path))
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte(notice)) {
			t.Errorf("%s does not say that it is generated", o.path)
		}
		if err := os.WriteFile(path, append(text, ' '), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := run(root, true); err == nil || !strings.Contains(err.Error(), filepath.Base(path)) {
			t.Errorf("%s changed: the check says %v", o.path, err)
		}
		if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := run(root, true); err != nil {
			t.Errorf("%s with other line ends: %v", o.path, err)
		}
	}
}

// The values of each binding must be those of the signature that the host registers.
func TestValuesMatchSignatures(t *testing.T) {
	for _, f := range abi.Functions {
		types, _ := f.Signature()
		vs := values(f)
		if len(vs) != len(types) {
			t.Errorf("%s: %d values, %d in the signature", f.Name, len(vs), len(types))
			continue
		}
		for i, v := range vs {
			wide := v.role == number64 || v.role == idHalf
			if wide != (types[i] == abi.I64) {
				t.Errorf("%s: %s is %x in the signature", f.Name, v.name, types[i])
			}
		}
	}
}

func TestWrap(t *testing.T) {
	if got, want := wrap("//", "aa bb cc dddddddddddd e", 9), "// aa bb\n// cc\n// dddddddddddd\n// e\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCamel(t *testing.T) {
	if got := camel("node_name", true); got != "NodeName" {
		t.Errorf("got %s", got)
	}
	if got := camel("pid_num", false); got != "pidNum" {
		t.Errorf("got %s", got)
	}
}
