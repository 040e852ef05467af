//go:build wasip1

package main

import (
	"fmt"

	wnode "github.com/wnode/wnode/guest-sdk/go"
)

// devices: IO-01 to IO-16, IO-22, IO-23, GL-02: requests by hand to the group leader,
// a stream with three lines of input, and reads by a process of another node.
func devices(node string) {
	failed := func(reason any) any { return []any{"error", reason} }
	options := []any{[]any{"binary", true}, []any{"encoding", "unicode"}}
	for _, c := range []struct{ request, reply any }{
		{[]any{"put_chars", "unicode", []any{"sm", 0xf6, []byte("rgås\n")}}, "ok"},
		{[]any{"put_chars", "latin1", []byte{0xe5}}, "ok"},
		{[]any{"put_chars", "latin1", "€"}, failed([]any{"put_chars", "latin1", "€"})},
		{[]any{"put_chars", "unicode", []byte{0xff}}, failed([]any{"put_chars", "unicode", []byte{0xff}})},
		{[]any{"put_chars", "unicode", "io_lib", "format", []any{}}, failed("format")},
		{[]any{"put_chars", []byte{0xe5}}, "ok"},
		{[]any{"requests", []any{[]any{"put_chars", "unicode", "a"}, "junk", []any{"put_chars", "unicode", "b"}}}, failed("request")},
		{[]any{"requests", []any{}}, "ok"},
		{[]any{"get_until", "unicode", "", "io_lib", "fread", []any{}}, failed("enotsup")},
		{"getopts", options},
		{[]any{"setopts", []any{"list"}}, failed("enotsup")},
		{[]any{"setopts", []any{"binary"}}, "ok"},
		{[]any{"get_geometry", "columns"}, failed("enotsup")},
		{[]any{"no", "such", "request"}, failed("request")},
		{[]any{"get_line", "unicode", "name? "}, []byte("åäö\n")},
		{[]any{"get_chars", "unicode", "", 2}, []byte("ab")},
		{[]any{"get_line", "latin1", ""}, failed([]any{"no_translation", "unicode", "latin1"})},
	} {
		equal(fmt.Sprint(c.request), ask(c.request), c.reply)
	}
	other := newPuppet(wnode.SpawnOptions{Node: node}) // with the same group leader
	equal("a read from elsewhere", other.do("gets", "there? "), []any{"last\n", "ok"})
	equal("the end of the input", ask([]any{"get_line", "unicode", ""}), "eof")
	equal("and again", ask([]any{"get_chars", "unicode", "", 1}), "eof")
	equal("output from elsewhere", other.do("puts", "bye\n"), "ok")
	other.end()
	nothing("left over")
}

// ask sends the group leader a request and waits for its reply.
func ask(request any) any {
	ref := get(wnode.Alias(wnode.AliasReply))
	must(wnode.Send(get(wnode.GroupLeader()), []any{"io_request", wnode.Self(), ref, request}))
	m := receive("the reply", func(m wnode.Message) bool {
		reply, _ := m.Term.([]any)
		return len(reply) == 3 && reply[0] == any("io_reply") && reply[1] == any(ref)
	})
	return m.Term.([]any)[2]
}

// asked is a request that this process gets as the group leader of others.
type asked struct {
	from    wnode.Pid
	as      any
	request []any
}

func nextRequest() asked {
	m := receive("a request", func(m wnode.Message) bool {
		list, _ := m.Term.([]any)
		return len(list) == 4 && list[0] == any("io_request")
	})
	list := m.Term.([]any)
	return asked{list[1].(wnode.Pid), list[2], list[3].([]any)}
}

func (a asked) reply(reply any) { must(wnode.Send(a.from, []any{"io_reply", a.as, reply})) }

// leaders: GL-01, GL-03, GL-04, GL-05, GL-06, IO-01, IO-17, IO-18, IO-19, W-10: this process is the group
// leader of another one.
func leaders(node string) {
	self := wnode.Self()
	client := newPuppet(wnode.SpawnOptions{Node: node, GroupLeader: self})
	equal("its leader", client.do("leader"), self)
	heir := client.do("spawn", self).(wnode.Pid)
	must(wnode.Send(heir, []any{"do", "leader", []any{}}))
	equal("the leader of its child", get(wnode.Receive(soon)), []any{"did", self})
	must(wnode.Send(heir, []any{"do", "exit", []any{"normal"}}))

	for _, c := range []struct {
		order         string
		request       []any
		reply, answer any
	}{
		{"puts", []any{"put_chars", "unicode", "text"}, "ok", "ok"},
		{"puts", []any{"put_chars", "unicode", "text"}, []any{"error", "enospc"}, "input/output error"},
		{"gets", []any{"get_line", "bytes", "text"}, []byte("typed\n"), []any{"typed\n", "ok"}},
		{"gets", []any{"get_line", "bytes", "text"}, "eof", []any{"", "EOF"}},
		{"gets", []any{"get_line", "bytes", "text"}, []any{"error", "eio"}, []any{"", "input/output error"}},
	} {
		client.tell(c.order, "text")
		a := nextRequest()
		equal("what a client sends", a.request, c.request)
		if a.from.Node != client.pid.Node {
			panic("somebody else asks")
		}
		a.reply(c.reply)
		equal("what it is told", client.answer(c.order), c.answer)
	}

	if node != "" {
		client.tell("disconnect and puts", get(wnode.Node()), "text")
		nextRequest().reply("ok")
		equal("output connects", client.answer("puts"), "ok")
		equal("DOWN", client.reason(), "noconnection")
		client.tell("exit", "normal")
		client = newPuppet(wnode.SpawnOptions{Node: node})
	}
	for _, waits := range []bool{true, false} { // for its reply, when its leader ends
		leader := newPuppet(wnode.SpawnOptions{})
		must(wnode.SetGroupLeader(leader.pid, client.pid))
		if waits {
			client.tell("puts", "text")
			leader.got()
		}
		leader.end()
		if !waits {
			client.tell("puts", "text")
		}
		equal("output to one that has ended", client.answer("puts"), "the device has terminated")
		equal("input from it", client.do("gets", "?"), []any{"", "the device has terminated"})
		equal("it is the leader still", client.do("leader"), leader.pid)
	}
	client.end()
	nothing("left over")
}
