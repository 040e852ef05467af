package io

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"syscall"

	"github.com/wnode/wnode/abi"
)

// Device is what a [Server] serves. Write and Read are each called by one goroutine at a time, and
// may run together.
type Device interface {
	// Write writes the output of one request. It must not keep data.
	io.Writer
	// Read waits for input and puts it into buf, at least one byte. It returns [io.EOF] at the end
	// of the input, [abi.ErrInterrupted] when the user broke it off, and any error soon after ctx
	// has ended; input that comes later is for the next Read.
	Read(ctx context.Context, buf []byte) (n int, err error)
	// Close ends the device. It is called once, perhaps during a Write, which it makes return if it can.
	Close() error
}

// Prompter is a [Device] with one prompt, which belongs to the read that gets the next input.
// To other devices a prompt is output.
type Prompter interface {
	// SetPrompt sets the prompt of the next Read, and of the one in progress, if there is one.
	SetPrompt(prompt string)
}

// ErrorWriter is a [Device] that keeps diagnostics apart from output. Other devices write both alike.
type ErrorWriter interface {
	// WriteError is Write for diagnostics.
	WriteError(data []byte) (int, error)
}

// Sizer is a [Device] with a geometry.
type Sizer interface {
	// Size gives the size in characters; an error says that there is none.
	Size() (columns, rows int, err error)
}

// Echoer is a [Device] that shows what is typed.
type Echoer interface {
	// SetEcho turns that on or off; an error says that it cannot.
	SetEcho(on bool) error
}

// errorReason names an error of a device in the words of the protocol.
func errorReason(err error) string {
	for _, known := range []struct {
		err    error
		reason string
	}{
		{abi.ErrInterrupted, "interrupted"},
		{abi.ErrLimit, "enospc"},
		{syscall.ENOSPC, "enospc"},
		{syscall.EBADF, "ebadf"},
		{syscall.EPIPE, "epipe"},
		{io.ErrClosedPipe, "epipe"},
		{fs.ErrClosed, "terminated"},
	} {
		if errors.Is(err, known.err) {
			return known.reason
		}
	}
	return "eio"
}
