package wasm_test

import (
	"errors"
	"testing"

	"github.com/wnode/wnode/vm/module/wasm"
)

// Sections are where they are said to be; a module that ends in the middle of one is malformed.
func TestSections(t *testing.T) {
	b := all().Encode()
	sections, err := wasm.Sections(b)
	if err != nil || len(sections) != 15 {
		t.Fatalf("%d sections, %v", len(sections), err)
	}
	ends := map[int]bool{8: true}
	for _, s := range sections {
		if string(b[s.Start:s.Start+len(s.Content)]) != string(s.Content) {
			t.Errorf("section %d %q is not at %d", s.ID, s.Name, s.Start)
		}
		ends[s.Start+len(s.Content)] = true
	}
	if first := sections[0]; first.Name != "first" || string(first.Content) != "\x01" {
		t.Errorf("%+v", first)
	}
	for n := range b {
		if _, err := wasm.Sections(b[:n]); (err == nil) != ends[n] || err != nil && !errors.Is(err, wasm.ErrMalformed) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
}
