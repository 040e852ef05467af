//go:build wasip1

package main

import (
	"errors"

	"github.com/wnode/wnode/abi"
	wnode "github.com/wnode/wnode/guest-sdk/go"
)

// localNames: REG-01, REG-02, REG-03, REG-04, REG-05, REG-06, REG-07.
func localNames(node string) {
	const name, free = "sdk.name", "sdk.free"
	self := wnode.Self()
	other := newPuppet(wnode.SpawnOptions{})
	gone := newPuppet(wnode.SpawnOptions{})
	gone.end()
	must(wnode.Register(name, other.pid))
	for what, err := range map[string][2]error{
		"the name is taken":       {wnode.Register(name, self), abi.ErrNameTaken},
		"by the same process too": {wnode.Register(name, other.pid), abi.ErrNameTaken},
		"one name for a process":  {wnode.Register(free, other.pid), abi.ErrNameTaken},
		"a process that has gone": {wnode.Register(free, gone.pid), abi.ErrNoProcess},
		"no process":              {wnode.Register(free, wnode.Pid{}), abi.ErrBadArgument},
		"no name":                 {wnode.Register("", self), abi.ErrBadArgument},
		"a name that nobody has":  {wnode.Unregister(free), abi.ErrNoName},
	} {
		isError(what, err[0], err[1])
	}
	equal("whereis", get(wnode.Whereis(name)), other.pid)
	_, err := wnode.Whereis(free)
	isError("whereis of nobody", err, abi.ErrNoName)
	equal("its name", get(wnode.ProcessInfo(other.pid))["registered_name"], name)
	equal("no name", get(wnode.ProcessInfo(self))["registered_name"], nil)
	must(wnode.SendName(name, "by name"))
	equal("by name", other.got(), "by name")
	must(wnode.SendNode(name, get(wnode.Node()), "on this node"))
	equal("by name and node", other.got(), "on this node")

	if node != "" {
		far := newPuppet(wnode.SpawnOptions{Node: node})
		isError("a process of another node", wnode.Register(free, far.pid), abi.ErrBadArgument)
		equal("the same name elsewhere", far.do("register", name), "ok")
		equal("whereis here", get(wnode.Whereis(name)), other.pid)
		equal("whereis there", far.do("whereis", name), far.pid)
		must(wnode.SendNode(name, node, "over there"))
		equal("by name and node", far.got(), "over there")
		far.end()
	}
	must(wnode.Unregister(name))
	must(wnode.Register(name, self))
	must(wnode.Unregister(name))
	must(wnode.Register(name, other.pid))
	other.end()
	must(wnode.Register(name, self)) // free at death
	must(wnode.Unregister(name))
	nothing("left over")
}

// globalNames: GLOB-01, GLOB-02, GLOB-03, GLOB-04, GLOB-05, GLOB-07, GLOB-20.
func globalNames(node string) {
	const name, free = "sdk.global", "sdk.global.free"
	self, other := wnode.Self(), newPuppet(wnode.SpawnOptions{Node: node})
	must(wnode.Register(name, self)) // which is another name
	must(wnode.GlobalRegister(name, other.pid))
	for what, err := range map[string][2]error{
		"the name is taken":       {wnode.GlobalRegister(name, self), abi.ErrNameTaken},
		"by the same process too": {wnode.GlobalRegister(name, other.pid), abi.ErrNameTaken},
		"one name for a process":  {wnode.GlobalRegister(free, other.pid), abi.ErrNameTaken},
		"no process":              {wnode.GlobalRegister(free, wnode.Pid{}), abi.ErrBadArgument},
		"to nobody":               {wnode.SendGlobal(free, "lost"), abi.ErrNoName},
	} {
		isError(what, err[0], err[1])
	}
	equal("globally", get(wnode.GlobalWhereis(name)), other.pid)
	equal("on this node", get(wnode.Whereis(name)), self)
	must(wnode.SendGlobal(name, "by name"))
	equal("by name", other.got(), "by name")
	must(wnode.GlobalUnregister(name))
	must(wnode.GlobalUnregister(name))
	_, err := wnode.GlobalWhereis(name)
	isError("nobody has it", err, abi.ErrNoName)
	must(wnode.GlobalRegister(name, other.pid))
	other.end()
	until("the name is free", func() bool {
		_, err := wnode.GlobalWhereis(name)
		return errors.Is(err, abi.ErrNoName)
	})
	must(wnode.Unregister(name))
	nothing("left over")
}

// nodes: DIST-02, DIST-03, DIST-04, DIST-05, DIST-08, DIST-09.
func nodes(node string) {
	here := get(wnode.Node())
	other := newPuppet(wnode.SpawnOptions{Node: node})
	lists := func(whose any, wanted string) bool {
		for _, name := range whose.([]any) {
			if name == any(wanted) {
				return true
			}
		}
		return false
	}
	for _, to := range []string{node, here} {
		must(wnode.Connect(to))
		equal("ping", get(wnode.Ping(to)), true)
	}
	isError("connect to nowhere", wnode.Connect(nowhere), abi.ErrNotConnected)
	equal("ping of nowhere", get(wnode.Ping(nowhere)), false)
	equal("disconnect from nowhere", get(wnode.Disconnect(nowhere)), false)
	equal("both list each other", []any{lists(nodeList(), node), lists(other.do("nodes"), here)}, []any{true, true})
	equal("nobody lists itself", lists(nodeList(), here), false)
	equal("disconnect", get(wnode.Disconnect(node)), true)
	equal("DOWN", other.reason(), "noconnection")
	equal("to send is to connect", other.do("ping"), "pong")
	equal("and then it is listed", lists(nodeList(), node), true)
	must(wnode.ExitProcess(other.pid, "kill"))
}

func nodeList() (names []any) {
	for _, name := range get(wnode.Nodes()) {
		names = append(names, name)
	}
	return names
}

// restarter is the name of the process of the test that restarts the other node when it is told to.
const restarter = "sdk.restarter"

// restartedNode: PROC-04, PROC-05: the other node is restarted, and pids of its earlier life reach nobody.
func restartedNode(node string) {
	trap()
	before := newPuppet(wnode.SpawnOptions{Node: node})
	must(wnode.SendName(restarter, "restart"))
	before.reason()
	receive("the node is back", func(m wnode.Message) bool { return m.Term == any("restarted") })
	until("its earlier life is over here too", func() bool { return len(nodeList()) == 0 })
	must(wnode.Connect(node))
	after := newPuppet(wnode.SpawnOptions{Node: node})
	if after.pid.Node == before.pid.Node {
		panic("pids of both lives are of one node")
	}
	same := wnode.Pid{Node: before.pid.Node, Num: after.pid.Num}
	must(wnode.Send(same, "lost"))
	must(wnode.SendWith(wnode.NoConnect, wnode.To(same), "lost"))
	must(wnode.ExitProcess(same, "kill"))
	equal("monitor", downOf(get(wnode.Monitor(same))).Reason, "noproc")
	must(wnode.Link(same))
	equal("link", exitFrom(same), "noproc")
	equal("its successor has heard nothing", after.do("ping"), "pong")
	after.end()
	nothing("left over")
}
