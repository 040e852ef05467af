//go:build wasip1

package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/wnode/wnode/abi"
	wnode "github.com/wnode/wnode/guest-sdk/go"
	"github.com/wnode/wnode/guest-sdk/go/server"
)

func init() { server.Register("server", func() server.Server { return new(recorder) }) }

// A recorder is a server that does what its arguments and its calls say, and tells its owner of all
// that its callbacks are given.
type recorder struct {
	owner   wnode.Pid
	pending server.From
}

func (r *recorder) tell(what string, value any) {
	if !r.owner.IsZero() {
		must(wnode.Send(r.owner, []any{what, value}))
	}
}

// Init takes the owner, what to do and a value for that.
func (r *recorder) Init(args []any) (server.Next, error) {
	if len(args) == 0 {
		return server.Next{}, nil
	}
	r.owner, _ = args[0].(wnode.Pid)
	what := ""
	if len(args) > 1 {
		what = args[1].(string)
	}
	switch what {
	case "trap":
		trap()
	case "ignore":
		return server.Next{}, wnode.ErrIgnored
	case "fail":
		return server.Next{}, &wnode.ExitError{Reason: args[2]}
	case "end":
		return server.End(args[2]), nil
	case "panic":
		panic("in Init")
	case "hang":
		must(wnode.Sleep(time.Hour))
	case "timeout":
		return server.Next{}.ThenTimeout(short), nil
	case "continue":
		return server.Next{}.ThenContinue(args[2]), nil
	}
	return server.Next{}, nil
}

func (r *recorder) HandleCall(request any, from server.From) server.Next {
	list, ok := request.([]any)
	if !ok {
		return server.Reply(request)
	}
	switch list[0] {
	case any("later"): // answered when the next call comes
		r.pending = from
		return server.Next{}
	case any("now"):
		must(r.pending.Reply("at last"))
		return server.Reply("done")
	case any("twice"):
		must(from.Reply("first"))
		return server.Reply("second")
	case any("end"):
		return server.End(list[1])
	case any("reply and end"):
		return server.Reply("bye").ThenEnd(list[1])
	case any("continue"):
		return server.Reply("ok").ThenContinue(list[1])
	case any("timeout"):
		return server.Reply("ok").ThenTimeout(short)
	case any("panic"):
		panic("in HandleCall")
	case any("rights"):
		info := get(wnode.ProcessInfo(wnode.Self()))
		return server.Reply(rightsIn(info))
	case any("call"):
		answer, err := server.CallTimeout(wnode.To(list[1].(wnode.Pid)), "ping", short)
		return server.Reply([]any{answer, wnode.ReasonOf(err)})
	}
	return server.Reply(request)
}

func (r *recorder) HandleCast(request any) server.Next {
	r.tell("cast", request)
	return server.Next{}
}

func (r *recorder) HandleInfo(m wnode.Message) server.Next {
	r.tell("info", m.Term)
	return server.Next{}
}

func (r *recorder) HandleContinue(value any) server.Next {
	r.tell("continue", value)
	return server.Next{}
}

func (r *recorder) Terminate(reason any) { r.tell("terminate", reason) }

// told gives what a recorder tells next.
func told(what string) any {
	list := receive(what, isPair).Term.([]any)
	if list[0] != any(what) {
		panic(fmt.Sprintf("awaited %s, got %v", what, list))
	}
	return list[1]
}

// isPair accepts what processes tell in these tests, and nothing that the system sends.
func isPair(m wnode.Message) bool {
	list, _ := m.Term.([]any)
	return len(list) == 2
}

func startServer(node string, args ...any) wnode.Pid {
	return get(server.Start("server", append([]any{wnode.Self()}, args...), server.Options{Node: node}))
}

func whyOf(what string, err error) any {
	var failed *wnode.CallError
	if !errors.As(err, &failed) {
		panic(fmt.Sprintf("%s: got %v, want a CallError", what, err))
	}
	return failed.Why
}

