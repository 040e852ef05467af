package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/wnode/wnode/cookie"
)

// Callers need not prove their address while fewer than freeAttempts are under way and no
// handshake has failed within wary. Whoever calls in another's name can therefore make that address
// fail less often than the limiter lets pass (5), and cannot keep its owner out.
const (
	freeAttempts = 4
	wary         = 10 * time.Minute // as long as the limiter remembers a failure
)

// attempts counts the calls that are no offers yet.
type attempts struct {
	now    atomic.Int64
	max    int64
	failed atomic.Int64 // when a handshake last failed, in Unix nanoseconds; 0: never
}

// begin counts one more, unless that is too many.
func (a *attempts) begin() bool {
	if a.now.Add(1) <= a.max {
		return true
	}
	a.now.Add(-1)
	return false
}

func (a *attempts) end() { a.now.Add(-1) }

// suspicious reports whether callers have to prove their address first (RFC 9000 section 8.1.2).
func (a *attempts) suspicious() bool {
	if a.now.Load() >= min(freeAttempts, a.max/2) {
		return true
	}
	failed := a.failed.Load()
	return failed != 0 && time.Since(time.Unix(0, failed)) < wary
}

// attempt is one call from its first packet until it is an offer or has failed.
type attempt struct {
	cookie.Attempt
	addr  net.Addr
	began time.Time
	slot  sync.Once   // gives back the place among the attempts
	told  atomic.Bool // the limiter knows how the TLS handshake ended
}

type attemptKey struct{}

// attemptContext opens a call: it refuses callers who guessed wrong too often, or too many at a
// time, and sees to it that a wrong cookie is told of, whichever side ends the handshake.
func (e *Endpoint) attemptContext(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	if !e.attempts.begin() {
		return nil, fmt.Errorf("call from %s: too many at a time", info.RemoteAddr)
	}
	if wait := e.limiter.Begin(ipOf(info.RemoteAddr)); wait > 0 {
		e.attempts.end()
		return nil, fmt.Errorf("call from %s: too many failures, wait %v", info.RemoteAddr, wait)
	}
	a := &attempt{addr: info.RemoteAddr, began: time.Now()}
	e.wg.Add(1)
	context.AfterFunc(ctx, func() {
		defer e.wg.Done()
		e.connectionEnded(a, context.Cause(ctx))
	})
	return context.WithValue(cookie.WithAttempt(ctx, &a.Attempt), attemptKey{}, a), nil
}

// handshakeEnded tells the limiter, the first time.
func (e *Endpoint) handshakeEnded(a *attempt, success bool) (first bool) {
	if !a.told.CompareAndSwap(false, true) {
		return false
	}
	e.limiter.End(ipOf(a.addr), success)
	if !success {
		e.attempts.failed.Store(time.Now().UnixNano())
	}
	return true
}

// attemptEnded gives back the place among the attempts, once.
func (e *Endpoint) attemptEnded(a *attempt) { a.slot.Do(e.attempts.end) }

// connectionEnded tells of a handshake that did not come about, if it was for want of the cookie.
func (e *Endpoint) connectionEnded(a *attempt, cause error) {
	e.attemptEnded(a)
	// Only where the handshake has succeeded can a connection be closed by an application.
	_, succeeded := errors.AsType[*quic.ApplicationError](cause)
	if !e.handshakeEnded(a, succeeded) || succeeded {
		return
	}
	if a.Peer() != "" && (isAuthFailure(a.Err()) || isAuthFailure(cause)) {
		e.opts.Disallowed(a.Peer(), a.addr)
		return
	}
	e.log.Debug("handshake failed", "addr", a.addr.String(), "peer", a.Peer(), "err", cause)
}

// isAuthFailure reports whether a handshake failed because the cookies differ, as either side may have said.
func isAuthFailure(err error) bool {
	transport, ok := errors.AsType[*quic.TransportError](err)
	if ok && uint64(transport.ErrorCode) == cookie.AuthFailureCode {
		return true
	}
	return cookie.IsAuthFailure(err)
}

func ipOf(addr net.Addr) netip.Addr {
	if udp, ok := addr.(*net.UDPAddr); ok {
		return udp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
