//go:build wasip1

package main

import (
	"errors"

	"github.com/wnode/wnode/abi"
	wnode "github.com/wnode/wnode/guest-sdk/go"
	"github.com/wnode/wnode/guest-sdk/go/server"
	"github.com/wnode/wnode/guest-sdk/go/supervisor"
)

// supervisionOrder: SUP-01, SUP-06.
func supervisionOrder(node string) {
	list := specs("a", "b", "c")
	list[1].Start.Node = node
	t := newTree(supervisor.Flags{}, list...)
	tells("starts", "start a", "start b", "start c")
	t.end()
	tells("stops", "stop c", "stop b", "stop a")

	_, err := supervisor.StartLink("tree", treeArgs(supervisor.Flags{}, append(specs("a", "b"), spec("c", "fail"))), server.Options{})
	var failed *wnode.StartError
	if !errors.As(err, &failed) {
		panic(err)
	}
	reason := []any{"shutdown", []any{"failed_to_start_child", "c", "failed"}}
	equal("a child fails", failed.Reason, reason)
	tells("and those before it stop", "start a", "start b", "stop b", "stop a")
	m := get(wnode.ReceiveMessage(soon))
	exit, _ := m.Exit()
	equal("the exit", exit.Reason, reason)

	_, err = supervisor.StartLink("tree", treeArgs(supervisor.Flags{}, specs("a", "a")), server.Options{})
	if !errors.As(err, &failed) {
		panic(err)
	}
	equal("one id twice", failed.Reason, []any{"start_spec", []any{"duplicate_child_name", "a"}})
	get(wnode.ReceiveMessage(soon))
	nothing("left over")
}

// rightsOfChildren: what a spec and the options of a server say of limits, permissions and priority holds.
func rightsOfChildren(node string) {
	const timers = 7
	limits, deny := wnode.Limits{Timers: timers}, []wnode.Permission{wnode.PermitNames}
	want := []any{timers, []any{"names"}, "low"}
	o := server.Options{Node: node, Limits: limits, Deny: deny, Folders: []string{}, Overflow: wnode.OverflowDrop, Priority: wnode.PriorityLow}
	pid := get(server.Start("server", []any{wnode.Self()}, o))
	equal("a server's", get(server.Call(wnode.To(pid), []any{"rights"})), want)
	must(server.Stop(wnode.To(pid), "normal", soon))
	told("terminate")

	child := spec("a", "")
	child.Start.Limits, child.Start.Deny, child.Start.Folders = limits, deny, []string{}
	child.Start.Overflow, child.Start.Priority = wnode.OverflowDrop, wnode.PriorityLow
	t := newTree(supervisor.Flags{}, child)
	tells("starts", "start a")
	for _, next := range []string{"restart", ""} {
		info := get(wnode.ProcessInfo(t.childPid("a")))
		equal("a child's", rightsIn(info), want)
		if next != "" {
			t.crash("a", next)
			tells(next, "stop a", "start a")
		}
	}
	t.end()
	tells("stops", "stop a")
	child.Start.Deny = []wnode.Permission{"fun"}
	refused("no such permission", child)
	child.Start.Deny, child.Start.Folders = nil, []string{"relative"}
	refused("no path that a folder has", child)
	_, err := server.Start("server", []any{wnode.Self()}, server.Options{Folders: child.Start.Folders})
	isError("a server with such a path", err, abi.ErrBadArgument)
	nothing("left over")
}

// rightsIn gives what a process may, and its priority.
func rightsIn(info map[any]any) []any {
	return []any{info["limits"].(map[any]any)["timers"], info["denied"], info["priority"]}
}

// refused: the host takes no such child.
func refused(what string, child supervisor.Child) {
	_, err := supervisor.StartLink("tree", treeArgs(supervisor.Flags{}, []supervisor.Child{child}), server.Options{})
	var failed *wnode.StartError
	if !errors.As(err, &failed) {
		panic(err)
	}
	equal(what, failed.Reason, []any{"shutdown", []any{"failed_to_start_child", "a", []any{"error", abi.ErrBadArgument.Error()}}})
	get(wnode.ReceiveMessage(soon))
}

