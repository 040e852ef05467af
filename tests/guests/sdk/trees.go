//go:build wasip1

package main

import (
	"fmt"
	"time"

	wnode "github.com/wnode/wnode/guest-sdk/go"
	"github.com/wnode/wnode/guest-sdk/go/server"
	"github.com/wnode/wnode/guest-sdk/go/supervisor"
)

func init() {
	server.Register("child", func() server.Server { return new(child) })
	supervisor.Register("tree", func(args []any) (supervisor.Flags, []supervisor.Child, error) {
		flags := supervisor.Flags{
			Strategy:     supervisor.Strategy(args[0].(string)),
			Intensity:    int(args[1].(int64)),
			AutoShutdown: supervisor.AutoShutdown(args[2].(string)),
		}
		var children []supervisor.Child
		for _, t := range args[3].([]any) {
			c, err := supervisor.ParseChild(t)
			if err != nil {
				return flags, nil, err
			}
			children = append(children, c)
		}
		return flags, children, nil
	})
}

// A child is a server that tells its owner when it starts and when it ends in good order.
type child struct {
	server.Base
	owner    wnode.Pid
	id       any
	stubborn bool
}

// broken is the name that somebody has while children fail to start.
const broken = "sdk.broken"

// Init takes the owner, the id and a mode.
func (c *child) Init(args []any) (server.Next, error) {
	c.owner, c.id = args[0].(wnode.Pid), args[1]
	switch args[2] {
	case any("fail"):
		return server.Next{}, &wnode.ExitError{Reason: "failed"}
	case any("breakable"):
		if _, err := wnode.Whereis(broken); err == nil {
			must(wnode.Send(c.owner, []any{"broken", c.id}))
			return server.Next{}, &wnode.ExitError{Reason: "broken"}
		}
	case any("ignore"):
		return server.Next{}, wnode.ErrIgnored
	case any("stubborn"):
		c.stubborn = true
	}
	if args[2] != any("no trap") {
		trap()
	}
	must(wnode.Send(c.owner, []any{"start", []any{c.id, wnode.Self()}}))
	return server.Next{}, nil
}

// HandleCast ends the child with the reason that it is sent.
func (c *child) HandleCast(reason any) server.Next { return server.End(reason) }

func (c *child) Terminate(reason any) {
	must(wnode.Send(c.owner, []any{"stop", []any{c.id, reason}}))
	if c.stubborn {
		must(wnode.Sleep(time.Hour))
	}
}

// spec is a child of the tests.
func spec(id, mode string) supervisor.Child {
	return supervisor.Child{
		ID: id, Shutdown: soon,
		Start: supervisor.Start{Func: "child", Args: []any{wnode.Self(), id, mode}},
	}
}

func specs(ids ...string) (list []supervisor.Child) {
	for _, id := range ids {
		list = append(list, spec(id, ""))
	}
	return list
}

func treeArgs(f supervisor.Flags, children []supervisor.Child) []any {
	list := []any{}
	for _, c := range children {
		list = append(list, c.Term())
	}
	return []any{string(f.Strategy), f.Intensity, string(f.AutoShutdown), list}
}

// tree is a supervisor that is linked with this process, which traps exits.
type tree struct{ wnode.Address }

func newTree(f supervisor.Flags, children ...supervisor.Child) tree {
	trap()
	return tree{wnode.To(get(supervisor.StartLink("tree", treeArgs(f, children), server.Options{})))}
}

// end stops a tree.
func (t tree) end() {
	must(server.Stop(t.Address, "shutdown", soon))
	equal("the end of a tree", exitFrom(t.Pid), "shutdown")
}

// tells checks what the children tell next, in order.
func tells(what string, events ...string) {
	for i, want := range events {
		list := receive(want, isPair).Term.([]any)
		got := fmt.Sprintf("%v %v", list[0], list[1])
		if about, ok := list[1].([]any); ok {
			got = fmt.Sprintf("%v %v", list[0], about[0])
		}
		equal(fmt.Sprintf("%s, event %d", what, i), got, want)
	}
}

// childPid gives the process of a child.
func (t tree) childPid(id string) wnode.Pid {
	for _, info := range get(supervisor.WhichChildren(t.Address)) {
		if info.ID == id {
			return info.Pid
		}
	}
	panic("no child " + id)
}

// crash ends a child with a reason.
func (t tree) crash(id string, reason any) { must(server.Cast(wnode.To(t.childPid(id)), reason)) }

// runs checks which children run, in the order of their starts, once the supervisor has heard of it.
func (t tree) runs(what, want string) {
	until(what+": "+want+" run", func() bool {
		got := ""
		for _, info := range get(supervisor.WhichChildren(t.Address)) {
			if !info.Pid.IsZero() {
				got = info.ID + got
			}
		}
		return got == want
	})
}
