package symbolize

import "sort"

// The tags and attributes that matter.
const (
	tagFormalParameter   = 0x05
	tagInlinedSubroutine = 0x1d

	attrName           = 0x03
	attrStmtList       = 0x10
	attrLowPC          = 0x11
	attrHighPC         = 0x12
	attrAbstractOrigin = 0x31
	attrSpecification  = 0x47
	attrRanges         = 0x55
	attrCallFile       = 0x58
	attrCallLine       = 0x59
	attrStrOffsetsBase = 0x72
	attrAddrBase       = 0x73
	attrRnglistsBase   = 0x74
)

// attributes reads the attributes of an entry. It allocates nothing.
func (s *search) attributes(u *unit, r *reader, a *abbrev, each func(attr uint64, v value)) {
	specs := a.attrs
	for {
		attr, form := specs.unsigned(), specs.unsigned()
		if attr == 0 && form == 0 || specs.failed || r.failed {
			return
		}
		if form == formImplicitConst {
			each(attr, value{form: form, number: uint64(specs.signed()), unit: u})
			continue
		}
		each(attr, readForm(r, form, u))
	}
}

// entry reads what comes first of an entry; nil at the end of a list of entries, and when there is none.
func (s *search) entry(u *unit, r *reader) *abbrev {
	code := r.unsigned()
	if code == 0 {
		return nil
	}
	a := u.abbreviation(code, r.effort)
	if a == nil {
		r.fail()
	}
	return a
}

// call is a function that was inlined, and where it was called.
type call struct {
	origin value
	file   uint64
	line   uint64
}

// inlined notes at the places of a unit the functions that were inlined there, the outermost first.
func (s *search) inlined(u *unit, places []*place) {
	s.load(u)
	r, depth := u.entries, 0
	for r.more() {
		a := s.entry(u, &r)
		if a == nil {
			if depth--; depth <= 0 {
				return
			}
			continue
		}
		if a.tag == tagInlinedSubroutine {
			s.inlinedHere(u, &r, a, places)
		} else {
			s.attributes(u, &r, a, func(uint64, value) {})
		}
		if a.children {
			depth++
		}
	}
}

func (s *search) inlinedHere(u *unit, r *reader, a *abbrev, places []*place) {
	var c call
	var at extent
	s.attributes(u, r, a, func(attr uint64, v value) {
		switch attr {
		case attrAbstractOrigin:
			c.origin = v
		case attrCallFile:
			c.file = v.number
		case attrCallLine:
			c.line = v.number
		case attrLowPC:
			at.low = v
		case attrHighPC:
			at.high = v
		case attrRanges:
			at.ranges = v
		}
	})
	s.within(u, at, places, func(p *place) {
		if len(p.calls) < maxInlined {
			p.calls = append(p.calls, c)
		}
	})
}

// maxOrigins bounds how many entries are gone through for a name.
const maxOrigins = 4

// function gives the name of a function, and how many parameters it has, by the entry that a value refers to.
func (s *search) function(v value) (name string, arity int) {
	for range maxOrigins {
		at := v.reference()
		u := s.unitOf(at)
		if v.unit == nil || u == nil {
			return "", 0
		}
		s.load(u)
		r := u.entries
		r.pos = int(at)
		a := s.entry(u, &r)
		if a == nil {
			return "", 0
		}
		var named, other value
		s.attributes(u, &r, a, func(attr uint64, v value) {
			switch attr {
			case attrName:
				named = v
			case attrAbstractOrigin, attrSpecification:
				other = v
			}
		})
		if a.children {
			arity = max(arity, s.parameters(u, &r))
		}
		if name = s.text(named); name != "" || other.unit == nil {
			return name, arity
		}
		v = other
	}
	return "", 0
}

// parameters counts those among the children of an entry.
func (s *search) parameters(u *unit, r *reader) (n int) {
	for depth := 1; r.more(); {
		a := s.entry(u, r)
		if a == nil {
			if depth--; depth == 0 {
				return n
			}
			continue
		}
		if a.tag == tagFormalParameter && depth == 1 {
			n++
		}
		s.attributes(u, r, a, func(uint64, value) {})
		if a.children {
			depth++
		}
	}
	return n
}

// unitOf gives the unit that has an entry; nil for none.
func (s *search) unitOf(at uint64) *unit {
	i := sort.Search(len(s.known), func(i int) bool { return uint64(s.known[i].start) > at }) - 1
	if i < 0 || at < uint64(s.known[i].entries.pos) || at >= uint64(len(s.known[i].entries.b)) {
		return nil
	}
	return s.known[i]
}
