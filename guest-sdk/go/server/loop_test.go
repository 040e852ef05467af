package server

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	wnode "github.com/wnode/wnode/guest-sdk/go"
)

var (
	client = wnode.Pid{Node: 1, Num: 2}
	parent = wnode.Pid{Node: 1, Num: 3}
	alias  = wnode.Ref{Node: 1, Num: 4}
)

// fakeHost delivers what is in its mailbox, times out when that is empty, and ends the loop with
// abi.ErrIO when it was to wait for ever.
type fakeHost struct {
	mailbox []wnode.Message
	waited  []time.Duration
	sent    []any // receivers and messages
}

func (f *fakeHost) receive(timeout time.Duration) (wnode.Message, error) {
	f.waited = append(f.waited, timeout)
	if len(f.mailbox) == 0 {
		if timeout == wnode.Infinity {
			return wnode.Message{}, abi.ErrIO
		}
		return wnode.Message{}, abi.ErrTimedOut
	}
	m := f.mailbox[0]
	f.mailbox = f.mailbox[1:]
	if m.Term == any("malformed") {
		return wnode.Message{}, fmt.Errorf("read: %w", term.ErrMalformed)
	}
	return m, nil
}

func (f *fakeHost) send(to wnode.Pid, t any) error {
	f.sent = append(f.sent, to, t)
	return nil
}

func (f *fakeHost) panicked(value any) any { return wnode.PanicReason(value) }

// scripted is a server that does what its table says for the request at hand, and writes down what
// its callbacks are given.
type scripted struct {
	Base
	script map[string]Next
	heard  []any
	dies   bool // in Terminate
}

func (s *scripted) next(what string, value any) Next {
	s.heard = append(s.heard, what, value)
	if value == any("panic") {
		panic("on request")
	}
	text, _ := value.(string)
	return s.script[text]
}

func (s *scripted) HandleCall(request any, _ From) Next { return s.next("call", request) }
func (s *scripted) HandleCast(request any) Next         { return s.next("cast", request) }
func (s *scripted) HandleInfo(m wnode.Message) Next     { return s.next("info", m.Term) }
func (s *scripted) HandleContinue(value any) Next       { return s.next("continue", value) }

func (s *scripted) Terminate(reason any) {
	s.heard = append(s.heard, "terminate", reason)
	if s.dies {
		panic("while dying")
	}
}

func callOf(request any) wnode.Message {
	return wnode.Message{Term: []any{"$gen_call", []any{client, []any{"alias", alias}}, request}}
}

func castOf(request any) wnode.Message {
	return wnode.Message{Term: []any{"$gen_cast", request}}
}

