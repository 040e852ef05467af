package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/wnode/wnode/net/wire"
)

// Urgencies of streams (RFC 9218): what is ready on a stream of less goes first.
const (
	controlUrgency = 0
	signalUrgency  = 3 // quic-go's default
	moduleUrgency  = 5
)

// ownLane is the lane of what a node itself says.
var ownLane = wire.LaneOf(0)

// errStreams ends a link whose peer does not let this node open the streams that the protocol has.
var errStreams = errors.New("the peer allows too few streams")

// writeSignals owns an outgoing stream of signals.
func (l *Link) writeSignals(lane int) {
	w := &laneWriter{link: l, lane: lane}
	err := l.out.run(lane, w)
	if err == nil {
		err = w.close()
	}
	if err != nil {
		l.lost(err)
		return
	}
	l.written.done()
}

// laneWriter is a stream of signals that is opened when there is something to write to it, or it is to end.
type laneWriter struct {
	link   *Link
	lane   int
	stream *quic.SendStream
}

func (w *laneWriter) open() (err error) {
	if w.stream != nil {
		return nil
	}
	if w.stream, err = w.link.conn.OpenUniStream(); err != nil {
		return fmt.Errorf("open stream of signals: %w", err)
	}
	if w.link.laned() {
		return wire.WriteLane(w.stream, w.lane)
	}
	return wire.WriteStreamKind(w.stream, wire.StreamSignals)
}

func (w *laneWriter) Write(b []byte) (int, error) {
	if err := w.open(); err != nil {
		return 0, err
	}
	return w.stream.Write(b)
}

// TryWriteAll writes b if it can at once. It is for a writer that has written.
func (w *laneWriter) TryWriteAll(b []byte) error { return w.stream.TryWriteAll(b) }

func (w *laneWriter) close() error {
	if err := w.open(); err != nil {
		return err
	}
	return w.stream.Close()
}

// acceptSignals takes the peer's streams of signals, one for each lane, reads them to their ends, and turns further ones
// away. They do not wait for each other: QUIC opens all streams before the one that a packet is of, and a later version
// may have something else to say on those.
func (l *Link) acceptSignals(h Handler) {
	taken := make([]atomic.Bool, l.lanes)
	for {
		stream, err := l.conn.AcceptUniStream(l.conn.Context())
		if err != nil {
			return
		}
		l.wg.Go(func() {
			if lane, ok := l.laneOfStream(stream); ok && taken[lane].CompareAndSwap(false, true) {
				l.readSignals(stream, lane, h)
				return
			}
			stream.CancelRead(quic.StreamErrorCode(codeProtocol))
		})
	}
}

// laneOfStream reads what a stream is for. One that does not say so for too long is for nothing.
func (l *Link) laneOfStream(stream *quic.ReceiveStream) (lane int, ok bool) {
	if stream.SetReadDeadline(time.Now().Add(streamIdle)) != nil {
		return 0, false
	}
	want := wire.StreamSignals
	if l.laned() {
		want = wire.StreamLane
	}
	kind, err := wire.ReadStreamKind(stream)
	if err == nil && kind == want && l.laned() {
		lane, err = wire.ReadLane(stream)
	}
	return lane, err == nil && kind == want && stream.SetReadDeadline(time.Time{}) == nil
}

func (l *Link) readSignals(stream *quic.ReceiveStream, lane int, h Handler) {
	intake := &intake{ctx: l.conn.Context(), claim: claim{room: l.endpoint.inbound, holder: l}}
	defer intake.claim.drop()
	decoder := wire.NewDecoder(stream, wire.DecoderOptions{
		Local: l.endpoint.opts.Hello.Node, Remote: l.peer.Node,
		MaxSignalBytes: l.endpoint.opts.Hello.MaxSignalBytes,
		Laned:          l.laned(), Lane: lane, Room: intake,
	})
	held := lane != ownLane && l.freed != nil
	for {
		sig, err := decoder.Next()
		if err == io.EOF {
			l.read.done()
			return
		}
		if err != nil {
			l.lost(err)
			return
		}
		if held && !l.await(l.conn.Context(), l.freed) {
			return
		}
		held = false
		decoder.Release()
		h.Signal(sig)
	}
}

// intake is the memory for the large signals that come on a lane. Nothing is read from the lane while that has to wait, so the peer
// has to keep what it has to say.
type intake struct {
	ctx   context.Context // ends with the connection
	claim claim
}

// Take takes bytes, as [wire.Room] says.
func (i *intake) Take(bytes uint64) error {
	for {
		wait := i.claim.take(bytes)
		if wait == nil {
			return nil
		}
		if err := i.claim.pause(i.ctx, wait); err != nil {
			return err
		}
	}
}

// Release gives bytes back, as [wire.Room] says.
func (i *intake) Release(bytes uint64) { i.claim.release(bytes) }

// acceptModules gives every other stream that the peer opens to the handler.
func (l *Link) acceptModules(h Handler) {
	for {
		stream, err := l.conn.AcceptStream(l.conn.Context())
		if err != nil {
			return
		}
		l.wg.Go(func() {
			transfer := newModuleStream(stream)
			kind, err := wire.ReadStreamKind(transfer)
			switch {
			case err == nil && kind == wire.StreamModule:
				h.ModuleStream(transfer)
			case err == nil && kind == wire.StreamTransfer:
				h.TransferStream(transfer)
			default:
				stream.CancelRead(quic.StreamErrorCode(codeProtocol))
				stream.CancelWrite(quic.StreamErrorCode(codeProtocol))
			}
		})
	}
}

// readControl answers pings. After the peer's goodbye the end of its control stream says that it
// has read all signals of this node.
func (l *Link) readControl() {
	saidGoodbye := false
	for {
		state, err := l.control.receive()
		if err == io.EOF && saidGoodbye {
			close(l.taken)
			return
		}
		if err != nil {
			l.lost(err)
			return
		}
		if !saidGoodbye && (state == wire.StatePeerLeaving || state == wire.StateClosed) {
			saidGoodbye = true
			l.wg.Go(l.peerLeaving)
		}
	}
}

// writeControl writes the control frames that the other goroutines queue.
func (l *Link) writeControl() {
	for {
		select {
		case <-l.control.filled:
		case <-l.ending:
			return
		}
		done, err := l.control.flush()
		if err != nil {
			l.lost(err)
		}
		if done || err != nil {
			return
		}
	}
}

// peerLeaving takes in what the peer sent before its goodbye, and says goodbye in turn.
func (l *Link) peerLeaving() {
	ctx, cancel := context.WithTimeout(l.conn.Context(), goodbyeTimeout)
	defer cancel()
	if l.await(ctx, l.read.over) {
		l.leave(ctx, "")
	}
	l.end(fmt.Errorf("%w: goodbye", ErrPeerClosed), codeGoodbye)
}

// lost ends the link because a stream failed: the peer broke the rules, or the connection is gone.
func (l *Link) lost(err error) {
	if errors.Is(err, errUnread) {
		l.end(fmt.Errorf("%w: %w", ErrProtocol, err), codeOverload)
		return
	}
	if breaksRules(err) || errors.Is(err, wire.ErrSessionState) { // a frame after both have said goodbye
		l.end(fmt.Errorf("%w: %w", ErrProtocol, err), codeProtocol)
		return
	}
	if _, few := errors.AsType[*quic.StreamLimitReachedError](err); few {
		l.end(fmt.Errorf("%w: %w: %w", ErrProtocol, errStreams, err), codeProtocol)
		return
	}
	if cause := context.Cause(l.conn.Context()); cause != nil {
		err = cause
	}
	l.end(lostReason(err), codeGoodbye)
}
