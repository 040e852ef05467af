package term

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/wnode/wnode/abi"
)

// Index gives the number that a viewer's node shows for another node in printed pids and refs: 0 for itself.
type Index func(abi.NodeID) int

// Format prints t as the shell and the logs show it: JavaScript's literals, with pids, refs and
// functions as in #PID<0.12.0>. A nil index shows every node as 0. Values that are no terms are
// printed with their String method, else as package fmt does.
func Format(t any, index Index) string {
	if index == nil {
		index = func(abi.NodeID) int { return 0 }
	}
	var b strings.Builder
	format(&b, t, index, 0)
	return b.String()
}

func format(b *strings.Builder, t any, index Index, depth int) {
	if depth > MaxDepth {
		b.WriteString("...")
		return
	}
	switch t := t.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(t))
	case float64:
		b.WriteString(formatFloat(t))
	case *big.Int:
		b.WriteString(t.String())
	case string:
		formatText(b, t)
	case []byte:
		formatBytes(b, t)
	case ByteString:
		formatBytes(b, []byte(t))
	case []any:
		formatList(b, t, index, depth)
	case map[any]any:
		formatMap(b, t, index, depth)
	case abi.Pid:
		b.WriteString(t.Text(index(t.Node)))
	case abi.Ref:
		b.WriteString(t.Text(index(t.Node)))
	case Tag:
		fmt.Fprintf(b, "%d(", t.Number)
		format(b, t.Content, index, depth+1)
		b.WriteByte(')')
	case SimpleValue:
		fmt.Fprintf(b, "simple(%d)", uint8(t))
	default:
		fmt.Fprint(b, t)
	}
}

// formatFloat prints as JavaScript does: with an exponent only from 1e21 on and below 1e-6.
func formatFloat(f float64) string {
	switch abs := math.Abs(f); {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case abs != 0 && (abs < 1e-6 || abs >= 1e21):
		s := strconv.FormatFloat(f, 'e', -1, 64)
		return strings.Replace(s, "e-0", "e-", 1)
	default:
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
}

// formatText quotes s, and escapes whatever a terminal could take for a command.
func formatText(b *strings.Builder, s string) {
	b.WriteByte('"')
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			fmt.Fprintf(b, `\x%02x`, s[i])
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case strconv.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(b, `\x%02x`, r)
		default:
			fmt.Fprintf(b, `\u{%x}`, r)
		}
	}
	b.WriteByte('"')
}

func formatBytes(b *strings.Builder, p []byte) { fmt.Fprintf(b, "h'%x'", p) }

func formatList(b *strings.Builder, list []any, index Index, depth int) {
	b.WriteByte('[')
	for i, e := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		format(b, e, index, depth+1)
	}
	b.WriteByte(']')
}

// formatMap prints the entries in the order of their printed keys, so that equal maps print alike.
func formatMap(b *strings.Builder, m map[any]any, index Index, depth int) {
	type entry struct{ key, value string }
	entries := make([]entry, 0, len(m))
	for k, v := range m {
		var kb, vb strings.Builder
		format(&kb, k, index, depth+1)
		format(&vb, v, index, depth+1)
		entries = append(entries, entry{bareKey(k, kb.String()), vb.String()})
	}
	slices.SortFunc(entries, func(a, b entry) int { // keys that differ may print alike
		return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.value, b.value))
	})
	b.WriteByte('{')
	for i, e := range entries {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(e.key + ": " + e.value)
	}
	b.WriteByte('}')
}

// bareKey leaves out the quotes of a text key that is an identifier, as JavaScript does.
func bareKey(key any, printed string) string {
	s, ok := key.(string)
	if !ok || s == "" {
		return printed
	}
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return printed
		}
	}
	return s
}