// GS-01, GS-08, GS-09.
func TestLoop(t *testing.T) {
	endOfInput := wnode.ReasonOf(abi.ErrIO)
	replyTo := func(reply any) []any { return []any{wnode.Pid(alias), []any{[]any{"alias", alias}, reply}} }
	for name, test := range map[string]struct {
		script  map[string]Next
		mailbox []wnode.Message
		heard   []any
		sent    []any
		reason  any
	}{
		"reply": {
			map[string]Next{"a": Reply(1)},
			[]wnode.Message{callOf("a")},
			[]any{"call", "a"},
			replyTo(1),
			endOfInput,
		},
		"no reply": {nil, []wnode.Message{callOf("a")}, []any{"call", "a"}, nil, endOfInput},
		"reply and end": {
			map[string]Next{"a": Reply(1).ThenEnd("x")},
			[]wnode.Message{callOf("a"), castOf("unheard")},
			[]any{"call", "a"},
			replyTo(1),
			"x",
		},
		"tag that is no alias": {
			map[string]Next{"a": Reply(1)},
			[]wnode.Message{{Term: []any{"$gen_call", []any{client, 5}, "a"}}},
			[]any{"call", "a"},
			[]any{client, []any{5, 1}},
			endOfInput,
		},
		"continue comes first": {
			map[string]Next{"a": Next{}.ThenContinue("b"), "b": Next{}.ThenContinue("c")},
			[]wnode.Message{castOf("a"), castOf("d")},
			[]any{"cast", "a", "continue", "b", "continue", "c", "cast", "d"},
			nil,
			endOfInput,
		},
		"timeout": {
			map[string]Next{"a": Next{}.ThenTimeout(5)},
			[]wnode.Message{castOf("a")},
			[]any{"cast", "a", "info", "timeout"},
			nil,
			endOfInput,
		},
		"a message in time": {
			map[string]Next{"a": Next{}.ThenTimeout(5)},
			[]wnode.Message{castOf("a"), castOf("b")},
			[]any{"cast", "a", "cast", "b"},
			nil,
			endOfInput,
		},
		"panic": {nil, []wnode.Message{castOf("panic")}, []any{"cast", "panic"}, nil, []any{"panic", "on request"}},
		"panic in a call": {
			map[string]Next{"a": Reply(1)},
			[]wnode.Message{callOf("a"), callOf("panic")},
			[]any{"call", "a", "call", "panic"},
			replyTo(1),
			[]any{"panic", "on request"},
		},
		"no term": {nil, []wnode.Message{{Term: "malformed"}, castOf("a")}, []any{"cast", "a"}, nil, endOfInput},
		"terminate": {
			nil,
			[]wnode.Message{{Term: []any{"system", []any{client, []any{"alias", alias}}, []any{"terminate", "x"}}}},
			nil,
			replyTo("ok"),
			"x",
		},
		"exit of the parent": {
			nil,
			[]wnode.Message{{Term: []any{"EXIT", parent, "x"}, Kind: abi.MessageExit}},
			nil,
			nil,
			"x",
		},
		"exit of another": {
			nil,
			[]wnode.Message{{Term: []any{"EXIT", client, "x"}, Kind: abi.MessageExit}},
			[]any{"info", []any{"EXIT", client, "x"}},
			nil,
			endOfInput,
		},
		"what looks like the parent's": {
			nil,
			[]wnode.Message{{Term: []any{"EXIT", parent, "x"}}},
			[]any{"info", []any{"EXIT", parent, "x"}},
			nil,
			endOfInput,
		},
		"no continuer": {map[string]Next{"a": {}}, nil, nil, nil, endOfInput},
	} {
		t.Run(name, func(t *testing.T) {
			host := &fakeHost{mailbox: test.mailbox}
			s := &scripted{script: test.script}
			reason := (&loop{host: host, server: s, parent: parent}).run(Next{})
			heard := append(slices.Clone(test.heard), "terminate", test.reason)
			if !reflect.DeepEqual(s.heard, heard) || !reflect.DeepEqual(host.sent, test.sent) || !reflect.DeepEqual(reason, test.reason) {
				t.Errorf("heard %v, want %v\nsent %v, want %v\nreason %v, want %v", s.heard, heard, host.sent, test.sent, reason, test.reason)
			}
		})
	}
}

func TestEndsOfLoops(t *testing.T) {
	s := &scripted{dies: true}
	l := &loop{host: &fakeHost{}, server: s}
	if got, want := l.run(End("x")), any([]any{"panic", "while dying"}); !reflect.DeepEqual(got, want) {
		t.Errorf("a panic in Terminate: %v", got)
	}
	l = &loop{host: &fakeHost{}, server: Base{}}
	if got := l.run(End("x")); got != any("x") {
		t.Errorf("without Terminate: %v", got)
	}
	l = &loop{host: &fakeHost{}, server: Base{}}
	reason, _ := l.run(Next{}.ThenContinue(1)).([]any)
	if len(reason) != 2 || reason[0] != any("panic") {
		t.Errorf("a server that is no Continuer: %v", reason)
	}
	l = &loop{host: &fakeHost{mailbox: []wnode.Message{{Term: 1}, castOf(2)}}, server: Base{}}
	if got, want := l.run(Next{}), any([]any{"bad_cast", 2}); !reflect.DeepEqual(got, want) {
		t.Errorf("Base: %v", got)
	}
	l = &loop{host: &fakeHost{mailbox: []wnode.Message{callOf(2)}}, server: Base{}}
	if got, want := l.run(Next{}), any([]any{"bad_call", 2}); !reflect.DeepEqual(got, want) {
		t.Errorf("Base: %v", got)
	}
	if next, err := (Base{}).Init(nil); err != nil || !reflect.DeepEqual(next, Next{}) {
		t.Errorf("Base: %v, %v", next, err)
	}
}

