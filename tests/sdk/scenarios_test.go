package sdk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/buffertest"
	"github.com/wnode/wnode/internal/nodetest"
)

// scenarios are those of the guest, which cites what of the semantics they show.
var scenarios = []struct {
	name   string
	remote bool // also, or only, with the other processes on a second node
	local  bool
	input  string // of the group leader
}{
	{name: "functions", remote: true, local: true},
	{name: "arguments", remote: true, local: true},
	{name: "rights", remote: true, local: true},
	{name: "catch", remote: true, local: true},
	{name: "pids", remote: true, local: true},
	{name: "processes", remote: true, local: true},
	{name: "exits", remote: true, local: true},
	{name: "links", remote: true, local: true},
	{name: "monitors", remote: true, local: true},
	{name: "by-name", remote: true, local: true},
	{name: "aliases", remote: true, local: true},
	{name: "timers", remote: true, local: true},
	{name: "order", remote: true, local: true},
	{name: "nobody", remote: true, local: true},
	{name: "busy", remote: true, local: true},
	{name: "mailbox", local: true},
	{name: "mark", local: true},
	{name: "names", remote: true, local: true},
	{name: "globals", remote: true, local: true},
	{name: "nodes", remote: true},
	{name: "lost", remote: true},
	{name: "devices", remote: true, local: true, input: "åäö\nab€\nlast\n"},
	{name: "leaders", remote: true, local: true},
	{name: "calls", remote: true, local: true},
	{name: "call-errors", remote: true, local: true},
	{name: "multi-call", remote: true},
	{name: "starts", remote: true, local: true},
	{name: "callbacks", remote: true, local: true},
	{name: "stops", remote: true, local: true},
	{name: "tree-order", remote: true, local: true},
	{name: "tree-rights", remote: true, local: true},
	{name: "strategies", local: true},
	{name: "intensity", local: true},
	{name: "shutdown", local: true},
	{name: "children", local: true},
	{name: "dynamic", local: true},
	{name: "significant", local: true},
	{name: "parent", local: true},
}

func TestOnOneNode(t *testing.T) {
	t.Parallel() // with the example, which is compiled meanwhile
	logs := new(buffertest.Buffer)
	n := startNode(t, "one", nodetest.FreePort(t), logs, randomCookie(t))
	for _, s := range scenarios {
		if s.local {
			t.Run(s.name, func(t *testing.T) { scenario(t, n, s.name, "", s.input, logs) })
		}
	}
}

func TestOnTwoNodes(t *testing.T) {
	logs := new(buffertest.Buffer)
	one, two := startTwo(t, logs, logs)
	for _, s := range scenarios {
		if s.remote {
			t.Run(s.name, func(t *testing.T) { scenario(t, one, s.name, two.Name(), s.input, logs) })
		}
	}
}

// The scenario says when the second node is to be restarted.
func TestRestartedNode(t *testing.T) {
	logs, port, cookie := new(buffertest.Buffer), nodetest.FreePort(t), randomCookie(t)
	one, two := startNode(t, "one", port, logs, cookie), startNode(t, "two", port, logs, cookie)
	pid, err := one.Spawn("restarter", abi.Pid{}, func(p *wnode.Process) wnode.Exit {
		m, err := p.Receive(p.Context(), wnode.Infinity)
		if err == nil {
			err = two.Close(p.Context())
		}
		if err == nil {
			_, err = tryNode(t, "two", port, logs, cookie)
		}
		if err == nil {
			err = p.Send(p.Context(), m.From, term.MustEncode("restarted"))
		}
		if err != nil {
			t.Error(err)
		}
		return wnode.Normal
	})
	if err == nil {
		err = one.Register("sdk.restarter", pid)
	}
	if err != nil {
		t.Fatal(err)
	}
	scenario(t, one, "restart", two.Name(), "", logs)
}

// The example: the counter crashes on command and is restarted, until it is too much. SUP-02, SUP-04.
func TestSupervisedExample(t *testing.T) {
	t.Parallel()
	module, err := guests.Build(t.Context(), "./examples/wasm/supervised", "")
	if err != nil {
		t.Fatal(err)
	}
	for input, want := range map[string]struct {
		reason any
		lines  []string
	}{
		"next\nnext\ncrash\n": {"normal", []string{"1\n", "2\n", "the counter ended: [panic on command]\n"}},
		"help\nquit\n":        {"shutdown", []string{"commands: next, crash, quit\n"}},
	} {
		n := startNode(t, "one", nodetest.FreePort(t), new(buffertest.Buffer), randomCookie(t))
		fn, err := n.Load("supervised.wasm", module)
		if err != nil {
			t.Fatal(err)
		}
		reason, output := run(t, n, fn, input)
		for _, line := range want.lines {
			if !strings.Contains(output, line) {
				t.Errorf("after %q: no %q in %q", input, line, output)
			}
		}
		if reason != want.reason {
			t.Errorf("after %q: reason %v", input, reason)
		}
	}
}

// The thin wrappers of the other SDKs: LINK-01, LINK-02, LINK-13, MON-02, MON-04, MON-09, ALIAS-01, ALIAS-02, ALIAS-03,
// SIG-07, TMR-01, TMR-02, TMR-03, TMR-04.
func TestOtherLanguages(t *testing.T) {
	n := startNode(t, "one", nodetest.FreePort(t), new(buffertest.Buffer), randomCookie(t))
	for _, name := range []string{"links_rust.wasm", "links_as.wasm"} {
		module, err := os.ReadFile(filepath.Join(root, "guest-sdk", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		fn, err := n.Load(name, module)
		if err != nil {
			t.Fatal(err)
		}
		if reason, output := run(t, n, fn, ""); reason != any("normal") {
			t.Errorf("%s: %v\n%s", name, reason, output)
		}
	}
}
