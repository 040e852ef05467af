package rewrite

import (
	"encoding/binary"

	"github.com/wnode/wnode/vm/module/wasm"
)

// The DWARF of version 4 that a rewritten module gets in place of its own.
const (
	dwarfFirst = 1         // the compiler takes 0 for code that was removed
	dwarfEnd   = 1<<31 - 1 // beyond all code
)

// dwarfSections give one line for all code of a module. Of the line nobody learns anything, but with it
// the compiler keeps from where each of its instructions comes, and the stack trace has the offsets.
func dwarfSections() []wasm.Custom {
	abbrev := []byte{
		1, 0x11, 0, // DW_TAG_compile_unit without children
		0x11, 0x01, // DW_AT_low_pc, DW_FORM_addr
		0x12, 0x06, // DW_AT_high_pc, DW_FORM_data4: from low_pc
		0x10, 0x17, // DW_AT_stmt_list, DW_FORM_sec_offset
		0, 0, 0,
	}
	address := func(b []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(b, v) }

	unit := []byte{4, 0, 0, 0, 0, 0, 4, 1} // version, abbreviations at 0, size of an address, the entry
	unit = address(unit, dwarfFirst)
	unit = address(unit, dwarfEnd-dwarfFirst)
	unit = address(unit, 0) // its lines

	header := []byte{1, 1, 1, 0, 1, 1, 0, 'w', 0, 0, 0, 0, 0} // no standard instructions, one file
	program := address([]byte{0, 5, 2}, dwarfFirst)           // DW_LNE_set_address
	program = append(program, 1)                              // special
	program = append(address(append(program, 0, 5, 2), dwarfEnd), 0, 1, 1)
	lines := binary.LittleEndian.AppendUint32([]byte{4, 0}, uint32(len(header)))
	lines = append(append(lines, header...), program...)

	sized := func(b []byte) []byte { return append(address(nil, uint32(len(b))), b...) }
	return []wasm.Custom{
		{Name: ".debug_abbrev", Content: abbrev, After: wasm.SectionData},
		{Name: ".debug_info", Content: sized(unit), After: wasm.SectionData},
		{Name: ".debug_line", Content: sized(lines), After: wasm.SectionData},
	}
}
