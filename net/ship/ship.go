package ship

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/wire"
)

// DefaultMaxModuleBytes is how large a module may be when nothing else is said.
const DefaultMaxModuleBytes = 64 << 20

// MaxWindowBytes bounds the window of the compressed body, and with it the memory that reading takes.
const MaxWindowBytes = 4 << 20

// chunkBytes is how much is read and written at a time.
const chunkBytes = 64 << 10

// Why a transfer failed. Errors of the stream, of the [Source] and of the [Sink] are wrapped as
// they are; so is the cause of a context that ended.
var (
	// ErrNotFound means that the other node does not have the module. It is an [abi.ErrNoModule].
	ErrNotFound = fmt.Errorf("the other node does not have it: %w", abi.ErrNoModule)
	// ErrTooLarge means that the module is larger than the limit of either side. It is an [abi.ErrTooLarge].
	ErrTooLarge = fmt.Errorf("module %w", abi.ErrTooLarge)
	// ErrBusy means that the other node has as many transfers as it allows. Another try may succeed.
	ErrBusy = errors.New("the other node is busy with other transfers")
	// ErrFailed means that the other node could not read the module.
	ErrFailed = errors.New("the other node failed to read it")
	// ErrTruncated means that the stream ended before the module did.
	ErrTruncated = errors.New("module transfer cut short")
	// ErrFalseContent means that the other node sent something that is not the module.
	ErrFalseContent = errors.New("false module content")
)

// status is the first byte of an answer. The numbers are part of the wire format.
type status uint8

const (
	statusOK       status = 0
	statusNotFound status = 1
	statusTooLarge status = 2
	statusBusy     status = 3
	statusFailed   status = 4
)

const (
	requestSize = abi.HashSize + 8
	answerSize  = 1 + 8
)

// request asks for one module.
type request struct {
	hash  abi.Hash
	limit uint64
}

func (q request) append(b []byte) []byte {
	b = append(b, q.hash[:]...)
	return binary.LittleEndian.AppendUint64(b, q.limit)
}

func readRequest(r io.Reader) (request, error) {
	var b [requestSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return request{}, fmt.Errorf("read request: %w", cutShort(err))
	}
	return request{abi.Hash(b[:abi.HashSize]), binary.LittleEndian.Uint64(b[abi.HashSize:])}, nil
}

// answer is what comes before the body.
type answer struct {
	status status
	size   uint64
}

func (a answer) append(b []byte) []byte {
	return binary.LittleEndian.AppendUint64(append(b, byte(a.status)), a.size)
}

func readAnswer(r io.Reader) (answer, error) {
	var b [answerSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return answer{}, fmt.Errorf("read answer: %w", cutShort(err))
	}
	return answer{status(b[0]), binary.LittleEndian.Uint64(b[1:])}, nil
}

// err gives what a status other than ok means to the requester.
func (a answer) err() error {
	switch a.status {
	case statusOK:
		return nil
	case statusNotFound:
		return ErrNotFound
	case statusTooLarge:
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, a.size)
	case statusBusy:
		return ErrBusy
	case statusFailed:
		return ErrFailed
	}
	return &wire.ProtocolError{
		Stream: wire.StreamModule,
		Doing:  "read answer",
		Err:    fmt.Errorf("%w: status %d", wire.ErrMalformed, a.status),
	}
}

// cutShort gives the end of a stream its name here.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return err
}

// Stream is what a transfer runs over: each Fetch and Serve has one of its own and closes it.
//
// Close sends what was written, ends both directions and unblocks a Read. Where it may not be called
// beside a Write, or where a stream that is given up should not look like one that has ended in good
// order, the Stream also has a method Abort(), which ends both directions at once and may be
// called at any time, more than once and together with anything else; it is then called in place of
// Close when the context ends or the transfer has failed.
type Stream = io.ReadWriteCloser

// abort gives up on a stream.
func abort(s Stream) {
	if a, ok := s.(interface{ Abort() }); ok {
		a.Abort()
		return
	}
	_ = s.Close() // the transfer has failed already, for a better reason
}

// within runs a transfer over s until ctx ends, which makes its reads and writes fail. It gives up
// on s when the transfer fails, and leaves it open otherwise.
func within(ctx context.Context, s Stream, transfer func() error) error {
	aborted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(aborted)
		abort(s)
	})
	err := transfer()
	if !stop() {
		<-aborted
		return context.Cause(ctx)
	}
	if err != nil {
		abort(s)
	}
	return err
}
