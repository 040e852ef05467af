package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/wire"
)

// Why a link ended; what [Link.Run] returns wraps one of these (MON-14).
var (
	ErrDisconnected = errors.New("disconnect")         // this node ended it
	ErrPeerClosed   = errors.New("connection_closed")  // the peer ended it, stopped or broke off
	ErrTimeout      = errors.New("net_tick_timeout")   // the peer was not heard of for the idle time-out
	ErrProtocol     = errors.New("protocol_violation") // the peer broke the rules
)

// goodbyeTimeout bounds the orderly end of a link.
const goodbyeTimeout = 2 * time.Second

// Handler is what a link brings in. Its methods are called while [Link.Run] runs.
type Handler interface {
	// Signal takes a signal from a process of the peer to one of this node, and must not wait. Signals of one sender come
	// one at a time, in order; those of others may come meanwhile. It takes over sig.Data.
	Signal(sig abi.Signal)
	// ModuleStream serves one transfer on a goroutine of its own, and closes the stream.
	ModuleStream(stream io.ReadWriteCloser)
	// TransferStream is ModuleStream for a transfer that can go on where another one stopped.
	TransferStream(stream io.ReadWriteCloser)
}

// Link is a connection to one peer. Its methods may be called concurrently.
type Link struct {
	endpoint *Endpoint
	conn     *quic.Conn
	control  *control
	peer     wire.Hello
	terms    wire.Agreement
	out      *outbox
	lanes    int // streams of signals in each direction

	closing atomic.Bool // this node has asked for the end
	once    sync.Once
	reason  error         // why the link ends; set once, before ending is closed
	ending  chan struct{} // closed when the link is to end
	written countdown     // over when all of the outbox has been written
	read    countdown     // over when all of the peer's signals have been read
	taken   chan struct{} // closed when the peer says that it has read this node's signals
	freed   chan struct{} // closed when signals are not held back, or no more; nil when they never were
	wg      sync.WaitGroup
}

func (e *Endpoint) newLink(conn *quic.Conn, c *control) *Link {
	l := &Link{
		endpoint: e, conn: conn, control: c, peer: c.session.Peer(), terms: c.session.Agreement(), lanes: 1,
		ending: make(chan struct{}), taken: make(chan struct{}),
	}
	whole, laneOf := math.MaxInt, func(uint64) int { return 0 }
	if l.laned() {
		l.lanes, whole, laneOf = wire.Lanes, partBytes, wire.LaneOf
	}
	l.out = newOutbox(outboxOptions{
		local: e.opts.Hello.Node, remote: l.peer.Node, limit: e.opts.QueueBytes, whole: whole, laneOf: laneOf,
		memory: e.outbound, holder: l,
	}, l.lanes)
	l.written.init(l.lanes)
	l.read.init(l.lanes)
	c.stream.SetPriority(controlUrgency, true)
	return l
}

// laned reports whether signals go over several lanes, and large ones in parts.
func (l *Link) laned() bool { return l.terms.Has(wire.FeatureLanes) }

// countdown is over when so many have called done as it began with.
type countdown struct {
	left atomic.Int64
	over chan struct{}
}

func (c *countdown) init(n int) {
	c.left.Store(int64(n))
	c.over = make(chan struct{})
}

func (c *countdown) done() {
	if c.left.Add(-1) == 0 {
		close(c.over)
	}
}

// Peer introduces the other node.
func (l *Link) Peer() wire.Hello { return l.peer }

// RemoteAddr is where the peer's packets come from.
func (l *Link) RemoteAddr() net.Addr { return l.conn.RemoteAddr() }

// Has reports whether both sides have a feature.
func (l *Link) Has(feature string) bool { return l.terms.Has(feature) }

// RTT is how long a packet to the peer and the acknowledgement of it take, smoothed (RFC 9002 section 5).
func (l *Link) RTT() time.Duration { return l.conn.ConnectionStats().SmoothedRTT }

// Send queues a signal and takes over its Data; it waits while much is queued, or a large one of the same sender, until
// ctx ends (SIG-08). The errors wrap [abi.ErrNotConnected] when the link has ended, are those of
// [wire.CheckSignal] when the peer would not take the signal, and the cause of ctx.
func (l *Link) Send(ctx context.Context, sig abi.Signal) error {
	if err := wire.CheckSignal(sig, l.terms.MaxSendBytes); err != nil {
		return err
	}
	return l.out.send(ctx, sig)
}

// SendLent sends a signal if it can at once, and reports whether it has. Data stays the caller's: it is small, or is not
// sent in this way. What stands in the way is for [Link.Send] to tell.
func (l *Link) SendLent(sig abi.Signal) bool {
	return wire.CheckSignal(sig, l.terms.MaxSendBytes) == nil && l.out.lend(sig)
}

// Post is [Link.Send] without waiting. A peer that does not read loses the link before its queue
// takes too much memory.
func (l *Link) Post(sig abi.Signal) error {
	if err := wire.CheckSignal(sig, l.terms.MaxSendBytes); err != nil {
		return err
	}
	err := l.out.post(sig)
	if errors.Is(err, errCongested) {
		l.end(fmt.Errorf("%w: %w", ErrProtocol, err), codeOverload)
		return fmt.Errorf("%w: %w", abi.ErrNotConnected, err)
	}
	return err
}

