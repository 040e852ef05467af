//go:build wasip1

package main

import (
	"github.com/wnode/wnode/abi"
	wnode "github.com/wnode/wnode/guest-sdk/go"
)

// links: LINK-01, LINK-04, LINK-06, LINK-07, LINK-11, LINK-13, LINK-14, PROC-07.
func links(node string) {
	other := newPuppet(wnode.SpawnOptions{Node: node})
	must(wnode.Link(wnode.Self()))
	isError("link with no process", wnode.Link(wnode.Pid{}), abi.ErrBadArgument)
	must(wnode.Link(other.pid))
	must(wnode.Link(other.pid))
	must(wnode.Unlink(other.pid)) // one is enough
	must(wnode.Unlink(other.pid)) // and another does no harm
	other.tell("exit", "not for me")
	equal("its end", other.reason(), "not for me")
	goneLink(other.pid, node)

	equal("trapped before", get(wnode.TrapExits(true)), false)
	equal("trapped then", get(wnode.TrapExits(true)), true)
	must(wnode.Link(other.pid))
	equal("link of one that has ended", exitFrom(other.pid), "noproc")

	other = newPuppet(wnode.SpawnOptions{Node: node, Link: true})
	equal("exit/2 is a message", other.do("exit other", wnode.Self(), "hello"), "ok")
	equal("exit/2", exitFrom(other.pid), "hello")
	must(wnode.ExitProcess(wnode.Self(), "to myself"))
	equal("exit/2 of oneself", exitFrom(wnode.Self()), "to myself")
	other.tell("exit", "late")
	equal("the link stands after exit/2", exitFrom(other.pid), "late")
	equal("its end", other.reason(), "late")

	linked := get(wnode.Spawn(wnode.SpawnOptions{Func: "exit", Args: []any{"at once"}, Node: node, Link: true}))
	equal("spawn with link", exitFrom(linked), "at once")
	nothing("left over")
}

// goneLink links with a process that has ended, while exits are not trapped.
func goneLink(pid wnode.Pid, node string) {
	if node == "" {
		isError("link of one that has ended", wnode.Link(pid), abi.ErrNoProcess)
		return
	}
	victim := newPuppet(wnode.SpawnOptions{})
	victim.tell("link", pid)
	equal("who links with one that has ended elsewhere", victim.reason(), "noproc")
	// The answer may have come before the end.
	_, _ = wnode.ReceiveMatch(0, func(m wnode.Message) bool { return m.From == victim.pid })
}

// monitors: MON-01, MON-02, MON-03, MON-07, MON-08, MON-09, MON-11.
func monitors(node string) {
	other := newPuppet(wnode.SpawnOptions{Node: node})
	twice := get(wnode.Monitor(other.pid))
	taken := get(wnode.Monitor(other.pid))
	equal("demonitor", get(wnode.Demonitor(taken, false)), true)
	equal("demonitor again", get(wnode.Demonitor(taken, false)), false)
	get(wnode.Monitor(wnode.Self()))
	other.do("send", wnode.Self(), "last words")
	other.tell("exit", []any{"why", 1})
	first := get(wnode.ReceiveMessage(soon))
	equal("what was sent before the end comes first", first.Term, "last words")
	equal("who sent it", first.From, other.pid)
	equal("one monitor", other.reason(), []any{"why", 1})
	down := downOf(twice)
	equal("another", []any{down.Pid, down.Reason}, []any{other.pid, []any{"why", 1}})

	gone := get(wnode.Monitor(other.pid))
	m := receive("DOWN of who has ended", func(wnode.Message) bool { return true })
	equal("its form", m.Term, []any{"DOWN", gone, "process", other.pid, "noproc"})
	if _, ok := (wnode.Message{Term: m.Term}).Down(); ok {
		panic("a message that looks like DOWN is taken for one")
	}

	flushed := get(wnode.Monitor(other.pid))
	downOf(get(wnode.Monitor(other.pid))) // the one before it has come
	equal("demonitor of one that has fired", get(wnode.Demonitor(flushed, true)), false)
	nothing("flushed")
}

