package terminal

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestNextKey(t *testing.T) {
	for typed, want := range map[string]string{
		"":                                    "",
		"ab":                                  "a",
		"é!":                                  "é",
		"\xc3":                                "", // half of a character
		"\xff!":                               "\xff",
		"\x1b":                                "",
		"\x1b[":                               "",
		"\x1b[A\x1b[A":                        "\x1b[A",
		"\x1b[1;5":                            "",
		"\x1b[1;5Cx":                          "\x1b[1;5C",
		"\x1b[<0;1;2Mx":                       "\x1b[<0;1;2M",
		"\x1bO":                               "",
		"\x1bOAx":                             "\x1bOA",
		"\x1bfx":                              "\x1bf",
		"\x1b\xc3":                            "",
		"\x1béx":                              "\x1bé",
		"\x1b\x03":                            "\x1b", // Ctrl-C after a lone Escape
		"\x1b[1\x03":                          "\x1b[1",
		"\x1b\x1b":                            "",
		"\x1b\x1b[Dx":                         "\x1b\x1b[D",
		"\x1b\x1bx":                           "\x1b",
		"\x1b\x7fx":                           "\x1b\x7f",
		"\x1b[" + strings.Repeat("1", maxKey): "\x1b[" + strings.Repeat("1", maxKey-2), // noise
	} {
		if got := nextKey([]byte(typed)); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

func TestForLibrary(t *testing.T) {
	for key, want := range map[string]string{
		"a": "a", "\x03": "\x03", "\x00": "", "\x1c": "", "\u0085": "", "\xff": "\xff",
		"\x1b[A": "\x1b[A", "\x1bOA": "\x1bOA", "\x1b[3~": "\x1b[3~", "\x1b[1;3D": "\x1b[1;3D",
		"\x1b[1;5D": "\x1bb", "\x1b\x7f": "\x17", "\x1bb": "\x1bb", "\x1bx": "", "\x1b": "",
		"\x1b[<0;1;2M": "", "\x1b[1": "", "\x1b[": "", "\x1b\x1b[D": "\x1b\x1b[D", "\x1b\x1b[3~": "",
	} {
		if got := forLibrary(key); got != want {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
	}
}

// Keys are the same in whatever pieces they come, none is lost, and each is whole.
func TestKeyPieces(t *testing.T) {
	piece := rapid.SampledFrom([]string{"a", "é", "水", "\r", "\x03", "\x1b", "\x1b[A", "\x1b[1;5C", "\x1bOB", "\x1bf", "[", "\xff", "\x1b[200~"})
	rapid.Check(t, func(rt *rapid.T) {
		input := strings.Join(rapid.SliceOf(piece).Draw(rt, "input"), "")
		var keys []string
		var begun []byte
		for rest := input; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(rt, "n")
			begun = append(begun, rest[:n]...)
			rest = rest[n:]
			for k := nextKey(begun); k != ""; k = nextKey(begun) {
				keys = append(keys, k)
				begun = begun[len(k):]
			}
		}
		if got := strings.Join(keys, "") + string(begun); got != input {
			rt.Fatalf("%q became %q", input, got)
		}
		for _, k := range keys {
			if k[0] != 0x1b && utf8.RuneCountInString(k) != 1 {
				rt.Fatalf("%q is no key", k)
			}
		}
	})
}
