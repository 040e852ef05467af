package wiredoc

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every example of the page is of a kind that a test reads.
func TestKinds(t *testing.T) {
	for _, b := range blocks(t, "hex") {
		kind, name, _ := strings.Cut(b.label, " ")
		if !slices.Contains(Kinds, kind) || name == "" {
			t.Errorf("docs/protocol.md:%d: %q is an example of no kind, of which there are %q", b.line, b.label, Kinds)
		}
	}
	for _, kind := range Kinds {
		Examples(t, kind)
	}
}

func TestUnhex(t *testing.T) {
	got, err := unhex([]string{"01 0203   # ff", "", "00x3 # zeros", "a0"})
	if err != nil || !bytes.Equal(got, []byte{1, 2, 3, 0, 0, 0, 0xa0}) {
		t.Errorf("% x, %v", got, err)
	}
	for _, bad := range []string{"0", "zz", "00x", "00xa"} {
		if got, err := unhex([]string{bad}); err == nil {
			t.Errorf("%q is % x", bad, got)
		}
	}
}

// Constants of imported types, of other types and without a number are left out; the rest is found.
func TestConstants(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.go")
	source := `package a
import "example.com/b"
type kind uint8
type other uint8
const (
	one kind = iota + 1
	two
	big kind = 0x80
	strange b.Kind = 7
	another other = 9
	text = "text"
)`
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	got := Constants(t, file, "kind")
	if len(got) != 3 || got["one"] != 1 || got["two"] != 2 || got["big"] != 0x80 {
		t.Errorf("%v", got)
	}
}
