//go:build !race

package programs

import (
	"path/filepath"
	"strings"
	"testing"
)

// With the race detector, to compile a Go program in plain wazero takes most of a minute.

// A Go program reads and writes files and its environment, and ends as it likes.
func TestGo(t *testing.T) {
	t.Parallel()
	if _, err := guests.Build(t.Context(), "./tests/guests/copier", ""); err != nil {
		t.Fatal(err)
	}
	module := filepath.Join(filepath.Dir(guests.Program()), "copier.wasm")
	files := map[string]string{"from/a": "one", "from/b": strings.Repeat("two\x00", 50_000), "to/c": "three"}
	got := agree(t, program{module: module, args: []string{"/data/from", "/data/to"}, env: []string{"GREETING=hi"}, files: files}, 0)
	if got.stdout != "hi, 2 copied\n" || got.files["to/log"] != "a 3\nb 200000\n" {
		t.Errorf("got %q, and the log %q", got.stdout, got.files["to/log"])
	}
	agree(t, program{module: module, args: []string{"/data/missing", "/data/to"}, files: files}, 1)
	agree(t, program{module: module}, 2)
}
