//go:build linux

package e2e

import (
	"errors"
	"regexp"
	"testing"
	"time"
)

// The checker must find what it is there for.
func TestHarness(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	w := h.window("", nodeOne)
	w.gives("1 + 1", "2")
	if err := w.awaits(regexp.MustCompile(`(?m)^3$`), time.Millisecond); !errors.Is(err, errNotShown) {
		t.Errorf("a row that is not there: %v", err)
	}
	if err := w.awaits(regexp.MustCompile(`(?m)^2$`), time.Millisecond); err != nil {
		t.Errorf("a row that is there: %v", err)
	}
	w.keys("\x04")
	<-w.exited
	if err := w.awaits(regexp.MustCompile(`(?m)^3$`), patience); !errors.Is(err, errNotShown) {
		t.Errorf("the program has ended: %v", err)
	}
}

func TestScreen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"rows":            {"one\r\ntwo", "one\ntwo"},
		"new line only":   {"one\ntwo", "one\n   two"},
		"return":          {"one\rO", "One"},
		"backspace":       {"one\b\bN", "oNe"},
		"wraps late":      {"0123456789", "0123456789"},
		"wraps":           {"0123456789ab\x1b[2GB", "0123456789aB"},
		"up and down":     {"one\r\ntwo\x1b[A\x1b[GO\x1b[BW", "One\ntWo"},
		"left and right":  {"one\x1b[3DO\x1b[CE", "OnE"},
		"clear line":      {"one\x1b[2G\x1b[K", "o"},
		"clear below":     {"one\r\ntwo\x1b[A\x1b[J", "one"},
		"colors are seen": {"\x1b[31mred\x1b[0m", "red"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScreen(10)
			for i := range c.in { // sequences come in pieces
				s.show([]byte(c.in[i:i+1]), false)
			}
			if got, _, _ := s.text(0); got != c.want || len(s.unknown) > 0 {
				t.Errorf("got %q, want %q, unknown %q", got, c.want, s.unknown)
			}
		})
	}
	s := newScreen(10)
	s.show([]byte("\x1b[5n\x1b7é"), true)
	if got, _, ended := s.text(0); got != "é" || !ended || len(s.unknown) != 2 {
		t.Errorf("got %q, ended %v, unknown %q", got, ended, s.unknown)
	}
}
