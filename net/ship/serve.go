package ship

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/wnode/wnode/abi"
)

// sendWindowBytes is the window that is compressed with: the gain beyond it is small, the memory is not.
const sendWindowBytes = 1 << 20

// Source gives out modules. Its methods may be called concurrently.
type Source interface {
	// Has reports whether the module is here.
	Has(hash abi.Hash) bool
	// Open gives the bytes of a module and their number. The caller closes the reader. The error
	// is an [abi.ErrNoModule] when there is no such module.
	Open(hash abi.Hash) (content io.ReadSeekCloser, size int64, err error)
}

// ServerOptions bounds a [Server].
type ServerOptions struct {
	// MaxModuleBytes is the largest module to send. 0 means DefaultMaxModuleBytes.
	MaxModuleBytes int64
	// MaxTransfers is how many modules are sent at a time, and MaxPeerTransfers how many of them to one node; in
	// [FormFixed] half of that. 0 means DefaultMaxTransfers and DefaultMaxPeerTransfers.
	MaxTransfers, MaxPeerTransfers int
	// Node is this node.
	Node abi.NodeID
	// Waits is told of nodes that wait for a module: those that wait for this one, every second, and those that wait
	// elsewhere for a module of which this is the origin, as they say. nil: nobody is.
	Waits func(Wait)
}

// Server answers requests for modules. It is safe for concurrent use.
type Server struct {
	source   Source
	opts     ServerOptions
	turns    turns
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
	if o.MaxPeerTransfers == 0 {
		o.MaxPeerTransfers = DefaultMaxPeerTransfers
	}
	if o.Waits == nil {
		o.Waits = func(Wait) {}
	}
	v := &Server{source: source, opts: o}
	v.turns.init(o)
	return v
}

