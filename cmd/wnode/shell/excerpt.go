package shell

import (
	"strings"

	"github.com/dop251/goja/file"
	"golang.org/x/text/width"
)

// excerptColumns is how much of a long line an excerpt shows.
const excerptColumns = 72

// excerpt shows the line of a mistake with a mark below it, on two lines of their own; "" when there is nothing to show.
func excerpt(source string, p file.Position) string {
	lines := strings.Split(source, "\n")
	if p.Line < 1 || p.Line > len(lines) {
		return ""
	}
	line := strings.TrimRight(lines[p.Line-1], "\r")
	if strings.TrimSpace(line) == "" {
		return ""
	}
	before := []rune(line[:min(max(p.Column-1, 0), len(line))])
	after := []rune(line[len(string(before)):])
	if from := len(before) - excerptColumns/2; from > 0 && len(before)+len(after) > excerptColumns {
		before = append([]rune("..."), before[from:]...)
	}
	if left := excerptColumns - len(before); len(after) > left {
		after = append(after[:left:left], []rune("...")...)
	}
	return "\n  " + string(before) + string(after) + "\n  " + blank(before) + "^"
}

// blank gives spaces as wide as a text.
func blank(text []rune) string {
	var b strings.Builder
	for _, r := range text {
		switch k := width.LookupRune(r).Kind(); {
		case r == '\t':
			b.WriteRune('\t')
		case k == width.EastAsianWide, k == width.EastAsianFullwidth:
			b.WriteString("  ")
		default:
			b.WriteRune(' ')
		}
	}
	return b.String()
}
