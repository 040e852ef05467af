package symbolize

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/wnode/wnode/vm/module/wasm"
)

// withSections makes a module of one function, and custom sections.
func withSections(sections ...wasm.Custom) []byte {
	m := wasm.Module{
		Types: []wasm.FuncType{{}}, Funcs: []uint32{0},
		Codes: []wasm.Code{{Body: append(bytes.Repeat([]byte{0x01}, 1000), byte(wasm.OpEnd))}},
	}
	for _, s := range sections {
		s.After = wasm.SectionCode
		m.Customs = append(m.Customs, s)
	}
	return m.Encode()
}

func sized(b []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// lineProgram makes a unit of version 5 with tables of its own and one row for the code.
func lineProgram(tables []byte) []byte {
	header := append([]byte{1, 1, 1, 0, 1, 1}, tables...)
	unit := append([]byte{5, 0, 4, 0}, sized(header)...)
	unit = append(unit, 0, 5, 2, 1, 0, 0, 0, 1) // from address 1 on there is line 1
	unit = append(unit, 0, 5, 2, 0xff, 0, 0, 0, 0, 1, 1)
	return sized(unit)
}

// endless has directories and files without end: nothing is said of any of them, so that they take no bytes.
func endless() []byte {
	many := binary.AppendUvarint(nil, 1<<60)
	tables := append(append([]byte{1, 1, formFlagPresent}, many...), 1, 1, formFlagPresent)
	return withSections(wasm.Custom{Name: ".debug_line", Content: lineProgram(append(tables, many...))})
}

// manyUnits has as many units as fit, each of which has all the abbreviations that there are.
func manyUnits() []byte {
	var abbrev []byte
	for code := range 100_000 {
		abbrev = append(binary.AppendUvarint(abbrev, uint64(code+2)), 1, 0, 0, 0)
	}
	unit := sized([]byte{4, 0, 0, 0, 0, 0, 4, 1})
	return withSections(
		wasm.Custom{Name: ".debug_line", Content: lineProgram([]byte{0, 0, 0, 0})},
		wasm.Custom{Name: ".debug_info", Content: bytes.Repeat(unit, 100_000)},
		wasm.Custom{Name: ".debug_abbrev", Content: abbrev},
	)
}

// Files that take no bytes and have no number are none.
func TestNothingIsSaid(t *testing.T) {
	many := binary.AppendUvarint(nil, 1<<60)
	tables := append(append([]byte{0}, many...), 0)
	module := withSections(wasm.Custom{Name: ".debug_line", Content: lineProgram(append(tables, many...))})
	sections, err := wasm.Sections(module)
	if err != nil {
		t.Fatal(err)
	}
	offset := uint32(sections[2].Start + 100)
	found, err := Find(t.Context(), module, []uint32{offset})
	if err != nil || len(found[offset]) != 1 || found[offset][0] != (Frame{Line: 1}) {
		t.Errorf("%v, %v", found, err)
	}
}

// Whatever is changed in a section, a search ends, and gives no more than it may.
func FuzzFind(f *testing.F) {
	for i, guest := range guests {
		module := read(f, guest)
		sections, err := wasm.Sections(module)
		if err != nil {
			f.Fatal(err)
		}
		for _, s := range sections {
			if s.Name != "" {
				f.Add(byte(i), uint32(s.Start), s.Content[:min(len(s.Content), 64)])
				f.Add(byte(i), uint32(s.Start+len(s.Content)/2), []byte{0xff, 0xff, 0xff, 0xff, 0x0f})
			}
		}
	}
	type guest struct {
		module  []byte
		offsets []uint32
	}
	var all []guest
	for _, name := range guests {
		module := read(f, name)
		offsets, _ := instructions(f, module)
		all = append(all, guest{module, offsets})
	}
	f.Fuzz(func(t *testing.T, which byte, at uint32, bytes []byte) {
		g := all[int(which)%len(all)]
		module := append([]byte(nil), g.module...)
		copy(module[int(at)%len(module):], bytes)
		found, _ := Find(t.Context(), module, g.offsets)
		for offset, frames := range found {
			if len(frames) > maxInlined+1 {
				t.Errorf("%d frames at %#x", len(frames), offset)
			}
			for _, f := range frames {
				if len(f.File) > 2*maxString || len(f.Function) > maxString || f.Line < 0 || f.Arity < 0 {
					t.Errorf("%+v", f)
				}
			}
		}
	})
}