// strategies: SUP-02, SUP-03.
func strategies(string) {
	const many = 10
	t := newTree(supervisor.Flags{Strategy: supervisor.OneForOne, Intensity: many}, specs("a", "b", "c")...)
	tells("starts", "start a", "start b", "start c")
	t.crash("b", "boom")
	tells("one_for_one", "stop b", "start b")
	t.crash("a", "normal")
	tells("a permanent child that ends normally", "stop a", "start a")
	t.runs("the order stays", "abc")
	t.end()
	tells("stops", "stop c", "stop b", "stop a")

	list := specs("a", "b", "c", "d")
	list[2].Restart, list[3].Restart = supervisor.Temporary, supervisor.Transient
	t = newTree(supervisor.Flags{Strategy: supervisor.OneForAll, Intensity: many}, list...)
	tells("starts", "start a", "start b", "start c", "start d")
	t.crash("b", "boom")
	tells("one_for_all", "stop b", "stop d", "stop c", "stop a", "start a", "start b", "start d")
	t.runs("the temporary child is gone", "abd")
	t.crash("d", []any{"shutdown", 1})
	tells("a transient child that is done", "stop d")
	t.runs("it is not restarted", "ab")
	t.end()
	tells("stops", "stop b", "stop a")

	t = newTree(supervisor.Flags{Strategy: supervisor.RestForOne, Intensity: many}, specs("a", "b", "c")...)
	tells("starts", "start a", "start b", "start c")
	t.crash("b", "boom")
	tells("rest_for_one", "stop b", "stop c", "start b", "start c")
	must(wnode.ExitProcess(t.childPid("c"), "kill"))
	tells("a kill", "start c")
	t.end()
	tells("stops", "stop c", "stop b", "stop a")
	nothing("left over")
}

// intensity: SUP-04, and what a restart that fails counts.
func intensity(string) {
	t := newTree(supervisor.Flags{}, specs("a", "b")...)
	tells("starts", "start a", "start b")
	t.crash("a", "once")
	tells("the first crash", "stop a", "start a")
	t.crash("a", "twice")
	tells("the second ends the supervisor", "stop a", "stop b")
	equal("its reason", exitFrom(t.Pid), "shutdown")

	t = newTree(supervisor.Flags{Intensity: 3}, spec("a", "breakable"))
	tells("starts", "start a")
	must(wnode.Register(broken, wnode.Self()))
	t.crash("a", "boom")
	tells("it is tried again until it is too much", "stop a", "broken a", "broken a", "broken a")
	equal("its reason", exitFrom(t.Pid), "shutdown")
	must(wnode.Unregister(broken))
	nothing("left over")
}

// shutdowns: SUP-05.
func shutdowns(string) {
	stubborn := spec("a", "stubborn")
	stubborn.Shutdown = short
	brutal := spec("b", "")
	brutal.Shutdown = supervisor.BrutalKill
	t := newTree(supervisor.Flags{}, stubborn, brutal, spec("c", "no trap"))
	tells("starts", "start a", "start b", "start c")
	var refs []wnode.Ref
	for _, id := range []string{"a", "b", "c"} {
		refs = append(refs, get(wnode.Monitor(t.childPid(id))))
	}
	t.end()
	tells("only one is asked to end", "stop a")
	for i, reason := range []any{"killed", "killed", "shutdown"} {
		equal("the end of a child", downOf(refs[i]).Reason, reason)
	}
	nothing("left over")
}

// childrenCalls: SUP-06.
func childrenCalls(string) {
	t := newTree(supervisor.Flags{Intensity: 5}, specs("a")...)
	tells("starts", "start a")
	b := get(supervisor.StartChild(t.Address, spec("b", "")))
	tells("start_child", "start b")
	_, err := supervisor.StartChild(t.Address, spec("b", ""))
	isError("the id is taken", err, abi.ErrNameTaken)
	var failed *wnode.StartError
	if !errors.As(err, &failed) {
		panic(err)
	}
	equal("the id is taken", failed.Reason, []any{"already_started", b})
	isError("delete of one that runs", supervisor.DeleteChild(t.Address, "b"), supervisor.ErrRunning)
	_, err = supervisor.RestartChild(t.Address, "b")
	isError("restart of one that runs", err, supervisor.ErrRunning)

	must(supervisor.TerminateChild(t.Address, "b"))
	tells("terminate_child", "stop b")
	_, err = supervisor.StartChild(t.Address, spec("b", ""))
	isError("the id is still taken", err, supervisor.ErrAlreadyPresent)
	equal("count", get(supervisor.CountChildren(t.Address)), supervisor.Counts{Specs: 2, Active: 1, Workers: 2})
	get(supervisor.RestartChild(t.Address, "b"))
	tells("restart_child", "start b")
	must(supervisor.TerminateChild(t.Address, "b"))
	tells("terminate_child", "stop b")
	must(supervisor.DeleteChild(t.Address, "b"))
	isError("delete", supervisor.DeleteChild(t.Address, "b"), supervisor.ErrNotFound)
	isError("terminate", supervisor.TerminateChild(t.Address, "b"), supervisor.ErrNotFound)

	_, err = supervisor.StartChild(t.Address, spec("c", "fail"))
	if !errors.As(err, &failed) {
		panic(err)
	}
	equal("start_child of one that fails", failed.Reason, "failed")
	equal("declined", get(supervisor.StartChild(t.Address, spec("d", "ignore"))), wnode.Pid{})
	isError("terminate by pid", supervisor.TerminateDynamic(t.Address, t.childPid("a")), supervisor.ErrNotFound)
	equal("count", get(supervisor.CountChildren(t.Address)), supervisor.Counts{Specs: 2, Active: 1, Workers: 2})
	t.end()
	tells("stops", "stop a")
	nothing("left over")
}

