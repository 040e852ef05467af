package wasm

import "bytes"

// Section is a part of a module as it stands there.
type Section struct {
	ID      SectionID
	Name    string // of a custom section
	Content []byte // of a custom section, what follows the name
	Start   int    // where Content begins in the module
}

// Sections lists the sections of a module and looks at no more of them than their names. The contents
// share memory with b. The error wraps [ErrMalformed] or is a [*LimitError].
func Sections(b []byte) ([]Section, error) {
	r := &reader{b: b}
	if !bytes.HasPrefix(r.bytes(uint32(min(len(b), len(header)))), []byte(header)) {
		r.fail("no header")
	}
	var sections []Section
	for r.more() {
		s := Section{ID: SectionID(r.byte())}
		content := r.sized()
		if s.ID == SectionCustom {
			s.Name = content.name()
		}
		s.Content, s.Start = content.b[content.pos:], content.base+content.pos
		sections = append(sections, s)
		r.limit("sections", uint64(len(sections)), maxCustomParts+uint64(len(sectionOrder)))
		content.pos = len(content.b)
		r.close(&content)
	}
	return sections, r.err
}
