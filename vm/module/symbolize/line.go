package symbolize

import (
	"sort"
	"strings"
)

// lineUnit is a program that makes a table of lines (DWARF 4 and 5, section 6.2).
type lineUnit struct {
	start   int // in .debug_line
	version uint64

	minLength  uint64 // of an instruction
	lineBase   int64
	lineRange  uint64
	opcodeBase byte
	operands   []byte // for each standard opcode from 1 on, how many it has

	tables  reader // directories and files
	program reader
}

// The standard and extended opcodes that change what is recorded.
const (
	opCopy         = 1
	opAdvancePC    = 2
	opAdvanceLine  = 3
	opSetFile      = 4
	opConstAddPC   = 8
	opFixedAdvance = 9

	opEndSequence = 1
	opSetAddress  = 2
)

// constAddress is the special opcode whose advance opConstAddPC takes.
const constAddress = 255

// nextLineUnit reads the header of a unit.
func nextLineUnit(section *reader) (u lineUnit, ok bool) {
	u.start = section.pos
	r := section.unit()
	u.version = r.fixed(2)
	if u.version < 2 || u.version > 5 {
		return u, false
	}
	if u.version == 5 {
		r.fixed(2) // sizes of addresses and of segments
	}
	length := r.fixed(4)
	u.tables = r.part(length)
	u.program = r
	t := &u.tables
	u.minLength = t.fixed(1)
	if u.version >= 4 {
		t.byte() // operations per instruction
	}
	t.byte() // whether rows are statements at first
	u.lineBase = int64(int8(t.byte()))
	u.lineRange = t.fixed(1)
	u.opcodeBase = t.byte()
	if u.opcodeBase > 0 {
		u.operands = t.take(uint64(u.opcodeBase) - 1)
	}
	return u, !t.failed && !r.failed && u.lineRange > 0 && u.opcodeBase > 0
}

// row is what the table says of the code from an address on.
type row struct {
	address uint64
	file    uint64
	line    int64
}

// lineMachine runs a program.
type lineMachine struct {
	*lineUnit
	now    row
	before row
	begun  bool // there is a row before this one
	dead   bool // the code is not in the module
	find   []*place
}

func (m *lineMachine) reset() {
	m.now, m.begun, m.dead = row{file: 1, line: 1}, false, false
}

// run looks up places, which are in the order of their addresses.
func (u *lineUnit) run(places []*place) {
	m := lineMachine{lineUnit: u, find: places}
	m.reset()
	for r := &u.program; r.more(); {
		op := r.byte()
		switch {
		case op >= u.opcodeBase:
			m.special(op - u.opcodeBase)
			m.row()
		case op == 0:
			m.extended(r)
		default:
			m.standard(op, r)
		}
	}
}

// special advances the address and the line by one number.
func (m *lineMachine) special(adjusted byte) {
	m.now.address += uint64(adjusted) / m.lineRange * m.minLength
	m.now.line += m.lineBase + int64(uint64(adjusted)%m.lineRange)
}

func (m *lineMachine) extended(r *reader) {
	operands := r.part(r.unsigned())
	switch op := operands.byte(); op {
	case opEndSequence:
		m.row()
		m.reset()
	case opSetAddress:
		m.now.address = operands.fixed(min(len(operands.b)-operands.pos, 8))
		m.dead = removed(m.now.address)
	}
}

// removed reports whether an address is one that linkers give to code which they have left out.
func removed(address uint64) bool {
	return address == 0 || address >= 1<<32-2
}

func (m *lineMachine) standard(op byte, r *reader) {
	switch op {
	case opCopy:
		m.row()
	case opAdvancePC:
		m.now.address += r.unsigned() * m.minLength
	case opAdvanceLine:
		m.now.line += r.signed()
	case opSetFile:
		m.now.file = r.unsigned()
	case opConstAddPC:
		m.now.address += (constAddress - uint64(m.opcodeBase)) / m.lineRange * m.minLength
	case opFixedAdvance:
		m.now.address += r.fixed(2)
	default:
		for range m.operands[op-1] {
			r.unsigned()
		}
	}
}

// row ends what the row before it says.
func (m *lineMachine) row() {
	if m.begun && !m.dead && m.before.address < m.now.address {
		i := sort.Search(len(m.find), func(i int) bool { return m.find[i].address >= m.before.address })
		for ; i < len(m.find) && m.find[i].address < m.now.address; i++ {
			if p := m.find[i]; !p.found {
				p.found, p.unit, p.row = true, m.start, m.before
			}
		}
	}
	m.before, m.begun = m.now, true
}

// join puts a file into its directory. The directory of the compilation, of which names are empty here, is no
// part of what people call a file.
func join(directory, file string) string {
	if directory == "" || file == "" || strings.HasPrefix(file, "/") {
		return file
	}
	return strings.TrimSuffix(directory, "/") + "/" + file
}
