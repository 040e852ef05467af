package wnode

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wnode/wnode/abi"
)

// maxReasonText bounds what the text of an error adds to an exit reason.
const maxReasonText = 8 << 10

// ExitError is an error with an exit reason: a function that returns it ends its process with the
// reason as it is.
type ExitError struct{ Reason any }

func (e *ExitError) Error() string { return fmt.Sprintf("exit: %v", e.Reason) }

// ExitReason gives the reason.
func (e *ExitError) ExitReason() any { return e.Reason }

// ReasonOf gives the reason with which a process ends whose function returned err: "normal" for nil,
// what the method ExitReason() any of an error in its chain gives, and otherwise ["error", text].
func ReasonOf(err error) any {
	if err == nil {
		return abi.ReasonNormal
	}
	if reason := exitReasoner(nil); errors.As(err, &reason) {
		return reason.ExitReason()
	}
	return []any{"error", shorten(err.Error())}
}

// PanicReason gives the reason with which a process ends whose function panicked: that of an error which
// has one, as in [ReasonOf], and otherwise ["panic", text].
func PanicReason(value any) any {
	if isExit(value) {
		return ReasonOf(value.(error))
	}
	return []any{"panic", shorten(fmt.Sprint(value))}
}

// isExit reports whether what a function panicked with is an exit: an error that has an exit reason.
func isExit(value any) bool {
	err, ok := value.(error)
	var reason exitReasoner
	return ok && errors.As(err, &reason)
}

// exitReasoner is an error that ends a process with a reason of its own.
type exitReasoner interface{ ExitReason() any }

// IsOrderly reports whether a reason is one of those that nobody needs to be told of: "normal",
// "shutdown" and ["shutdown", anything].
func IsOrderly(reason any) bool {
	if list, ok := reason.([]any); ok {
		return len(list) == 2 && isText(list[0], abi.ReasonShutdown)
	}
	return isText(reason, abi.ReasonNormal) || isText(reason, abi.ReasonShutdown)
}

// isText compares a term with a text.
func isText(t any, text string) bool {
	s, ok := t.(string)
	return ok && s == text
}

// shorten bounds a text and makes it one that terms can hold.
func shorten(text string) string {
	if len(text) > maxReasonText {
		text = text[:maxReasonText]
	}
	return strings.ToValidUTF8(text, "\ufffd")
}

// CallError says why a call has no reply. As an exit reason it is [why, ["gen_server", "call", [to, request, timeout]]],
// which is what a process ends with whose function returns it (GS-04).
//
// errors.Is finds abi.ErrTimedOut, abi.ErrNoProcess and abi.ErrNotConnected in it.
type CallError struct {
	Why     any // "timeout", "noproc", "calling_self", ["nodedown", node], or what the process ended with
	To      Address
	Request any
	Timeout time.Duration
}

func (e *CallError) Error() string { return fmt.Sprintf("call of %v: %v", e.To.Term(), e.Why) }

// ExitReason gives the error as an exit reason.
func (e *CallError) ExitReason() any {
	return []any{e.Why, []any{"gen_server", "call", []any{e.To.Term(), e.Request, TimeoutTerm(e.Timeout)}}}
}

// Is says which error number stands for the same.
func (e *CallError) Is(target error) bool { return isWhy(e.Why, target) }

// StartError says why a process that was to be started by name did not start.
type StartError struct {
	Reason any // what it ended with; "timeout"; ["already_started", pid] for a name that is taken
}

func (e *StartError) Error() string { return fmt.Sprintf("start: %v", e.Reason) }

// ExitReason gives the reason.
func (e *StartError) ExitReason() any { return e.Reason }

// Is says which error number stands for the same.
func (e *StartError) Is(target error) bool { return isWhy(e.Reason, target) }

// AlreadyStarted gives the process that has the name that was asked for.
func (e *StartError) AlreadyStarted() (Pid, bool) {
	list, _ := e.Reason.([]any)
	if len(list) != 2 || !isText(list[0], reasonAlreadyStarted) {
		return Pid{}, false
	}
	pid, ok := list[1].(Pid)
	return pid, ok
}

// ErrIgnored is the error of a start that the started process declined: it has ended with "normal".
var ErrIgnored = errors.New("start: ignored")

// The reasons of failed calls and starts.
const (
	reasonTimeout        = "timeout"
	reasonCallingSelf    = "calling_self"
	reasonNodeDown       = "nodedown"
	reasonAlreadyStarted = "already_started"
)

func isWhy(why any, target error) bool {
	if list, ok := why.([]any); ok && len(list) == 2 {
		why = list[0]
	}
	text, _ := why.(string)
	switch text {
	case reasonTimeout:
		return target == abi.ErrTimedOut
	case abi.ReasonNoProcess:
		return target == abi.ErrNoProcess
	case abi.ReasonNoConnection, reasonNodeDown:
		return target == abi.ErrNotConnected
	case reasonAlreadyStarted:
		return target == abi.ErrNameTaken
	}
	return false
}

// TimeoutTerm gives a duration as terms have it: whole milliseconds, or "infinity".
func TimeoutTerm(d time.Duration) any {
	if d == Infinity {
		return "infinity"
	}
	return max(d, 0).Milliseconds()
}