// calls: GS-01, GS-02, GS-03, GS-06.
func calls(node string) {
	pid := startServer(node)
	to := wnode.To(pid)
	equal("a call", get(server.Call(to, 17)), 17)
	for i := range 2000 { // a long mailbox, which no call looks through
		must(wnode.Send(wnode.Self(), i))
	}
	equal("a call with a long mailbox", get(server.Call(to, "x")), "x")
	for i := range 2000 {
		equal("the mailbox", get(wnode.Receive(0)), i)
	}

	_, err := server.CallTimeout(to, []any{"later"}, short)
	equal("a call without an answer", whyOf("timeout", err), "timeout")
	isError("a call without an answer", err, abi.ErrTimedOut)
	equal("as an exit reason", wnode.ReasonOf(err), []any{"timeout", []any{"gen_server", "call", []any{pid, []any{"later"}, 20}}})
	equal("the answer comes late", get(server.Call(to, []any{"now"})), "done")
	equal("and the server goes on", get(server.Call(to, "x")), "x")
	nothing("a late reply is dropped")

	equal("two replies", get(server.Call(to, []any{"twice"})), "first")
	equal("the next call has its own", get(server.Call(to, "y")), "y")
	if m, err := wnode.ReceiveMessage(0); err == nil { // the second came before the call was over
		equal("a second reply", m.Term.([]any)[1], "second")
	}

	tag := wnode.Tag{Ref: get(wnode.Alias(wnode.AliasReply))}
	must(wnode.Send(pid, []any{"$gen_call", []any{wnode.Self(), tag.Term()}, "by hand"}))
	equal("the form of a reply", get(wnode.Receive(soon)), []any{tag.Term(), "by hand"})
	must(wnode.Send(pid, []any{"$gen_call", []any{wnode.Self(), "my tag"}, "plain"}))
	equal("a tag that is no alias", get(wnode.Receive(soon)), []any{"my tag", "plain"})

	must(server.Cast(to, "hear"))
	equal("a cast", told("cast"), "hear")
	must(wnode.Send(pid, "plain"))
	equal("a plain message", told("info"), "plain")
	must(server.Cast(wnode.Address{Name: "sdk.nobody"}, 1))
	must(server.Cast(wnode.Address{Name: "sdk.nobody", Global: true}, 1))
	must(server.Cast(wnode.Address{Name: "sdk.nobody", Node: nowhere}, 1))
	must(server.Stop(to, "normal", soon))
	equal("terminate", told("terminate"), "normal")
	must(server.Cast(to, "too late"))
	nothing("left over")
}

// callErrors: GS-02, GS-04, GS-09.
func callErrors(node string) {
	why := func(to wnode.Address, request any) any {
		_, err := server.Call(to, request)
		return whyOf("call", err)
	}
	here := get(wnode.Node())
	for _, nobody := range []wnode.Address{
		{Name: "sdk.nobody"},
		{Name: "sdk.nobody", Node: here},
		{Name: "sdk.nobody", Node: node},
		{Name: "sdk.nobody", Global: true},
	} {
		equal("nobody", why(nobody, 1), "noproc")
		equal("stop of nobody", whyOf("stop", server.Stop(nobody, "normal", soon)), "noproc")
	}
	equal("oneself", why(wnode.To(wnode.Self()), 1), "calling_self")
	lost := wnode.Address{Name: "x", Node: nowhere}
	equal("no such node", why(lost, 1), []any{"nodedown", nowhere})

	for _, reason := range []any{"normal", "shutdown", "boom", []any{"boom", []any{}}} {
		pid := startServer(node)
		equal("its end", why(wnode.To(pid), []any{"end", reason}), reason)
		equal("terminate", told("terminate"), reason)
		equal("afterwards", why(wnode.To(pid), 1), "noproc")
	}
	pid := startServer(node)
	equal("a panic", why(wnode.To(pid), []any{"panic"}), []any{"panic", "in HandleCall"})
	equal("terminate", told("terminate"), []any{"panic", "in HandleCall"})
	pid = startServer(node)
	equal("reply and end", get(server.Call(wnode.To(pid), []any{"reply and end", "done"})), "bye")
	equal("terminate", told("terminate"), "done")
	nothing("left over")

	// A call from inside a server to one that does not answer, and one that a function returns.
	mute := newPuppet(wnode.SpawnOptions{Node: node})
	pid = startServer(node)
	answer := get(server.Call(wnode.To(pid), []any{"call", mute.pid})).([]any)
	equal("a call by a server", answer[1].([]any)[0], "timeout")
	must(server.Stop(wnode.To(pid), "normal", soon))
	caller := newPuppet(wnode.SpawnOptions{})
	caller.tell("call", mute.pid, "ping")
	equal("the end of who gives up", caller.reason(), []any{"timeout", []any{"gen_server", "call", []any{mute.pid, "ping", short.Milliseconds()}}})
}

