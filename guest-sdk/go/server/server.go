package server

import (
	"fmt"
	"time"

	wnode "github.com/wnode/wnode/guest-sdk/go"
)

// DefaultTimeout is how long [Call] waits (GS-02).
const DefaultTimeout = 5 * time.Second

// Server is what one kind of server does. Its value is the state. A callback that panics ends the
// server with wnode.PanicReason. [Base] has what a server does not want to write itself.
//
// A server that also has Terminate or HandleContinue is a [Terminator] or a [Continuer].
type Server interface {
	// Init makes the server ready; who starts it waits until it returns. An error ends the process
	// with wnode.ReasonOf it, and is what the start fails with. wnode.ErrIgnored declines to run.
	Init(args []any) (Next, error)
	// HandleCall answers a request with [Reply], or later with [From.Reply] and a Next without reply.
	HandleCall(request any, from From) Next
	// HandleCast hears a request that has no reply.
	HandleCast(request any) Next
	// HandleInfo hears every other message: DOWN and EXIT, what plain sends bring, and the text
	// "timeout" when the time of [Next.ThenTimeout] is over.
	HandleInfo(message wnode.Message) Next
}

// Terminator is a server that has something to do before it ends. Terminate is called when a callback
// stops the server or panics, when [Stop] is called, and when the process that started it with a link
// ends while this one traps exits; not when an exit signal ends the process.
type Terminator interface{ Terminate(reason any) }

// Continuer is a server that goes on with something before it looks at the next message: the value of
// [Next.ThenContinue].
type Continuer interface{ HandleContinue(value any) Next }

// Next says how a server goes on after a callback. The zero Next waits for the next message.
type Next struct {
	replies, ends, continues, times bool

	reply, reason, value any
	timeout              time.Duration
}

// Reply answers the call at hand.
func Reply(value any) Next { return Next{replies: true, reply: value} }

// End ends the server with a reason, any term.
func End(reason any) Next { return Next{}.ThenEnd(reason) }

// ThenEnd ends the server after the reply.
func (n Next) ThenEnd(reason any) Next {
	n.ends, n.reason = true, reason
	return n
}

// ThenContinue calls HandleContinue with the value before the next message is looked at. A server that
// is no [Continuer] panics.
func (n Next) ThenContinue(value any) Next {
	n.continues, n.value = true, value
	return n
}

// ThenTimeout calls HandleInfo with "timeout" when no message comes for so long.
func (n Next) ThenTimeout(d time.Duration) Next {
	n.times, n.timeout = true, d
	return n
}

// From is who made a call.
type From struct {
	Pid wnode.Pid
	tag any
}

// message gives the reply as it is sent, and to whom.
func (f From) message(reply any) (wnode.Pid, any) {
	to := f.Pid
	if tag, ok := wnode.TagOf(f.tag); ok {
		to = wnode.Pid(tag.Ref)
	}
	return to, []any{f.tag, reply}
}

// Base answers what a server does not handle itself, to be embedded: a call or a cast ends it, as
// nobody should make it, and other messages are dropped.
type Base struct{}

// Init starts with nothing to do.
func (Base) Init([]any) (Next, error) { return Next{}, nil }

// HandleCall ends the server with ["bad_call", request].
func (Base) HandleCall(request any, _ From) Next { return End([]any{"bad_call", request}) }

// HandleCast ends the server with ["bad_cast", request].
func (Base) HandleCast(request any) Next { return End([]any{"bad_cast", request}) }

// HandleInfo drops the message.
func (Base) HandleInfo(wnode.Message) Next { return Next{} }

// describe gives the line that is logged when a server ends other than in good order (LOG-05).
func describe(name string, last, reason any) string {
	return fmt.Sprintf("** Generic server %s terminating, last message: %.200s, reason: %.1000s",
		name, fmt.Sprint(last), fmt.Sprint(reason))
}
