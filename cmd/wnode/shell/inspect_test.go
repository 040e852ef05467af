package shell

import (
	"context"
	"testing"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
)

func (n *fakeNode) Stack(ctx context.Context, pid abi.Pid) []wnode.Frame {
	return n.sys.Stack(ctx, pid)
}

func (n *fakeNode) SetPriority(pid abi.Pid, p wnode.Priority) (wnode.Priority, error) {
	return n.sys.SetPriority(pid, p)
}

func TestPriorityFlag(t *testing.T) {
	s := newSession(t)
	for _, c := range []struct{ source, want string }{
		{`Process.flag("priority", "low")`, `"normal"`},
		{`Process.flag(self(), "priority", "high")`, `"low"`},
		{`Process.info(self()).priority`, `"high"`},
		{`Process.info(self()).limits.priority`, `"high"`},
		{`Process.flag("priority", "top")`, `Uncaught TypeError: Process.flag: argument 2 must be "low", "normal", "high" or "max", not "top"; the call is Process.flag([pid,] name, value) (input 5, line 1, column 13)`},
		{`Process.flag(pid("0.99.0"), "priority", "low")`, `Uncaught Error: Process.flag: priority of #PID<0.99.0>: no such process (input 6, line 1, column 13)`},
		{`try { Process.flag("priority", "max") } catch (e) { e.message }`, `"Process.flag: priority max, at most high: permission denied"`},
	} {
		s.wants(c.source, c.want)
	}
}
