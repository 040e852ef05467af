package wnode

import (
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/nodetest"
)

// LOG-01: a crash is one line with the pid, the name, the code, the reason, and the way there.
func TestCrashLog(t *testing.T) {
	one, logs := newCluster(t).startLogged("one@127.0.0.1", "x1", slog.LevelError)
	stack := []any{[]any{"m.wasm", "inner", 1, []any{}}, []any{"m.wasm", "_start", []any{"a", 2}, []any{}}}
	position := []any{[]any{"file", "src/a.c\x1b"}, []any{"line", 12}, []any{"offset", 345}}
	lines := []any{[]any{"m.wasm", "inner", 1, position}, []any{"m.wasm", "_start", 0, []any{[]any{"offset", 300}}}}
	pid := abi.Pid{Node: one.ID(), Num: 12}
	const who = `Process #PID<0.12.0> on node one@127.0.0.1 crashed in `
	for _, c := range []struct {
		report crashReport
		reason any
		want   string
	}{
		{crashReport{Label: "m.wasm", Export: "_start"}, []any{"unreachable", stack}, who + `m.wasm: unreachable at m.wasm:inner/1 < m.wasm:_start/2`},
		{crashReport{Label: "m.wasm"}, []any{"unreachable", lines}, who + "m.wasm: unreachable at m.wasm:inner/1 (src/a.c\ufffd:12) < m.wasm:_start/0"},
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
		t.Errorf("%d bytes, %.300s ... %q", len(got), got, got[max(0, len(got)-100):])
	}
}

// A crash has in fields, for programs, what its text says, and what the process had received last.
func TestCrashRecord(t *testing.T) {
	var logs syncBuffer
	c := newCluster(t)
	opts := c.options("one@127.0.0.1", "x1")
	opts.Logger = slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelError}))
	one := c.startWith(opts)
	crashed := make(chan struct{})
	pid, err := one.Spawn("server", abi.Pid{}, func(p *Process) Exit {
		defer close(crashed)
		_, err := p.Receive(p.Context(), Infinity)
		frame := []any{"m.wasm", "inner", 1, []any{}}
		return Exit{Reason: []any{"unreachable", []any{frame}}, Crash: err == nil}
	})
	if err != nil {
		t.Fatal(err)
	}
	do(t, one, func(p *Process) {
		ref := p.Monitor(pid)
		if err := p.Send(p.Context(), pid, term.MustEncode("hello")); err != nil {
			t.Error(err)
		}
		awaitDown(t, p, ref)
	})
	if err := one.Close(t.Context()); err != nil { // the log has been written then
		t.Fatal(err)
	}
	var record struct {
		Crash struct {
			Pid, Node, Module, Reason string
			Backtrace                 []string
			LastMessage               struct {
				Kind, Bytes int
				From        string
			} `json:"last_message"`
		}
	}
	if err := json.Unmarshal([]byte(logs.String()), &record); err != nil {
		t.Fatalf("%v: %s", err, logs.String())
	}
	got := record.Crash
	if got.Pid != pid.Text(0) || got.Node != "one@127.0.0.1" || got.Module != "server" || got.Reason != "unreachable" ||
		!slices.Equal(got.Backtrace, []string{"m.wasm:inner/1"}) || got.LastMessage.Bytes != 6 || got.LastMessage.From == "" {
		t.Errorf("%+v", got)
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
	nodetest.Eventually(t, "the crash is logged", func() bool {
		return strings.Contains(logs.String(), ` (server) on node one@127.0.0.1 crashed in native: \"broken\"`)
	})
}
