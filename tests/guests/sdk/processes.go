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
	wnode.Func("throw", func(args []any) error { panic(fmt.Errorf("wrapped: %w", &wnode.ExitError{Reason: args[0]})) })
	wnode.Func("crash", func(args []any) error { return wnode.Crash(args[0]) })
	wnode.Func("catch", func(args []any) (err error) {
		defer func() {
			if caught, ok := recover().(*wnode.ExitError); ok {
				err = wnode.Send(args[0].(wnode.Pid), []any{"caught", caught.Reason})
			}
		}()
		panic(&wnode.ExitError{Reason: "of my own"})
	})
	wnode.Func("catch all", func(args []any) error {
		defer func() { must(wnode.Send(args[0].(wnode.Pid), []any{"caught", fmt.Sprint(recover())})) }()
		must(wnode.Send(args[0].(wnode.Pid), "ready"))
		_, err := wnode.Receive(wnode.Infinity)
		return err
	})
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
		{"throw", []any{"my", "reason"}},
		{"crash", []any{"my", "reason"}},
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

// catches: PROC-12: an exit of one's own can be caught, a signal cannot.
func catches(node string) {
	_, ref, err := wnode.SpawnMonitor(wnode.SpawnOptions{Func: "catch", Args: []any{wnode.Self()}, Node: node})
	must(err)
	equal("its own exit", get(wnode.Receive(soon)), []any{"caught", "of my own"})
	equal("the end of who caught it", downOf(ref).Reason, "normal")
	pid, ref, err := wnode.SpawnMonitor(wnode.SpawnOptions{Func: "catch all", Args: []any{wnode.Self()}, Node: node})
	must(err)
	equal("it waits", get(wnode.Receive(soon)), "ready")
	must(wnode.ExitProcess(pid, "of another"))
	equal("the end by a signal", downOf(ref).Reason, "of another")
	nothing("caught")
}

// crashLogs: LOG-03, GL-07: two crashes on another node, the first with a group leader there. The test
// looks for them in the logs.
func crashLogs(node string) {
	there := newPuppet(wnode.SpawnOptions{Node: node})
	for _, c := range []struct {
		reason string
		leader wnode.Pid
	}{{"of a leader there", there.pid}, {"of the leader here", wnode.Pid{}}} {
		_, ref, err := wnode.SpawnMonitor(wnode.SpawnOptions{Func: "crash", Args: []any{c.reason}, Node: node, GroupLeader: c.leader})
		must(err)
		equal("the crash", downOf(ref).Reason, c.reason)
	}
	there.end()
}

// arguments: W-01, PROC-15: what a function is called with is what it was spawned with, and it is called
// what it is.
func arguments(node string) {
	hash := get(wnode.ModuleHash())
	for _, o := range []wnode.SpawnOptions{{}, {Function: abi.Function{Module: hash, Name: "sdk"}}} {
		o.Func, o.Node, o.Args = "echo args", node, []any{wnode.Self(), "one", 2, []any{[]byte{3}}}
		get(wnode.Spawn(o))
		m := receive("the arguments", func(wnode.Message) bool { return true })
		equal("arguments and label", m.Term, []any{[]any{"one", 2, []any{[]byte{3}}}, "echo args"})
	}
}

// rights: W-08: what a process may use and do is never more than it was given.
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
	before, err := wnode.SetPriority(wnode.PriorityLow)
	must(err)
	low, err := wnode.SetPriority(before)
	must(err)
	equal("priorities", []any{before.String(), low.String()}, []any{"normal", "low"})
	_, err = wnode.SetPriority(wnode.PriorityMax)
	isError("more than there is", err, abi.ErrDenied)
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

// exits is the table of exit signals: LINK-02, LINK-03, LINK-05, LINK-13, DIST-03b.
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
			receiver.do("send", ended.pid, "linked") // comes behind the link; what others send may overtake it (SIG-01)
			equal(what+": linked", ended.got(), "linked")
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
			toOneself(node, r.reason, trapping && r.trapped)
		}
	}
	nothing("left over")
}

// toOneself are the rows of exit/2 to oneself: normal ends who does not trap.
func toOneself(node string, reason any, trapped bool) {
	p := newPuppet(wnode.SpawnOptions{Node: node})
	if !trapped {
		if reason == any("kill") {
			p.do("trap", true)
		}
		p.tell("exit other", p.pid, reason)
		if reason == any("kill") {
			reason = "killed"
		}
		equal("exit/2 of oneself", p.reason(), reason)
		return
	}
	p.do("trap", true)
	equal("exit/2 of oneself", p.do("exit other", p.pid, reason), "ok")
	equal("EXIT from oneself", p.got(), []any{"EXIT", p.pid, reason})
	p.end()
}

// check checks that a puppet lives, or ends with a reason.
func (p puppet) check(what string, trapped bool, ends any) {
	if trapped || ends == nil {
		p.lives(what)
		return
	}
	equal(what, p.reason(), ends)
}