// Ping asks the peer for a sign of life and waits for it until ctx ends. The errors wrap
// [abi.ErrNotConnected] when the link ends first, and the cause of ctx.
func (l *Link) Ping(ctx context.Context) error {
	pong, err := l.control.ping()
	if errors.Is(err, errUnread) {
		l.end(fmt.Errorf("%w: %w", ErrProtocol, err), codeOverload)
	}
	if err != nil {
		return fmt.Errorf("ping %s: %w: %w", l.peer.Name, abi.ErrNotConnected, err)
	}
	select {
	case <-pong:
		return nil
	case <-l.ending:
		return fmt.Errorf("ping %s: %w", l.peer.Name, abi.ErrNotConnected)
	case <-ctx.Done():
		return fmt.Errorf("ping %s: %w", l.peer.Name, context.Cause(ctx))
	}
}

// Hold, before Run, keeps the peer's signals back until [Link.Release], but for those on the lane of the peer's own words. What
// the node has to know before it lets a process hear anything comes there, and the other lanes may be faster.
func (l *Link) Hold() { l.freed = make(chan struct{}) }

// Release ends [Link.Hold]. Call it once.
func (l *Link) Release() { close(l.freed) }

// Run carries the link until it ends, and says why: the error wraps one of [ErrDisconnected],
// [ErrPeerClosed], [ErrTimeout] and [ErrProtocol]. When it returns, h is not called any more, and
// nothing of the link is left. Call it once.
func (l *Link) Run(h Handler) error {
	for lane := range l.lanes {
		l.wg.Go(func() { l.writeSignals(lane) })
	}
	l.wg.Go(func() { l.acceptSignals(h) })
	l.wg.Go(func() { l.acceptModules(h) })
	l.wg.Go(l.readControl)
	l.wg.Go(l.writeControl)
	l.wg.Go(l.watch)
	select {
	case <-l.ending:
	case <-l.conn.Context().Done():
		l.end(lostReason(context.Cause(l.conn.Context())), codeGoodbye)
	case <-l.endpoint.ctx.Done():
		l.end(ErrDisconnected, codeGoodbye)
	}
	l.wg.Wait()
	return l.reason
}

// lostReason says what the end of a connection means.
func lostReason(cause error) error {
	var idle *quic.IdleTimeoutError
	if errors.As(cause, &idle) {
		return fmt.Errorf("%w: %w", ErrTimeout, cause)
	}
	return fmt.Errorf("%w: %w", ErrPeerClosed, cause)
}

// errRoom ends a link that holds memory for large signals, for which others have waited too long.
var errRoom = errors.New("large messages wait for memory, and those of this link do not move")

// evict makes room for the large signals of other links.
func (l *Link) evict(held uint64) {
	if l.end(fmt.Errorf("%w: %w", ErrDisconnected, errRoom), codeOverload) {
		l.endpoint.log.Warn("link ended: large messages wait for memory (--memory gives more), and those of this link do not move",
			"peer", l.peer.Name, "held", held)
	}
}

// end ends the link at once, for the first reason given, and reports whether this is it.
func (l *Link) end(reason error, code quic.ApplicationErrorCode) (first bool) {
	l.once.Do(func() {
		first = true
		// A closed endpoint takes the connection away, which may be seen first.
		if l.closing.Load() || l.endpoint.ctx.Err() != nil {
			reason = ErrDisconnected
		}
		l.reason = reason
		l.out.fail(reason)
		close(l.ending)
		_ = l.conn.CloseWithError(code, "")
	})
	return first
}

// Close ends the link in good order, while Run runs: what was sent before arrives. It gives up
// after two seconds, or when ctx ends. Run returns [ErrDisconnected].
func (l *Link) Close(ctx context.Context, reason string) {
	ctx, cancel := context.WithTimeout(ctx, goodbyeTimeout)
	defer cancel()
	l.closing.Store(true)
	l.leave(ctx, reason)
	l.end(ErrDisconnected, codeGoodbye)
}

// Abort ends the link at once. Run returns [ErrDisconnected].
func (l *Link) Abort() {
	l.closing.Store(true)
	l.end(ErrDisconnected, codeGoodbye)
}

// leave says goodbye and returns when both sides have read each other's signals, or ctx or the
// link ends. Several may leave at a time.
func (l *Link) leave(ctx context.Context, reason string) {
	l.out.close()
	if !l.await(ctx, l.written.over) {
		return
	}
	err := l.control.send(func() (wire.Frame, error) { return l.control.session.Goodbye(reason) })
	if err != nil && !errors.Is(err, wire.ErrSessionState) { // then it has been said already
		return
	}
	if l.await(ctx, l.read.over) {
		l.control.finish()
		l.await(ctx, l.taken)
	}
}

// await waits for done and reports true, or false when ctx or the link ends first.
func (l *Link) await(ctx context.Context, done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	case <-ctx.Done():
	case <-l.ending:
	}
	return false
}
