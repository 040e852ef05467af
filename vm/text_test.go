package vm_test

import (
	"testing"

	"github.com/wnode/wnode/vm"
)

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                  "",
		"grün, 世界":          "grün, 世界",
		"two\nlines\r\n\tx": "two lines   x",
		"\x1b[31mred\a\x7f": "\ufffd[31mred\ufffd\ufffd",
		"\u202eright":       "\ufffdright",
		"no \xff text":      "no \ufffd text",
		"next\u2028line":    "next line",
	} {
		if got := vm.OneLine(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
