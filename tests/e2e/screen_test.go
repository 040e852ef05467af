//go:build linux

package e2e

import (
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// screen is what a terminal shows: rows, of which none scrolls away, and a cursor. It knows the
// escape sequences that line editing takes, and remembers those that it does not know.
type screen struct {
	columns int

	mu       sync.Mutex // guards all below
	changed  chan struct{}
	rows     [][]rune
	wrapped  map[int]bool // rows that go on with the line of the row above
	row, col int
	reads    bool   // a line is being edited: marks around what is pasted are on
	begun    int    // lines that have been edited so far
	rest     []byte // of a character or sequence
	unknown  []string
	ended    bool
}

func newScreen(columns int) *screen {
	return &screen{columns: columns, rows: [][]rune{nil}, wrapped: map[int]bool{}, changed: make(chan struct{})}
}

// follow shows what comes from r until it ends.
func (s *screen) follow(r io.Reader) {
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		s.show(buf[:n], err != nil)
		if err != nil {
			return
		}
	}
}

func (s *screen) show(data []byte, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = append(s.rest, data...)
	for n := s.step(s.rest); n > 0; n = s.step(s.rest) {
		s.rest = s.rest[n:]
	}
	s.ended = ended
	close(s.changed)
	s.changed = make(chan struct{})
}

// text gives the lines from a row on, without the blanks at their ends, and what tells of a change.
func (s *screen) text(from int) (text string, changed <-chan struct{}, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for i := from; i < len(s.rows); i++ {
		row := string(s.rows[i])
		if s.wrapped[i] && len(lines) > 0 {
			row = lines[len(lines)-1] + row
			lines = lines[:len(lines)-1]
		}
		lines = append(lines, row)
	}
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n"), s.changed, s.ended
}

// cursor says where the cursor is while a line is being read.
type cursor struct {
	reads  bool
	begun  int // lines that have been read so far, this one included
	row    int
	before string // what stands before it in its row
}

// cursor gives the cursor, and what tells of a change.
func (s *screen) cursor() (c cursor, changed <-chan struct{}, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := s.rows[s.row]
	return cursor{s.reads, s.begun, s.row, string(line[:min(s.col, len(line))])}, s.changed, s.ended
}

// step shows the first character or sequence of b and gives its length, 0 if there is none that is whole.
func (s *screen) step(b []byte) int {
	switch {
	case len(b) == 0 || !utf8.FullRune(b):
		return 0
	case b[0] != 0x1b:
		r, n := utf8.DecodeRune(b)
		s.character(r)
		return n
	case len(b) < 2:
		return 0
	case b[1] != '[':
		s.unknown = append(s.unknown, string(b[:2]))
		return 2
	}
	for i := 2; i < len(b); i++ {
		if b[i] >= '@' && b[i] <= '~' {
			s.sequence(string(b[2:i]), b[i])
			return i + 1
		}
	}
	return 0
}

func (s *screen) character(r rune) {
	switch r {
	case '\n':
		s.down()
		delete(s.wrapped, s.row)
	case '\r':
		s.col = 0
	case '\b':
		s.col = max(0, min(s.col, s.columns-1)-1)
	case '\a':
	default:
		if s.col == s.columns {
			s.down()
			s.col = 0
			s.wrapped[s.row] = true
		}
		line := s.rows[s.row]
		for len(line) <= s.col {
			line = append(line, ' ')
		}
		line[s.col] = r
		s.rows[s.row] = line
		s.col++
	}
}

func (s *screen) down() {
	s.row++
	if s.row == len(s.rows) {
		s.rows = append(s.rows, nil)
	}
}

// sequence acts on a control sequence.
func (s *screen) sequence(args string, final byte) {
	n, err := strconv.Atoi(args)
	if err != nil {
		n = 0
	}
	switch {
	case final == 'A':
		s.row = max(0, s.row-max(n, 1))
	case final == 'B':
		s.row = min(len(s.rows)-1, s.row+max(n, 1))
	case final == 'C':
		s.col = min(s.columns-1, s.col+max(n, 1))
	case final == 'D':
		s.col = max(0, s.col-max(n, 1))
	case final == 'G':
		s.col = min(max(n, 1), s.columns) - 1
	case final == 'J' && n == 0:
		for s.rows = s.rows[:s.row+1]; s.wrapped[s.row+1]; {
			delete(s.wrapped, s.row+1)
		}
		s.clearLine()
	case final == 'K' && n == 0:
		s.clearLine()
	case args == "?2004":
		if s.reads = final == 'h'; s.reads {
			s.begun++
		}
	case final == 'm': // colors
	default:
		s.unknown = append(s.unknown, args+string(final))
	}
}

// clearLine clears from the cursor on.
func (s *screen) clearLine() {
	if line := s.rows[s.row]; len(line) > s.col {
		s.rows[s.row] = line[:s.col]
	}
}
