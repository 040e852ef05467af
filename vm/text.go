package vm

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// OneLine makes text of guests and peers fit for the message of a log line, which is not quoted: nothing in
// it is taken for a line end or a terminal's command. It does not bound the text.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return utf8.RuneError
	}, s)
}
