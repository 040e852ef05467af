package ship

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/wnode/wnode/abi"
)

// DefaultMaxTransfers is how many modules a [Server] sends at a time when nothing else is said.
const DefaultMaxTransfers = 8

// sendWindowBytes is the window that is compressed with: the gain beyond it is small, the memory is not.
const sendWindowBytes = 1 << 20

// Source gives out modules.
type Source interface {
	// Open gives the bytes of a module and their number. The caller closes the reader. The error
	// is an [abi.ErrNoModule] when there is no such module.
	Open(hash abi.Hash) (content io.ReadCloser, size int64, err error)
}

// ServerOptions bounds a [Server].
type ServerOptions struct {
	// MaxModuleBytes is the largest module to send. 0 means DefaultMaxModuleBytes.
	MaxModuleBytes int64
	// MaxTransfers is how many modules are sent at a time; further requests are answered busy. 0
	// means DefaultMaxTransfers.
	MaxTransfers int
}

// Server answers requests for modules. It is safe for concurrent use.
type Server struct {
	source   Source
	opts     ServerOptions
	slots    chan struct{}
	encoders sync.Pool // of *zstd.Encoder
}

// NewServer gives a server of the modules of source.
func NewServer(source Source, o ServerOptions) *Server {
	if o.MaxModuleBytes == 0 {
		o.MaxModuleBytes = DefaultMaxModuleBytes
	}
	if o.MaxTransfers == 0 {
		o.MaxTransfers = DefaultMaxTransfers
	}
	return &Server{source: source, opts: o, slots: make(chan struct{}, o.MaxTransfers)}
}

// Serve answers the one request that arrives on s, and closes s. Answers that there is no such
// module, that it is too large, or that the server is busy are no errors; what keeps the source from
// opening a module is told to the requester without its text, and is an error here. A requester that
// goes silent is for ctx to end; its cause is the error then.
func (v *Server) Serve(ctx context.Context, s Stream) error {
	var openErr error
	err := within(ctx, s, func() error {
		q, err := readRequest(s)
		if err != nil {
			return err
		}
		openErr, err = v.answer(s, q)
		return err
	})
	if err == nil {
		err = s.Close()
	}
	if err = errors.Join(openErr, err); err != nil {
		return fmt.Errorf("serve module: %w", err)
	}
	return nil
}

// answer gives the error of the source, which has been answered, apart from that of the transfer.
func (v *Server) answer(s io.Writer, q request) (openErr, err error) {
	select {
	case v.slots <- struct{}{}:
		defer func() { <-v.slots }()
	default:
		return nil, send(s, answer{status: statusBusy})
	}
	content, size, err := v.source.Open(q.hash)
	if errors.Is(err, abi.ErrNoModule) {
		return nil, send(s, answer{status: statusNotFound})
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", q.hash.Short(), err), send(s, answer{status: statusFailed})
	}
	defer content.Close()
	if size > v.opts.MaxModuleBytes || uint64(size) > q.limit {
		return nil, send(s, answer{status: statusTooLarge, size: uint64(size)})
	}
	if err := send(s, answer{status: statusOK, size: uint64(size)}); err != nil {
		return nil, err
	}
	if err := v.sendBody(s, content, size); err != nil {
		return nil, fmt.Errorf("send %s: %w", q.hash.Short(), err)
	}
	return nil, nil
}

func send(s io.Writer, a answer) error {
	if _, err := s.Write(a.append(nil)); err != nil {
		return fmt.Errorf("send answer: %w", err)
	}
	return nil
}

func (v *Server) sendBody(s io.Writer, content io.Reader, size int64) error {
	enc, err := v.encoder(s)
	if err != nil {
		return err
	}
	defer v.release(enc)
	if n, err := io.CopyN(enc, content, size); err != nil {
		return fmt.Errorf("after %d of %d bytes: %w", n, size, err)
	}
	return enc.Close()
}

func (v *Server) encoder(w io.Writer) (*zstd.Encoder, error) {
	if enc, ok := v.encoders.Get().(*zstd.Encoder); ok {
		enc.Reset(w)
		return enc, nil
	}
	enc, err := zstd.NewWriter(w,
		zstd.WithEncoderConcurrency(1), // on the caller's goroutine
		zstd.WithLowerEncoderMem(true),
		zstd.WithWindowSize(sendWindowBytes),
		zstd.WithZeroFrames(true),  // an empty module has a frame too
		zstd.WithEncoderCRC(false)) // the hash says more
	if err != nil {
		return nil, fmt.Errorf("start compression: %w", err)
	}
	return enc, nil
}

func (v *Server) release(enc *zstd.Encoder) {
	enc.Reset(nil) // lets go of the stream
	v.encoders.Put(enc)
}
