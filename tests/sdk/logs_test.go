package sdk

import (
	"strings"
	"testing"

	"github.com/wnode/wnode/internal/buffertest"
	"github.com/wnode/wnode/internal/nodetest"
)

// LOG-01, LOG-02, LOG-04, LOG-05, LOG-06, LOG-07: what ends by an error, and what was started to serve and
// ends other than in good order, is in the node's log. An exit is not.
func TestLogs(t *testing.T) {
	logs := new(buffertest.Buffer)
	n := startNode(t, "one", nodetest.FreePort(t), logs, randomCookie(t))
	for _, name := range []string{"functions", "call-errors", "intensity"} {
		scenario(t, n, name, "", "", logs)
	}
	for _, want := range []string{
		` on node ` + n.Name() + ` crashed in panic: [\"panic\", \"lost my head\"]`,
		` crashed in crash: [\"my\", \"reason\"]`,
		` crashed in missing: undef at sdk.wasm:missing/1`,
		`Generic server server terminating, last message:`,
		` crashed in server: \"boom\"" node=one detail="parent: #PID<`,
		`links: [], monitors: [], trap_exit: false, message_queue_len: 0"`,
		`errorContext: child_terminated, reason: boom, child: a `,
		`errorContext: start_error, reason: broken, child: a `,
		`errorContext: shutdown, reason: reached_max_restart_intensity, child: a `,
	} {
		nodetest.Eventually(t, "the log has a line with "+want, func() bool { return strings.Contains(logs.String(), want) })
	}
	for _, silent := range []string{"crashed in exit", "crashed in throw", "crashed in return", "crashed in tree", `crashed in server: \"shutdown\"`} {
		if strings.Contains(logs.String(), silent) {
			t.Errorf("the log has a line with %q:\n%s", silent, logs)
		}
	}
}

// LOG-03, GL-07, RSP-05: the crash of a process is in the log of the node where its group leader is, and in
// that of its own. With the leader the log moves.
func TestLogsOfLeader(t *testing.T) {
	here, there := new(buffertest.Buffer), new(buffertest.Buffer)
	one, two := startTwo(t, here, there)
	scenario(t, one, "leader-log", two.Name(), "", here)
	for _, c := range []struct {
		logs   *buffertest.Buffer
		reason string
	}{{there, "of a leader there"}, {there, "of the leader here"}, {here, "of the leader here"}} {
		nodetest.Eventually(t, "a crash is logged", func() bool { return strings.Contains(c.logs.String(), c.reason) })
	}
	if !strings.Contains(here.String(), " on node "+two.Name()+" crashed in ") {
		t.Errorf("the log does not say where:\n%s", here)
	}
	if strings.Contains(here.String(), "of a leader there") {
		t.Errorf("the crash of a process whose leader is elsewhere is in the log:\n%s", here)
	}
}
