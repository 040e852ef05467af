package abi

import "fmt"

// Errno is the outcome of a host call as a guest sees it: a negative number. It is also the
// Go error for the same condition, so that a code and its sentinel can never disagree:
// errors.Is(err, abi.ErrNoName) holds on every side of the boundary. The numbers never change.
type Errno int32

// The error numbers of ABI version 1.
const (
	ErrBadArgument  Errno = -1
	ErrNoProcess    Errno = -2
	ErrNoName       Errno = -3
	ErrNameTaken    Errno = -4
	ErrNotConnected Errno = -5
	ErrDenied       Errno = -6
	ErrTooLarge     Errno = -7
	ErrTimedOut     Errno = -8
	ErrInterrupted  Errno = -9
	ErrNoModule     Errno = -10
	ErrTerminated   Errno = -11
	ErrEndOfFile    Errno = -12
	ErrNotSupported Errno = -13
	ErrLimit        Errno = -14
	ErrIO           Errno = -15
	ErrNoTimer      Errno = -16
	ErrWouldWait    Errno = -17
)

// ErrnoInfo describes one error number; the bindings of every SDK are generated from [Errnos].
type ErrnoInfo struct {
	Code Errno
	Name string // in the bindings: WNODE_E_<NAME>
	Text string
}

// Errnos lists every error number in the order of the numbers.
var Errnos = []ErrnoInfo{
	{ErrBadArgument, "BAD_ARGUMENT", "bad argument"},
	{ErrNoProcess, "NO_PROCESS", "no such process"},
	{ErrNoName, "NO_NAME", "no such name"},
	{ErrNameTaken, "NAME_TAKEN", "name taken"},
	{ErrNotConnected, "NOT_CONNECTED", "node not connected"},
	{ErrDenied, "DENIED", "permission denied"},
	{ErrTooLarge, "TOO_LARGE", "too large"},
	{ErrTimedOut, "TIMED_OUT", "timed out"},
	{ErrInterrupted, "INTERRUPTED", "interrupted"},
	{ErrNoModule, "NO_MODULE", "no such module"},
	{ErrTerminated, "TERMINATED", "the device has terminated"},
	{ErrEndOfFile, "END_OF_FILE", "end of file"},
	{ErrNotSupported, "NOT_SUPPORTED", "not supported"},
	{ErrLimit, "LIMIT", "limit reached"},
	{ErrIO, "IO", "input/output error"},
	{ErrNoTimer, "NO_TIMER", "no such timer"},
	{ErrWouldWait, "WOULD_WAIT", "it would have to wait"},
}

// Error gives the condition in words.
func (e Errno) Error() string {
	if i := int(-e) - 1; i >= 0 && i < len(Errnos) {
		return Errnos[i].Text
	}
	return fmt.Sprintf("error number %d", int32(e))
}
