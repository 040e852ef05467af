package symbolize

// file gives the name of a file by its number in a unit, "" for none.
func (s *search) file(u *lineUnit, number uint64) string {
	r := u.tables
	if u.version == 5 {
		return s.file5(&r, number)
	}
	directories := r
	for r.more() && r.b[r.pos] != 0 {
		r.skipText()
	}
	r.byte()
	for ; r.more() && r.b[r.pos] != 0; number-- {
		if number != 1 {
			r.skipText()
			skipNumbers(&r, 3) // directory, time, size
			continue
		}
		name, directory := r.text(), r.unsigned()
		if directory == 0 || r.failed {
			return name
		}
		for ; directory > 1 && directories.more() && directories.b[directories.pos] != 0; directory-- {
			directories.skipText()
		}
		return join(directories.text(), name)
	}
	return ""
}

func skipNumbers(r *reader, n int) {
	for range n {
		r.unsigned()
	}
}

// The kinds of things that are said of a file or a directory in version 5.
const (
	contentPath      = 1
	contentDirectory = 2
)

// content is one of the things that are said of each file.
type content struct{ kind, form uint64 }

// file5 is file for the tables of version 5, which say themselves what is in them.
func (s *search) file5(r *reader, number uint64) string {
	format := contents(r)
	count := r.unsigned()
	directories := *r
	s.skip5(r, format, count)
	fileFormat := contents(r)
	if number >= r.unsigned() {
		return ""
	}
	s.skip5(r, fileFormat, number)
	name, directory := s.entry5(r, fileFormat)
	if directory == 0 || directory >= count {
		return s.text(name)
	}
	s.skip5(&directories, format, directory)
	path, _ := s.entry5(&directories, format)
	return join(s.text(path), s.text(name))
}

func (s *search) skip5(r *reader, format []content, n uint64) {
	for ; n > 0 && !r.failed; n-- {
		s.entry5(r, format)
	}
}

func contents(r *reader) []content {
	format := make([]content, 0, 8)
	for range r.byte() {
		format = append(format, content{r.unsigned(), r.unsigned()})
	}
	return format
}

// entry5 reads a directory or a file. It may take no bytes, so that there is room for any number of them.
func (s *search) entry5(r *reader, format []content) (path value, directory uint64) {
	if len(format) == 0 || !r.effort.spend(1) {
		r.fail()
	}
	for _, c := range format {
		switch v := readForm(r, c.form, nil); c.kind {
		case contentPath:
			path = v
		case contentDirectory:
			directory = v.number
		}
	}
	return path, directory
}
