package sdk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wnode/wnode"
)

// scenarios are those of the guest, which cites what of the semantics they show.
var scenarios = []struct {
	name   string
	remote bool // also, or only, with the other processes on a second node
	local  bool
}{
	{"functions", true, true},
	{"arguments", true, true},
	{"rights", true, true},
	{"exits", true, true},
	{"links", true, true},
	{"monitors", true, true},
	{"names", true, true},
	{"aliases", true, true},
	{"timers", true, true},
	{"mark", false, true},
	{"lost", true, false},
	{"calls", true, true},
	{"call-errors", true, true},
	{"multi-call", true, false},
	{"starts", true, true},
	{"callbacks", true, true},
	{"stops", true, true},
	{"order", true, true},
	{"strategies", false, true},
	{"intensity", false, true},
	{"shutdown", false, true},
	{"children", false, true},
	{"dynamic", false, true},
	{"significant", false, true},
	{"parent", false, true},
}

func TestOnOneNode(t *testing.T) {
	t.Parallel() // with the example, which is compiled meanwhile
	logs := new(syncBuffer)
	n := startNode(t, "one", freePort(t), logs, randomCookie(t))
	for _, s := range scenarios {
		if s.local {
			t.Run(s.name, func(t *testing.T) { scenario(t, n, s.name, "", logs) })
		}
	}
}

func TestOnTwoNodes(t *testing.T) {
	logs, port, cookie := new(syncBuffer), freePort(t), randomCookie(t)
	start := func(name string) *wnode.Node { return startNode(t, name, port, logs, cookie) }
	one, two := start("one"), start("two")
	if err := one.Connect(t.Context(), two.Name()); err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios {
		if s.remote {
			t.Run(s.name, func(t *testing.T) { scenario(t, one, s.name, two.Name(), logs) })
		}
	}
}

// LOG-01, LOG-05, LOG-06: what ends other than in good order is in the node's log.
func TestLogs(t *testing.T) {
	logs := new(syncBuffer)
	n := startNode(t, "one", freePort(t), logs, randomCookie(t))
	for _, name := range []string{"functions", "call-errors", "intensity"} {
		scenario(t, n, name, "", logs)
	}
	for _, want := range []string{
		"process ends with a panic: lost my head",
		"no function is registered as missing",
		"Generic server server terminating, last message:",
		"errorContext: child_terminated, reason: boom, child: a ",
		"errorContext: start_error, reason: broken, child: a ",
		"errorContext: shutdown, reason: reached_max_restart_intensity, child: a ",
	} {
		if !strings.Contains(logs.String(), want) {
			t.Errorf("the log has no line with %q:\n%s", want, logs)
		}
	}
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
		n := startNode(t, "one", freePort(t), new(syncBuffer), randomCookie(t))
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
	n := startNode(t, "one", freePort(t), new(syncBuffer), randomCookie(t))
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
