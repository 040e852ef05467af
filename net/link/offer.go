package link

import (
	"bufio"
	"context"
	"crypto/tls"
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
	e.attemptSucceeded(conn)
	ctx, cancel := context.WithTimeout(e.ctx, e.opts.HandshakeTimeout)
	o, err := e.offer(ctx, conn)
	cancel()
	if err != nil {
		e.log.Debug("call refused", "addr", conn.RemoteAddr().String(), "err", err)
		return
	}
	e.opts.Incoming(e.ctx, o)
}

func (e *Endpoint) offer(ctx context.Context, conn *quic.Conn) (*Offer, error) {
	name, err := cookie.PeerName(conn.ConnectionState().TLS)
	if err != nil {
		return nil, abort(conn, codeProtocol, err)
	}
	stream, err := conn.AcceptStream(ctx)
	if err != nil {
		return nil, abort(conn, codeProtocol, fmt.Errorf("wait for control stream: %w", err))
	}
	c, _, err := e.newControl(ctx, stream, name, false)
	if err != nil {
		return nil, abort(conn, codeProtocol, err)
	}
	kind, err := wire.ReadStreamKind(stream)
	if err == nil && kind != wire.StreamControl {
		err = fmt.Errorf("first stream is %v: %w", kind, wire.ErrUnexpectedFrame)
	}
	if err == nil {
		err = c.receiveUntil(wire.StateDecide)
	}
	if err != nil {
		return nil, e.failHello(ctx, conn, c, err)
	}
	c.release()
	return &Offer{endpoint: e, conn: conn, control: c}, nil
}

// Accept makes the offer a link, once the caller has agreed too. It ends with ctx, and after the
// endpoint's handshake time-out.
func (o *Offer) Accept(ctx context.Context) (*Link, error) {
	ctx, cancel := context.WithTimeout(ctx, o.endpoint.opts.HandshakeTimeout)
	defer cancel()
	stop := o.control.within(ctx)
	defer stop()
	err := o.control.send(o.control.session.Accept)
	if err == nil {
		err = o.control.receiveUntil(wire.StateOpen)
	}
	if err != nil {
		return nil, abort(o.conn, codeProtocol, fmt.Errorf("accept %s: %w", o.Peer().Name, err))
	}
	return o.endpoint.newLink(o.conn, o.control)
}

// Refuse ends the offer. The caller's Dial fails with a [*wire.RefusedError] of the same code.
func (o *Offer) Refuse(ctx context.Context, code wire.RefuseCode, text string) {
	err := o.control.send(func() (wire.Frame, error) { return o.control.session.Refuse(code, text) })
	if err != nil {
		o.endpoint.log.Debug("refuse", "peer", o.Peer().Name, "err", err)
	}
	o.endpoint.awaitPeerClose(ctx, o.conn, o.control)
}

// Dial calls the node with the given name at addr. It ends with ctx and after the endpoint's
// handshake time-out. The errors wrap [cookie.ErrWrongCookie] when the cookies differ, or are a
// [*wire.RefusedError] when the node refuses.
func (e *Endpoint) Dial(ctx context.Context, addr net.Addr, name string) (*Link, error) {
	ctx, cancel := context.WithTimeout(ctx, e.opts.HandshakeTimeout)
	defer cancel()
	configs, err := e.opts.Auth.DialConfigs(name)
	for _, config := range configs {
		var l *Link
		if l, err = e.dialWith(ctx, addr, name, config); err == nil {
			return l, nil
		}
		if !errors.Is(err, cookie.ErrWrongCookie) {
			break
		}
	}
	return nil, fmt.Errorf("connect to %s at %s: %w", name, addr, err)
}

func (e *Endpoint) dialWith(ctx context.Context, addr net.Addr, name string, config *tls.Config) (*Link, error) {
	conn, err := e.transport.Dial(ctx, addr, config, e.opts.quicConfig())
	if err != nil {
		return nil, authError(err)
	}
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, abort(conn, codeProtocol, authError(err))
	}
	c, hello, err := e.newControl(ctx, stream, name, true)
	if err == nil {
		err = wire.WriteStreamKind(stream, wire.StreamControl)
	}
	if err != nil {
		return nil, abort(conn, codeProtocol, err)
	}
	err = c.send(func() (wire.Frame, error) { return hello, nil })
	if err == nil {
		err = c.receiveUntil(wire.StateDecide)
	}
	if err == nil {
		err = c.send(c.session.Accept)
	}
	if err != nil {
		return nil, e.failHello(ctx, conn, c, authError(err))
	}
	c.release()
	return e.newLink(conn, c)
}

// authError marks the errors that TLS gives for a wrong cookie.
func authError(err error) error {
	if isAuthFailure(err) && !errors.Is(err, cookie.ErrWrongCookie) {
		return fmt.Errorf("%w: %w", cookie.ErrWrongCookie, err)
	}
	return err
}

// newControl starts the first exchange on a stream; it ends with ctx until release is called.
func (e *Endpoint) newControl(ctx context.Context, stream *quic.Stream, peer string, initiator bool) (*control, wire.Frame, error) {
	session, first, err := wire.NewSession(wire.SessionOptions{Hello: e.opts.Hello, Initiator: initiator, PeerName: peer})
	if err != nil {
		return nil, nil, err
	}
	c := &control{stream: stream, reader: bufio.NewReader(stream), session: session}
	c.release = c.within(ctx)
	return c, first, nil
}

// failHello ends a connection whose first exchange failed. Who was refused hangs up by itself,
// so that the refusal is sure to arrive.
func (e *Endpoint) failHello(ctx context.Context, conn *quic.Conn, c *control, err error) error {
	var refused *wire.RefusedError
	if errors.As(err, &refused) && !refused.ByPeer {
		e.awaitPeerClose(ctx, conn, c)
		return err
	}
	return abort(conn, codeRefused, err)
}

// awaitPeerClose waits until the peer, who has been sent a refusal, hangs up; at most until ctx
// ends or the endpoint's handshake time-out.
func (e *Endpoint) awaitPeerClose(ctx context.Context, conn *quic.Conn, c *control) {
	ctx, cancel := context.WithTimeout(ctx, e.opts.HandshakeTimeout)
	defer cancel()
	c.release()
	_ = c.stream.Close() // fails only when the connection is gone
	select {
	case <-conn.Context().Done():
	case <-ctx.Done():
	}
	_ = conn.CloseWithError(codeRefused, "")
}

// abort closes a connection because of err, and returns err.
func abort(conn *quic.Conn, code quic.ApplicationErrorCode, err error) error {
	_ = conn.CloseWithError(code, "")
	return err
}
