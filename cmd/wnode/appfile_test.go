package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi/term"
)

func writeApplications(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "wnode.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadApplications(t *testing.T) {
	path := writeApplications(t, `
memory = "512MiB"

[[application]]
module = "counter.wasm"

[[application]]
name = "tree"
module = "/srv/tree.wasm"
func = "main"
args = ["one", 2, 1.5, true, [3], {a = 4}]
type = "transient"
shutdown = "1m"
rights = { memory = "64MiB", deny = ["connect"] }
`)
	file, err := readApplications(path)
	list := file.Application
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	if file.Memory != 512<<20 {
		t.Errorf("memory %v", &file.Memory)
	}
	first, second := list[0], list[1]
	if first.Name != "counter" || first.Module != filepath.Join(filepath.Dir(path), "counter.wasm") || first.Type != permanent {
		t.Errorf("%+v", first)
	}
	connect, _ := wnode.ParsePermission("connect")
	want := wnode.Rights{Limits: wnode.Limits{Memory: 64 << 20}, Denied: connect}
	if second.Name != "tree" || second.Module != "/srv/tree.wasm" || second.shutdown != time.Minute || !reflect.DeepEqual(second.rights, want) {
		t.Errorf("%+v", second)
	}
	encoded, err := term.Encode(second.arguments())
	if err != nil {
		t.Fatal(err)
	}
	got, err := term.Decode(encoded)
	wantArgs := []any{"$func", "main", []any{"one", int64(2), 1.5, true, []any{int64(3)}, map[any]any{"a": int64(4)}}}
	if err != nil || !reflect.DeepEqual(got, wantArgs) {
		t.Errorf("arguments %v, %v", got, err)
	}
}

func TestBadApplications(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "there is no [[application]] in it",
		"[[application]\n":      "line 2: ",
		"[application]\n":       "application",
		"[[application]]\n":     `application 1: give it a module, as in module = "counter.wasm"`,
		"[[application]]\nx=1":  "there is no key application.x",
		"[[aplication]]\nx = 1": "there is no key aplication",
		"[[application]]\nmodule = \"a\"\ntype = \"eternal\"":            `application 1: type = "eternal": give permanent, transient or temporary`,
		"[[application]]\nmodule = \"a\"\nshutdown = \"now\"":            `shutdown = "now": give a time, as in "10s"`,
		"[[application]]\nmodule = \"a\"\nrights = {wings = 2}":          `rights: there is no limit "wings"`,
		"[[application]]\nmodule = 5":                                    "module",
		"[[application]]\nmodule = \"a\"\n[[application]]\nargs = [1]\n": "application 2: give it a module",
	} {
		path := writeApplications(t, text)
		_, err := readApplications(path)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") ||
			!strings.HasPrefix(err.Error(), "application file "+path+": ") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
