//go:build wasip1

package main

import (
	"strings"

	"github.com/wnode/wnode/abi"
	wnode "github.com/wnode/wnode/guest-sdk/go"
)

func init() {
	wnode.Func("spin", func([]any) error {
		for n := 1; n > 0; n |= 1 { // for ever
		}
		return nil
	})
}

// signalOrder: SIG-01, SIG-02, GL-03: messages, exit signals and changes of the group leader, all of them
// in order; SIG-10.
func signalOrder(node string) {
	self := wnode.Self()
	other := newPuppet(wnode.SpawnOptions{Node: node})
	other.do("trap", true)
	const count, exits = 1000, 100
	for i := range count {
		must(wnode.Send(other.pid, i))
		if i%exits == 0 {
			must(wnode.ExitProcess(other.pid, i))
		}
	}
	for i := range count {
		equal("a message", other.got(), i)
		if i%exits == 0 {
			equal("an exit between messages", other.got(), []any{"EXIT", self, i})
		}
	}
	for _, leader := range []wnode.Pid{self, other.pid} {
		must(wnode.SetGroupLeader(leader, other.pid))
		equal("the leader, asked for after it was set", other.do("leader"), leader)
	}
	other.do("send many", self, count)
	other.tell("exit", "done")
	for i := range count {
		equal("from there", get(wnode.Receive(soon)), i)
	}
	equal("DOWN is last", other.reason(), "done")
	must(wnode.Send(self, 1))
	must(wnode.Send(self, 2))
	equal("from oneself", []any{get(wnode.Receive(0)), get(wnode.Receive(0))}, []any{1, 2})
	nothing("left over")
}

// toNobody: SIG-03, SIG-04, SIG-05, SIG-06, SIG-07, SIG-09.
func toNobody(node string) {
	gone := newPuppet(wnode.SpawnOptions{Node: node})
	gone.end()
	never := wnode.Pid{Node: 1, Num: 1} // of a node that there is not
	for _, pid := range []wnode.Pid{gone.pid, never} {
		must(wnode.Send(pid, "lost"))
		must(wnode.ExitProcess(pid, "lost"))
		must(wnode.Unlink(pid))
	}
	const name = "sdk.nobody"
	here := get(wnode.Node())
	isError("a name of this node", wnode.SendName(name, "lost"), abi.ErrNoName)
	must(wnode.SendNode(name, here, "lost"))
	must(wnode.SendNode(name, nowhere, "lost"))
	isError("no name", wnode.SendName("", "lost"), abi.ErrBadArgument)
	isError("no UTF-8", wnode.SendName("\xff", "lost"), abi.ErrBadArgument)

	const both = wnode.NoConnect | wnode.NoSuspend
	must(wnode.SendWith(both, wnode.To(gone.pid), "lost"))
	must(wnode.SendWith(both, wnode.To(wnode.Self()), "here"))
	equal("with flags", get(wnode.Receive(0)), "here")
	must(wnode.SendWith(both, wnode.Address{Name: name, Node: here}, "lost"))
	isError("noconnect, by pid", wnode.SendWith(wnode.NoConnect, wnode.To(never), "lost"), abi.ErrNotConnected)
	isError("noconnect, by name", wnode.SendWith(wnode.NoConnect, wnode.Address{Name: name, Node: nowhere}, "lost"), abi.ErrNotConnected)
	isError("a name of this node", wnode.SendWith(both, wnode.Address{Name: name}, "lost"), abi.ErrNoName)
	isError("no such flag", wnode.SendWith(8, wnode.To(gone.pid), "lost"), abi.ErrBadArgument)
	if node != "" {
		must(wnode.SendNode(name, node, "lost"))
		must(wnode.SendWith(both, wnode.Address{Name: name, Node: node}, "lost"))
	}
	full := newPuppet(wnode.SpawnOptions{Limits: wnode.Limits{MailboxMessages: 1}, Overflow: wnode.OverflowBlock})
	equal("it does not take its messages", full.do("sleep", wnode.Self()), "asleep")
	must(wnode.SendWith(wnode.NoSuspend, wnode.To(full.pid), "fits"))
	isError("nosuspend", wnode.SendWith(wnode.NoSuspend, wnode.To(full.pid), "does not"), abi.ErrWouldWait)
	must(wnode.ExitProcess(full.pid, "kill"))
	equal("its end", full.reason(), "killed")
	nothing("left over")
}