// GS-01, GS-09: each call has one reply, in order, to whom it belongs; a timeout is heard only when
// there was nothing else.
func TestLoopAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		host, s := &fakeHost{}, &scripted{script: map[string]Next{"wait": Next{}.ThenTimeout(time.Second)}}
		var heard, sent []any
		timed := false
		for i := range rapid.IntRange(0, 20).Draw(t, "messages") {
			text := fmt.Sprint(i)
			timed = false
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				tag := []any{"alias", wnode.Ref{Node: 9, Num: uint64(i)}}
				s.script[text] = Reply(text)
				host.mailbox = append(host.mailbox, wnode.Message{Term: []any{"$gen_call", []any{client, tag}, text}})
				heard, sent = append(heard, "call", text), append(sent, wnode.Pid{Node: 9, Num: uint64(i)}, []any{tag, text})
			case 1:
				host.mailbox, heard = append(host.mailbox, castOf(text)), append(heard, "cast", text)
			case 2:
				host.mailbox, heard = append(host.mailbox, wnode.Message{Term: text}), append(heard, "info", text)
			default:
				host.mailbox, heard, timed = append(host.mailbox, castOf("wait")), append(heard, "cast", "wait"), true
			}
		}
		if timed {
			heard = append(heard, "info", "timeout")
		}
		reason := (&loop{host: host, server: s}).run(Next{})
		if heard = append(heard, "terminate", reason); !reflect.DeepEqual(s.heard, heard) || !reflect.DeepEqual(host.sent, sent) {
			t.Fatalf("heard %v, want %v\nsent %v, want %v", s.heard, heard, host.sent, sent)
		}
	})
}

// Anybody may send a server anything.
func FuzzParse(f *testing.F) {
	for _, m := range []wnode.Message{
		callOf(1), castOf(1),
		{Term: 1},
		{Term: []any{"system", []any{client, 1}, []any{"terminate", 1}}},
		{Term: []any{"system", []any{client, 1}, "get_state"}},
		{Term: []any{"$gen_call", client, 1}},
		{Term: []any{"$gen_call", []any{1, 1}, 1}},
		{Term: []any{"$gen_cast"}},
	} {
		f.Add(term.MustEncode(m.Term), int32(m.Kind))
	}
	f.Fuzz(func(t *testing.T, encoded []byte, kind int32) {
		decoded, err := term.Decode(encoded)
		if err != nil {
			return
		}
		r := parse(wnode.Message{Term: decoded, Kind: abi.MessageKind(kind)})
		if r.kind != isInfo && abi.MessageKind(kind) != abi.MessageUser {
			t.Fatal("a message of the system is taken for a request")
		}
		to, reply := r.from.message(1)
		if _, err := term.Encode([]any{to, reply}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDescribe(t *testing.T) {
	got := describe("counter", []any{"$gen_cast", 1}, "boom")
	if want := "** Generic server counter terminating, last message: [$gen_cast 1], reason: boom"; got != want {
		t.Errorf("got %q", got)
	}
	if long := describe("x", make([]byte, 1<<20), make([]byte, 1<<20)); len(long) > 1500 {
		t.Errorf("%d bytes", len(long))
	}
}
