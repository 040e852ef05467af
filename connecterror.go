package wnode

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/cookie"
	"github.com/wnode/wnode/net/link"
	"github.com/wnode/wnode/net/names"
	"github.com/wnode/wnode/net/wire"
)

// ErrClosing is the cause of a [ConnectError] on a node that is being closed.
var ErrClosing = errors.New("this node is shutting down")

// errGone is the cause when a link ended before both sides knew each other's names.
var errGone = errors.New("the connection was lost again")

// ConnectError says why a node cannot be connected to. It is an [abi.ErrNotConnected], and wraps its
// cause: [cookie.ErrWrongCookie], [wire.ErrRefused] with the node's reason, [link.ErrNoAnswer],
// [names.ErrUnknownName], [names.ErrNoAnswer], [ErrClosing] and others.
type ConnectError struct {
	Name string
	Err  error
}

// Error says in one line what happened and, where that helps, what to do.
func (e *ConnectError) Error() string { return "cannot connect to " + e.Name + ": " + e.Reason() }

// Unwrap gives [abi.ErrNotConnected] and the cause.
func (e *ConnectError) Unwrap() []error { return []error{abi.ErrNotConnected, e.Err} }

// Reason is Error without the name of the node.
func (e *ConnectError) Reason() string {
	if dial, ok := errors.AsType[*link.DialError](e.Err); ok {
		return dialReason(dial)
	}
	_, host, _ := strings.Cut(e.Name, "@")
	dns, isDNS := errors.AsType[*net.DNSError](e.Err)
	switch {
	case errors.Is(e.Err, names.ErrUnknownName):
		return fmt.Sprintf("no node of that name runs on %s", host)
	case errors.Is(e.Err, names.ErrNoAnswer):
		return fmt.Sprintf("no node answers on %s; start one there, or give the port that it listens on, as in NAME@HOST:PORT", host)
	case isDNS && dns.IsNotFound:
		return fmt.Sprintf("the host %s is unknown", host)
	case isDNS:
		return fmt.Sprintf("the host %s cannot be looked up: %s", host, dns.Err)
	case errors.Is(e.Err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(e.Err, errGone):
		return fmt.Sprintf("%v (%s)", errGone, downReason(e.Err))
	}
	return e.Err.Error()
}

// dialReason says why a call to an address failed.
func dialReason(e *link.DialError) string {
	switch {
	case errors.Is(e, wire.ErrRefused):
		return refusalReason(e)
	case errors.Is(e, cookie.ErrWrongCookie):
		return fmt.Sprintf("the cookies differ, or the node at %s has another name: give both nodes the same --cookie or --cookie-file", e.Addr)
	case errors.Is(e, link.ErrNoNode):
		return fmt.Sprintf("what answers at %s is no node that this one understands", e.Addr)
	case errors.Is(e, link.ErrTurnedAway):
		return fmt.Sprintf("%s takes no calls from here at the moment, after too many that failed: try again in a minute", e.Addr)
	case errors.Is(e, link.ErrUnreachable):
		return fmt.Sprintf("%s cannot be reached from the address that this node listens on: choose another one with --listen", e.Addr)
	case errors.Is(e, link.ErrNoAnswer), errors.Is(e, context.DeadlineExceeded):
		return fmt.Sprintf("nothing answers at %s", e.Addr)
	}
	return fmt.Sprintf("the call to %s failed: %v", e.Addr, e.Err)
}

// refusalReason says why the other node, or this one, does not want the link.
func refusalReason(err error) string {
	switch {
	case errors.Is(err, wire.ErrNameInUse):
		return "another node with this node's name is connected there: choose another --name"
	case errors.Is(err, wire.ErrVersionMismatch):
		return "the two nodes have no protocol version in common: run the same version of wnode on both"
	case errors.Is(err, wire.ErrSelfConnect):
		return "that is this node itself"
	case errors.Is(err, wire.ErrShuttingDown):
		return "that node is shutting down"
	case errors.Is(err, wire.ErrTooManyLinks):
		return "that node has as many connections as it allows"
	}
	refused, _ := errors.AsType[*wire.RefusedError](err)
	return refused.Error()
}

// nameError is the error for a text that is no node's name: an [abi.ErrBadArgument] that says what
// is wrong with the name, and no more.
type nameError struct{ err error }

func (e *nameError) Error() string   { return e.err.Error() }
func (e *nameError) Unwrap() []error { return []error{abi.ErrBadArgument, e.err} }
