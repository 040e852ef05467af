package wnode

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/wnode/wnode/net/names"
	"github.com/wnode/wnode/net/wire"
)

// clusterTimeout is how long [Node.Connect] waits for the nodes that its peer knows. They are a
// round trip or two away, or dead.
const clusterTimeout = 2 * time.Second

// addresses lists the connected nodes with the addresses at which they can be dialled, "" when
// they cannot be.
func (ps *peers) addresses() []memberAddr {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	var list []memberAddr
	for _, p := range ps.byID {
		seen := udpAddr(p.link.RemoteAddr()).Addr().String()
		list = append(list, memberAddr{Name: p.name, Addr: p.link.Peer().DialAddress(seen)})
	}
	return list
}

// meet connects to the nodes that a peer knows, so that all are connected to all (DIST-06).
func (ps *peers) meet(p *peer, others []memberAddr) {
	near := udpAddr(p.link.RemoteAddr()).Addr().IsLoopback()
	others = others[:min(len(others), maxMembers)]
	var left atomic.Int64 // of the others, and one for this function
	done := func() {
		if left.Add(-1) == 0 {
			close(p.met)
		}
	}
	left.Store(1)
	defer done()
	for _, other := range others {
		to, err := names.ParseNodeName(other.Name)
		if err != nil {
			continue
		}
		var hints []string
		// A loopback address leads to that node only from its own host.
		if addr, err := netip.ParseAddrPort(other.Addr); err == nil && (near || !addr.Addr().IsLoopback()) {
			hints = []string{other.Addr}
		}
		if ps.joining.Add(1) > maxJoining { // a peer may call again and again, with others each time
			ps.joining.Add(-1)
			return
		}
		left.Add(1)
		ps.node.wg.Go(func() {
			defer done()
			defer ps.joining.Add(-1)
			ps.join(to, hints)
		})
	}
}

// join connects to a node of the cluster, unasked; a few at a time.
func (ps *peers) join(to names.NodeName, hints []string) {
	ctx, cancel := context.WithTimeout(ps.ctx, 4*connectTimeout)
	defer cancel()
	select {
	case ps.dials <- struct{}{}:
		defer func() { <-ps.dials }()
	case <-ctx.Done():
		return
	}
	err := ps.connect(ctx, to, hints...)
	failed, _ := errors.AsType[*ConnectError](err)
	switch {
	case failed == nil || ps.ctx.Err() != nil || errors.Is(err, ErrClosing):
	case errors.Is(err, wire.ErrShuttingDown) || errors.Is(err, errGone): // it is leaving the cluster
		ps.node.log.Debug("a node of the cluster has left", "peer", to.String(), "err", failed.Err)
	default:
		ps.node.log.Warn("cannot connect to a node of the cluster", "peer", to.String(), "reason", failed.Reason())
	}
}

// awaitCluster waits until this node is connected to all that a connected node knows, or has given
// them up; but no longer than ctx, the link to that node, and clusterTimeout.
func (ps *peers) awaitCluster(ctx context.Context, name string) {
	_, p := ps.linkNamed(name)
	if p == nil {
		return
	}
	timeout := time.NewTimer(clusterTimeout)
	defer timeout.Stop()
	select {
	case <-p.met:
	case <-p.gone:
	case <-timeout.C:
	case <-ctx.Done():
	}
}
