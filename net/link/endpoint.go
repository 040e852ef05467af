package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/wnode/wnode/cookie"
	"github.com/wnode/wnode/net/wire"
)

// Defaults of [Options].
const (
	DefaultIdleTimeout      = 10 * time.Second // DIST-21, as decided for wnode
	MinIdleTimeout          = time.Second
	DefaultHandshakeTimeout = 7 * time.Second // DIST-26
	DefaultQueueBytes       = 1 << 20         // SIG-08
	DefaultMaxHandshakes    = 256
)

// Options are the parameters of an [Endpoint].
type Options struct {
	// Conn is the node's UDP socket. The endpoint closes it. Required.
	Conn net.PacketConn
	// Hello introduces this node to its peers. Of features, the endpoint has [wire.FeatureLanes]. Required.
	Hello wire.Hello
	// Auth proves the cookie. Required.
	Auth *cookie.Authenticator
	// Incoming is given every call from another node, on a goroutine of its own. It must accept or
	// refuse it, and may run the link. Its context ends when the endpoint closes. Required.
	Incoming func(context.Context, *Offer)
	// Disallowed is told of every attempt to connect with a wrong cookie: the name that the caller
	// gave, unproved, and its address. nil: nobody is told.
	Disallowed func(name string, addr net.Addr)
	// Broken is told of every call from a node that holds the cookie and then breaks the rules of the first
	// exchange, or speaks no version of the protocol that this node does. nil: nobody is told.
	Broken func(name string, addr net.Addr, err error)
	// Logger receives what the links have to say. nil: nothing is logged.
	Logger *slog.Logger
	// IdleTimeout ends a link whose peer is not heard of for so long; keep-alives go out five times as often.
	// Of the two ends' time-outs the smaller one counts for both, and three times what a packet may take to
	// be acknowledged if that is longer. 0: [DefaultIdleTimeout]; less than [MinIdleTimeout] is that.
	IdleTimeout time.Duration
	// ResetKey is what a node has in common with its earlier runs, and with nobody else. By it the peers that an
	// earlier run had, when it came to no orderly end, know at their next packet that they have lost it
	// (RFC 9000 section 10.3). nil: they wait until they have not heard of it for long enough.
	ResetKey *[32]byte
	// HandshakeTimeout bounds Dial, the time from a caller's first packet to the Offer, and
	// Accept and Refuse. 0: [DefaultHandshakeTimeout].
	HandshakeTimeout time.Duration
	// QueueBytes is how much may wait to be sent on a link before senders wait: in small signals together, and behind each
	// large one. Large ones wait for places of their own. 0: [DefaultQueueBytes].
	QueueBytes int
	// Inbound is the memory for signals of more than 64 KiB that have begun to come, Outbound that for all that waits to be
	// sent. While there is no room the lane is not read any further, and who sends a signal of more than 64 KiB waits; after 30
	// seconds a link ends that holds some and does not move it. The links may hold one signal beyond it, or what comes on one lane.
	// nil: there is no bound.
	Inbound, Outbound Memory
	// MaxHandshakes bounds the calls that are no Offers yet; further ones are refused. Callers have
	// to prove their address first (RFC 9000 section 8.1.2) while there are several such calls, and
	// for ten minutes after one has failed. 0: [DefaultMaxHandshakes].
	MaxHandshakes int
}

// Endpoint is one UDP socket with its links. Its methods may be called concurrently.
type Endpoint struct {
	opts      Options
	log       *slog.Logger
	transport *quic.Transport
	listener  *quic.Listener
	limiter   *cookie.Limiter
	ctx       context.Context
	cancel    context.CancelFunc
	wg        sync.WaitGroup
	attempts  attempts
	inbound   *room
	outbound  *room
}

