package wnode

import (
	"time"
	"unsafe"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// firstBuffer is the size at which reading starts; what is longer costs a second call.
const firstBuffer = 512

// nanoseconds gives a duration as the host takes it.
func nanoseconds(d time.Duration) int64 {
	if d == Infinity {
		return abi.Infinity
	}
	return int64(max(d, 0))
}

// status turns the result of a host call into an error.
func status(result int32) error {
	if result < 0 {
		return abi.Errno(result)
	}
	return nil
}

// truth turns the result of a host call that answers yes (1) or no (0).
func truth(result int32) (bool, error) { return result == 1, status(result) }

// bytesOf and textOf give what the host reads: an address and a length.
func bytesOf(b []byte) (unsafe.Pointer, uint32) {
	return unsafe.Pointer(unsafe.SliceData(b)), uint32(len(b))
}

func textOf(s string) (unsafe.Pointer, uint32) {
	return unsafe.Pointer(unsafe.StringData(s)), uint32(len(s))
}

// read calls until the buffer is large enough for all that there is.
func read(call func(buffer unsafe.Pointer, capacity uint32) int32) ([]byte, error) {
	b := make([]byte, firstBuffer)
	for {
		n := call(bytesOf(b))
		if n < 0 {
			return nil, abi.Errno(n)
		}
		if int(n) <= len(b) {
			return b[:n], nil
		}
		b = make([]byte, n)
	}
}

// scratch is where terms are read that fit in: no other goroutine runs until they are decoded. A process
// that makes no garbage at its start changes fewer pages of its image.
var scratch [firstBuffer]byte

// readTerm is [read] for calls that give a term, and of which a second one gives the same.
func readTerm(call func(buffer unsafe.Pointer, capacity uint32) int32) (any, error) {
	n := call(bytesOf(scratch[:]))
	if n < 0 {
		return nil, abi.Errno(n)
	}
	if int(n) <= len(scratch) {
		return term.Decode(scratch[:n])
	}
	b, err := read(call)
	if err != nil {
		return nil, err
	}
	return term.Decode(b)
}

// readPid calls with the address of 16 bytes, which the host fills with a pid.
func readPid(call func(pid unsafe.Pointer) int32) (Pid, error) {
	var b [abi.IDSize]byte
	if err := status(call(unsafe.Pointer(&b))); err != nil {
		return Pid{}, err
	}
	return abi.PidFromBytes(b[:]), nil
}

// readRef is [readPid] for refs.
func readRef(call func(ref unsafe.Pointer) int32) (Ref, error) {
	pid, err := readPid(call)
	return Ref(pid), err
}

// flagOf gives a bool as the host takes it.
func flagOf(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
