package server

import (
	"errors"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	wnode "github.com/wnode/wnode/guest-sdk/go"
)

// host is what the loop needs of the node.
type host interface {
	receive(timeout time.Duration) (wnode.Message, error)
	send(to wnode.Pid, t any) error
	panicked(value any) (reason any)
}

// loop is a server that has started.
type loop struct {
	host   host
	server Server
	parent wnode.Pid // who started the server with a link; zero: nobody
	last   any       // the message that is or was handled last
}

// run handles messages until something ends the server, and gives the reason that it ends with.
func (l *loop) run(next Next) (reason any) {
	for {
		reason, ends := l.step(&next)
		if ends {
			return l.terminate(reason)
		}
	}
}

// step does what a callback said, up to and with the next callback.
func (l *loop) step(next *Next) (reason any, ends bool) {
	switch {
	case next.ends:
		return next.reason, true
	case next.continues:
		value := next.value
		return l.callback(next, func() Next { return l.server.(Continuer).HandleContinue(value) })
	}
	timeout := wnode.Infinity
	if next.times {
		timeout = next.timeout
	}
	message, err := l.host.receive(timeout)
	switch {
	case errors.Is(err, abi.ErrTimedOut):
		message = wnode.Message{Term: "timeout"}
	case errors.Is(err, term.ErrMalformed): // no term, and gone
		return nil, false
	case err != nil:
		return wnode.ReasonOf(err), true
	}
	l.last = message.Term
	return l.handle(message, next)
}

// handle passes a message to the callback that it is for.
func (l *loop) handle(message wnode.Message, next *Next) (reason any, ends bool) {
	if exit, ok := message.Exit(); ok && !l.parent.IsZero() && exit.Pid == l.parent {
		return exit.Reason, true // GS-08
	}
	r := parse(message)
	switch r.kind {
	case isCall:
		reason, ends = l.callback(next, func() Next { return l.server.HandleCall(r.request, r.from) })
		if next.replies && !ends {
			if err := l.reply(r.from, next.reply); err != nil {
				return wnode.ReasonOf(err), true
			}
		}
		return reason, ends
	case isCast:
		return l.callback(next, func() Next { return l.server.HandleCast(r.request) })
	case isTerminate:
		if err := l.reply(r.from, "ok"); err != nil {
			return wnode.ReasonOf(err), true
		}
		return r.request, true
	}
	return l.callback(next, func() Next { return l.server.HandleInfo(message) })
}

func (l *loop) reply(from From, value any) error { return l.host.send(from.message(value)) }

// callback runs one, and ends the server when it panics.
func (l *loop) callback(next *Next, f func() Next) (reason any, ends bool) {
	defer func() {
		if value := recover(); value != nil {
			reason, ends = l.host.panicked(value), true
		}
	}()
	*next = f()
	return nil, false
}

// terminate lets the server do its last things. A panic there is the reason then.
func (l *loop) terminate(reason any) any {
	t, ok := l.server.(Terminator)
	if !ok {
		return reason
	}
	var next Next
	crash, crashed := l.callback(&next, func() Next {
		t.Terminate(reason)
		return Next{}
	})
	if crashed {
		return crash
	}
	return reason
}

type messageKind uint8

const (
	isInfo messageKind = iota
	isCall
	isCast
	isTerminate
)

// received is a message as a server sees it.
type received struct {
	kind    messageKind
	from    From
	request any // of a terminate: the reason
}

// parse reads a message. What only looks like a request, or comes from the system, is info.
func parse(message wnode.Message) received {
	list, _ := message.Term.([]any)
	if message.Kind != abi.MessageUser || len(list) < 2 {
		return received{}
	}
	tag, _ := list[0].(string)
	if tag == wnode.TagCast && len(list) == 2 {
		return received{kind: isCast, request: list[1]}
	}
	if tag != wnode.TagCall && tag != wnode.TagSystem || len(list) != 3 {
		return received{}
	}
	from, ok := parseFrom(list[1])
	if !ok {
		return received{}
	}
	if tag == wnode.TagCall {
		return received{isCall, from, list[2]}
	}
	order, _ := list[2].([]any)
	if len(order) != 2 || order[0] != any("terminate") {
		return received{}
	}
	return received{isTerminate, from, order[1]}
}

func parseFrom(t any) (From, bool) {
	list, _ := t.([]any)
	if len(list) != 2 {
		return From{}, false
	}
	pid, ok := list[0].(wnode.Pid)
	return From{pid, list[1]}, ok
}
