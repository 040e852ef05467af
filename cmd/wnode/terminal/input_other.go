//go:build !unix

package terminal

import (
	"io"
	"os"
	"sync"
)

// input reads a file such that a read can be woken: by what is injected, which comes before what
// the file has, and by its end. The file itself cannot be woken: the goroutine that reads it ends
// with the next key after close.
type input struct {
	file *os.File
	wake chan struct{} // holds a token that stands for "look again"

	mu       sync.Mutex // guards all below
	injected []byte
	closed   bool
	reading  bool // a goroutine reads the file
	paste    paste
	ready    []byte // read from the file and not yet given
	err      error  // of the file
}

func openInput(file *os.File) (*input, error) {
	return &input{file: file, wake: make(chan struct{}, 1)}, nil
}

// inject puts text before what the file has. Safe for concurrent use.
func (in *input) inject(text string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.injected = append(in.injected, text...)
	in.wakeLocked()
}

func (in *input) wakeLocked() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// Read gives what was injected, else waits for what the file has. [io.EOF] after close.
func (in *input) Read(p []byte) (int, error) {
	for {
		if n, err := in.take(p); n > 0 || err != nil {
			return n, err
		}
		<-in.wake
	}
}

// take gives what is there, and has the file read when that is nothing.
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
	if len(in.ready) > 0 {
		n := copy(p, in.ready)
		in.ready = in.ready[n:]
		return n, nil
	}
	if in.err == nil && !in.reading {
		in.reading = true
		go in.fill()
	}
	return 0, in.err
}

// fill reads the file once.
func (in *input) fill() {
	var buf [4096]byte
	n, err := in.file.Read(buf[:])
	in.mu.Lock()
	defer in.mu.Unlock()
	in.reading, in.err = false, err
	in.ready = in.paste.filter(in.ready, buf[:n])
	in.wakeLocked()
}

// close makes Read give io.EOF. Safe for concurrent use.
func (in *input) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	in.wakeLocked()
}

// release frees what the input holds.
func (in *input) release() {}
