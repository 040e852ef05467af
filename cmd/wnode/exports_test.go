package main

import (
	"slices"
	"testing"

	"github.com/wnode/wnode/abi"
	guests "github.com/wnode/wnode/examples/wasm"
)

func TestExportedFunctions(t *testing.T) {
	if got := exportedFunctions(guests.Whoami); !slices.Contains(got, abi.DefaultExport) || slices.Contains(got, "memory") {
		t.Errorf("whoami exports %q", got)
	}
	two := []byte("\x00asm\x01\x00\x00\x00\x00\x02\x01x\x07\x0d\x03\x01b\x00\x00\x01m\x02\x00\x01a\x00\x01")
	if got := exportedFunctions(two); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q", got)
	}
}

func FuzzExportedFunctions(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(guests.Whoami)
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x07\xff\xff\xff\xff\x0f\xff\xff\xff\xff\x0f\x01a\x00\x00"))
	f.Fuzz(func(t *testing.T, module []byte) {
		total := 0
		for _, name := range exportedFunctions(module) {
			total += len(name)
		}
		if total > len(module) {
			t.Errorf("%d bytes of names in %d bytes", total, len(module))
		}
	})
}
