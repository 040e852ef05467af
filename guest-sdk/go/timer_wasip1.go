package wnode

import (
	"time"
	"unsafe"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// SendAfter sends a term to a process of this node after a time, unless the process ends before, and
// gives the timer. Errors: abi.ErrTooLarge, abi.ErrLimit, abi.ErrBadArgument, and values that are no terms.
func SendAfter(delay time.Duration, to Pid, t any) (Ref, error) {
	return timer(t, func(message unsafe.Pointer, length uint32, ref unsafe.Pointer) int32 {
		return hostSendAfter(nanoseconds(delay), uint64(to.Node), to.Num, message, length, ref)
	})
}

// SendNameAfter is [SendAfter] to who has a name on this node when the time has come, if anybody has.
func SendNameAfter(delay time.Duration, name string, t any) (Ref, error) {
	p, n := textOf(name)
	return timer(t, func(message unsafe.Pointer, length uint32, ref unsafe.Pointer) int32 {
		return hostSendNameAfter(nanoseconds(delay), p, n, message, length, ref)
	})
}

// StartTimer is [SendAfter] with the message ["timeout", timer, t], so that one that was cancelled too
// late can be told from its successor.
func StartTimer(delay time.Duration, to Pid, t any) (Ref, error) {
	return timer(t, func(message unsafe.Pointer, length uint32, ref unsafe.Pointer) int32 {
		return hostStartTimer(nanoseconds(delay), uint64(to.Node), to.Num, message, length, ref)
	})
}

func timer(t any, call func(message unsafe.Pointer, length uint32, ref unsafe.Pointer) int32) (Ref, error) {
	b, err := term.Encode(t)
	if err != nil {
		return Ref{}, err
	}
	p, n := bytesOf(b)
	return readRef(func(ref unsafe.Pointer) int32 { return call(p, n, ref) })
}

// CancelTimer stops a timer and gives the time that was left. Errors: abi.ErrNoTimer for one that has
// fired, then its message may be in the mailbox already, or never was.
func CancelTimer(timer Ref) (left time.Duration, err error) {
	return timeLeft(hostCancelTimer(uint64(timer.Node), timer.Num))
}

// ReadTimer gives the time until a timer fires. Errors: abi.ErrNoTimer.
func ReadTimer(timer Ref) (left time.Duration, err error) {
	return timeLeft(hostReadTimer(uint64(timer.Node), timer.Num))
}

func timeLeft(result int64) (time.Duration, error) {
	if result < 0 {
		return 0, abi.Errno(result)
	}
	return time.Duration(result), nil
}
