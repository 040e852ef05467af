package wnode

import (
	"errors"
	"fmt"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// Call asks a server for a reply, ["$gen_call", [from, tag], request], and waits for it. The reply is
// found at once however long the mailbox is, and one that comes after the timeout is dropped, not
// delivered (GS-02).
//
// Errors: a [*CallError] when there is no reply; abi.ErrTooLarge, and values that are no terms.
func Call(to Address, request any, timeout time.Duration) (any, error) {
	return Ask(to, TagCall, request, timeout)
}

// Ask is [Call] with another form of request, [form, [from, tag], request].
func Ask(to Address, form string, request any, timeout time.Duration) (any, error) {
	failed := func(why any) error { return &CallError{why, to, request, timeout} }
	pid, err := to.resolve()
	switch {
	case errors.Is(err, abi.ErrNoName):
		return nil, failed(abi.ReasonNoProcess)
	case err != nil:
		return nil, err
	case pid == Self():
		return nil, failed(reasonCallingSelf)
	}
	o, err := askFor(pid, to, form, request, timeout)
	if err != nil {
		return nil, err
	}
	if o.kind != replied {
		return nil, failed(o.why(to))
	}
	return o.value, nil
}

// Cast sends a request that has no reply, ["$gen_cast", request]. That nobody gets it is no error
// (GS-06). Errors: abi.ErrTooLarge, and values that are no terms.
func Cast(to Address, request any) error {
	err := SendTo(to, []any{TagCast, request})
	if errors.Is(err, abi.ErrNoName) {
		return nil
	}
	return err
}

// SendTo sends a term to an address. Errors: those of [Send], [SendName], [SendNode] and [SendGlobal].
func SendTo(to Address, t any) error {
	switch {
	case to.Name == "":
		return Send(to.Pid, t)
	case to.Global:
		return SendGlobal(to.Name, t)
	case to.Node != "":
		return SendNode(to.Name, to.Node, t)
	}
	return SendName(to.Name, t)
}

// resolve finds the process of an address; it is zero for a name on another node, which is looked up
// there. Errors: abi.ErrNoName, abi.ErrBadArgument.
func (a Address) resolve() (Pid, error) {
	switch {
	case a == (Address{}):
		return Pid{}, fmt.Errorf("the empty address: %w", abi.ErrBadArgument)
	case a.Name == "":
		return a.Pid, nil
	case a.Global:
		return GlobalWhereis(a.Name)
	case a.Node == "":
		return Whereis(a.Name)
	}
	if here, err := Node(); err != nil || here != a.Node {
		return Pid{}, err
	}
	return Whereis(a.Name)
}

// pending is a request that waits for its reply.
type pending struct {
	tag     Tag
	monitor Ref
}

// askFor sends a request to a process, or with no pid to whoever has a name on another node, and waits for what becomes
// of it. Who is asked by pid is monitored with an alias that lasts as long as the monitor.
func askFor(pid Pid, to Address, form string, request any, timeout time.Duration) (outcome, error) {
	if pid.IsZero() {
		p, err := askName(to, form, request)
		if err != nil {
			return outcome{}, err
		}
		return awaitReply(p, timeout, next)
	}
	if err := Mark(); err != nil {
		return outcome{}, err
	}
	monitor, err := MonitorAlias(pid, AliasDemonitor)
	if err != nil {
		return outcome{}, err
	}
	p := pending{tag: Tag{Ref: monitor}, monitor: monitor}
	encoded, err := term.Encode(p.request(form, request))
	if err != nil {
		_ = p.drop()
		return outcome{}, err
	}
	return awaitReply(p, timeout, func(timeout time.Duration) (Message, error) { return exchange(pid, encoded, timeout) })
}

// askName sends a request to whoever has a name on a node. The monitor by name has an alias beside it.
func askName(to Address, form string, request any) (p pending, err error) {
	if err := Mark(); err != nil {
		return p, err
	}
	if p.tag.Ref, err = Alias(AliasReply); err != nil {
		return p, err
	}
	if p.monitor, err = MonitorName(to.Name, to.Node); err == nil {
		err = SendTo(to, p.request(form, request))
	}
	if err != nil {
		_ = p.drop()
	}
	return p, err
}

// request gives the term that asks.
func (p pending) request(form string, request any) any {
	return []any{form, []any{Self(), p.tag.Term()}, request}
}

// drop takes the monitor back and ends the alias: from here on no reply arrives.
func (p pending) drop() error {
	if _, err := Unalias(p.tag.Ref); err != nil {
		return err
	}
	_, err := Demonitor(p.monitor, true)
	return err
}

// outcome is what became of a request.
type outcome struct {
	kind  outcomeKind
	value any // the reply, or the reason that the other process ended with
}

type outcomeKind uint8

const (
	replied outcomeKind = iota
	ended
	timedOut
)

// why gives the reason for which a call has no reply.
func (o outcome) why(to Address) any {
	switch {
	case o.kind == timedOut:
		return reasonTimeout
	case isText(o.value, abi.ReasonNoConnection) && to.Node != "":
		return []any{reasonNodeDown, to.Node}
	}
	return o.value
}

// awaitReply waits for the reply with a tag or the end of the process that owes it. When it returns
// nothing of the request is left in the mailbox, and nothing will come. The first message comes from a function, as in
// [receiveMatch].
func awaitReply(p pending, timeout time.Duration, first func(time.Duration) (Message, error)) (o outcome, err error) {
	match := func(m Message) bool {
		if reply, ok := p.tag.reply(m); ok {
			o = outcome{replied, reply}
			return true
		}
		down, ok := m.Down()
		if !ok || down.Ref != p.monitor {
			return false
		}
		o = outcome{ended, down.Reason}
		return true
	}
	_, err = receiveMatch(timeout, first, match)
	if dropped := p.drop(); dropped != nil {
		return o, dropped
	}
	if !errors.Is(err, abi.ErrTimedOut) {
		return o, err
	}
	// A reply may have come between the timeout and the end of the alias.
	if _, err = ReceiveMatch(0, match); errors.Is(err, abi.ErrTimedOut) {
		return outcome{kind: timedOut}, nil
	}
	return o, err
}