// busy: SIG-11, W-07: signals act on a process that computes and never looks at its mailbox.
func busy(node string) {
	trap()
	for reason, want := range map[string]string{"enough": "enough", "kill": "killed"} {
		pid, ref, err := wnode.SpawnMonitor(wnode.SpawnOptions{Func: "spin", Node: node})
		must(err)
		must(wnode.Link(pid))
		must(wnode.Unlink(pid))
		must(wnode.Link(pid))
		if node == "" {
			must(wnode.SetGroupLeader(wnode.Self(), pid))
			info := get(wnode.ProcessInfo(pid))
			equal("its leader", info["group_leader"], wnode.Self())
			equal("its links", info["links"], []any{wnode.Self()})
		}
		must(wnode.ExitProcess(pid, reason))
		equal("its end", downOf(ref).Reason, want)
		equal("its link", exitFrom(pid), want)
	}
	nothing("left over")
}

// pids: PROC-01, PROC-02, PROC-03, PROC-16, W-09: what pids are, and what becomes of them in messages.
func pids(node string) {
	if text := wnode.Self().Text(0); !strings.HasPrefix(text, "#PID<0.") {
		panic("a pid prints as " + text)
	}
	last := wnode.Self()
	for range 20 {
		pid, ref, err := wnode.SpawnMonitor(wnode.SpawnOptions{Func: "return nil"})
		must(err)
		if pid.Num <= last.Num {
			panic("a pid is used again")
		}
		downOf(ref)
		last = pid
	}
	other := newPuppet(wnode.SpawnOptions{Node: node})
	function := abi.Function{Module: get(wnode.ModuleHash()), Export: "x", Name: "sdk"}
	for _, value := range []any{wnode.Self(), other.pid, get(wnode.Alias(wnode.AliasExplicit)), function} {
		back, ok := other.do("echo", value).([]any)
		if !ok || len(back) != 1 || back[0] != value {
			panic("what came back is another")
		}
	}
	equal("its own pid, and who sends", other.do("self"), other.pid)
	parent := newPuppet(wnode.SpawnOptions{Node: node})
	child := parent.do("spawn", wnode.Self()).(wnode.Pid)
	parent.end()
	must(wnode.Send(child, []any{"do", "self", []any{}}))
	equal("a child outlives its parent", get(wnode.Receive(soon)), []any{"did", child})
	must(wnode.Send(child, []any{"do", "exit", []any{"normal"}}))
	other.end()
	nothing("left over")
}

// processes: PROC-13, PROC-14, PROC-15: what can be asked of a process.
func processes(node string) {
	fresh := newPuppet(wnode.SpawnOptions{})
	info := get(wnode.ProcessInfo(fresh.pid))
	for key, want := range map[string]any{
		"trap_exit": false, "links": []any{}, "monitors": []any{}, "monitored_by": []any{wnode.Self()},
		"registered_name": nil, "parent": wnode.Self(), "group_leader": get(wnode.GroupLeader()),
	} {
		equal(key, info[key], want)
	}
	equal("it lives", get(wnode.IsAlive(fresh.pid)), true)
	must(wnode.ExitProcess(fresh.pid, "told to"))
	equal("after an exit signal", get(wnode.IsAlive(fresh.pid)), false)
	equal("its end", fresh.reason(), "told to")
	_, err := wnode.ProcessInfo(fresh.pid)
	isError("info of one that has ended", err, abi.ErrNoProcess)
	if node == "" {
		return
	}
	far := newPuppet(wnode.SpawnOptions{Node: node})
	_, err = wnode.IsAlive(far.pid)
	isError("a process of another node", err, abi.ErrBadArgument)
	_, err = wnode.ProcessInfo(far.pid)
	isError("a process of another node", err, abi.ErrBadArgument)
	far.end()
}
