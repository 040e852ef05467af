package wnode

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/cookie"
	"github.com/wnode/wnode/net/link"
	"github.com/wnode/wnode/net/names"
	"github.com/wnode/wnode/net/wire"
)

// dial brings up the link to a peer, or fails it.
func (ps *peers) dial(p *peer, to names.NodeName, hints []string) {
	ctx, cancel := context.WithTimeout(ps.ctx, connectTimeout)
	defer cancel()
	l, err := ps.dialAny(ctx, p.name, to, hints)
	if errors.Is(err, wire.ErrSimultaneousConnect) || errors.Is(err, wire.ErrDuplicateLink) {
		// The other side's own attempt goes on and takes this peer over (DIST-10).
		select {
		case <-p.ready:
		case <-ctx.Done():
		}
	}
	if err != nil {
		ps.gaveUp(p, ours, err)
		return
	}
	ps.run(p, ours, l)
}

// dialAny tries one address after the other, first the hints, then those that the name leads to.
func (ps *peers) dialAny(ctx context.Context, name string, to names.NodeName, hints []string) (*link.Link, error) {
	for _, hint := range hints {
		addr, err := netip.ParseAddrPort(hint)
		if err != nil {
			continue
		}
		// Another node may have that address by now: what it says is no answer.
		if l, err := ps.node.endpoint.Dial(ctx, net.UDPAddrFromAddrPort(addr), name); err == nil {
			return l, nil
		}
	}
	addrs, err := names.Resolve(ctx, to, ps.node.opts.WellKnownPort)
	if err != nil {
		return nil, err
	}
	for _, addr := range addrs {
		var l *link.Link
		if l, err = ps.node.endpoint.Dial(ctx, net.UDPAddrFromAddrPort(addr), name); err == nil || isVerdict(err) {
			return l, err
		}
	}
	return nil, err
}

// isVerdict reports whether the node itself has spoken, so that no other address need be tried.
func isVerdict(err error) bool {
	return errors.Is(err, wire.ErrRefused) || errors.Is(err, cookie.ErrWrongCookie)
}

// incoming decides about a call from another node, and runs the link that comes of it.
func (ps *peers) incoming(ctx context.Context, o *link.Offer) {
	hello := o.Peer()
	p, code := ps.admit(ctx, hello)
	if p == nil {
		if code == wire.RefuseNameInUse {
			ps.node.log.Error(fmt.Sprintf("** Connection attempt from a second node named %s **", hello.Name), "addr", o.RemoteAddr().String())
		}
		o.Refuse(ctx, code, "")
		return
	}
	l, err := o.Accept(ctx)
	if _, broken := errors.AsType[*wire.ProtocolError](err); broken {
		ps.brokenCall(hello.Name, o.RemoteAddr(), err)
	}
	if err != nil {
		ps.gaveUp(p, theirs, err)
		return
	}
	ps.run(p, theirs, l)
}

// admit finds or makes the peer for a node that calls, or says why it is refused.
func (ps *peers) admit(ctx context.Context, hello wire.Hello) (*peer, wire.RefuseCode) {
	for {
		p, old, code := ps.tryAdmit(hello)
		if old == nil {
			return p, code
		}
		// A peer of that name has a link. As long as it answers, the same node's call is one that
		// crossed ours, and another node has no right to the name (DIST-24).
		if alive(ctx, old.link) {
			if old.link.Peer().Node == hello.Node {
				return nil, wire.RefuseDuplicate
			}
			return nil, wire.RefuseNameInUse
		}
		if !awaitEnd(ctx, old) {
			return nil, wire.RefuseShuttingDown
		}
	}
}

// awaitEnd waits until nothing is left of a peer: its link may be saying goodbye, and then has the
// time for that; else it is ended. false: ctx has ended first.
func awaitEnd(ctx context.Context, p *peer) bool {
	timer := time.AfterFunc(aliveTimeout, p.link.Abort)
	defer timer.Stop()
	select {
	case <-p.gone:
		return true
	case <-ctx.Done():
		return false
	}
}

// tryAdmit is one look at what is there: a peer to use, an old one in the way, or a refusal.
func (ps *peers) tryAdmit(hello wire.Hello) (p, old *peer, code wire.RefuseCode) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p = ps.byName[hello.Name]
	switch {
	case ps.closed:
		return nil, nil, wire.RefuseShuttingDown
	case p == nil && len(ps.byName) >= maxPeers:
		return nil, nil, wire.RefuseTooManyLinks
	case p == nil:
		p = ps.addLocked(hello.Name)
	case p.state != peerOpening:
		return nil, p, 0
	case p.inbound:
		return nil, nil, wire.RefuseDuplicate
	case wire.Survivor(ps.node.Name(), hello.Name) == ps.node.Name():
		return nil, nil, wire.RefuseSimultaneous
	}
	p.inbound = true
	return p, nil, 0
}

// aliveTimeout is how long a node whose name another one claims has to answer.
const aliveTimeout = 1500 * time.Millisecond

func alive(ctx context.Context, l *link.Link) bool {
	ctx, cancel := context.WithTimeout(ctx, aliveTimeout)
	defer cancel()
	return l.Ping(ctx) == nil
}

// SendConnected puts a signal on the link to its receiver's node, if there is one.
func (ps *peers) SendConnected(ctx context.Context, sig abi.Signal) error {
	if l := ps.linkTo(sig.To.Node); l != nil {
		return l.Send(ctx, sig)
	}
	name, _ := ps.nameOf(sig.To.Node)
	if l, _ := ps.linkNamed(name); l != nil && l.Peer().Node != sig.To.Node { // as in Send
		return fmt.Errorf("send to %s: %w", name, abi.ErrNoProcess)
	}
	return abi.ErrNotConnected
}

// SendLent puts a signal on the link to its receiver's node, if it can at once.
func (ps *peers) SendLent(sig abi.Signal) bool {
	l := ps.linkTo(sig.To.Node)
	return l != nil && l.SendLent(sig)
}

// Send puts a signal on the link to its receiver's node, and connects to a node that has been
// connected before (SIG-06, DIST-09).
func (ps *peers) Send(ctx context.Context, sig abi.Signal) error {
	if l := ps.linkTo(sig.To.Node); l != nil {
		return l.Send(ctx, sig)
	}
	name, ok := ps.nameOf(sig.To.Node)
	if !ok {
		return fmt.Errorf("send to an unknown node: %w", abi.ErrNotConnected)
	}
	to, err := names.ParseNodeName(name)
	if err == nil {
		err = ps.connect(ctx, to)
	}
	if err != nil {
		return err
	}
	l := ps.linkTo(sig.To.Node)
	if l == nil { // it is another incarnation of the node (PROC-05)
		return fmt.Errorf("send to %s: %w", name, abi.ErrNoProcess)
	}
	return l.Send(ctx, sig)
}

// Post puts a signal on the link to its receiver's node, if there is one.
func (ps *peers) Post(sig abi.Signal) error {
	l := ps.linkTo(sig.To.Node)
	if l == nil {
		return abi.ErrNotConnected
	}
	return l.Post(sig)
}

// nameOf gives the name of a node that is or has been connected.
func (ps *peers) nameOf(id abi.NodeID) (string, bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	name, ok := ps.known[id]
	return name, ok
}

// indexOf gives the number that this node shows for another one, -1 for one that it has never met.
func (ps *peers) indexOf(id abi.NodeID) int {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if index := ps.index[ps.known[id]]; index > 0 {
		return index
	}
	return -1
}
