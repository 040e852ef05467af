//go:build unix

package terminal

import (
	"errors"
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// source reads a file such that a read can be woken. read is for one goroutine at a time.
type source struct {
	file         *os.File
	wakeR, wakeW *os.File    // a pipe: a byte in it wakes
	woken        atomic.Bool // the byte is on its way
}

func openSource(file *os.File) (*source, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &source{file: file, wakeR: r, wakeW: w}, nil
}

// wake ends the read that runs, or else the next one. Safe for concurrent use.
func (s *source) wake() {
	if !s.woken.Swap(true) {
		_, _ = s.wakeW.Write([]byte{0}) // there is room for one byte
	}
}

// read waits for what the file has: 0 and no error when it was woken.
func (s *source) read(p []byte) (int, error) {
	fds := []unix.PollFd{
		{Fd: int32(s.wakeR.Fd()), Events: unix.POLLIN},
		{Fd: int32(s.file.Fd()), Events: unix.POLLIN},
	}
	if _, err := unix.Poll(fds, -1); err != nil {
		return 0, ignoreInterrupted(err)
	}
	if fds[0].Revents != 0 {
		var b [1]byte
		s.woken.Store(false)
		_, err := s.wakeR.Read(b[:])
		return 0, err
	}
	if fds[1].Revents == 0 {
		return 0, nil
	}
	n, err := unix.Read(int(s.file.Fd()), p)
	switch {
	case err != nil:
		return 0, ignoreInterrupted(err)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// ignoreInterrupted gives nil for what goes away when one tries again.
func ignoreInterrupted(err error) error {
	if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
		return nil
	}
	return err
}

// close frees what the source holds. Nothing may read any more.
func (s *source) close() {
	_ = s.wakeR.Close()
	_ = s.wakeW.Close()
}
