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

// writeSignals owns the outgoing signal stream.
func (l *Link) writeSignals() {
	defer close(l.written)
	err := wire.WriteStreamKind(l.signals, wire.StreamSignals)
	if err == nil {
		err = l.out.run(l.signals, l.endpoint.opts.Hello.Node, l.peer.Node)
	}
	if err == nil {
		err = l.signals.Close()
	}
	if err != nil {
		l.lost(err)
	}
}

// acceptSignals takes the peer's signal stream, reads it to its end, and turns further ones away. They do not
// wait for each other: QUIC opens all streams before the one that a packet is of, and a later version may
// have something else to say on those.
func (l *Link) acceptSignals(h Handler) {
	var taken atomic.Bool
	for {
		stream, err := l.conn.AcceptUniStream(l.conn.Context())
		if err != nil {
			return
		}
		l.wg.Go(func() {
			if isSignals(stream) && taken.CompareAndSwap(false, true) {
				l.readSignals(stream, h)
				return
			}
			stream.CancelRead(quic.StreamErrorCode(codeProtocol))
		})
	}
}

// isSignals reads what kind of stream it is. One that does not say so for too long is of none.
func isSignals(stream *quic.ReceiveStream) bool {
	if stream.SetReadDeadline(time.Now().Add(streamIdle)) != nil {
		return false
	}
	kind, err := wire.ReadStreamKind(stream)
	return err == nil && kind == wire.StreamSignals && stream.SetReadDeadline(time.Time{}) == nil
}

func (l *Link) readSignals(stream *quic.ReceiveStream, h Handler) {
	decoder := wire.NewDecoder(stream, wire.DecoderOptions{
		Local: l.endpoint.opts.Hello.Node, Remote: l.peer.Node,
		MaxSignalBytes: l.endpoint.opts.Hello.MaxSignalBytes,
	})
	for {
		sig, err := decoder.Next()
		if err == io.EOF {
			close(l.read)
			return
		}
		if err != nil {
			l.lost(err)
			return
		}
		h.Signal(sig)
	}
}

// acceptModules gives every other stream that the peer opens to the handler.
func (l *Link) acceptModules(h Handler) {
	for {
		stream, err := l.conn.AcceptStream(l.conn.Context())
		if err != nil {
			return
		}
		l.wg.Go(func() {
			kind, err := wire.ReadStreamKind(moduleStream{stream})
			switch {
			case err == nil && kind == wire.StreamModule:
				h.ModuleStream(moduleStream{stream})
			case err == nil && kind == wire.StreamTransfer:
				h.TransferStream(moduleStream{stream})
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
	if l.await(ctx, l.read) {
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
	if cause := context.Cause(l.conn.Context()); cause != nil {
		err = cause
	}
	l.end(lostReason(err), codeGoodbye)
}
