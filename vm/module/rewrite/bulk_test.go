package rewrite

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wnode/wnode/vm/module/wasm"
)

// Filling and copying in pieces does what the instructions do, at all the edges.
func TestBulkMemory(t *testing.T) {
	three := func(o wasm.Op, immediates ...byte) []byte {
		return ops(with(wasm.OpLocalGet, 0), with(wasm.OpLocalGet, 1), with(wasm.OpLocalGet, 2), op(o), immediates)
	}
	m := program()
	m.Types = []wasm.FuncType{{Params: []wasm.ValueType{wasm.I32, wasm.I32, wasm.I32}}}
	m.Elements = nil
	m.Exports = m.Exports[1:]
	for i, body := range [][]byte{three(wasm.OpMemoryFill, 0), three(wasm.OpMemoryCopy, 0, 0), three(wasm.OpMemoryInit, 0, 0)} {
		m.Funcs = append(m.Funcs, 0)
		m.Codes = append(m.Codes, wasm.Code{Body: ops(body, end)})
		m.Exports = append(m.Exports, wasm.Export{Name: []string{"fill", "copy", "init"}[i], Kind: wasm.KindFunc, Index: uint32(i)})
	}
	m.Memories[0].Min = 20
	m.Data[0].Bytes = bytes.Repeat([]byte("data."), pieceBytes/2)
	h := newHost(t, wazero.NewRuntimeConfig())
	before, after := h.load(t, m.Encode(), false), h.load(t, m.Encode(), true)
	size := before.Memory().Size()
	pattern := make([]byte, size)
	for i := range pattern {
		pattern[i] = byte(i * i >> 7)
	}
	before.Memory().Write(0, pattern)
	after.Memory().Write(0, pattern)
	addresses := []uint32{0, 1, 5000, pieceBytes, size - 2*pieceBytes - 3, size - 1, size, 0xffffffff}
	for _, name := range []string{"fill", "copy", "init"} {
		for _, a := range addresses {
			for _, b := range addresses {
				for _, n := range []uint32{0, 1, 4000, 1 << 16, pieceBytes, pieceBytes + 1, 3 * pieceBytes, size, 0xffffffff} {
					call := fmt.Sprintf("%s(%d, %d, %d)", name, a, b, n)
					_, want := before.ExportedFunction(name).Call(t.Context(), uint64(a), uint64(b), uint64(n))
					_, got := after.ExportedFunction(name).Call(t.Context(), uint64(a), uint64(b), uint64(n))
					if (want == nil) != (got == nil) || want != nil && errors.Unwrap(want) != errors.Unwrap(got) {
						t.Fatalf("%s: %v, want %v", call, got, want)
					}
					x, _ := before.Memory().Read(0, size)
					y, _ := after.Memory().Read(0, size)
					if !bytes.Equal(x, y) {
						t.Fatalf("%s leaves other memory", call)
					}
				}
			}
		}
	}
	if h.yields == 0 {
		t.Error("no yield")
	}
}
