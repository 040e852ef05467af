package ship

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/wnode/wnode/abi"
)

// Sink takes in modules.
type Sink interface {
	// Open starts to take in a module, or goes on where an earlier transfer of it stopped. Its errors, and those of
	// the Writer, end the transfer.
	Open(hash abi.Hash) (Writer, error)
}

// SinkFunc is a [Sink] that consists of its Open.
type SinkFunc func(hash abi.Hash) (Writer, error)

// Open calls f.
func (f SinkFunc) Open(hash abi.Hash) (Writer, error) { return f(hash) }

// Writer takes in one module. Commit, Suspend or Abort is called once and last: Commit when all of it was written,
// Abort for what is not the module or could not be written, and Suspend in all other cases.
type Writer interface {
	// Have is how many bytes of the module are here from earlier.
	Have() int64
	// Begin is called once, before Write, when the size is known. offset is what Have gives, or 0: then what was here
	// is of no use.
	Begin(size, offset int64) error
	io.Writer
	// Commit keeps the module if the hash of all of it, with what was here from earlier, is the right one, and is an
	// [ErrFalseContent] if not.
	Commit() error
	// Suspend keeps what was written for a later transfer.
	Suspend()
	Abort()
}

// FetchOptions says how a [Fetch] talks, and bounds and watches it.
type FetchOptions struct {
	// Form is what the other end of the stream understands.
	Form Form
	// MaxModuleBytes is the largest module to take. 0 means DefaultMaxModuleBytes.
	MaxModuleBytes int64
	// MaxWait is how long the other node may let this one wait for its turn in all, and MaxIdle how long nothing may move
	// meanwhile, as it says. 0 means for ever.
	MaxWait, MaxIdle time.Duration
	// Hurry is for a node that is not the only one to have the module. It is given up with [ErrSlow] when nothing comes
	// from it for some seconds, or less than 16 KiB of the compressed module in 30 seconds, and with [ErrBusy] when it
	// says for some seconds that nothing moves.
	Hurry bool
	// Placed, when set, is called when the other node begins to send the module, and whenever it promises to; idle is
	// how long nothing of the module has moved on its way, and every how often that is known.
	Placed func(idle, every time.Duration)
	// Moved, when set, is called when something of the module comes, ten times a second at most.
	Moved func()
	// Progress, when set, is called between writes with the bytes of the module so far and in all.
	Progress func(done, total int64)
}

// Received says what a [Fetch] has brought, in bytes of the module.
type Received struct {
	Offset int64 // what was here before
	Bytes  int64 // what came
}

// sinkError is one of the Sink, which no other node can mend.
type sinkError struct{ err error }

func (e *sinkError) Error() string { return e.err.Error() }
func (e *sinkError) Unwrap() error { return e.err }

