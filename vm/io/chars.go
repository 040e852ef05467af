package io

import (
	"unicode/utf8"

	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

func knownEncoding(encoding string) bool {
	return encoding == vm.EncodingUnicode || encoding == vm.EncodingLatin1 || encoding == vm.EncodingBytes
}

// encodeChars turns the chars of a put_chars into octets: UTF-8, or for the encoding bytes what
// they are. Chars are text, byte strings in the given encoding, code points, and lists of chars.
// It reports false for anything else, and for characters that the encoding does not have (IO-03, IO-05).
func encodeChars(chars any, encoding string) ([]byte, bool) {
	if !knownEncoding(encoding) {
		return nil, false
	}
	out, ok := appendChars(nil, chars, encoding)
	if !ok || encoding == vm.EncodingUnicode && !utf8.Valid(out) {
		return nil, false // only here is a character complete that two byte strings share
	}
	return out, true
}

// appendChars recurs as deep as the term goes, which package term has bounded.
func appendChars(out []byte, chars any, encoding string) ([]byte, bool) {
	switch chars := chars.(type) {
	case string:
		if encoding == vm.EncodingLatin1 {
			if _, ok := toLatin1([]byte(chars)); !ok {
				return nil, false
			}
		}
		return append(out, chars...), true
	case []byte:
		if encoding == vm.EncodingLatin1 {
			chars = fromLatin1(chars)
		}
		return append(out, chars...), true
	case int64:
		return appendCodePoint(out, chars, encoding)
	case []any:
		ok := true
		for _, part := range chars {
			if out, ok = appendChars(out, part, encoding); !ok {
				return nil, false
			}
		}
		return out, true
	}
	return nil, false
}

func appendCodePoint(out []byte, char int64, encoding string) ([]byte, bool) {
	limit := int64(0xff)
	if encoding == vm.EncodingUnicode {
		limit = utf8.MaxRune
	}
	switch {
	case char < 0 || char > limit || !utf8.ValidRune(rune(char)):
		return nil, false
	case encoding == vm.EncodingBytes:
		return append(out, byte(char)), true
	default:
		return utf8.AppendRune(out, rune(char)), true
	}
}

// toLatin1 turns UTF-8 into latin1, and reports false when a character is not in it.
func toLatin1(text []byte) ([]byte, bool) {
	out := make([]byte, 0, len(text))
	for _, r := range string(text) {
		if r > 0xff {
			return nil, false
		}
		out = append(out, byte(r))
	}
	return out, true
}

// fromLatin1 turns latin1 into UTF-8.
func fromLatin1(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for _, c := range text {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

// promptText gives a prompt as UTF-8 text: chars, or any other term as it prints (IO-11).
func promptText(prompt any, encoding string) string {
	if prompt == nil {
		return ""
	}
	if text, ok := encodeChars(prompt, encoding); ok && utf8.Valid(text) {
		return string(text)
	}
	if text, ok := prompt.(string); ok {
		return text
	}
	return term.Format(prompt, nil)
}
