package rewrite

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/wnode/wnode/vm/module/wasm"
)

// manyFunctions is a module whose functions take several goroutines to look at.
func manyFunctions() []fn {
	all := make([]fn, 300)
	for i := range all {
		all[i].code = bytes.Repeat([]byte{byte(wasm.OpBlock), 0x40, byte(wasm.OpEnd)}, 2000)
	}
	return all
}

// A module comes out the same however many processors look at it.
func TestScanInParts(t *testing.T) {
	m := program(manyFunctions()...)
	m.Exports = nil
	b := m.Encode()
	rewrite := func(processors int) []byte {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		result, err := Module(b, Options{State: true})
		if err != nil {
			t.Fatal(err)
		}
		return result.Module
	}
	if got := partition(m.Codes, 4); len(got) != 4 {
		t.Fatalf("%d parts", len(got))
	}
	if one, four := rewrite(1), rewrite(4); !bytes.Equal(one, four) {
		t.Error("it does not")
	}
}

// Every function is in one part, and small modules have one.
func TestPartition(t *testing.T) {
	for _, sizes := range [][]int{{}, {0}, {1, 2, 3}, {scanBytes}, {scanBytes, 1}, {0, 10 * scanBytes, 0, 0}, {scanBytes, scanBytes, scanBytes, scanBytes, scanBytes, scanBytes}} {
		codes := make([]wasm.Code, len(sizes))
		for i, size := range sizes {
			codes[i].Body = make([]byte, size)
		}
		for most := 1; most <= 4; most++ {
			parts, next := partition(codes, most), 0
			for _, p := range parts {
				if p.from != next || p.to < p.from {
					t.Errorf("%v: part from %d to %d, want from %d", sizes, p.from, p.to, next)
				}
				next = p.to
			}
			if next != len(codes) || len(parts) > most {
				t.Errorf("%v: %d parts, of %d functions", sizes, len(parts), next)
			}
		}
	}
}

// The first function that is wrong is told, in whatever part others are.
func TestScanErrors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	all := manyFunctions()
	bad := []byte{byte(wasm.OpLocalGet), 9, 0x1a}
	all[250].code, all[120].code = bad, bad
	_, err := Module(program(all...).Encode(), Options{})
	if err == nil || !strings.HasPrefix(err.Error(), "function 120: ") {
		t.Errorf("got %v", err)
	}
}

// A panic reaches who can recover from it, on whatever goroutine it is.
func TestScanPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	m := program(manyFunctions()...)
	r := &rewriter{m: m, funcs: make([]function, 10), taken: make([]bool, len(m.Codes))} // too few functions for the last part
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	_ = r.scanAll(scanner{m: m, taken: r.taken})
}