// Fetch asks the other end of s for the module with the hash, as far as sink lacks it, and writes it to sink. It
// closes s. When it returns nil the sink has committed the module; otherwise nothing was committed, and the sink
// has kept what came if it may be of use.
//
// Errors: [ErrNotFound], [ErrTooLarge], [ErrBusy], as a [*BusyError] unless it has waited, [ErrFailed], [ErrTruncated], [ErrSlow], [ErrFalseContent]; a
// [*wire.ProtocolError] for an answer that is none; the cause of ctx when it ended; those of s and sink.
func Fetch(ctx context.Context, s Stream, hash abi.Hash, sink Sink, o FetchOptions) (Received, error) {
	if o.MaxModuleBytes == 0 {
		o.MaxModuleBytes = DefaultMaxModuleBytes
	}
	w, err := sink.Open(hash)
	if err != nil {
		abort(s)
		return Received{}, fmt.Errorf("fetch module %s: %w", hash.Short(), &sinkError{err})
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f := fetching{s: s, r: hasty{Reader: s, end: cancel}, w: w, hash: hash, o: o}
	err = within(ctx, s, f.receive)
	switch {
	case err == nil:
		_ = s.Close() // all that was asked for is here
		if err = w.Commit(); err != nil && !errors.Is(err, ErrFalseContent) {
			err = &sinkError{fmt.Errorf("commit: %w", err)}
		}
	case errors.Is(err, ErrFalseContent) || f.unwritten: // or the disk may be full
		w.Abort()
	default:
		w.Suspend()
	}
	if err != nil {
		err = fmt.Errorf("fetch module %s: %w", hash.Short(), err)
	}
	return f.got, err
}

// fetching is one Fetch.
type fetching struct {
	s    io.Writer
	r    hasty
	w    Writer
	hash abi.Hash
	o    FetchOptions
	got  Received

	unwritten bool // the Writer has failed
}

func (f *fetching) receive() error {
	q := request{hash: f.hash, limit: uint64(f.o.MaxModuleBytes)}
	if f.o.Form == FormMaps {
		q.offset = uint64(f.w.Have())
	}
	if _, err := f.s.Write(q.append(nil, f.o.Form)); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	a, err := f.answer()
	if err != nil {
		return err
	}
	if a.size > q.limit {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, a.size, q.limit)
	}
	if a.offset != 0 && a.offset != q.offset {
		return malformed(f.o.Form, "read answer", fmt.Errorf("from byte %d on, not %d", a.offset, q.offset))
	}
	if err := f.w.Begin(int64(a.size), int64(a.offset)); err != nil {
		return &sinkError{fmt.Errorf("create: %w", err)}
	}
	f.got.Offset = int64(a.offset)
	return f.body(int64(a.size))
}

// errWaited means that this node has waited for its turn for too long.
var errWaited = fmt.Errorf("%w, and they take too long", ErrBusy)

// maxIdle is more seconds than anybody waits.
const maxIdle = 1 << 20

// stillTime is how long nothing may move of a transfer when others can send the module, or want to have it.
const stillTime = 5 * time.Second

// answer waits for the answer that is the last, unless that takes too long.
func (f *fetching) answer() (answer, error) {
	if f.o.Hurry {
		f.r.patience = stillTime
	}
	for begun := time.Now(); ; {
		a, err := readAnswer(&f.r, f.o.Form)
		if err != nil {
			return a, err
		}
		waits := f.o.Form == FormMaps && a.status == statusWait
		if !waits {
			err = a.err(f.o.Form)
		}
		if err != nil {
			return a, err
		}
		idle, every := a.waiting()
		if f.o.Placed != nil {
			f.o.Placed(idle, every)
		}
		if !waits {
			return a, nil
		}
		if f.o.Hurry { // with two words that may be late
			f.r.patience = stillTime + 2*(every-waitPeriod)
		}
		if f.o.MaxWait != 0 && time.Since(begun) > f.o.MaxWait || f.standsStill(idle, every) {
			return a, errWaited
		}
	}
}

// waiting gives how long nothing has moved, and how often that is known.
func (a answer) waiting() (idle, every time.Duration) {
	if a.status != statusWait {
		return 0, waitPeriod
	}
	if a.every == 0 || a.every > oldEvery {
		a.every = oldEvery
	}
	return time.Duration(min(a.idle, maxIdle)) * time.Second, time.Duration(a.every) * time.Second
}

// standsStill reports whether nothing has moved for too long. What is known rarely is old when it is heard.
func (f *fetching) standsStill(idle, every time.Duration) bool {
	return f.o.MaxIdle != 0 && idle > f.o.MaxIdle || f.o.Hurry && idle >= stillTime+3*(every-waitPeriod)
}

