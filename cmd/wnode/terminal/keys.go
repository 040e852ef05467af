package terminal

import (
	"strings"
	"unicode/utf8"
)

// Keys that matter here beyond what the library does with them.
const (
	keyInterrupt = "\x03" // Ctrl-C
	keyEnd       = "\x04" // Ctrl-D
	keyQuit      = "\x1c" // Ctrl-\
)

// maxKey bounds the escape sequence of one key. What is longer is noise.
const maxKey = 32

// noise are the control characters that the library would put into the line.
const noise = "\x00\x0f\x11\x16\x18\x1b\x1c\x1d\x1e"

// synonyms are keys that the library does not know, as others that do the same.
var synonyms = map[string]string{
	"\x1b[1;5C": "\x1bf", // Ctrl-Right
	"\x1b[1;5D": "\x1bb", // Ctrl-Left
	"\x1b\x7f":  "\x17",  // Alt-Backspace, as Ctrl-W
}

// nextKey gives what the first key of typed sent: a character, or an escape sequence as a whole. It is
// "" when the key has only begun. The sequences are those of ECMA-48 (ESC [), of the application
// mode of the VT100 (ESC O), and ESC before any other key, which is how Alt comes.
func nextKey(typed []byte) string {
	n := 0
	switch {
	case len(typed) == 0:
	case typed[0] != 0x1b:
		n = character(typed)
	case len(typed) == 1:
	case typed[1] == '[':
		n = sequence(typed, 2)
	case typed[1] == 'O':
		n = sequence(typed, 2)
	case typed[1] == 0x1b && len(typed) > 2 && typed[2] == '[':
		n = sequence(typed, 3)
	case typed[1] == 0x1b && len(typed) > 2:
		n = 1 // the first Escape did nothing
	case typed[1] == 0x1b:
	case typed[1] < ' ':
		n = 1 // what follows is a key of its own: Ctrl-C after Escape must work
	default:
		if n = character(typed[1:]); n > 0 {
			n++
		}
	}
	return string(typed[:n])
}

// character gives the length of the first character, 0 when it is not whole.
func character(b []byte) int {
	if !utf8.FullRune(b) {
		return 0
	}
	_, n := utf8.DecodeRune(b)
	return n
}

// sequence gives the length of an escape sequence whose introducer has n bytes. It ends with a byte
// from @ on, and breaks off before one that cannot belong to it.
func sequence(b []byte, n int) int {
	for i := n; i < len(b); i++ {
		switch {
		case b[i] >= '@' && b[i] <= '~':
			return i + 1
		case b[i] < ' ' || b[i] > '~' || i == maxKey:
			return i
		}
	}
	return 0
}

// forLibrary gives a key in the form that the library reads to its end, which it does not do with all
// that it does not know; "" for a key that means nothing.
func forLibrary(key string) string {
	if synonym, ok := synonyms[key]; ok {
		return synonym
	}
	if r, n := utf8.DecodeRuneInString(key); n == len(key) {
		if strings.ContainsRune(noise, r) || r >= 0x80 && r < 0xa0 {
			return ""
		}
		return key
	}
	switch body := key[1:]; {
	case body == "f", body == "b", body == "\x1b[C", body == "\x1b[D": // Alt
		return key
	case len(body) >= 2 && (body[0] == '[' || body[0] == 'O') && plainSequence(body[1:]):
		return key
	}
	return ""
}

// plainSequence reports whether what follows the introducer of a sequence is numbers and a final byte.
func plainSequence(s string) bool {
	for i := range len(s) - 1 {
		if c := s[i]; c != ';' && (c < '0' || c > '9') {
			return false
		}
	}
	return s[len(s)-1] >= '@'
}
