package main

import (
	"encoding/binary"
	"slices"
)

// exportedFunctions lists the functions that a module exports, as far as it can be read: it is for the
// texts of errors only (WebAssembly core, sections 5.5.2 and 5.5.10).
func exportedFunctions(module []byte) []string {
	const preamble, exportSection = 8, 7
	r := reader{rest: module[min(preamble, len(module)):]}
	for len(r.rest) > 0 {
		id, content := r.byte(), r.bytes()
		if id == exportSection {
			return functionsIn(reader{rest: content})
		}
	}
	return nil
}

func functionsIn(r reader) []string {
	const kindFunction = 0
	var names []string
	for n := r.number(); n > 0 && len(r.rest) > 0; n-- {
		name, kind := r.bytes(), r.byte()
		r.number() // its index
		if kind == kindFunction {
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	return names
}

// reader reads the binary format. At its end, and from there on, everything is zero.
type reader struct{ rest []byte }

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.rest = nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// bytes reads a length and as many bytes.
func (r *reader) bytes() []byte {
	n := min(r.number(), uint64(len(r.rest)))
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}
