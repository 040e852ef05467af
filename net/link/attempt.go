package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/quic-go/quic-go"

	"github.com/wnode/wnode/cookie"
)

// attempts counts the calls whose handshake is going on.
type attempts struct {
	now atomic.Int64
	max int64
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

// crowded reports whether callers have to prove their address first.
func (a *attempts) crowded() bool { return a.now.Load() >= a.max/2 }

// attempt is one call from its first packet until the TLS handshake has succeeded or failed.
type attempt struct {
	cookie.Attempt
	addr      net.Addr
	succeeded atomic.Bool
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
	a := &attempt{addr: info.RemoteAddr}
	e.wg.Add(1)
	context.AfterFunc(ctx, func() {
		defer e.wg.Done()
		if !a.succeeded.Load() {
			e.attemptFailed(a, context.Cause(ctx))
		}
	})
	return context.WithValue(cookie.WithAttempt(ctx, &a.Attempt), attemptKey{}, a), nil
}

// attemptSucceeded notes that a connection has come about.
func (e *Endpoint) attemptSucceeded(conn *quic.Conn) {
	a := conn.Context().Value(attemptKey{}).(*attempt)
	a.succeeded.Store(true)
	e.attempts.end()
	e.limiter.End(ipOf(a.addr), true)
}

// attemptFailed tells of a handshake that did not come about, if it was for want of the cookie.
func (e *Endpoint) attemptFailed(a *attempt, cause error) {
	e.attempts.end()
	if e.ctx.Err() != nil {
		return // every connection ends when the endpoint closes
	}
	e.limiter.End(ipOf(a.addr), false)
	if a.Peer() != "" && (isAuthFailure(a.Err()) || isAuthFailure(cause)) {
		e.opts.Disallowed(a.Peer(), a.addr)
		return
	}
	e.log.Debug("handshake failed", "addr", a.addr.String(), "peer", a.Peer(), "err", cause)
}

// isAuthFailure reports whether a handshake failed because the cookies differ, as either side may have said.
func isAuthFailure(err error) bool {
	var transport *quic.TransportError
	if errors.As(err, &transport) && uint64(transport.ErrorCode) == cookie.AuthFailureCode {
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
