package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/wnode/wnode/net/wire"
)

// OpenModuleStream opens a stream for one module transfer; the caller closes it.
func (l *Link) OpenModuleStream(ctx context.Context) (io.ReadWriteCloser, error) {
	return l.openStream(ctx, wire.StreamModule)
}

// OpenTransferStream is OpenModuleStream for a transfer that can go on where another one stopped. The peer has to have
// [wire.FeatureTransfer].
func (l *Link) OpenTransferStream(ctx context.Context) (io.ReadWriteCloser, error) {
	return l.openStream(ctx, wire.StreamTransfer)
}

func (l *Link) openStream(ctx context.Context, kind wire.StreamKind) (io.ReadWriteCloser, error) {
	s, err := l.conn.OpenStreamSync(ctx)
	if err == nil {
		err = wire.WriteStreamKind(s, kind)
	}
	if err != nil {
		return nil, fmt.Errorf("open %v stream to %s: %w", kind, l.peer.Name, err)
	}
	return newModuleStream(s), nil
}

// streamIdle is how long a module transfer may stand still, and any stream not say of what kind it is.
const streamIdle = 30 * time.Second

// moduleStream is a stream whose Close ends both directions, and whose reads and writes fail when
// nothing moves, so that a silent peer holds nobody for the life of the link.
type moduleStream struct{ *quic.Stream }

func newModuleStream(s *quic.Stream) moduleStream {
	s.SetPriority(moduleUrgency, true)
	return moduleStream{s}
}

func (s moduleStream) Read(p []byte) (int, error) {
	if err := s.SetReadDeadline(time.Now().Add(streamIdle)); err != nil {
		return 0, err
	}
	return s.Stream.Read(p)
}

// Signals go first; but a transfer that they leave no room for is let in between them, bit by bit.
const (
	yieldTime = 250 * time.Millisecond
	turnBytes = 32 << 10
)

func (s moduleStream) Write(p []byte) (int, error) {
	for done := 0; ; {
		n, err := s.writeWithin(p[done:], yieldTime)
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			n, err = s.writeInTurn(p[done:])
		}
		done += n
		if done == len(p) || n == 0 || err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return done, err
		}
	}
}

// writeInTurn writes some of p beside signals.
func (s moduleStream) writeInTurn(p []byte) (int, error) {
	s.SetPriority(signalUrgency, true)
	defer s.SetPriority(moduleUrgency, true)
	return s.writeWithin(p[:min(len(p), turnBytes)], streamIdle-yieldTime)
}

func (s moduleStream) writeWithin(p []byte, most time.Duration) (int, error) {
	if err := s.SetWriteDeadline(time.Now().Add(most)); err != nil {
		return 0, err
	}
	return s.Stream.Write(p)
}

// Close ends what is written in good order, and stops reading.
func (s moduleStream) Close() error {
	s.CancelRead(quic.StreamErrorCode(codeGoodbye))
	return s.Stream.Close()
}

// Abort gives up both directions. It may be called beside reads and writes.
func (s moduleStream) Abort() {
	s.CancelRead(quic.StreamErrorCode(codeOverload))
	s.CancelWrite(quic.StreamErrorCode(codeOverload))
}
