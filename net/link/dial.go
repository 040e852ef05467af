package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"

	"github.com/quic-go/quic-go"

	"github.com/wnode/wnode/cookie"
	"github.com/wnode/wnode/net/wire"
)

// Why a node cannot be called; the error of [Endpoint.Dial] wraps one of these, [cookie.ErrWrongCookie],
// or what else went wrong.
var (
	// ErrNoAnswer means that nothing answers at the address, or that it did not answer in time.
	ErrNoAnswer = errors.New("nothing answers")
	// ErrUnreachable means that this node's socket cannot send to the address: it may listen on
	// loopback only, or on IPv4 only.
	ErrUnreachable = errors.New("not reachable from the address that this node listens on")
	// ErrNoNode means that something else than a node answers, or a node that speaks otherwise; also
	// when it is that one which does not understand this node.
	ErrNoNode = errors.New("no node that this one understands")
	// ErrTurnedAway means that the node takes no calls from here at the moment: too many failed, or
	// there are too many at a time.
	ErrTurnedAway = errors.New("too many calls")
)

// DialError is the error of [Endpoint.Dial].
type DialError struct {
	Name string // the node that was called
	Addr net.Addr
	Err  error
}

// Error gives the node, the address and the cause.
func (e *DialError) Error() string {
	return fmt.Sprintf("connect to %s at %s: %v", e.Name, e.Addr, e.Err)
}

// Unwrap gives the cause.
func (e *DialError) Unwrap() error { return e.Err }

// Dial calls the node with the given name at addr. It ends with ctx and after the endpoint's
// handshake time-out. The error is a [*DialError]. It wraps [cookie.ErrWrongCookie] when the cookies
// differ, a [*wire.RefusedError] when the node refuses, [ErrNoAnswer], [ErrUnreachable],
// [ErrNoNode] or [ErrTurnedAway], or the cause of ctx.
func (e *Endpoint) Dial(ctx context.Context, addr net.Addr, name string) (*Link, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, e.opts.HandshakeTimeout, ErrNoAnswer)
	defer cancel()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	defer e.probe(addr, func() { giveUp(ErrNoAnswer) })()
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
	return nil, &DialError{Name: name, Addr: addr, Err: err}
}

func (e *Endpoint) dialWith(ctx context.Context, addr net.Addr, name string, config *tls.Config) (*Link, error) {
	session, hello, err := e.newSession(name, true)
	if err != nil {
		return nil, err
	}
	conn, err := e.transport.Dial(ctx, addr, config, e.opts.quicConfig())
	if err != nil {
		return nil, callError(err)
	}
	release := bind(ctx, conn)
	c, err := callHello(ctx, conn, session, hello)
	if cause := release(); cause != nil && !errors.Is(err, wire.ErrRefused) {
		err = cause
	}
	if err != nil {
		return nil, helloError(err)
	}
	return e.newLink(conn, c), nil
}

// callHello is the caller's side of the first exchange. When it fails the connection is closed.
func callHello(ctx context.Context, conn *quic.Conn, session *wire.Session, hello wire.Frame) (*control, error) {
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, abort(conn, codeProtocol, err)
	}
	if err := wire.WriteStreamKind(stream, wire.StreamControl); err != nil {
		return nil, abort(conn, codeProtocol, err)
	}
	c := newControl(stream, session)
	err = c.sendNow(func() (wire.Frame, error) { return hello, nil })
	if err == nil {
		err = c.receiveUntil(wire.StateDecide)
	}
	if err == nil {
		err = c.sendNow(session.Accept)
	}
	if err != nil {
		return nil, failHello(ctx, conn, c, err)
	}
	return c, nil
}

// probe asks whether a port is open, by a packet that no node answers: the host may say at once that
// it is not (ICMP port unreachable), which systems tell only to connected sockets. closed is called
// then. Without such word, the call itself will tell. stop ends the probe.
func (e *Endpoint) probe(addr net.Addr, closed func()) (stop func()) {
	to, isUDP := addr.(*net.UDPAddr)
	own, isReal := e.opts.Conn.(*net.UDPConn)
	if !isReal || !isUDP {
		return func() {}
	}
	from := &net.UDPAddr{}
	if own := own.LocalAddr().(*net.UDPAddr); !own.IP.IsUnspecified() {
		from.IP, from.Zone = own.IP, own.Zone
	}
	conn, err := net.DialUDP("udp", from, to)
	if err != nil {
		return func() {}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		var b [1]byte // zero: neither QUIC's nor a request for names
		_, err := conn.Write(b[:])
		if err == nil {
			_, err = conn.Read(b[:])
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			closed()
		}
	})
	return func() {
		_ = conn.Close()
		wg.Wait()
	}
}

// callError says what the failure of a call means.
func callError(err error) error {
	var handshake *quic.HandshakeTimeoutError
	var idle *quic.IdleTimeoutError
	var versions *quic.VersionNegotiationError
	transport, ok := errors.AsType[*quic.TransportError](err)
	switch {
	case errors.As(err, &handshake) || errors.As(err, &idle):
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	case isAuthFailure(err):
		return authError(err)
	case errors.As(err, &versions), ok && transport.ErrorCode.IsCryptoError():
		return fmt.Errorf("%w: %w", ErrNoNode, err)
	case ok && transport.ErrorCode == quic.InternalError && !transport.Remote:
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	case ok && transport.ErrorCode == quic.ConnectionRefused && transport.Remote:
		return fmt.Errorf("%w: %w", ErrTurnedAway, err)
	}
	return err
}

// helloError says what the failure of the first exchange means: two nodes whose versions differ by too much
// find that out by not understanding each other.
func helloError(err error) error {
	closed, ok := errors.AsType[*quic.ApplicationError](err)
	if breaksRules(err) || ok && closed.Remote && closed.ErrorCode == codeProtocol {
		return fmt.Errorf("%w: %w", ErrNoNode, err)
	}
	return authError(err)
}

// authError marks the errors that TLS gives for a wrong cookie.
func authError(err error) error {
	if isAuthFailure(err) && !errors.Is(err, cookie.ErrWrongCookie) {
		return fmt.Errorf("%w: %w", cookie.ErrWrongCookie, err)
	}
	return err
}
