package wnode

import (
	"errors"
	"time"
	"unsafe"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// ReceiveBytes waits for the next message and takes it. Errors: abi.ErrTimedOut.
func ReceiveBytes(timeout time.Duration) ([]byte, error) {
	return read(func(b unsafe.Pointer, n uint32) int32 { return hostReceive(nanoseconds(timeout), b, n) })
}

// SendReceiveBytes sends bytes to a process of any node and then does what [ReceiveBytes] does, in one call of the node: who answers
// one message after the other, or asks a process that sends nothing but answers, saves half of the calls. Errors: abi.ErrTooLarge,
// with which it does not wait; abi.ErrTimedOut.
func SendReceiveBytes(to Pid, message []byte, timeout time.Duration) ([]byte, error) {
	at, length := bytesOf(message)
	sent := false
	return read(func(b unsafe.Pointer, n uint32) int32 {
		if sent { // what has come was larger than the buffer, and is still the next
			return hostReceive(nanoseconds(timeout), b, n)
		}
		sent = true
		return hostSendReceive(uint64(to.Node), to.Num, at, length, nanoseconds(timeout), b, n)
	})
}

// Receive waits for the next message and takes it. Errors: abi.ErrTimedOut; term.ErrMalformed for a
// message that is no term, which is gone then.
func Receive(timeout time.Duration) (any, error) {
	b, err := ReceiveBytes(timeout)
	if err != nil {
		return nil, err
	}
	return term.Decode(b)
}

// ReceiveMessage is [Receive] with the message's kind and sender.
func ReceiveMessage(timeout time.Duration) (Message, error) {
	if err := status(hostWait(nanoseconds(timeout))); err != nil {
		return Message{}, err
	}
	m, err := current()
	if taken := status(hostTake()); taken != nil {
		return Message{}, taken
	}
	return m, err
}

// ReceiveMatch waits for a message that match accepts and takes it. The others stay in the mailbox, in
// their order, for later calls; what is no term matches nothing. Errors: abi.ErrTimedOut.
func ReceiveMatch(timeout time.Duration, match func(Message) bool) (Message, error) {
	return receiveMatch(timeout, next, match)
}

// receiveMatch is [ReceiveMatch] where the first message comes from a function: the next one, that is, which
// remains where it is.
func receiveMatch(timeout time.Duration, first func(time.Duration) (Message, error), match func(Message) bool) (Message, error) {
	start := time.Now()
	wait := first
	for left := timeout; ; {
		m, err := wait(left)
		wait = next
		switch {
		case err == nil && match(m):
			return m, status(hostTake())
		case err != nil && !errors.Is(err, term.ErrMalformed):
			hostRewind()
			return Message{}, err
		}
		if err := status(hostSkip()); err != nil {
			return Message{}, err
		}
		if timeout != Infinity {
			left = timeout - time.Since(start)
		}
	}
}

// next waits for the next message not yet looked at, and reads it. Errors: abi.ErrTimedOut; term.ErrMalformed
// for one that is no term.
func next(timeout time.Duration) (Message, error) {
	if err := status(hostWait(nanoseconds(timeout))); err != nil {
		return Message{}, err
	}
	return current()
}

// exchange is [next] of a message that is sent first, encoded, in one call of the host.
func exchange(to Pid, request []byte, timeout time.Duration) (Message, error) {
	at, length := bytesOf(request)
	answer := make([]byte, firstBuffer)
	from, err := readPid(func(sender unsafe.Pointer) int32 {
		buffer, capacity := bytesOf(answer)
		n := hostAsk(uint64(to.Node), to.Num, at, length, nanoseconds(timeout), buffer, capacity, sender)
		if n >= 0 && int(n) <= len(answer) {
			answer = answer[:n]
		} else {
			answer = nil
		}
		return n
	})
	if err == nil && answer == nil {
		answer, err = read(hostRead)
	}
	if err != nil {
		return Message{}, err
	}
	t, err := term.Decode(answer)
	if err != nil {
		return Message{}, err
	}
	kind := hostMessageKind()
	return Message{Term: t, Kind: abi.MessageKind(kind), From: from}, status(kind)
}

// Mark looks past every message that is there now: until a message is taken, only what arrives from
// here on is looked at. Who marks, then sends a request and receives with [ReceiveMatch], finds the
// reply without reading a long mailbox first.
func Mark() error { return status(hostMark()) }

// current reads the message that was waited for and leaves it where it is.
func current() (Message, error) {
	t, err := readTerm(hostRead)
	if err != nil {
		return Message{}, err
	}
	from, err := readPid(hostMessageSender)
	if err != nil {
		return Message{}, err
	}
	kind := hostMessageKind()
	return Message{Term: t, Kind: abi.MessageKind(kind), From: from}, status(kind)
}
