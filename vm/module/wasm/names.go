package wasm

// NameSection is the name of the custom section with the names of functions and locals.
const NameSection = "name"

// The parts of the name section that are of the module or go by functions (core specification, appendix 7.4).
const (
	nameOfModule  = 0
	namesOfFuncs  = 1
	namesOfLocals = 2
	namesOfLabels = 3 // of the extended names proposal
)

// RenumberNames gives the content of a name section for a module whose functions have other
// indices. What belongs to functions for which renumber reports false goes, and so do the names of
// labels. The error wraps [ErrMalformed].
func RenumberNames(content []byte, renumber func(index uint32) (uint32, bool)) ([]byte, error) {
	r := &reader{b: content}
	out := make([]byte, 0, len(content)+len(content)/8)
	for r.more() {
		id := r.byte()
		part := r.sized()
		switch id {
		case namesOfFuncs, namesOfLocals:
			out = appendSized(append(out, id), renumberMap(&part, id, renumber))
			r.close(&part)
		case namesOfLabels:
		default:
			out = appendSized(append(out, id), part.b)
		}
	}
	return out, r.err
}

// renumberMap rewrites a map from functions to names, or to maps from locals to names.
func renumberMap(r *reader, id byte, renumber func(uint32) (uint32, bool)) []byte {
	var entries []byte
	kept := uint32(0)
	for range r.count("names", maxFunctions) {
		index := r.u32()
		start := r.pos
		if id == namesOfFuncs {
			r.bytes(r.u32())
		} else {
			for range r.count("names of locals", maxLocals) {
				r.u32()
				r.bytes(r.u32())
			}
		}
		if r.err != nil {
			return nil
		}
		if to, ok := renumber(index); ok {
			entries = append(AppendU32(entries, to), r.b[start:r.pos]...)
			kept++
		}
	}
	return append(AppendU32(nil, kept), entries...)
}

// Names are what a module calls itself and its functions.
type Names struct {
	Module    string            // "" when it has no name
	Functions map[uint32]string // by index
}

// ReadNames reads the content of a name section as far as it has a form: it is for people, and a module whose
// names make no sense is as good as any other.
func ReadNames(content []byte) Names {
	n := Names{Functions: map[uint32]string{}}
	r := &reader{b: content}
	for r.more() {
		id := r.byte()
		part := r.sized()
		switch id {
		case nameOfModule:
			n.Module = part.name()
		case namesOfFuncs:
			for range part.count("names", maxFunctions) {
				index, name := part.u32(), part.name()
				if part.err != nil {
					break
				}
				n.Functions[index] = name
			}
		}
	}
	return n
}
