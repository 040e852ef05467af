//go:build wasip1

package main

import (
	"errors"
	"fmt"

	"github.com/wnode/wnode/abi"
	wnode "github.com/wnode/wnode/guest-sdk/go"
)

func init() {
	wnode.Func("echo args", func(args []any) error {
		own, err := wnode.Args()
		if err != nil {
			return err
		}
		info, err := wnode.ProcessInfo(wnode.Self())
		if err != nil {
			return err
		}
		return wnode.Send(args[0].(wnode.Pid), []any{own[1:], info["label"]})
	})
	wnode.Func("return nil", func([]any) error { return nil })
	wnode.Func("return error", func([]any) error { return errors.New("no luck") })
	wnode.Func("exit", func(args []any) error { return fmt.Errorf("wrapped: %w", &wnode.ExitError{Reason: args[0]}) })
	wnode.Func("panic", func([]any) error { panic("lost my head") })
	wnode.Func("index", func(args []any) error { _ = args[len(args)]; return nil })
}

// functions: PROC-06, PROC-07, PROC-09, PROC-11, W-02, W-03.
func functions(node string) {
	for _, c := range []struct {
		name   string
		reason any
	}{
		{"return nil", "normal"},
		{"return error", []any{"error", "no luck"}},
		{"exit", []any{"my", "reason"}},
		{"panic", []any{"panic", "lost my head"}},
		{"index", []any{"panic", "runtime error: index out of range [1] with length 1"}},
	} {
		args := []any{[]any{"my", "reason"}}
		pid, ref, err := wnode.SpawnMonitor(wnode.SpawnOptions{Func: c.name, Args: args, Node: node})
		must(err)
		down := downOf(ref)
		equal(c.name, down.Reason, c.reason)
		equal(c.name+": pid", down.Pid, pid)
	}
	_, ref, err := wnode.SpawnMonitor(wnode.SpawnOptions{Func: "missing", Args: []any{1}, Node: node})
	must(err)
	reason := downOf(ref).Reason.([]any)
	frame := reason[1].([]any)[0].([]any)
	equal("undef", []any{reason[0], frame[1:]}, []any{"undef", []any{"missing", []any{1}, []any{}}})
	_, err = wnode.Spawn(wnode.SpawnOptions{Func: "echo args", Export: "other"})
	isError("a name and an export", err, abi.ErrBadArgument)
	nothing("left over")
}

// arguments: what a function is called with is what it was spawned with, and it is called what it is.
func arguments(node string) {
	hash := get(wnode.ModuleHash())
	for _, o := range []wnode.SpawnOptions{{}, {Function: abi.Function{Module: hash, Name: "sdk"}}} {
		o.Func, o.Node, o.Args = "echo args", node, []any{wnode.Self(), "one", 2, []any{[]byte{3}}}
		get(wnode.Spawn(o))
		m := receive("the arguments", func(wnode.Message) bool { return true })
		equal("arguments and label", m.Term, []any{[]any{"one", 2, []any{[]byte{3}}}, "echo args"})
	}
}

// rights: what a process may use and do is never more than it was given.
func rights(node string) {
	denied := newPuppet(wnode.SpawnOptions{Node: node, Deny: []wnode.Permission{wnode.PermitNames, wnode.PermitExitOthers}})
	equal("register", denied.do("register", "sdk.denied"), abi.ErrDenied.Error())
	stranger := newPuppet(wnode.SpawnOptions{})
	equal("exit of others", denied.do("exit other", stranger.pid, "x"), abi.ErrDenied.Error())
	equal("link with others", denied.do("link", stranger.pid), abi.ErrDenied.Error())
	denied.end()
	stranger.end()
	limits := wnode.Limits{MailboxMessages: 1}
	full := newPuppet(wnode.SpawnOptions{Node: node, Limits: limits, Overflow: wnode.OverflowDrop})
	equal("it has room for one", full.do("ping"), "pong")
	full.end()
	_, ref, err := wnode.SpawnMonitor(wnode.SpawnOptions{Func: "puppet", Args: []any{wnode.Self()}, Node: node, Limits: wnode.Limits{WallTime: short}})
	must(err)
	equal("too long a life", downOf(ref).Reason, "time_limit")
	_, err = wnode.Spawn(wnode.SpawnOptions{Limits: wnode.Limits{Timers: -1}})
	isError("a negative limit", err, abi.ErrBadArgument)
	_, err = wnode.Spawn(wnode.SpawnOptions{Deny: []wnode.Permission{"fun"}})
	isError("no such permission", err, abi.ErrBadArgument)
	_, err = wnode.Spawn(wnode.SpawnOptions{Folders: []string{"relative"}})
	isError("no path that a folder has", err, abi.ErrBadArgument)
	chosen := newPuppet(wnode.SpawnOptions{Node: node, Folders: []string{}, Limits: wnode.Limits{Files: 1}})
	equal("without folders", chosen.do("ping"), "pong")
	chosen.end()
}

// exits is the table of exit signals: LINK-02, LINK-03, LINK-05, LINK-13.
func exits(node string) {
	for _, r := range []struct {
		reason    any
		linked    any // how a process that does not trap ends when one that it is linked with does so; nil: it lives
		signalled any // how it ends when it gets an exit signal with the reason; nil: it lives
		trapped   bool
	}{
		{"normal", nil, nil, true},
		{"shutdown", "shutdown", "shutdown", true},
		{[]any{"shutdown", 1}, []any{"shutdown", 1}, []any{"shutdown", 1}, true},
		{"killed", "killed", "killed", true},
		{"kill", "kill", "killed", false},
		{[]any{"boom", 2.5}, []any{"boom", 2.5}, []any{"boom", 2.5}, true},
	} {
		what := fmt.Sprint(r.reason)
		for _, trapping := range []bool{false, true} {
			ended, receiver := newPuppet(wnode.SpawnOptions{Node: node}), newPuppet(wnode.SpawnOptions{})
			receiver.do("trap", trapping)
			equal(what+": link", receiver.do("link", ended.pid), "ok")
			ended.tell("exit", r.reason)
			equal(what+": its own", ended.reason(), r.reason)
			if trapping {
				equal(what+": EXIT", receiver.got(), []any{"EXIT", ended.pid, r.reason})
			}
			receiver.check(what+" of a link", trapping, r.linked)

			receiver = newPuppet(wnode.SpawnOptions{Node: node})
			receiver.do("trap", trapping)
			must(wnode.ExitProcess(receiver.pid, r.reason))
			if trapping && r.trapped {
				equal(what+": signal", receiver.got(), []any{"EXIT", wnode.Self(), r.reason})
			}
			receiver.check(what+" by signal", trapping && r.trapped, r.signalled)
		}
	}
	nothing("left over")
}

// check checks that a puppet lives, or ends with a reason.
func (p puppet) check(what string, trapped bool, ends any) {
	if trapped || ends == nil {
		p.lives(what)
		return
	}
	equal(what, p.reason(), ends)
}
