package link

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/quic-go/quic-go"

	"github.com/wnode/wnode/cookie"
	"github.com/wnode/wnode/net/wire"
)

// Codes with which QUIC connections are closed (RFC 9000 section 20.2).
const (
	codeGoodbye  quic.ApplicationErrorCode = 0
	codeRefused  quic.ApplicationErrorCode = 1
	codeProtocol quic.ApplicationErrorCode = 2
	codeOverload quic.ApplicationErrorCode = 3
)

// Offer is a call from another node that holds the cookie, before it is a link. Its owner calls
// Accept or Refuse, once.
type Offer struct {
	endpoint *Endpoint
	conn     *quic.Conn
	control  *control
}

// Peer introduces the caller. The name is proved.
func (o *Offer) Peer() wire.Hello { return o.control.session.Peer() }

// RemoteAddr is where the caller's packets come from.
func (o *Offer) RemoteAddr() net.Addr { return o.conn.RemoteAddr() }

// incoming takes a call up to the point where its owner decides.
func (e *Endpoint) incoming(conn *quic.Conn) {
	a := conn.Context().Value(attemptKey{}).(*attempt)
	e.handshakeEnded(a, true)
	ctx, cancel := context.WithDeadline(e.ctx, a.began.Add(e.opts.HandshakeTimeout))
	o, err := e.offer(ctx, conn)
	cancel()
	e.attemptEnded(a)
	if err != nil {
		e.log.Debug("call refused", "addr", conn.RemoteAddr().String(), "err", err)
		if breaksRules(err) || errors.Is(err, wire.ErrVersionMismatch) {
			e.opts.Broken(a.Peer(), conn.RemoteAddr(), err)
		}
		return
	}
	e.opts.Incoming(e.ctx, o)
}

func (e *Endpoint) offer(ctx context.Context, conn *quic.Conn) (*Offer, error) {
	release := bind(ctx, conn)
	defer release()
	name, err := cookie.PeerName(conn.ConnectionState().TLS)
	if err != nil {
		return nil, abort(conn, codeProtocol, err)
	}
	stream, err := conn.AcceptStream(ctx)
	if err != nil {
		return nil, abort(conn, codeProtocol, fmt.Errorf("wait for control stream: %w", err))
	}
	session, _, err := e.newSession(name, false)
	if err != nil {
		return nil, abort(conn, codeProtocol, err)
	}
	c := newControl(stream, session)
	kind, err := wire.ReadStreamKind(stream)
	if err == nil && kind != wire.StreamControl {
		err = &wire.ProtocolError{Stream: kind, Doing: "open the first stream", Err: wire.ErrUnexpectedFrame}
	}
	if err == nil {
		err = c.receiveUntil(wire.StateDecide)
	}
	if err != nil {
		return nil, failHello(ctx, conn, c, err)
	}
	if err := release(); err != nil {
		return nil, err
	}
	return &Offer{endpoint: e, conn: conn, control: c}, nil
}

// Accept makes the offer a link, once the caller has agreed too. It ends with ctx, and after the
// endpoint's handshake time-out.
func (o *Offer) Accept(ctx context.Context) (*Link, error) {
	ctx, cancel := context.WithTimeout(ctx, o.endpoint.opts.HandshakeTimeout)
	defer cancel()
	release := bind(ctx, o.conn)
	err := o.control.sendNow(o.control.session.Accept)
	if err == nil {
		err = o.control.receiveUntil(wire.StateOpen)
	}
	if cause := release(); cause != nil {
		err = cause
	}
	if err != nil {
		return nil, abort(o.conn, codeProtocol, fmt.Errorf("accept %s: %w", o.Peer().Name, err))
	}
	return o.endpoint.newLink(o.conn, o.control), nil
}

// Refuse ends the offer. The caller's Dial fails with a [*wire.RefusedError] of the same code. It
// returns when the caller has hung up, when ctx ends, or after the endpoint's handshake time-out.
func (o *Offer) Refuse(ctx context.Context, code wire.RefuseCode, text string) {
	ctx, cancel := context.WithTimeout(ctx, o.endpoint.opts.HandshakeTimeout)
	defer cancel()
	release := bind(ctx, o.conn)
	defer release()
	err := o.control.sendNow(func() (wire.Frame, error) { return o.control.session.Refuse(code, text) })
	if err != nil {
		o.endpoint.log.Debug("refuse", "peer", o.Peer().Name, "err", err)
		_ = o.conn.CloseWithError(codeRefused, "")
		return
	}
	awaitPeerClose(ctx, o.conn, o.control)
}

// newSession starts the first exchange with a peer whose name is proved.
func (e *Endpoint) newSession(peer string, initiator bool) (*wire.Session, wire.Frame, error) {
	return wire.NewSession(wire.SessionOptions{Hello: e.opts.Hello, Initiator: initiator, PeerName: peer})
}

// failHello ends a connection whose first exchange failed. Who was refused hangs up by itself,
// so that the refusal is sure to arrive.
func failHello(ctx context.Context, conn *quic.Conn, c *control, err error) error {
	refused, ok := errors.AsType[*wire.RefusedError](err)
	switch {
	case ok && !refused.ByPeer:
		awaitPeerClose(ctx, conn, c)
		return err
	case breaksRules(err):
		return abort(conn, codeProtocol, err)
	}
	return abort(conn, codeRefused, err)
}

// awaitPeerClose waits until the peer, who has been sent a refusal, hangs up, or ctx ends.
func awaitPeerClose(ctx context.Context, conn *quic.Conn, c *control) {
	_ = c.stream.Close() // fails only when the connection is gone
	select {
	case <-conn.Context().Done():
	case <-ctx.Done():
	}
	_ = conn.CloseWithError(codeRefused, "")
}

// breaksRules reports whether err says that the peer broke the rules of the protocol.
func breaksRules(err error) bool {
	_, broken := errors.AsType[*wire.ProtocolError](err)
	return broken
}

// abort closes a connection because of err, and returns err.
func abort(conn *quic.Conn, code quic.ApplicationErrorCode, err error) error {
	_ = conn.CloseWithError(code, "")
	return err
}
