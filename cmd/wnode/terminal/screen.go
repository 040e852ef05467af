package terminal

import (
	"bytes"
	"io"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// screen writes to a terminal, and knows the column at which the output of the program ends. It is
// not safe for concurrent use.
type screen struct {
	w      io.Writer
	column int  // 0 is the left edge; the width itself means that the next character wraps
	raw    bool // the terminal does not make \r\n of \n
	muted  bool // what the library draws goes nowhere
}

// output writes output of the program.
func (s *screen) output(data []byte, columns int) error {
	s.column = columnAfter(s.column, data, columns)
	return s.draw(data)
}

// draw writes without counting.
func (s *screen) draw(data []byte) error {
	if s.raw {
		data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
	}
	_, err := s.w.Write(data)
	return err
}

// columnAfter gives the column of the cursor after data has been written from a column on. It knows
// the escape sequences that colors and titles use; after one that moves the cursor it is wrong.
func columnAfter(column int, data []byte, columns int) int {
	for len(data) > 0 {
		if n := escapeLength(data); n > 0 {
			data = data[n:]
			continue
		}
		r, n := utf8.DecodeRune(data)
		data = data[n:]
		switch {
		case r == '\n', r == '\r':
			column = 0
		case r == '\b':
			column = max(0, min(column, columns-1)-1)
		case r == '\t':
			column = min((column/8+1)*8, columns-1)
		default:
			column = advance(column, runeWidth(r), columns)
		}
	}
	return column
}

// advance moves over a character, which wraps when it does not fit.
func advance(column, w, columns int) int {
	if w > 0 && column+w > columns {
		return w
	}
	return column + w
}

// escapeLength gives the length of the escape sequence that data begins with, 0 for none.
func escapeLength(data []byte) int {
	if len(data) < 2 || data[0] != 0x1b {
		return 0
	}
	switch data[1] {
	case '[': // CSI: ends with a byte from @ on
		for i := 2; i < len(data); i++ {
			if data[i] >= '@' && data[i] <= '~' {
				return i + 1
			}
		}
		return len(data)
	case ']': // OSC: ends with BEL or ESC \
		for i := 2; i < len(data); i++ {
			if data[i] == '\a' {
				return i + 1
			}
			if data[i] == '\\' && data[i-1] == 0x1b {
				return i + 1
			}
		}
		return len(data)
	}
	return 2
}

// runeWidth gives the columns that a character takes.
func runeWidth(r rune) int {
	switch {
	case r < ' ' || r >= 0x7f && r < 0xa0:
		return 0
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}
