package supervisor

import (
	"errors"
	"fmt"
	"time"

	"github.com/wnode/wnode/abi"
	wnode "github.com/wnode/wnode/guest-sdk/go"
)

// tryAgain is the cast by which a supervisor reminds itself of a child.
const tryAgain = "try_again_restart"

// epoch is what the clock of package time is read against: the difference never goes back.
var epoch = time.Now()

// node is the host of a core in a guest.
type node struct{ name string }

func (n *node) now() time.Duration { return time.Since(epoch) }

func (n *node) retry(key uint64) { _ = wnode.Cast(wnode.To(wnode.Self()), []any{tryAgain, key}) }

func (n *node) report(context string, c Child, pid wnode.Pid, reason any) {
	level := wnode.LevelError
	if context == childTerminated && wnode.IsOrderly(reason) {
		level = wnode.LevelInfo
	}
	_ = wnode.Log(level, fmt.Sprintf("SUPERVISOR REPORT supervisor: %s, errorContext: %s, reason: %.1000s, child: %s %s",
		n.name, context, fmt.Sprint(reason), c.ID, pid.Text(0)))
}

func (n *node) start(c Child) (wnode.Pid, error) {
	o := wnode.SpawnOptions{
		Func: c.Start.Func, Function: c.Start.Function, Args: c.Start.Args, Node: c.Start.Node, Link: true,
		Limits: c.Start.Limits, Deny: c.Start.Deny, Folders: c.Start.Folders, Overflow: c.Start.Overflow, Priority: c.Start.Priority,
	}
	if o.Func != "" {
		return wnode.Start(o, wnode.StartOptions{Name: c.Start.Name})
	}
	return wnode.Spawn(o)
}

// stopping is a child that has been told to stop.
type stopping struct {
	pid      wnode.Pid
	monitor  wnode.Ref
	deadline time.Time // zero: none
	done     bool
	reason   any
}

// stop sends all exit signals, and then waits for one process after the other.
func (n *node) stop(targets []target) []any {
	list := make([]stopping, len(targets))
	for i, t := range targets {
		list[i] = begin(t)
	}
	reasons := make([]any, len(list))
	for i := range list {
		reasons[i] = list[i].wait()
	}
	return reasons
}

// begin tells a child to stop. From here on its end is no exit signal but a DOWN message (SUP-05). An exit
// that came before is its reason.
func begin(t target) stopping {
	s := stopping{pid: t.pid}
	monitor, err := wnode.Monitor(t.pid)
	if err == nil {
		err = wnode.Unlink(t.pid)
	}
	if err != nil {
		return stopping{done: true, reason: wnode.ReasonOf(err)}
	}
	s.monitor = monitor
	m, err := wnode.ReceiveMatch(0, func(m wnode.Message) bool {
		exit, ok := m.Exit()
		return ok && exit.Pid == t.pid
	})
	if err == nil {
		exit, _ := m.Exit()
		_, _ = wnode.Demonitor(monitor, true)
		return stopping{done: true, reason: exit.Reason}
	}
	switch t.shutdown {
	case BrutalKill:
		s.signal(abi.ReasonKill)
		return s
	case wnode.Infinity:
	default:
		s.deadline = time.Now().Add(t.shutdown)
	}
	s.signal(abi.ReasonShutdown)
	return s
}

func (s stopping) signal(reason string) { _ = wnode.ExitProcess(s.pid, reason) }

// wait waits for the end, and hastens it when the time is up.
func (s stopping) wait() any {
	if s.done {
		return s.reason
	}
	timeout := wnode.Infinity
	if !s.deadline.IsZero() {
		timeout = time.Until(s.deadline)
	}
	down, err := wnode.ReceiveDown(s.monitor, timeout)
	if errors.Is(err, abi.ErrTimedOut) {
		s.signal(abi.ReasonKill)
		down, err = wnode.ReceiveDown(s.monitor, wnode.Infinity)
	}
	if err != nil {
		return wnode.ReasonOf(err)
	}
	return down.Reason
}
