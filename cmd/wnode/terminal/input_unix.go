//go:build unix

package terminal

import (
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// input reads a file such that a read can be woken: by what is injected, which comes before what
// the file has, and by its end. It reads the file only while someone reads it.
type input struct {
	file         *os.File
	wakeR, wakeW *os.File // a pipe: one byte stands for "look again"

	mu       sync.Mutex // guards all below
	injected []byte
	closed   bool
	paste    paste
	ready    []byte // read from the file and not yet given
}

func openInput(file *os.File) (*input, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &input{file: file, wakeR: r, wakeW: w}, nil
}

// inject puts text before what the file has. Safe for concurrent use.
func (in *input) inject(text string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.injected = append(in.injected, text...)
	in.wakeLocked()
}

func (in *input) wakeLocked() { _, _ = in.wakeW.Write([]byte{0}) }

// Read gives what was injected, else waits for what the file has. [io.EOF] after close.
func (in *input) Read(p []byte) (int, error) {
	for {
		if n, err := in.take(p); n > 0 || err != nil {
			return n, err
		}
		if err := in.fill(); err != nil {
			return 0, err
		}
	}
}

// take gives what is there.
func (in *input) take(p []byte) (int, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.injected) > 0 {
		n := copy(p, in.injected)
		in.injected = in.injected[n:]
		return n, nil
	}
	if in.closed {
		return 0, io.EOF
	}
	n := copy(p, in.ready)
	in.ready = in.ready[n:]
	return n, nil
}

// fill waits until there is more to take.
func (in *input) fill() error {
	fds := []unix.PollFd{
		{Fd: int32(in.wakeR.Fd()), Events: unix.POLLIN},
		{Fd: int32(in.file.Fd()), Events: unix.POLLIN},
	}
	if _, err := unix.Poll(fds, -1); err != nil {
		if errors.Is(err, unix.EINTR) {
			return nil
		}
		return err
	}
	var buf [4096]byte
	if fds[0].Revents != 0 {
		_, err := in.wakeR.Read(buf[:])
		return err
	}
	if fds[1].Revents == 0 {
		return nil
	}
	n, err := unix.Read(int(in.file.Fd()), buf[:])
	switch {
	case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		return nil
	case err != nil:
		return err
	case n == 0:
		return io.EOF
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ready = in.paste.filter(in.ready, buf[:n])
	return nil
}

// close makes Read give io.EOF. Safe for concurrent use.
func (in *input) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	in.wakeLocked()
}

// release frees what the input holds. Nothing may read any more.
func (in *input) release() {
	_ = in.wakeR.Close()
	_ = in.wakeW.Close()
}
