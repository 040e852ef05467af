//go:build wasip1

package main

import (
	wnode "github.com/wnode/wnode/guest-sdk/go"
	"github.com/wnode/wnode/guest-sdk/go/server"
	"github.com/wnode/wnode/guest-sdk/go/supervisor"
)

// A puppet is a process that does what its owner says, and tells it of everything else that it gets.
type puppet struct {
	pid wnode.Pid
	ref wnode.Ref // a monitor
}

func init() { wnode.Func("puppet", runPuppet) }

func newPuppet(o wnode.SpawnOptions) puppet {
	o.Func, o.Args = "puppet", []any{wnode.Self()}
	pid, ref, err := wnode.SpawnMonitor(o)
	must(err)
	return puppet{pid, ref}
}

// reason waits for the end of a puppet and gives its reason.
func (p puppet) reason() any { return downOf(p.ref).Reason }

// end ends a puppet.
func (p puppet) end() {
	p.tell("exit", "normal")
	equal("the end of a puppet", p.reason(), "normal")
}

// lives checks that a puppet lives, and ends it.
func (p puppet) lives(what string) {
	equal(what, p.do("ping"), "pong")
	p.end()
}

// do has a puppet do something and gives what it answers. The answer comes after all that was sent to
// the puppet before has been received by it.
func (p puppet) do(what string, args ...any) any {
	p.tell(what, args...)
	return p.answer(what)
}

// answer gives what a puppet answers to what it was told to do.
func (p puppet) answer(what string) any {
	m := receive("the answer to "+what, func(m wnode.Message) bool {
		list, _ := m.Term.([]any)
		return m.From == p.pid && len(list) == 2 && list[0] == any("did")
	})
	return m.Term.([]any)[1]
}

// tell is do for what has no answer.
func (p puppet) tell(what string, args ...any) {
	must(wnode.Send(p.pid, []any{"do", what, append([]any{}, args...)}))
}

// got gives the next message that the puppet got from others.
func (p puppet) got() any {
	m := receive("what a puppet got", func(m wnode.Message) bool {
		list, _ := m.Term.([]any)
		return m.From == p.pid && len(list) == 2 && list[0] == any("got")
	})
	return m.Term.([]any)[1]
}

func runPuppet(args []any) error {
	owner := args[0].(wnode.Pid)
	for {
		m, err := wnode.ReceiveMessage(wnode.Infinity)
		if err != nil {
			return err
		}
		order, _ := m.Term.([]any)
		if m.From != owner || len(order) != 3 || order[0] != any("do") {
			must(wnode.Send(owner, []any{"got", m.Term}))
			continue
		}
		answer, err := obey(order[1].(string), order[2].([]any))
		if err != nil {
			return err
		}
		must(wnode.Send(owner, []any{"did", answer}))
	}
}

// obey does one thing. Calls of the SDK that fail are answered with their texts.
func obey(what string, args []any) (answer any, err error) {
	pid := func(i int) wnode.Pid { return args[i].(wnode.Pid) }
	text := func(err error) any {
		if err != nil {
			return err.Error()
		}
		return "ok"
	}
	switch what {
	case "ping":
		return "pong", nil
	case "trap":
		return get(wnode.TrapExits(args[0].(bool))), nil
	case "link":
		return text(wnode.Link(pid(0))), nil
	case "unlink":
		return text(wnode.Unlink(pid(0))), nil
	case "exit other":
		return text(wnode.ExitProcess(pid(0), args[1])), nil
	case "register":
		return text(wnode.Register(args[0].(string), wnode.Self())), nil
	case "start server": // for an owner, who is told its pid
		pid, err := server.StartLink("server", []any{args[0], args[1]}, server.Options{Node: args[2].(string)})
		if err != nil {
			return err.Error(), nil
		}
		return text(wnode.Send(args[0].(wnode.Pid), []any{"started", pid})), nil
	case "start tree":
		pid, err := supervisor.StartLink("tree", args, server.Options{})
		if err != nil {
			return err.Error(), nil
		}
		return pid, nil
	case "send":
		return text(wnode.Send(pid(0), args[1])), nil
	case "send many":
		for i := range args[1].(int64) {
			must(wnode.Send(pid(0), i))
		}
		return nil, nil
	case "echo":
		return args, nil
	case "self":
		return wnode.Self(), nil
	case "spawn": // a puppet of the same owner
		return get(wnode.Spawn(wnode.SpawnOptions{Func: "puppet", Args: args})), nil
	case "whereis":
		return get(wnode.Whereis(args[0].(string))), nil
	case "nodes":
		return nodeList(), nil
	case "leader":
		return get(wnode.GroupLeader()), nil
	case "puts":
		_, err := wnode.Device{}.Write([]byte(args[0].(string)))
		return text(err), nil
	case "gets":
		line, err := wnode.Device{}.ReadLine(args[0].(string))
		return []any{line, text(err)}, nil
	case "disconnect and puts":
		get(wnode.Disconnect(args[0].(string)))
		return obey("puts", args[1:])
	case "call":
		return server.CallTimeout(wnode.To(pid(0)), args[1], short)
	case "sleep": // for ever, once it has said so
		must(wnode.Send(pid(0), []any{"did", "asleep"}))
		return nil, wnode.Sleep(wnode.Infinity)
	case "exit":
		return nil, &wnode.ExitError{Reason: args[0]}
	}
	panic("no such order: " + what)
}
