package ship

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/wnode/wnode/abi"
)

// Sink takes in modules. Create is called once per transfer, when the size is known; its errors end
// the transfer.
type Sink interface {
	Create(hash abi.Hash, size int64) (Writer, error)
}

// SinkFunc is a [Sink] that consists of its Create.
type SinkFunc func(hash abi.Hash, size int64) (Writer, error)

// Create calls f.
func (f SinkFunc) Create(hash abi.Hash, size int64) (Writer, error) { return f(hash, size) }

// Writer takes in one module. Either Commit or Abort is called, once and last: Commit when size
// bytes with the right hash were written, Abort in all other cases.
type Writer interface {
	io.Writer
	Commit() error
	Abort()
}

// FetchOptions bounds and watches a [Fetch].
type FetchOptions struct {
	// MaxModuleBytes is the largest module to take. 0 means DefaultMaxModuleBytes.
	MaxModuleBytes int64
	// Progress, when set, is called between writes with the bytes of the module so far and in all.
	Progress func(done, total int64)
}

// Fetch asks the other end of s for the module with the hash and writes it to sink. It closes s. When it
// returns nil the sink has committed the module; otherwise nothing was committed.
//
// Errors: [ErrNotFound], [ErrTooLarge], [ErrBusy], [ErrFailed], [ErrTruncated], [ErrFalseContent]; a
// [*wire.ProtocolError] for an answer that is none; the cause of ctx when it ended; those of s and sink.
func Fetch(ctx context.Context, s Stream, hash abi.Hash, sink Sink, o FetchOptions) error {
	if o.MaxModuleBytes == 0 {
		o.MaxModuleBytes = DefaultMaxModuleBytes
	}
	var w Writer
	err := within(ctx, s, func() (err error) {
		w, err = receive(s, hash, sink, o)
		return err
	})
	if err != nil {
		if w != nil {
			w.Abort()
		}
		return fmt.Errorf("fetch module %s: %w", hash.Short(), err)
	}
	_ = s.Close() // all that was asked for is here
	if err := w.Commit(); err != nil {
		return fmt.Errorf("fetch module %s: commit: %w", hash.Short(), err)
	}
	return nil
}

// receive gives the Writer, also with an error once there is one: it is to be aborted then.
func receive(s Stream, hash abi.Hash, sink Sink, o FetchOptions) (Writer, error) {
	q := request{hash: hash, limit: uint64(o.MaxModuleBytes)}
	if _, err := s.Write(q.append(nil)); err != nil {
		return nil, fmt.Errorf("send request: %w", err)
	}
	a, err := readAnswer(s)
	if err != nil {
		return nil, err
	}
	if err := a.err(); err != nil {
		return nil, err
	}
	if a.size > q.limit {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, a.size, q.limit)
	}
	size := int64(a.size)
	w, err := sink.Create(hash, size)
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	return w, receiveBody(w, s, hash, size, o.Progress)
}

// receiveBody copies the decompressed body to w and checks its size and hash.
func receiveBody(w Writer, s io.Reader, hash abi.Hash, size int64, progress func(done, total int64)) error {
	src := &source{r: s, left: maxCompressed(size)}
	zr, err := zstd.NewReader(src,
		zstd.WithDecoderConcurrency(1), // on this goroutine
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(MaxWindowBytes))
	if err != nil {
		return fmt.Errorf("start decompression: %w", err)
	}
	defer zr.Close()

	sum := sha256.New()
	buf := make([]byte, min(size+1, chunkBytes))
	for done := int64(0); ; {
		n, err := zr.Read(buf)
		if int64(n) > size-done {
			return fmt.Errorf("%w: more than the %d bytes announced", ErrFalseContent, size)
		}
		if n > 0 {
			sum.Write(buf[:n])
			if _, err := w.Write(buf[:n]); err != nil {
				return fmt.Errorf("write: %w", err)
			}
			done += int64(n)
			if progress != nil {
				progress(done, size)
			}
		}
		if err == io.EOF && done == size {
			break
		}
		if err != nil {
			return src.why(err)
		}
	}
	if got := abi.Hash(sum.Sum(nil)); got != hash {
		return fmt.Errorf("%w: its hash is %s", ErrFalseContent, got.Short())
	}
	return nil
}

// maxCompressed is more than any encoder needs for size bytes: three bytes a block of up to 128 KiB, and a frame header.
func maxCompressed(size int64) int64 { return size + size/128 + 4096 }

var errTooLong = fmt.Errorf("%w: the compressed body is too long", ErrFalseContent)

// source bounds the compressed body, and keeps the errors of the stream apart from those of the decompressor.
type source struct {
	r    io.Reader
	left int64
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	// One byte past the bound tells a body that is too long from one that fits exactly.
	p = p[:min(int64(len(p)), s.left+1)]
	n, err := s.r.Read(p)
	s.left -= int64(n)
	if s.left < 0 {
		n, err = 0, errTooLong
	}
	s.err = err
	return n, err
}

// why gives the error of the stream if it has failed, and else says what the decompressor's means.
func (s *source) why(err error) error {
	switch {
	case s.err != nil && s.err != io.EOF:
		return fmt.Errorf("read body: %w", s.err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrTruncated
	}
	return fmt.Errorf("%w: %w", ErrFalseContent, err)
}
