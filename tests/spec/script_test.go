package spec

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// script is what wast2json makes of a file of the suite.
type script struct {
	Commands []command `json:"commands"`
}

type command struct {
	Type       string `json:"type"`
	Line       int    `json:"line"`
	Name       string `json:"name"`
	Filename   string `json:"filename"`
	As         string `json:"as"`
	Action     action `json:"action"`
	ModuleType string `json:"module_type"`
}

type action struct {
	Type   string  `json:"type"`
	Field  string  `json:"field"`
	Module string  `json:"module"`
	Args   []value `json:"args"`
}

type value struct {
	Type  string          `json:"type"`
	Lane  string          `json:"lane_type"`
	Value json.RawMessage `json:"value"`
}

func readScript(t *testing.T, path string) *script {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var s script
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatalf("%s: %v", filepath.Base(path), err)
	}
	return &s
}

// args gives the arguments of an action as the engine takes them.
func (a *action) args(t *testing.T) (args []uint64) {
	for i := range a.Args {
		args = append(args, a.Args[i].words(t)...)
	}
	return args
}

func (v *value) words(t *testing.T) []uint64 {
	if v.Type != "v128" {
		var text string
		if err := json.Unmarshal(v.Value, &text); err != nil {
			t.Fatal(err)
		}
		return []uint64{word(t, v.Type, text)}
	}
	var lanes []string
	if err := json.Unmarshal(v.Value, &lanes); err != nil {
		t.Fatal(err)
	}
	words := make([]uint64, 2)
	width := 128 / len(lanes)
	for i, text := range lanes {
		at := i * width
		words[at/64] |= word(t, v.Lane, text) << (at % 64)
	}
	return words
}

// word reads one number. A reference is one more than its number: zero is null.
func word(t *testing.T, kind, text string) uint64 {
	switch {
	case text == "null":
		return 0
	case strings.HasPrefix(text, "nan") && kind == "f32":
		return uint64(math.Float32bits(float32(math.NaN())))
	case strings.HasPrefix(text, "nan"):
		return math.Float64bits(math.NaN())
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		signed, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		n = uint64(signed) & (1<<bits(kind) - 1)
	}
	if kind == "externref" {
		n++
	}
	return n
}

func bits(kind string) int {
	n, err := strconv.Atoi(kind[1:])
	if err != nil {
		return 64
	}
	return n
}
