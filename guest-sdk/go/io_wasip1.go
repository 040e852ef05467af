package wnode

import (
	"errors"
	"io"
	"time"
	"unsafe"

	"github.com/wnode/wnode/abi"
)

// GroupLeader gives the I/O server that this process's standard streams go to.
func GroupLeader() (Pid, error) { return readPid(hostGroupLeader) }

// SetGroupLeader makes leader the group leader of a process on any node. Errors: abi.ErrNoProcess for
// a dead process of this node.
func SetGroupLeader(leader, pid Pid) error {
	return status(hostSetGroupLeader(uint64(leader.Node), leader.Num, uint64(pid.Node), pid.Num))
}

// Device is an I/O server, on any node. The zero Device is the group leader. It is an [io.Reader]
// and an [io.Writer]. Errors: abi.ErrTerminated when the server is gone, abi.ErrIO.
type Device Pid

// Write waits until the device has all of b.
func (d Device) Write(b []byte) (int, error) {
	p, n := bytesOf(b)
	if err := status(hostIoWrite(uint64(d.Node), d.Num, p, n)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Read waits for at least one byte. At the end of the input the error is [io.EOF].
func (d Device) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	p, n := bytesOf(b)
	got := hostIoRead(uint64(d.Node), d.Num, p, n)
	if got < 0 {
		return 0, endOfFile(abi.Errno(got))
	}
	return int(got), nil
}

// ReadLine shows a prompt and waits for a line, which has its newline unless the input ends without
// one. At the end of the input the error is [io.EOF].
func (d Device) ReadLine(prompt string) (string, error) {
	p, n := textOf(prompt)
	b, err := read(func(line unsafe.Pointer, capacity uint32) int32 {
		got := hostIoReadLine(uint64(d.Node), d.Num, p, n, line, capacity)
		n = 0 // a line that needs a second call has had its prompt
		return got
	})
	return string(b), endOfFile(err)
}

func endOfFile(err error) error {
	if errors.Is(err, abi.ErrEndOfFile) {
		return io.EOF
	}
	return err
}

// Sleep waits. Messages that arrive meanwhile stay in the mailbox. Unlike time.Sleep it stops the
// guest's other goroutines too, and costs the node nothing while it lasts.
func Sleep(d time.Duration) error { return status(hostSleep(nanoseconds(d))) }

// Level says how much a line in the node's log matters.
type Level int32

// The levels of the log.
const (
	LevelDebug   Level = -4
	LevelInfo    Level = 0
	LevelWarning Level = 4
	LevelError   Level = 8
)

// Log writes a line to the node's log.
func Log(level Level, text string) error {
	p, n := textOf(text)
	return status(hostLog(int32(level), p, n))
}