// Open makes an endpoint on opts.Conn, which it closes if it fails. It can dial; calls wait until [Endpoint.Serve].
func Open(opts Options) (*Endpoint, error) {
	opts = opts.withDefaults()
	limiter, err := cookie.NewLimiter(cookie.LimiterOptions{})
	if err != nil {
		return nil, errors.Join(err, opts.Conn.Close())
	}
	e := &Endpoint{
		opts: opts, log: opts.Logger, limiter: limiter,
		inbound: newRoom(opts.Inbound), outbound: newRoom(opts.Outbound),
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.attempts.max = int64(opts.MaxHandshakes)
	e.transport = &quic.Transport{
		Conn:                reading(opts.Conn),
		ConnectionIDLength:  connectionIDLength,
		StatelessResetKey:   (*quic.StatelessResetKey)(opts.ResetKey),
		ConnContext:         e.attemptContext,
		VerifySourceAddress: func(net.Addr) bool { return e.attempts.suspicious() },
	}
	quietBuffers()
	listener, err := e.transport.Listen(opts.Auth.ListenConfig(), opts.quicConfig())
	if err != nil {
		e.cancel()
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", opts.Conn.LocalAddr(), err), opts.Conn.Close())
	}
	e.listener = listener
	return e, nil
}

// Serve takes calls from now on. Call it once.
func (e *Endpoint) Serve() { e.wg.Go(e.acceptLoop) }

// quietBuffers keeps quic-go from writing to the standard log, thus to people's terminals, that the
// system allows smaller UDP buffers than it wishes. It works with those too, and leaves no other way to say so.
var quietBuffers = sync.OnceFunc(func() {
	const variable = "QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING"
	if _, set := os.LookupEnv(variable); !set {
		_ = os.Setenv(variable, "true") // else there is a line of noise
	}
})

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Disallowed == nil {
		o.Disallowed = func(string, net.Addr) {}
	}
	if o.Broken == nil {
		o.Broken = func(string, net.Addr, error) {}
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = DefaultIdleTimeout
	}
	o.IdleTimeout = max(o.IdleTimeout, MinIdleTimeout)
	if o.HandshakeTimeout <= 0 {
		o.HandshakeTimeout = DefaultHandshakeTimeout
	}
	if o.QueueBytes <= 0 {
		o.QueueBytes = DefaultQueueBytes
	}
	if o.MaxHandshakes <= 0 {
		o.MaxHandshakes = DefaultMaxHandshakes
	}
	return o
}

// connectionIDLength, in bytes, makes connection ids too many for anybody to ask a node for the reset
// tokens of those that it may draw some day.
const connectionIDLength = 8

// keepAlives is how many go out within the idle time-out. QUIC counts that from the first packet without an
// answer, which may be the keep-alive, so it is given what is left behind one.
const keepAlives = 5

// Bounds of what one connection may have open or unread.
const (
	maxModuleStreams = 32
	maxSignalStreams = wire.Lanes + 2 // what later versions may say
	streamWindow     = 1 << 20
	maxStreamWindow  = 2 << 20
	// connectionWindow has room for all lanes, none of which may be read for a while, and for the control stream and
	// modules beside them.
	connectionWindow = (wire.Lanes + 1) * maxStreamWindow
)

func (o Options) quicConfig() *quic.Config {
	return &quic.Config{
		HandshakeIdleTimeout:           o.HandshakeTimeout,
		MaxIdleTimeout:                 o.IdleTimeout - o.IdleTimeout/keepAlives,
		KeepAlivePeriod:                o.IdleTimeout / keepAlives,
		InitialStreamReceiveWindow:     streamWindow,
		MaxStreamReceiveWindow:         maxStreamWindow,
		InitialConnectionReceiveWindow: connectionWindow,
		MaxConnectionReceiveWindow:     connectionWindow,
		MaxIncomingStreams:             maxModuleStreams + 1, // and the control stream
		MaxIncomingUniStreams:          maxSignalStreams,
	}
}

// Addr is the address that the endpoint listens on.
func (e *Endpoint) Addr() net.Addr { return e.opts.Conn.LocalAddr() }

// ReadNonQUICPacket reads a packet that is not QUIC's: one whose first byte has its two top bits
// zero. It ends with ctx or with the endpoint. For one reader at a time.
func (e *Endpoint) ReadNonQUICPacket(ctx context.Context, b []byte) (int, net.Addr, error) {
	return e.transport.ReadNonQUICPacket(ctx, b)
}

// WriteTo sends a packet that is not QUIC's.
func (e *Endpoint) WriteTo(b []byte, to net.Addr) (int, error) { return e.transport.WriteTo(b, to) }

func (e *Endpoint) acceptLoop() {
	for {
		conn, err := e.listener.Accept(e.ctx)
		if err != nil {
			if e.ctx.Err() == nil {
				e.log.Error("the network socket has failed: no node can connect any more", "err", err)
			}
			return
		}
		e.wg.Go(func() { e.incoming(conn) })
	}
}

// Close ends every link at once, without goodbyes, and waits until all that the endpoint started
// has ended. Closing twice is harmless.
func (e *Endpoint) Close() error {
	e.cancel()
	err := e.listener.Close()
	err = errors.Join(err, e.transport.Close())
	e.wg.Wait()
	return errors.Join(err, ignoreClosed(e.opts.Conn.Close()))
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
