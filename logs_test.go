package wnode

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// LOG-01: a crash is one line with the pid, the name, the code, the reason, and the way there.
func TestCrashLog(t *testing.T) {
	one, logs := newCluster(t).startLogged("one@127.0.0.1", "x1", slog.LevelError)
	stack := []any{[]any{"m.wasm", "inner", 1, []any{}}, []any{"m.wasm", "_start", []any{"a", 2}, []any{}}}
	pid := abi.Pid{Node: one.ID(), Num: 12}
	const who = `Process #PID<0.12.0> on node one@127.0.0.1 crashed in `
	for _, c := range []struct {
		report crashReport
		reason any
		want   string
	}{
		{crashReport{Label: "m.wasm", Export: "_start"}, []any{"unreachable", stack}, who + `m.wasm: unreachable at m.wasm:inner/1 < m.wasm:_start/2`},
		{crashReport{Label: "m.wasm", Export: "client"}, []any{"unreachable", []any{}}, who + `m.wasm:client: unreachable`},
		{crashReport{Label: "m.wasm"}, []any{[]any{"link_error", `no "x"`}, []any{}}, who + `m.wasm: link_error: no "x"`},
		{crashReport{Label: "m.wasm"}, []any{"host_error", "broken"}, who + `m.wasm: ["host_error", "broken"]`},
		{crashReport{Label: "shell"}, map[any]any{"a": 1}, who + `shell: {a: 1}`},
		{crashReport{Label: "m.wasm"}, []any{"x", []any{[]any{1, 2, 3, 4}, 5}}, who + `m.wasm: ["x", [[1, 2, 3, 4], 5]]`},
		{crashReport{Label: "m.wasm"}, []any{"x", []any{[]any{1, 2, 3, 4}}}, who + `m.wasm: x at [1, 2, 3, 4]`},
		{crashReport{Label: "a\x1b[2J\nb"}, "r\x1b\n\u202e", who + "a\ufffd[2J b: " + `"r\x1b\n\u{202e}"`},
		{
			crashReport{Label: "m.wasm", Name: "server"},
			"r",
			`Process #PID<0.12.0> (server) on node one@127.0.0.1 crashed in m.wasm: "r"`,
		},
	} {
		c.report.Pid, c.report.Reason = pid, term.MustEncode(c.reason)
		before := len(logs.String())
		one.logCrash(c.report)
		_, got, _ := strings.Cut(strings.TrimSuffix(logs.String()[before:], "\n"), "msg=")
		if want := slogText(c.want); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	before := len(logs.String())
	one.logCrash(crashReport{Pid: pid, Label: "m", Reason: term.MustEncode(strings.Repeat("x", 1<<20)), Detail: "two\nlines"})
	if got := logs.String()[before:]; len(got) > 2*maxDetail || strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, ` detail="two\nlines"`+"\n") {
		t.Errorf("%d bytes, %.300s", len(got), got)
	}
}

// slogText is a message as the test's log shows it.
func slogText(s string) string {
	var b syncBuffer
	slog.New(slog.NewTextHandler(&b, nil)).Error(s)
	_, text, _ := strings.Cut(strings.TrimSuffix(b.String(), "\n"), "msg=")
	return text
}

// The log names the process as it was registered.
func TestCrashOfNamedProcess(t *testing.T) {
	one, logs := newCluster(t).startLogged("one@127.0.0.1", "x1", slog.LevelError)
	if _, err := one.Spawn("native", abi.Pid{}, func(p *Process) Exit {
		if err := one.Register("server", p.Pid()); err != nil {
			t.Error(err)
		}
		return Exit{Reason: "broken", Crash: true}
	}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the crash is logged", func() bool {
		return strings.Contains(logs.String(), ` (server) on node one@127.0.0.1 crashed in native: \"broken\"`)
	})
}
