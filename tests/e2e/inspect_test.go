//go:build linux

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is known of a module, and what nodes make of it, is there without a node, a cookie or a network.
func TestInspectModule(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	r := h.run("inspect", guest(t, "whoami"))
	if r.code != 0 || r.stderr != "" || !strings.Contains(r.stdout, "_start (default)") {
		t.Errorf("%+v", r)
	}
	var report struct {
		Name           string
		SHA256         string
		DefaultEntry   string `json:"default_entry"`
		Initialization struct{ Times string }
		Instances      struct{ Reused bool }
	}
	r = h.run("inspect", "--json", guest(t, "whoami"))
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || report.Name != "whoami.wasm" || report.DefaultEntry != "_start" ||
		report.Initialization.Times != "never" || !report.Instances.Reused || len(report.SHA256) != 64 {
		t.Errorf("%+v, %v", r, err)
	}
	missing := filepath.Join(h.home, "missing.wasm")
	write(t, missing, importing("wnode", "mystery"), 0o644)
	r = h.run("inspect", missing)
	if r.code != 0 || !strings.Contains(r.stdout, "cannot be run") || !strings.Contains(r.stdout, "unknown import wnode.mystery: this node does not have it;") {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(filepath.Join(h.home, ".wnode.cookie")); err == nil {
		t.Error("a cookie was made")
	}
}

func TestRewriteModule(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	out := filepath.Join(h.home, "out.wasm")
	r := h.run("module", "rewrite", guest(t, "upcase"), "-o", out)
	if r.code != 0 || r.stderr != "" || strings.Count(r.stdout, "\n") != 4 {
		t.Errorf("%+v", r)
	}
	written, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if r = h.run("module", "rewrite", guest(t, "upcase"), "-o", "-"); r.code != 0 || r.stderr != "" || r.stdout != string(written) {
		t.Errorf("to standard output: code %d, %d bytes, %q", r.code, len(r.stdout), r.stderr)
	}
	if r = h.run("module", "rewrite", guest(t, "upcase"), "-o", "-", "--explain"); r.stdout != string(written) || !strings.HasPrefix(r.stderr, "work ") {
		t.Errorf("explained beside: %q", r.stderr)
	}
	var explained struct {
		BytesAfter int `json:"bytes_after"`
		Functions  []struct{ Charged string }
	}
	r = h.run("module", "rewrite", "--json", guest(t, "upcase"))
	if err := json.Unmarshal([]byte(r.stdout), &explained); err != nil || explained.BytesAfter != len(written) || len(explained.Functions) == 0 {
		t.Errorf("%+v, %v", r, err)
	}
	h.run(nodeArgs("run", []string{out})...).wantError(t, 1, `out\.wasm cannot be run: unknown import module "wnode:meter"`)
}

// What is wrong is told in one line.
func TestInspectRefused(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	whole, err := os.ReadFile(guest(t, "upcase"))
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(h.home, "cut.wasm")
	write(t, cut, whole[:len(whole)/2], 0o644)
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"missing file":     {[]string{"inspect", "missing.wasm"}, 1, `cannot read missing\.wasm: no such file or directory`},
		"no module":        {[]string{"inspect", "/dev/null"}, 1, `null: not a WebAssembly module: empty`},
		"cut off":          {[]string{"inspect", cut}, 1, `cut\.wasm: .*`},
		"too large":        {[]string{"inspect", "--max-module", "100", cut}, 1, `cut\.wasm: module too large: .*; --max-module takes larger ones`},
		"no argument":      {[]string{"inspect"}, 2, `an argument is missing, .*`},
		"rewrite cut off":  {[]string{"module", "rewrite", cut, "--explain"}, 1, `cut\.wasm: malformed module: .*`},
		"no output":        {[]string{"module", "rewrite", guest(t, "upcase")}, 2, `give a file to write with -o, .*`},
		"two outputs":      {[]string{"module", "rewrite", "-o", "-", "--json", guest(t, "upcase")}, 2, `-o - and --json both want standard output: .*`},
		"unwritable":       {[]string{"module", "rewrite", "-o", h.home, guest(t, "upcase")}, 1, `cannot write .*: is a directory`},
		"unknown command":  {[]string{"module", "polish"}, 2, `unknown command "polish" .*`},
		"rewrite a folder": {[]string{"module", "rewrite", h.home, "-o", "-"}, 1, `cannot read .*: is a directory`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h.in(t).run(c.args...).wantError(t, c.code, c.want)
		})
	}
}
