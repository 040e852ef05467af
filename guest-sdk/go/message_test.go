package wnode

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

var (
	pid = Pid{Node: 7, Num: 8}
	ref = Ref{Node: 7, Num: 9}
)

// MON-02, MON-04.
func TestDown(t *testing.T) {
	for name, test := range map[string]struct {
		m    Message
		want Down
		ok   bool
	}{
		"pid":            {Message{[]any{"DOWN", ref, "process", pid, "x"}, abi.MessageDown, pid}, Down{Ref: ref, Pid: pid, Reason: "x"}, true},
		"name":           {Message{[]any{"DOWN", ref, "process", []any{"a", "n"}, nil}, abi.MessageDown, pid}, Down{Ref: ref, Name: "a", Node: "n"}, true},
		"from a process": {Message{[]any{"DOWN", ref, "process", pid, "x"}, abi.MessageUser, pid}, Down{}, false},
		"too short":      {Message{[]any{"DOWN", ref, "process", pid}, abi.MessageDown, pid}, Down{}, false},
		"no ref":         {Message{[]any{"DOWN", pid, "process", pid, "x"}, abi.MessageDown, pid}, Down{}, false},
		"no object":      {Message{[]any{"DOWN", ref, "process", 1, "x"}, abi.MessageDown, pid}, Down{}, false},
		"no array":       {Message{"DOWN", abi.MessageDown, pid}, Down{}, false},
	} {
		got, ok := test.m.Down()
		if ok != test.ok || ok && got != test.want {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
}

// LINK-02.
func TestExit(t *testing.T) {
	for name, test := range map[string]struct {
		m  Message
		ok bool
	}{
		"trapped":        {Message{[]any{"EXIT", pid, "x"}, abi.MessageExit, pid}, true},
		"from a process": {Message{[]any{"EXIT", pid, "x"}, abi.MessageUser, pid}, false},
		"too long":       {Message{[]any{"EXIT", pid, "x", 1}, abi.MessageExit, pid}, false},
		"no pid":         {Message{[]any{"EXIT", ref, "x"}, abi.MessageExit, pid}, false},
	} {
		got, ok := test.m.Exit()
		if ok != test.ok || ok && got != (Exited{pid, "x"}) {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
}

// received gives a term as its receiver has it.
func received(t interface{ Fatal(...any) }, value any) any {
	decoded, err := term.Decode(term.MustEncode(value))
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func TestInvocationRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := Address{Name: rapid.StringN(1, 5, 10).Draw(t, "name"), Global: rapid.Bool().Draw(t, "global")}
		linked := rapid.Bool().Draw(t, "linked")
		var args []any
		for _, n := range rapid.SliceOf(rapid.Int64()).Draw(t, "args") {
			args = append(args, n)
		}
		start := map[string]any{startParent: pid, startLinked: linked, startAck: ref, startName: name.Term()}
		r, ok := parseInvocation(received(t, invocation("f", args, start)).([]any))
		if !ok || r.name != "f" || len(r.args) != len(args) {
			t.Fatalf("parsed %v, %v", r, ok)
		}
		s := r.starting(pid, nil)
		if s.Parent != pid || s.Linked != linked || s.ack != ref || s.Name != name {
			t.Fatalf("starting %v", s)
		}
	})
}

// Any program may be given any arguments.
func FuzzInvocation(f *testing.F) {
	for _, args := range []any{
		invocation("f", nil, nil),
		invocation("f", []any{1}, map[string]any{startParent: pid, startAck: ref, startName: []any{"global", "x"}}),
		[]any{tagFunc, 1, []any{}},
		[]any{tagFunc, "f", 1},
		[]any{tagFunc, "f", []any{}, 1},
		[]any{"x"},
	} {
		f.Add(term.MustEncode(args))
	}
	f.Fuzz(func(t *testing.T, encoded []byte) {
		decoded, err := term.Decode(encoded)
		if err != nil {
			return
		}
		args, _ := decoded.([]any)
		if r, ok := parseInvocation(args); ok {
			r.starting(pid, nil)
		}
	})
}

func TestStarting(t *testing.T) {
	var told []any
	s := &Starting{pid: pid, ack: ref, send: func(to Pid, message any) error {
		told = append(told, to, message)
		return nil
	}}
	for range 2 {
		if err := s.Started(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Ignore(); err != nil {
		t.Fatal(err)
	}
	want := []any{Pid(ref), []any{[]any{"alias", ref}, []any{"ok", pid}}}
	if !reflect.DeepEqual(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	reply, ok := Tag{ref}.reply(Message{Term: want[1]})
	if !ok || !reflect.DeepEqual(reply, []any{"ok", pid}) {
		t.Errorf("reply %v, %v", reply, ok)
	}
	if _, ok := (Tag{Ref{Node: 1, Num: 1}}).reply(Message{Term: want[1]}); ok {
		t.Error("the reply to another request is taken for this one's")
	}
}

func TestFuncNames(t *testing.T) {
	Func("taken", func([]any) error { return nil })
	defer delete(functions, "taken")
	for _, name := range []string{"taken", ""} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q can be registered", name)
				}
			}()
			Func(name, nil)
		}()
	}
}

// PROC-11, GS-04.
func TestReasons(t *testing.T) {
	call := &CallError{"timeout", Address{Name: "s", Node: "n"}, "r", 1500 * time.Millisecond}
	for name, test := range map[string]struct {
		err  error
		want any
	}{
		"nil":       {nil, "normal"},
		"error":     {errors.New("x"), []any{"error", "x"}},
		"exit":      {errors.Join(errors.New("x"), &ExitError{[]any{1}}), []any{1}},
		"call":      {call, []any{"timeout", []any{"gen_server", "call", []any{[]any{"s", "n"}, "r", int64(1500)}}}},
		"start":     {&StartError{"noproc"}, "noproc"},
		"not UTF-8": {errors.New("a\xffb"), []any{"error", "a\ufffdb"}},
		"too long":  {errors.New(strings.Repeat("x", 1<<20)), []any{"error", strings.Repeat("x", maxReasonText)}},
	} {
		if got := ReasonOf(test.err); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	for name, test := range map[string]struct{ value, want any }{ // PROC-12
		"a text":           {"x", []any{"panic", "x"}},
		"nil":              {nil, []any{"panic", "<nil>"}},
		"an error":         {errors.New("x"), []any{"panic", "x"}},
		"an exit":          {&ExitError{[]any{1}}, []any{1}},
		"an exit, wrapped": {fmt.Errorf("x: %w", call), call.ExitReason()},
	} {
		if got := PanicReason(test.value); !reflect.DeepEqual(got, test.want) {
			t.Errorf("panic with %s: %v, want %v", name, got, test.want)
		}
	}
	for reason, orderly := range map[any]bool{"normal": true, "shutdown": true, "killed": false, 1: false, nil: false} {
		if IsOrderly(reason) != orderly {
			t.Errorf("%v: orderly %v", reason, !orderly)
		}
	}
	if !IsOrderly([]any{"shutdown", []any{}}) || IsOrderly([]any{"shutdown"}) || IsOrderly([]any{"normal", 1}) {
		t.Error("arrays")
	}
}

func TestErrorNumbers(t *testing.T) {
	for _, test := range []struct {
		err  error
		want abi.Errno
	}{
		{&CallError{Why: "timeout"}, abi.ErrTimedOut},
		{&CallError{Why: "noproc"}, abi.ErrNoProcess},
		{&CallError{Why: "noconnection"}, abi.ErrNotConnected},
		{&CallError{Why: []any{"nodedown", "n"}}, abi.ErrNotConnected},
		{&StartError{"timeout"}, abi.ErrTimedOut},
		{&StartError{[]any{"already_started", pid}}, abi.ErrNameTaken},
	} {
		if !errors.Is(test.err, test.want) || errors.Is(test.err, abi.ErrIO) {
			t.Errorf("%v is not %v alone", test.err, test.want)
		}
	}
	if errors.Is(&CallError{Why: []any{[]any{}}}, abi.ErrTimedOut) {
		t.Error("any reason is a timeout")
	}
	if got, ok := (&StartError{[]any{"already_started", pid}}).AlreadyStarted(); !ok || got != pid {
		t.Error(got, ok)
	}
	if _, ok := (&StartError{"x"}).AlreadyStarted(); ok {
		t.Error("any failure is a name that is taken")
	}
}

func TestAddressTerms(t *testing.T) {
	for want, a := range map[string]Address{
		"s": {Name: "s"}, "[s n]": {Name: "s", Node: "n"}, "[global s]": {Name: "s", Global: true},
	} {
		got := a.Term()
		back, ok := ParseName(got)
		if _, isText := got.(string); isText && got != any(want) || ok && back != a || ok == (a.Node != "") {
			t.Errorf("%v: %v, %v, %v", a, got, back, ok)
		}
	}
	if To(pid).Term() != any(pid) {
		t.Error(To(pid).Term())
	}
}
