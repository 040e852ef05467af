package names

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Port is the well-known UDP port.
const Port = 7369

// startPatience is how long Start waits for a holder that does not answer.
const startPatience = 2 * time.Second

// tellAfter is for how long the holder has to be silent before people are told: one that does not answer for a second has
// a busy machine, as a rule.
const tellAfter = startPatience + renewEvery

// maxReadErrors is after how many failed reads in a row, some 20 ms apart, a holder gives its socket
// up. Single ones happen: some systems report there that an earlier reply reached nobody.
const maxReadErrors = 250

// ErrNameInUse says that another node of this host has the name. The text before it is the name.
var ErrNameInUse = errors.New("seems to be in use by another node on this host")

// Options configures a [Service].
type Options struct {
	// Node is the node's name. Its Name is what neighbours and strangers look up.
	Node NodeName
	// Port is the UDP port that the node listens on. 0 is an error.
	Port uint16
	// WellKnown is where the host's names are looked up: the IP address that the node listens on,
	// and the well-known port. No address means all addresses, port 0 means [Port]. The nodes of a
	// host find each other when they listen on the same address, or one of them on all.
	WellKnown netip.AddrPort
	// Shared is the node's own socket when that got the well-known port; this node is the holder
	// then. Nil when the node listens on another port. It stays the caller's and must outlive the
	// service.
	Shared PacketConn
	// Logger gets a line whenever the service changes its role or cannot do its work. Nil logs nothing.
	Logger *slog.Logger
}

// withDefaults checks o and fills in what it leaves open.
func (o Options) withDefaults() (Options, error) {
	if !validShortName(o.Node.Name) {
		return o, fmt.Errorf("start the name service: %w %s", ErrInvalidName, quote(o.Node.Name))
	}
	if o.Port == 0 {
		return o, errors.New("start the name service: the node's port is missing")
	}
	o.WellKnown = wellKnown(o.WellKnown)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Logger = o.Logger.With("node", o.Node.WithoutPort().String())
	return o, nil
}

func wellKnown(a netip.AddrPort) netip.AddrPort {
	addr, port := a.Addr(), a.Port()
	if !addr.IsValid() {
		addr = netip.IPv4Unspecified()
	}
	if port == 0 {
		port = Port
	}
	return netip.AddrPortFrom(addr.Unmap(), port)
}

// reachable gives the address at which a program of this host reaches the holder.
func reachable(a netip.AddrPort) netip.AddrPort {
	if a.Addr().IsUnspecified() {
		// Also for [::], which takes IPv4 as well: IPv6 may be switched off.
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port())
	}
	return a
}

// Service keeps a node's name known on its host: as the holder, or registered with it. It is one
// goroutine, which ends with Close. Its methods may be called from any goroutine.
type Service struct {
	opts Options
	net  network
	born time.Time

	cancel   context.CancelFunc
	wg       sync.WaitGroup
	started  chan error    // gets what Start returns, once
	conflict chan struct{} // closed once another node has the name
	holding  atomic.Bool

	heard    time.Time // the goroutine's: when the holder answered last, or it began
	settled  bool      // the goroutine's: started has got its value
	disputed bool      // the goroutine's: conflict is closed
}

// Start makes the node's name known on its host and returns when it is, which takes about a
// millisecond. When another node has the name and lives, the error wraps [ErrNameInUse] and reads
// "the name foo@host seems to be in use by another node on this host"; whether a node that was
// killed a moment ago lives takes half a second to find out.
//
// When the well-known port is held by something that does not answer, Start returns without error
// after two seconds and the service keeps trying: the node can be reached by name@host:port meanwhile.
//
// ctx bounds Start only. See DIST-23.
func Start(ctx context.Context, opts Options) (*Service, error) {
	return start(ctx, opts, udpNetwork{})
}

