package terminal

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wnode/wnode"
)

// The root package takes an Editor for a terminal.
var _ wnode.LineEditor = Editor(nil)

func TestColumnAfter(t *testing.T) {
	for _, c := range []struct {
		from int
		data string
		want int
	}{
		{0, "", 0},
		{3, "abc", 6},
		{3, "abc\n", 0},
		{3, "a\rbc", 2},
		{8, "ab", 10},
		{8, "abc", 1}, // the last one wraps
		{9, "水", 2},
		{0, "e\u0301", 1},
		{0, "\t", 8},
		{5, "\b\b", 3},
		{10, "\b", 8},
		{2, "\x1b[31mred\x1b[0m", 5},
		{2, "\x1b]0;title\aab", 4},
		{2, "\x1b]0;title\x1b\\ab", 4},
		{2, "\x1b[3", 2},
		{2, "\x1b]x", 2},
		{2, "\x1bcx", 3},
		{2, "\a", 2},
	} {
		if got := columnAfter(c.from, []byte(c.data), 10); got != c.want {
			t.Errorf("%q from %d: %d, want %d", c.data, c.from, got, c.want)
		}
	}
}

// The column is where an emulator has its cursor, whatever text comes.
func TestColumnLikeEmulator(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		columns := rapid.IntRange(minColumns, 20).Draw(rt, "columns")
		text := rapid.StringOfN(rapid.RuneFrom([]rune("abc 水\n\r\b")), 0, 60, -1).Draw(rt, "text")
		e := newEmulator(columns)
		e.pending = []byte(strings.ReplaceAll(text, "\n", "\r\n"))
		for e.step() {
		}
		if got := columnAfter(0, []byte(text), columns); got != e.col {
			rt.Fatalf("%q in %d columns: %d, the emulator is at %d", text, columns, got, e.col)
		}
	})
}

// The filter does not care in which pieces its input comes, and leaves no control characters in what is pasted.
func TestPastePieces(t *testing.T) {
	piece := rapid.SampledFrom([]string{pasteBegin, pasteEnd, "a", "\r", "\n", "\t", "\x1b", "[", "\x03", "é", "\x1b[A", "\x1b[20"})
	rapid.Check(t, func(rt *rapid.T) {
		input := strings.Join(rapid.SliceOf(piece).Draw(rt, "input"), "")
		var whole, pieces paste
		want := whole.filter(nil, []byte(input))
		var got []byte
		for rest := input; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(rt, "n")
			got = pieces.filter(got, []byte(rest[:n]))
			rest = rest[n:]
		}
		if string(got) != string(want) {
			rt.Fatalf("%q in pieces: %q, whole: %q", input, got, want)
		}
		var inside paste
		if out := inside.filter(nil, []byte(pasteBegin+strings.ReplaceAll(input, pasteEnd, ""))); strings.ContainsAny(string(out), "\r\t\x1b\x03") {
			rt.Fatalf("%q pasted: %q", input, out)
		}
	})
}
