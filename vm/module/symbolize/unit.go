package symbolize

// unit is a compile unit of .debug_info.
type unit struct {
	start       int // in .debug_info
	version     uint64
	addressSize int
	abbrevs     uint64 // where its abbreviations begin
	entries     reader

	// What the first entry says.
	lines      uint64 // of .debug_line
	hasLines   bool
	low        uint64
	strOffsets uint64
	addresses  uint64
	rangeLists uint64

	table []abbrev // nil until somebody reads entries
}

// maxAbbrevs bounds the abbreviations that a search keeps.
const maxAbbrevs = 1 << 18

// abbrev is the form of an entry.
type abbrev struct {
	code     uint64
	tag      uint64
	children bool
	attrs    reader // pairs of attribute and form
}

// unitCompile is the type of the units that have code, in version 5.
const unitCompile = 1

// nextUnit reads the header of a unit.
func nextUnit(section *reader) (u unit, ok bool) {
	u.start = section.pos
	r := section.unit()
	u.version = r.fixed(2)
	switch {
	case u.version >= 2 && u.version <= 4:
		u.abbrevs = r.fixed(4)
		u.addressSize = int(r.byte())
	case u.version == 5:
		kind := r.byte()
		u.addressSize = int(r.byte())
		u.abbrevs = r.fixed(4)
		if kind != unitCompile {
			return u, false
		}
	default:
		return u, false
	}
	u.entries = r
	return u, !r.failed && (u.addressSize == 4 || u.addressSize == 8)
}

// sizeOf gives the size of an address, or of a reference to another unit.
func (u *unit) sizeOf(form uint64) int {
	if form == formRefAddr && u.version > 2 {
		return 4
	}
	return u.addressSize
}

// abbreviation reads the next of a table; false at its end.
func abbreviation(r *reader) (a abbrev, ok bool) {
	if a.code = r.unsigned(); a.code == 0 {
		return a, false
	}
	a.tag = r.unsigned()
	a.children = r.byte() != 0
	a.attrs = *r
	for {
		attr, form := r.unsigned(), r.unsigned()
		if form == formImplicitConst {
			r.signed()
		}
		if attr == 0 && form == 0 {
			return a, !r.failed
		}
	}
}

// load reads the abbreviations of a unit.
func (s *search) load(u *unit) {
	if u.table != nil {
		return
	}
	u.table = []abbrev{}
	r := s.abbrev.at(u.abbrevs)
	for ; s.abbrevs < maxAbbrevs; s.abbrevs++ {
		a, ok := abbreviation(&r)
		if !ok {
			return
		}
		u.table = append(u.table, a)
	}
}

// abbreviation finds one by its code. Most compilers number them from 1 on.
func (u *unit) abbreviation(code uint64, e *effort) *abbrev {
	if i := code - 1; i < uint64(len(u.table)) && u.table[i].code == code {
		return &u.table[i]
	}
	for i := range u.table {
		if !e.spend(1) {
			return nil
		}
		if u.table[i].code == code {
			return &u.table[i]
		}
	}
	return nil
}

// units lists the compile units that have lines.
func (s *search) units() (units []*unit) {
	for r := s.info; r.more() && len(units) < maxUnits; {
		u, ok := nextUnit(&r)
		if !ok {
			continue
		}
		s.first(&u)
		units = append(units, &u)
	}
	return units
}

// first reads the first entry of a unit, which says where its tables are. Its abbreviation is
// most often the first too, so the others need not be read.
func (s *search) first(u *unit) {
	r := u.entries
	code := r.unsigned()
	abbrevs := s.abbrev.at(u.abbrevs)
	for {
		a, ok := abbreviation(&abbrevs)
		if !ok {
			return
		}
		if a.code != code {
			continue
		}
		var low value
		s.attributes(u, &r, &a, func(attr uint64, v value) {
			switch attr {
			case attrStmtList:
				u.lines, u.hasLines = v.number, true
			case attrLowPC:
				low = v
			case attrStrOffsetsBase:
				u.strOffsets = v.number
			case attrAddrBase:
				u.addresses = v.number
			case attrRnglistsBase:
				u.rangeLists = v.number
			}
		})
		u.low = s.address(low)
		return
	}
}