// Serve answers the one request of a node that arrives on s, and closes s. Answers that there is no such
// module, that it is too large, or that the server is busy are no errors; what keeps the source from
// opening a module is told to the requester without its text, and is an error here. A requester that
// goes silent is for ctx to end; its cause is the error then. A transfer that stands still, or takes more than its
// share, while others wait ends with [ErrGaveWay].
func (v *Server) Serve(ctx context.Context, s Stream, from abi.NodeID, form Form) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var openErr error
	err := within(ctx, s, func() error {
		q, err := readRequest(s, form)
		if err != nil {
			return err
		}
		openErr, err = v.answer(ctx, s, q, newTurn(q.hash, from, form, cancel))
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
func (v *Server) answer(ctx context.Context, s io.Writer, q request, t *turn) (openErr, err error) {
	if q.ask {
		if q.from != 0 {
			v.opts.Waits(q.wait(t.to))
		}
		return nil, send(s, v.about(q.hash), t.form)
	}
	refused, err := v.await(ctx, s, t)
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return nil, send(s, *refused, t.form)
	}
	taken := false
	defer func() { v.turns.release(t, taken) }()
	content, size, err := v.source.Open(q.hash)
	if errors.Is(err, abi.ErrNoModule) {
		return nil, send(s, answer{status: statusNotFound}, t.form)
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", q.hash.Short(), err), send(s, answer{status: statusFailed}, t.form)
	}
	defer content.Close()
	if size > v.opts.MaxModuleBytes || uint64(size) > q.limit {
		return nil, send(s, answer{status: statusTooLarge, size: uint64(size)}, t.form)
	}
	if err := v.sendModule(&moving{Writer: s, turn: t, piece: minPiece}, content, size, q, t.form); err != nil {
		return nil, fmt.Errorf("send %s: %w", q.hash.Short(), err)
	}
	taken = true
	return nil, nil
}

// about answers the question whether a module is here.
func (v *Server) about(hash abi.Hash) answer {
	switch {
	case v.source.Has(hash):
		return answer{status: statusOK}
	case v.turns.expects(hash):
		return answer{status: statusWait}
	case v.source.Has(hash): // it has just come
		return answer{status: statusOK}
	}
	return answer{status: statusNotFound}
}

// waitPeriod is how often those who wait are told that they are not forgotten, and how long nothing has moved.
const waitPeriod = time.Second

// fixedWait is how long a request of the fixed form waits, which has no word for that: the requester hears nothing, and takes that
// for half a minute.
const fixedWait = 25 * time.Second

// await waits until it is the turn of a request, or gives the answer that refuses it.
func (v *Server) await(ctx context.Context, s io.Writer, t *turn) (refused *answer, err error) {
	d := v.turns.admit(t, v.source.Has(t.hash))
	if d == absent { // or it has just come
		d = v.turns.admit(t, v.source.Has(t.hash))
	}
	if d != queued {
		return v.refusal(d, t), nil
	}
	tick := time.NewTicker(waitPeriod)
	defer tick.Stop()
	defer v.waits(t, t.to)
	for begun := time.Now(); t.form == FormMaps || time.Since(begun) < fixedWait; {
		if err := v.tellToWait(s, t); err != nil {
			v.turns.leave(t)
			return nil, err
		}
		select {
		case d := <-t.decided:
			return v.refusal(d, t), nil
		case <-t.word:
		case <-tick.C:
			v.turns.urge(t)
			v.waits(t, v.opts.Node)
		case <-ctx.Done():
			v.turns.leave(t)
			return nil, context.Cause(ctx)
		}
	}
	v.turns.leave(t)
	return v.refusal(busy, t), nil
}

// tellToWait tells a request that waits how that goes.
func (v *Server) tellToWait(s io.Writer, t *turn) error {
	if t.form != FormMaps {
		return nil
	}
	idle, every := v.turns.idle(t)
	return send(s, answer{status: statusWait, idle: uint64(idle / time.Second), every: uint64(every / time.Second)}, t.form)
}

// refusal gives the answer that a decision is, nil for one that lets the request through.
func (v *Server) refusal(d decision, t *turn) *answer {
	switch d {
	case granted:
		return nil
	case absent:
		return &answer{status: statusNotFound}
	}
	a := &answer{status: statusBusy}
	if t.form == FormMaps {
		a.nodes = v.turns.others(t)
	}
	return a
}

func send(s io.Writer, a answer, form Form) error {
	if _, err := s.Write(a.append(nil, form)); err != nil {
		return fmt.Errorf("send answer: %w", err)
	}
	return nil
}

// What is written at a time: so little where that takes long that each piece tells that the transfer moves.
const (
	minPiece  = 2 << 10
	maxPiece  = 128 << 10
	quickTime = 100 * time.Millisecond
)

// moving notes when a transfer has moved last.
type moving struct {
	io.Writer
	turn  *turn
	piece int // bytes to write next
}

func (m *moving) Write(p []byte) (done int, err error) {
	for done < len(p) && err == nil {
		begun, n := time.Now(), 0
		n, err = m.Writer.Write(p[done:min(done+m.piece, len(p))])
		done += n
		m.turn.moved.Store(time.Now().UnixNano())
		m.turn.sent.Add(int64(n))
		if time.Since(begun) < quickTime {
			m.piece = min(2*m.piece, maxPiece)
		} else {
			m.piece = minPiece
		}
	}
	return done, err
}

// sendModule sends a module from where the request wants it, or all of it when it has less than that.
func (v *Server) sendModule(s io.Writer, content io.ReadSeeker, size int64, q request, form Form) error {
	defer keepingBusy(size)()
	offset := int64(0)
	if q.offset <= uint64(size) {
		offset = int64(q.offset)
	}
	if _, err := content.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	if err := send(s, answer{status: statusOK, size: uint64(size), offset: uint64(offset)}, form); err != nil {
		return err
	}
	return v.sendBody(s, content, size-offset)
}

func (v *Server) sendBody(s io.Writer, content io.Reader, size int64) error {
	enc, err := v.encoder(s)
	if err != nil {
		return err
	}
	defer v.put(enc)
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

func (v *Server) put(enc *zstd.Encoder) {
	enc.Reset(nil) // lets go of the stream
	v.encoders.Put(enc)
}
