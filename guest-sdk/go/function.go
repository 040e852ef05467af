package wnode

import (
	"fmt"

	"github.com/wnode/wnode/abi"
)

// The tags of terms that processes of all languages share.
const (
	tagFunc   = "$func"  // ["$func", name, args] or ["$func", name, args, start]: the arguments of a process started by name
	tagAlias  = "alias"  // ["alias", ref]: a reply goes to the alias
	tagOK     = "ok"     // ["ok", pid]: a start succeeded
	tagError  = "error"  // ["error", reason]: a start failed
	ignored   = "ignore" // a start was declined
	tagGlobal = "global" // ["global", name]: who has a global name
)

// The keys of the start in an invocation.
const (
	startParent = "parent" // pid: who started the process
	startLinked = "linked" // bool: the two are linked
	startAck    = "ack"    // ref: the alias that waits for the outcome
	startName   = "name"   // the name to take, in the form of Address.Term
)

// startFunc is a registered function.
type startFunc func(s *Starting, args []any) error

var functions = map[string]startFunc{}

// Func registers a function under a name, so that [SpawnOptions].Func can start it in a process of its
// own, on any node: wasm has no closures to send. It counts as started when it is called. A process
// ends with [ReasonOf] what its function returns, and with [PanicReason] when it panics.
//
// Functions are registered before [Main] is called, best in package variables or init. An empty name and
// one that is taken panic.
func Func(name string, f func(args []any) error) {
	StartFunc(name, func(s *Starting, args []any) error {
		if err := s.Started(); err != nil {
			return err
		}
		return f(args)
	})
}

// StartFunc is [Func] for a function that says itself when it has started: who starts it with [Start]
// waits until it calls [Starting.Started], declines or returns.
func StartFunc(name string, f func(s *Starting, args []any) error) {
	if _, taken := functions[name]; taken || name == "" {
		panic(fmt.Sprintf("wnode: the function name %q is taken or empty", name))
	}
	functions[name] = f
}

// Starting is the start of a process by name, as the new process sees it.
type Starting struct {
	Parent Pid     // who started it; zero for a process that was merely spawned
	Linked bool    // the two were linked by the start
	Name   Address // the name that it was given, if any

	ack  Ref // zero when nobody waits, or has been told
	pid  Pid
	send func(to Pid, t any) error
}

// Started tells who waits for it that the process has started. Only the first call tells.
func (s *Starting) Started() error { return s.tell([]any{tagOK, s.pid}) }

// Ignore tells who waits for it that the process declines to run, which is no failure. The process
// should end with "normal" then.
func (s *Starting) Ignore() error { return s.tell(ignored) }

func (s *Starting) tell(outcome any) error {
	if s.ack == (Ref{}) {
		return nil
	}
	to := Tag{s.ack}
	s.ack = Ref{}
	return s.send(Pid(to.Ref), []any{to.Term(), outcome})
}

// Tag names a request, so that its reply can be told from all others: the reply to ["alias", ref] is
// [["alias", ref], reply], sent to the ref.
type Tag struct{ Ref Ref }

// Term gives the tag as messages have it.
func (t Tag) Term() any { return []any{tagAlias, t.Ref} }

// TagOf reads a tag.
func TagOf(t any) (Tag, bool) {
	list, _ := t.([]any)
	if len(list) != 2 || !isText(list[0], tagAlias) {
		return Tag{}, false
	}
	ref, ok := list[1].(Ref)
	return Tag{ref}, ok
}

// reply reads a message as the reply with this tag.
func (t Tag) reply(m Message) (any, bool) {
	list, _ := m.Term.([]any)
	if m.Kind != abi.MessageUser || len(list) != 2 {
		return nil, false
	}
	tag, ok := TagOf(list[0])
	return list[1], ok && tag == t
}

// invocation gives the arguments of a process that is started by name.
func invocation(name string, args []any, start map[string]any) []any {
	if args == nil {
		args = []any{}
	}
	if start == nil {
		return []any{tagFunc, name, args}
	}
	return []any{tagFunc, name, args, start}
}

// request is what an invocation asks for.
type request struct {
	name  string
	args  []any
	start map[any]any
}

// parseInvocation reads the arguments of a process; it is false for one that was not started by name.
func parseInvocation(args []any) (request, bool) {
	if len(args) < 3 || len(args) > 4 || !isText(args[0], tagFunc) {
		return request{}, false
	}
	name, isName := args[1].(string)
	list, isList := args[2].([]any)
	r := request{name: name, args: list}
	isStart := true
	if len(args) == 4 {
		r.start, isStart = args[3].(map[any]any)
	}
	return r, isName && isList && isStart
}

// starting gives the start that the request asks for. What is missing or of another type is left out.
func (r request) starting(self Pid, send func(Pid, any) error) *Starting {
	s := &Starting{pid: self, send: send}
	s.Parent, _ = r.start[startParent].(Pid)
	s.Linked, _ = r.start[startLinked].(bool)
	s.ack, _ = r.start[startAck].(Ref)
	s.Name, _ = ParseName(r.start[startName])
	return s
}

// ParseName reads the form that [Address.Term] gives to a name that a process can take: of its node, or
// global.
func ParseName(t any) (Address, bool) {
	switch name := t.(type) {
	case string:
		return Address{Name: name}, name != ""
	case []any:
		if len(name) == 2 && isText(name[0], tagGlobal) {
			text, _ := name[1].(string)
			return Address{Name: text, Global: true}, text != ""
		}
	}
	return Address{}, false
}