// starts: GS-07, GS-08, GLOB-19.
func starts(node string) {
	trap()
	failure := func(args ...any) any {
		pid, err := server.StartLink("server", append([]any{wnode.Self()}, args...), server.Options{Node: node})
		var failed *wnode.StartError
		if !errors.As(err, &failed) || !pid.IsZero() {
			panic(fmt.Sprintf("start of %v: %v, %v", args, pid, err))
		}
		m := receive("EXIT", func(wnode.Message) bool { return true })
		exit, _ := m.Exit()
		equal("the exit of a failed start", exit.Reason, failed.Reason)
		return failed.Reason
	}
	equal("an error", failure("fail", []any{"no", "luck"}), []any{"no", "luck"})
	equal("an end", failure("end", "ended"), "ended")
	equal("a panic", failure("panic"), []any{"panic", "in Init"})
	_, err := server.Start("server", []any{wnode.Self(), "ignore"}, server.Options{Node: node})
	isError("ignore", err, wnode.ErrIgnored)
	_, err = server.StartLink("server", []any{wnode.Self(), "hang"}, server.Options{Node: node, Timeout: 5 * short})
	isError("timeout", err, abi.ErrTimedOut)
	_, err = server.Start("missing", nil, server.Options{Node: node})
	var missing *wnode.StartError
	if !errors.As(err, &missing) {
		panic(err)
	}
	equal("missing", missing.Reason.([]any)[0], "undef")
	nothing("left over")

	for _, name := range []wnode.Address{{Name: "sdk.started"}, {Name: "sdk.started." + node, Global: true}} {
		o := server.Options{Name: name, Node: node}
		pid := get(server.Start("server", nil, o))
		_, err = server.Start("server", nil, o)
		var taken *wnode.StartError
		if !errors.As(err, &taken) {
			panic(err)
		}
		other, _ := taken.AlreadyStarted()
		equal("already started", other, pid)
		if !name.Global {
			name.Node = node
		}
		equal("call by name", get(server.Call(name, "x")), "x")
		must(server.Stop(name, "normal", soon))
	}
	nothing("left over")
}

// callbacks: GS-09.
func callbacks(node string) {
	pid := startServer(node, "continue", []any{1})
	equal("continue after Init", told("continue"), []any{1})
	equal("continue", get(server.Call(wnode.To(pid), []any{"continue", "x"})), "ok")
	must(wnode.Send(pid, "behind"))
	equal("continue comes first", told("continue"), "x")
	equal("and then the rest", told("info"), "behind")
	equal("timeout", get(server.Call(wnode.To(pid), []any{"timeout"})), "ok")
	equal("timeout", told("info"), "timeout")
	must(server.Stop(wnode.To(pid), []any{"shutdown", "enough"}, soon))
	equal("terminate", told("terminate"), []any{"shutdown", "enough"})
	startServer(node, "timeout")
	equal("timeout after Init", told("info"), "timeout")
	nothing("left over")
}

// stops: GS-08: who traps ends in good order when its parent does.
func stops(node string) {
	owner := wnode.Self()
	parent := newPuppet(wnode.SpawnOptions{})
	equal("start", parent.do("start server", owner, "trap", node), "ok")
	pid := told("started").(wnode.Pid)
	ref := get(wnode.Monitor(pid))
	stranger := newPuppet(wnode.SpawnOptions{})
	stranger.do("exit other", pid, "from a stranger")
	equal("another's exit is info", told("info"), []any{"EXIT", stranger.pid, "from a stranger"})
	parent.tell("exit", "the end")
	equal("terminate", told("terminate"), "the end")
	equal("the server", downOf(ref).Reason, "the end")
	equal("the parent", parent.reason(), "the end")
	stranger.end()
	nothing("left over")
}

// multiCalls: GS-09: one server here, one there, none on a third node and none of that name here.
func multiCalls(node string) {
	here, name := get(wnode.Node()), "sdk.everywhere"
	for _, on := range []string{here, node} {
		get(server.Start("server", nil, server.Options{Name: wnode.Address{Name: name}, Node: on}))
	}
	for i := range 10 {
		must(wnode.Send(wnode.Self(), i))
	}
	replies, bad, err := server.MultiCall([]string{nowhere, node, here}, name, "x", soon)
	must(err)
	equal("replies", len(replies), 2)
	equal("there", []any{replies[0].Node, replies[0].Reply}, []any{node, "x"})
	equal("here", []any{replies[1].Node, replies[1].Reply}, []any{here, "x"})
	equal("bad nodes", bad, []any{nowhere})
	_, bad, err = server.MultiCall([]string{node, here}, name, []any{"later"}, short)
	must(err)
	equal("no replies in time", bad, []any{node, here})
	for i := range 10 {
		equal("the mailbox", get(wnode.Receive(0)), i)
	}
	for _, on := range []string{here, node} {
		to := wnode.Address{Name: name, Node: on}
		equal("the late replies", get(server.Call(to, []any{"now"})), "done")
		must(server.Stop(to, "normal", soon))
	}
	nothing("left over")
}
