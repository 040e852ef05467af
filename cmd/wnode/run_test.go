package main

import "testing"

func TestExitOf(t *testing.T) {
	frame := []any{"m.wasm", "inner", int64(1), []any{}}
	for name, test := range map[string]struct {
		reason any
		want   string
	}{
		"a text":           {"boom", `p ended: "boom"`},
		"a panic":          {[]any{"panic", "told\x1b to"}, `p ended: ["panic", "told\x1b to"]`},
		"a pair":           {[]any{"child", []any{"panic", "x"}}, `p ended: ["child", ["panic", "x"]]`},
		"no connection":    {"noconnection", "p: the connection to its node was lost"},
		"a trap":           {[]any{"unreachable", []any{frame}}, "p crashed: unreachable\n    at inner (m.wasm)"},
		"nowhere":          {[]any{"unreachable", []any{}}, "p crashed: unreachable"},
		"no such import":   {[]any{[]any{"link_error", "no such import"}, []any{}}, "p cannot be run: no such import"},
		"an exit status":   {[]any{"exit_status", int64(3)}, exitCode(3).Error()},
		"no exit status":   {[]any{"exit_status", "3"}, `p ended: ["exit_status", "3"]`},
		"frames that fail": {[]any{"x", []any{int64(1)}}, `p ended: ["x", [1]]`},
	} {
		if got := exitOf("p", test.reason, nil).Error(); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if err := exitOf("p", "normal", nil); err != nil {
		t.Error(err)
	}
}
