package io

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"
)

// StreamOptions are the parameters of [NewStream].
type StreamOptions struct {
	// Output is written to. nil: output is the error "ebadf".
	Output io.Writer
	// Errors is where diagnostics go. nil: to Output.
	Errors io.Writer
	// Input is read. nil: every read is at the end of the file.
	Input io.Reader
	// Owned says that closing the stream closes the three, where they are [io.Closer]s.
	Owned bool
}

// Stream is a [Device] over a writer and a reader: files, pipes, sockets, a program's standard streams.
//
// # Reads that cannot be broken off
//
// A read is broken off by a deadline, where the input has any: sockets, and files that the runtime
// polls. Any other input is read on a goroutine of the stream's, at most one, that can be left
// waiting: its result is for the next read. Closing a stream that is [StreamOptions.Owned] closes
// the input and waits for that goroutine, unless the input is an [os.File]: to close one does not
// end a read of a terminal, nor of most programs' standard input. That goroutine then ends with its
// read, at the latest with the program, and nothing waits for it.
type Stream struct {
	opts     StreamOptions
	deadline deadliner // nil: the input has none

	// For an input without deadline. The fields up to mu are Read's own.
	reading bool              // a result is still to come
	rest    []byte            // of a result, for the next Read
	results chan streamResult // capacity 1

	mu     sync.Mutex // guards all below
	closed bool
	ended  chan struct{} // closed when the goroutine of the last read has returned
}

type deadliner interface{ SetReadDeadline(time.Time) error }

type streamResult struct {
	data []byte
	err  error
}

// NewStream makes a stream. It does not read before it is asked to.
func NewStream(opts StreamOptions) *Stream {
	s := &Stream{opts: opts, results: make(chan streamResult, 1)}
	if d, ok := opts.Input.(deadliner); ok && d.SetReadDeadline(time.Time{}) == nil {
		s.deadline = d
	}
	return s
}

// Write writes to the output.
func (s *Stream) Write(data []byte) (int, error) {
	if s.opts.Output == nil {
		return 0, syscall.EBADF // IO-24
	}
	return s.opts.Output.Write(data)
}

// WriteError writes to where diagnostics go.
func (s *Stream) WriteError(data []byte) (int, error) {
	if s.opts.Errors == nil {
		return s.Write(data)
	}
	return s.opts.Errors.Write(data)
}

// Read reads the input.
func (s *Stream) Read(ctx context.Context, buf []byte) (int, error) {
	switch {
	case s.opts.Input == nil:
		return 0, io.EOF
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case s.deadline != nil:
		return s.readUntil(ctx, buf)
	default:
		return s.readApart(ctx, buf)
	}
}

// readUntil reads with a deadline that comes when ctx ends.
func (s *Stream) readUntil(ctx context.Context, buf []byte) (int, error) {
	if err := s.deadline.SetReadDeadline(time.Time{}); err != nil {
		return 0, err
	}
	set := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(set)
		_ = s.deadline.SetReadDeadline(time.Unix(1, 0)) // fails when the input is closed, and then there is no read
	})
	n, err := s.opts.Input.Read(buf)
	if !stop() {
		<-set // or it would hit the next read
	}
	return n, err
}

// readApart waits for a read on another goroutine.
func (s *Stream) readApart(ctx context.Context, buf []byte) (int, error) {
	if len(s.rest) == 0 {
		if !s.reading {
			if err := s.startRead(len(buf)); err != nil {
				return 0, err
			}
		}
		select {
		case result := <-s.results:
			s.reading = false
			if len(result.data) == 0 {
				return 0, result.err
			}
			s.rest = result.data
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	n := copy(buf, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// startRead starts the goroutine of a read, unless the stream is closed.
func (s *Stream) startRead(size int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fs.ErrClosed
	}
	s.reading = true
	ended := make(chan struct{})
	s.ended = ended
	go func() {
		defer close(ended)
		buf := make([]byte, size)
		n, err := s.opts.Input.Read(buf)
		s.results <- streamResult{data: buf[:n], err: err}
	}()
	return nil
}

// Close closes what the stream owns, and reports what that fails with. An output that is the input
// too is closed twice.
func (s *Stream) Close() error {
	s.mu.Lock()
	s.closed = true
	ended := s.ended
	s.mu.Unlock()
	if !s.opts.Owned {
		return nil
	}
	var failed []error
	if input, ok := s.opts.Input.(io.Closer); ok {
		failed = append(failed, input.Close())
		if _, file := input.(*os.File); !file && ended != nil {
			<-ended
		}
	}
	for _, w := range []io.Writer{s.opts.Output, s.opts.Errors} {
		if output, ok := w.(io.Closer); ok {
			failed = append(failed, output.Close())
		}
	}
	return errors.Join(failed...)
}