// dynamicChildren: SUP-02, SUP-06.
func dynamicChildren(string) {
	template := supervisor.Child{
		ID: "any", Restart: supervisor.Transient, Shutdown: soon,
		Start: supervisor.Start{Func: "child", Args: []any{wnode.Self()}},
	}
	t := newTree(supervisor.Flags{Strategy: supervisor.Dynamic, Intensity: 3}, template)
	a := get(supervisor.StartDynamic(t.Address, "a", ""))
	b := get(supervisor.StartDynamic(t.Address, "b", ""))
	get(supervisor.StartDynamic(t.Address, "c", "no trap"))
	tells("starts", "start a", "start b", "start c")
	must(server.Cast(wnode.To(a), "boom"))
	tells("a crash", "stop a", "start a")
	must(server.Cast(wnode.To(b), "normal"))
	tells("the end of one that is done", "stop b")
	t.countComes(2)
	equal("count", get(supervisor.CountChildren(t.Address)), supervisor.Counts{Specs: 1, Active: 2, Workers: 2})
	isError("terminate by id", supervisor.TerminateChild(t.Address, "any"), supervisor.ErrDynamic)
	isError("delete", supervisor.DeleteChild(t.Address, "any"), supervisor.ErrDynamic)
	_, err := supervisor.RestartChild(t.Address, "any")
	isError("restart", err, supervisor.ErrDynamic)
	_, err = supervisor.StartChild(t.Address, spec("x", ""))
	isError("start of another spec", err, supervisor.ErrDynamic)
	isError("terminate of one that is gone", supervisor.TerminateDynamic(t.Address, b), supervisor.ErrNotFound)
	for _, info := range get(supervisor.WhichChildren(t.Address)) {
		must(supervisor.TerminateDynamic(t.Address, info.Pid))
	}
	tells("terminate", "stop a")
	t.end()
	nothing("left over")
}

// countComes waits until so many children run.
func (t tree) countComes(active int) {
	until("as many children", func() bool { return get(supervisor.CountChildren(t.Address)).Active == active })
}

// significantChildren: SUP-07.
func significantChildren(string) {
	list := specs("a", "b", "c")
	list[0].Restart, list[0].Significant = supervisor.Transient, true
	list[1].Restart, list[1].Significant = supervisor.Temporary, true
	t := newTree(supervisor.Flags{AutoShutdown: supervisor.AnySignificant}, list...)
	tells("starts", "start a", "start b", "start c")
	t.crash("a", "normal")
	tells("any", "stop a", "stop c", "stop b")
	equal("its reason", exitFrom(t.Pid), "shutdown")

	t = newTree(supervisor.Flags{AutoShutdown: supervisor.AllSignificant}, list...)
	tells("starts", "start a", "start b", "start c")
	t.crash("b", "boom")
	tells("not all", "stop b")
	t.runs("it goes on", "ac")
	t.crash("a", "shutdown")
	tells("all", "stop a", "stop c")
	equal("its reason", exitFrom(t.Pid), "shutdown")
	nothing("left over")
}

// parentEnds: SUP-08, with a tree of supervisors.
func parentEnds(string) {
	inner := supervisor.Child{
		ID: "inner", Type: supervisor.Supervisor,
		Start: supervisor.Start{Func: "tree", Args: treeArgs(supervisor.Flags{}, specs("b", "c"))},
	}
	parent := newPuppet(wnode.SpawnOptions{})
	top := parent.do("start tree", treeArgs(supervisor.Flags{}, []supervisor.Child{spec("a", ""), inner})...).(wnode.Pid)
	tells("starts", "start a", "start b", "start c")
	ref := get(wnode.Monitor(top))
	parent.tell("exit", "the end")
	tells("stops", "stop c", "stop b", "stop a")
	equal("the supervisor", downOf(ref).Reason, "the end")
	equal("its parent", parent.reason(), "the end")

	// A child that traps no exits dies of a supervisor that is killed.
	t := newTree(supervisor.Flags{}, spec("a", "no trap"))
	tells("start", "start a")
	ref = get(wnode.Monitor(t.childPid("a")))
	must(wnode.ExitProcess(t.Pid, "kill"))
	equal("the supervisor", exitFrom(t.Pid), "killed")
	equal("its child", downOf(ref).Reason, "killed")
	nothing("left over")
}
