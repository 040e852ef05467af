package ship

import (
	"context"
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

// Form is how the two sides of a transfer talk to each other.
type Form uint8

// The forms.
const (
	// FormFixed is that of streams of the kind [wire.StreamModule], which every node understands: a module is
	// sent as a whole.
	FormFixed Form = iota
	// FormMaps is that of streams of the kind [wire.StreamTransfer], for nodes with [wire.FeatureTransfer]: a
	// module can be sent from some byte on, there is a queue for it, and who is busy names others that may have it.
	FormMaps
)

// stream is the kind of the streams on which a form is spoken.
func (f Form) stream() wire.StreamKind {
	if f == FormMaps {
		return wire.StreamTransfer
	}
	return wire.StreamModule
}

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
	// ErrSlow means that far too little of the module came for too long, while others might have it.
	ErrSlow = errors.New("the other node sends too slowly")
	// ErrFalseContent means that the other node sent something that is not the module.
	ErrFalseContent = errors.New("false module content")
	// ErrGaveWay means that a transfer stood still, or took more than its share, and was ended for one that waited.
	ErrGaveWay = errors.New("the transfer gave way to one that waited")
)

// BusyError is an [ErrBusy] of a node that names others which have the module, or are about to.
type BusyError struct {
	Nodes []abi.NodeID // at most MaxNodes
}

// Error says the same whoever is named.
func (e *BusyError) Error() string { return ErrBusy.Error() }

// Unwrap gives [ErrBusy].
func (e *BusyError) Unwrap() error { return ErrBusy }

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