// body copies the decompressed body to the Writer and checks its size.
func (f *fetching) body(size int64) error {
	defer keepingBusy(size)()
	done := f.got.Offset
	src := &source{r: &f.r, left: maxCompressed(size - done), pace: pace{hurry: f.o.Hurry}, moved: f.o.Moved}
	if f.o.Hurry {
		f.r.patience = stillTime
	}
	zr, err := zstd.NewReader(src,
		zstd.WithDecoderConcurrency(1), // on this goroutine
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(MaxWindowBytes))
	if err != nil {
		return fmt.Errorf("start decompression: %w", err)
	}
	defer zr.Close()

	buf := make([]byte, min(size-done+1, chunkBytes))
	for {
		n, err := zr.Read(buf)
		if int64(n) > size-done {
			return fmt.Errorf("%w: more than the %d bytes announced", ErrFalseContent, size)
		}
		if n > 0 {
			if _, err := f.w.Write(buf[:n]); err != nil {
				f.unwritten = true
				return &sinkError{fmt.Errorf("write: %w", err)}
			}
			done += int64(n)
			f.got.Bytes += int64(n)
			if f.o.Progress != nil {
				f.o.Progress(done, size)
			}
		}
		if err == io.EOF && done == size {
			return nil
		}
		if err != nil {
			return src.why(err)
		}
	}
}

// The least that has to come, and in which time, where somebody else may be quicker.
const (
	paceBytes = 16 << 10
	paceTime  = 30 * time.Second
)

// pace watches how much comes in the time that is spent on reading: this node may be slow itself.
type pace struct {
	hurry bool
	spent time.Duration
	bytes int
}

// keeps reports whether enough comes, n bytes more in the time that took.
func (p *pace) keeps(n int, took time.Duration) bool {
	p.bytes += n
	p.spent += took
	if p.bytes >= paceBytes {
		*p = pace{hurry: p.hurry}
	}
	return !p.hurry || p.spent < paceTime
}

// hasty reads from a stream, and ends the transfer with [ErrSlow] when a Read takes longer than patience.
type hasty struct {
	io.Reader
	end      func(error)
	patience time.Duration // 0 is for ever
	timer    *time.Timer
}

func (h *hasty) Read(p []byte) (int, error) {
	if h.patience == 0 {
		return h.Reader.Read(p)
	}
	if h.timer == nil {
		h.timer = time.AfterFunc(h.patience, func() { h.end(ErrSlow) })
	} else {
		h.timer.Reset(h.patience)
	}
	defer h.timer.Stop()
	return h.Reader.Read(p)
}

// Has asks the other end of s whether it has the module with the hash, and closes s. receiving says that it does
// not, but will. The other end has to understand [FormMaps]. Errors are those of [Fetch].
func Has(ctx context.Context, s Stream, hash abi.Hash) (has, receiving bool, err error) {
	a, err := asks(ctx, s, request{hash: hash, ask: true})
	if err != nil {
		return false, false, fmt.Errorf("ask for module %s: %w", hash.Short(), err)
	}
	return a.status == statusOK, a.status == statusWait, nil
}

// maxCompressed is more than any encoder needs for size bytes: three bytes a block of up to 128 KiB, and a frame header.
func maxCompressed(size int64) int64 { return size + size/128 + 4096 }

var errTooLong = fmt.Errorf("%w: the compressed body is too long", ErrFalseContent)

// source bounds the compressed body, and keeps the errors of the stream apart from those of the decompressor.
type source struct {
	r     io.Reader
	left  int64
	pace  pace
	moved func()    // nil: nobody wants to know
	told  time.Time // when moved was called last
	err   error
}

// movedPeriod is how often it is told at most that something has come.
const movedPeriod = 100 * time.Millisecond

func (s *source) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	// One byte past the bound tells a body that is too long from one that fits exactly.
	p = p[:min(int64(len(p)), s.left+1)]
	begun := time.Now()
	n, err := s.r.Read(p)
	s.left -= int64(n)
	now := time.Now()
	if s.moved != nil && n > 0 && now.Sub(s.told) >= movedPeriod {
		s.told = now
		s.moved()
	}
	switch {
	case s.left < 0:
		n, err = 0, errTooLong
	case err == nil && !s.pace.keeps(n, now.Sub(begun)):
		err = ErrSlow
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
