package symbolize

import "sort"

// extent is the code of an entry, as it says: one range, or a list of them.
type extent struct{ low, high, ranges value }

// within calls found for the places that are in an extent. The places are in the order of their addresses.
func (s *search) within(u *unit, at extent, places []*place, found func(*place)) {
	each := func(from, to uint64) {
		if removed(from) || from >= to {
			return
		}
		i := sort.Search(len(places), func(i int) bool { return places[i].address >= from })
		for ; i < len(places) && places[i].address < to; i++ {
			found(places[i])
		}
	}
	switch {
	case at.ranges.unit != nil && u.version == 5:
		s.rangeList(u, at.ranges, each)
	case at.ranges.unit != nil:
		s.rangePairs(u, at.ranges.number, each)
	case at.low.unit != nil && at.high.unit != nil:
		low, high := s.address(at.low), at.high.number
		if at.high.form == formAddr {
			high -= low
		}
		each(low, low+high)
	}
}

// rangePairs reads a list of .debug_ranges (DWARF 4, section 2.17.3).
func (s *search) rangePairs(u *unit, offset uint64, each func(from, to uint64)) {
	base, largest := u.low, uint64(1)<<(8*u.addressSize)-1
	for r := s.ranges.at(offset); r.more(); {
		from, to := r.fixed(u.addressSize), r.fixed(u.addressSize)
		switch {
		case from == 0 && to == 0:
			return
		case from == largest:
			base = to
		default:
			each(base+from, base+to)
		}
	}
}

// The kinds of entries in .debug_rnglists (DWARF 5, section 7.25).
const (
	rangeEnd         = 0
	rangeBaseIndexed = 1
	rangeIndexed     = 2
	rangeIndexedLen  = 3
	rangeOffsets     = 4
	rangeBase        = 5
	rangeAddresses   = 6
	rangeLength      = 7
)

// rangeList reads a list of .debug_rnglists.
func (s *search) rangeList(u *unit, v value, each func(from, to uint64)) {
	offset := v.number
	if v.form == formRnglistx {
		index := s.rangeLists.at(u.rangeLists + v.number*4)
		offset = u.rangeLists + index.fixed(4)
	}
	base := u.low
	for r := s.rangeLists.at(offset); r.more(); {
		switch r.byte() {
		case rangeBaseIndexed:
			base = s.indexed(u, r.unsigned())
		case rangeIndexed:
			from, to := r.unsigned(), r.unsigned()
			each(s.indexed(u, from), s.indexed(u, to))
		case rangeIndexedLen:
			from := s.indexed(u, r.unsigned())
			each(from, from+r.unsigned())
		case rangeOffsets:
			from, to := r.unsigned(), r.unsigned()
			each(base+from, base+to)
		case rangeBase:
			base = r.fixed(u.addressSize)
		case rangeAddresses:
			from, to := r.fixed(u.addressSize), r.fixed(u.addressSize)
			each(from, to)
		case rangeLength:
			from := r.fixed(u.addressSize)
			each(from, from+r.unsigned())
		default: // the end, or something unknown
			return
		}
	}
}