// monitorNames: MON-04, MON-05, MON-06, REG-04, PROC-17.
func monitorNames(node string) {
	where := node
	if where == "" {
		where = get(wnode.Node())
	}
	const name = "sdk.monitored"
	down := downOf(get(wnode.MonitorName(name, node)))
	equal("nobody", []any{down.Name, down.Node, down.Reason, down.Pid}, []any{name, where, "noproc", wnode.Pid{}})
	other := newPuppet(wnode.SpawnOptions{Node: node})
	equal("register", other.do("register", name), "ok")
	ref := get(wnode.MonitorTo(wnode.Address{Name: name, Node: node}))
	equal("it lives", other.do("ping"), "pong")
	other.tell("exit", "gone")
	down = downOf(ref)
	equal("somebody", []any{down.Name, down.Node, down.Reason}, []any{name, where, "gone"})
	equal("its end", other.reason(), "gone")
	successor := newPuppet(wnode.SpawnOptions{Node: node})
	equal("the name is free", successor.do("register", name), "ok")
	successor.end()
	down = downOf(get(wnode.MonitorName("anybody", nowhere)))
	equal("no such node", down.Reason, "noconnection")
	nothing("left over")
}

// aliases: ALIAS-01, ALIAS-02, ALIAS-03, ALIAS-04.
func aliases(node string) {
	other := newPuppet(wnode.SpawnOptions{Node: node})
	through := func(alias wnode.Ref, arrives bool) {
		equal("send", other.do("send", wnode.Pid(alias), "hello"), "ok")
		if arrives {
			equal("through an alias", get(wnode.ReceiveMessage(soon)).Term, "hello")
		}
		nothing("through an alias")
	}
	explicit := get(wnode.Alias(wnode.AliasExplicit))
	through(explicit, true)
	through(explicit, true)
	equal("unalias", get(wnode.Unalias(explicit)), true)
	equal("unalias again", get(wnode.Unalias(explicit)), false)
	through(explicit, false)

	once := get(wnode.Alias(wnode.AliasReply))
	through(once, true)
	through(once, false)

	monitor := get(wnode.MonitorAlias(other.pid, wnode.AliasDemonitor))
	through(monitor, true)
	through(monitor, true)
	equal("demonitor", get(wnode.Demonitor(monitor, true)), true)
	through(monitor, false)

	both := get(wnode.MonitorAlias(other.pid, wnode.AliasReplyDemonitor))
	through(both, true)
	through(both, false)
	equal("the reply was the end of the monitor", get(wnode.Demonitor(both, true)), false)

	survives := get(wnode.MonitorAlias(other.pid, wnode.AliasExplicit))
	get(wnode.Demonitor(survives, true))
	through(survives, true)
	_, err := wnode.Alias(wnode.AliasDemonitor)
	isError("an alias as long as no monitor", err, abi.ErrBadArgument)
	other.end()
}

// lostNode: LINK-08, LINK-09, LINK-10, MON-10, PROC-16, RSP-03, with the connection to another node taken away.
func lostNode(node string) {
	trap()
	dies := newPuppet(wnode.SpawnOptions{Node: node, Link: true})
	lives := newPuppet(wnode.SpawnOptions{Node: node, Link: true})
	lives.do("trap", true)
	equal("it lives", dies.do("ping"), "pong")
	equal("disconnect", get(wnode.Disconnect(node)), true)
	for _, p := range []puppet{dies, lives} {
		equal("the link", exitFrom(p.pid), "noconnection")
		equal("the monitor", p.reason(), "noconnection")
	}
	must(wnode.Connect(node))
	equal("who traps lives", lives.do("ping"), "pong")
	ref := get(wnode.Monitor(lives.pid))
	must(wnode.ExitProcess(lives.pid, "kill"))
	equal("the end of a survivor", downOf(ref).Reason, "killed")
	equal("who does not trap has ended", downOf(get(wnode.Monitor(dies.pid))).Reason, "noproc")
	if _, err := wnode.ReceiveMatch(0, func(m wnode.Message) bool { return m.From == lives.pid && m.Kind == abi.MessageExit }); err == nil {
		panic("the link came back")
	}

	pid, ref, err := wnode.SpawnMonitor(wnode.SpawnOptions{Func: "puppet", Node: nowhere, Link: true})
	must(err)
	equal("EXIT from nowhere", exitFrom(pid), "noconnection")
	equal("DOWN from nowhere", downOf(ref).Reason, "noconnection")
}