func start(ctx context.Context, opts Options, nw network) (*Service, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	run, cancel := context.WithCancel(context.Background())
	s := &Service{
		opts:     opts,
		net:      nw,
		born:     time.Now(),
		heard:    time.Now(),
		cancel:   cancel,
		started:  make(chan error, 1),
		conflict: make(chan struct{}),
	}
	s.wg.Go(func() { s.run(run) })
	select {
	case err = <-s.started:
	case <-ctx.Done():
		err = fmt.Errorf("start the name service: %w", context.Cause(ctx))
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close frees the name, stops the service and waits for its goroutine, a tenth of a second at most.
// The name is free when it returns. Close may be called more than once.
func (s *Service) Close() {
	s.cancel()
	s.wg.Wait()
}

// Conflict is closed when it turns out after Start that another node of this host has the name. That
// happens when both started within the second in which a new holder does not know its neighbours, and
// the other was first; or when this node was stopped for seconds. The service keeps claiming the name.
func (s *Service) Conflict() <-chan struct{} { return s.conflict }

// Holding reports whether this node answers for its host at the moment.
func (s *Service) Holding() bool { return s.holding.Load() }

// run is the service's goroutine: hold the well-known port, or register with who holds it.
func (s *Service) run(ctx context.Context) {
	if s.opts.Shared != nil {
		s.hold(ctx, s.opts.Shared)
		return
	}
	warned := false
	for ctx.Err() == nil {
		err := s.register(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		sock, bindErr := s.net.bind(s.opts.WellKnown)
		if bindErr == nil {
			s.hold(ctx, sock)
			_ = sock.Close() // nothing was written that could be lost
			warned = false
			continue
		}
		if time.Since(s.born) > startPatience {
			s.settle(nil)
		}
		if errors.Is(err, errSilent) && s.settled && !warned && time.Since(s.heard) > tellAfter {
			warned = true
			s.opts.Logger.Warn("nobody answers on the well-known port: other nodes find this one only as name@host:port",
				"addr", s.opts.WellKnown, "err", bindErr)
		}
		pause(ctx, rebindPause)
	}
}

// settle gives Start its result.
func (s *Service) settle(err error) {
	if !s.settled {
		s.settled = true
		s.started <- err
	}
}

// dispute records that another node has the name.
func (s *Service) dispute() {
	if !s.disputed {
		s.disputed = true
		close(s.conflict)
	}
}

// hold answers for the host until ctx is done or the socket fails.
func (s *Service) hold(ctx context.Context, conn PacketConn) {
	s.holding.Store(true)
	defer s.holding.Store(false)
	s.opts.Logger.Info("answering name lookups for this host", "addr", s.opts.WellKnown)
	var own ownAddrs
	h := newHolder(own.has, time.Now())
	buf := make([]byte, listRequestSize+1) // one more, so that a longer packet is seen to be longer
	var nextTick time.Time
	failed := 0
	for ctx.Err() == nil && failed < maxReadErrors {
		now := time.Now()
		if !now.Before(nextTick) {
			nextTick = now.Add(renewEvery)
			send(conn, s.tick(h, now))
		}
		n, from, err := readUntil(ctx, conn, buf, nextTick)
		switch {
		case err == nil:
			failed = 0
			send(conn, h.handle(buf[:n], addrPort(from), time.Now()))
		case !errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			failed++
			pause(ctx, rebindPause)
		}
	}
	if ctx.Err() == nil {
		s.opts.Logger.Warn("lost the well-known port", "addr", s.opts.WellKnown)
	}
}

// tick renews the holder's own name and forgets who did not renew. It gives what there is to send.
func (s *Service) tick(h *holder, now time.Time) []datagram {
	h.table.expire(now)
	c := claim{name: s.opts.Node.Name, port: s.opts.Port, age: now.Sub(s.born), own: true}
	st, out := h.claim(c, now)
	s.settle(nil)
	if st == statusInUse {
		s.dispute()
	}
	return out
}

// readUntil reads a packet; at the deadline the error is context.DeadlineExceeded.
func readUntil(ctx context.Context, conn PacketConn, buf []byte, deadline time.Time) (int, net.Addr, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	return conn.ReadNonQUICPacket(ctx, buf)
}

// send writes packets and leaves it to those who wait for them to notice that one got lost.
func send(conn PacketConn, out []datagram) {
	for _, d := range out {
		_, _ = conn.WriteTo(d.b, net.UDPAddrFromAddrPort(d.to))
	}
}
