//go:build linux

package e2e

import (
	"encoding/binary"
	"slices"
)

// module describes a small module whose export takes and gives nothing.
type module struct {
	imports [2]string // module and name of a function to import, if any
	export  string    // "" is _start
	code    byte      // the instruction that is its body
	padding int       // bytes of nothing at the end
}

// Instructions of WebAssembly.
const (
	unreachable = 0x00
	nop         = 0x01
)

// bytes gives the module in the binary format (WebAssembly Core 2.0, section 5).
func (m module) bytes() []byte {
	if m.export == "" {
		m.export = "_start"
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	out = section(out, 1, []byte{1, 0x60, 0, 0}) // one type, () -> ()
	own := byte(0)                               // the index of the function that is not imported
	if m.imports[0] != "" {
		out = section(out, 2, slices.Concat([]byte{1}, vector(m.imports[0]), vector(m.imports[1]), []byte{0, 0}))
		own = 1
	}
	out = section(out, 3, []byte{1, 0})
	out = section(out, 5, []byte{1, 0, 1}) // one memory of a page
	out = section(out, 7, slices.Concat([]byte{2}, vector(m.export), []byte{0, own}, vector("memory"), []byte{2, 0}))
	out = section(out, 10, []byte{1, 3, 0, m.code, 0x0b})
	if m.padding > 0 {
		out = section(out, 0, append(vector("padding"), make([]byte, m.padding)...))
	}
	return out
}

func section(b []byte, id byte, content []byte) []byte {
	return append(binary.AppendUvarint(append(b, id), uint64(len(content))), content...)
}

func vector(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }
