package wnode

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/link"
	"github.com/wnode/wnode/net/names"
	"github.com/wnode/wnode/net/ship"
	"github.com/wnode/wnode/net/wire"
	"github.com/wnode/wnode/vm/module"
)

func (n *Node) newExchange() *ship.Exchange {
	return ship.NewExchange(ship.ExchangeOptions{
		ServerOptions: ship.ServerOptions{MaxModuleBytes: n.opts.MaxModuleBytes, Node: n.id, Waits: n.waits},
		Source:        source{n, n.store}, Sink: ship.SinkFunc(n.takeIn), Peers: n.peers, Tried: n.tried,
		Progress: func(hash abi.Hash, done, total int64) { n.progress(WorkReceive, hash, done, total) },
	})
}

// fetch brings a module into the store. origin is a node that has it.
func (n *Node) fetch(ctx context.Context, hash abi.Hash, origin abi.NodeID) error {
	err := n.modules.Fetch(ctx, hash, origin)
	if err == nil {
		return nil
	}
	from, _ := n.NodeName(origin)
	if ctx.Err() == nil && n.mayLog(origin) {
		n.log.Error("module transfer failed", "module", hash.Short(), "peer", from, "err", err)
	} else { // nobody waits for it any more, or the node is gone, or it has failed very often
		n.log.Debug("module transfer given up", "module", hash.Short(), "peer", from, "err", err)
	}
	return &originError{origin, from, err}
}

// originError says that a module could not be brought for those who know one node that has it.
type originError struct {
	origin abi.NodeID
	name   string
	err    error
}

func (e *originError) Error() string { return fmt.Sprintf("node %s: %v", e.name, e.err) }
func (e *originError) Unwrap() error { return e.err }

// bring gives a module, which fetch brings into the store if it is missing. Who wants it meanwhile waits with others,
// whose failure is nothing to who knows another node that has it.
func (n *Node) bring(
	ctx context.Context, hash abi.Hash, origin abi.NodeID, fetch func(context.Context, abi.Hash, abi.NodeID) error,
) ([]byte, error) {
	for {
		b, err := n.store.Fetch(ctx, hash, func(ctx context.Context) error { return fetch(ctx, hash, origin) })
		failed, ok := errors.AsType[*originError](err)
		if !ok || failed.origin == origin || ctx.Err() != nil {
			return b, err
		}
	}
}

// tried tells of an attempt to get a module. That all have failed is told by fetch.
func (n *Node) tried(a ship.Attempt) {
	peer, _ := n.NodeName(a.Node)
	about := []any{"module", a.Module.Short(), "peer", peer}
	if a.Bytes > 0 {
		about = append(about, "bytes", a.Bytes)
	}
	if a.Offset > 0 {
		about = append(about, "resumed_at", a.Offset)
	}
	switch {
	case a.Err == nil:
		n.log.Info("module received", about...)
	case errors.Is(a.Err, ship.ErrBusy):
		n.log.Debug("module transfer waits", append(about, "err", a.Err)...)
	case errors.Is(a.Err, ship.ErrFalseContent) && a.Node != a.Origin && n.mayLog(a.Node):
		n.log.Warn("module not received: another node is asked", append(about, "err", a.Err)...)
	default:
		n.log.Debug("module not received", append(about, "err", a.Err)...)
	}
}

// takeIn lets a transfer write to the store.
func (n *Node) takeIn(hash abi.Hash) (ship.Writer, error) {
	w, err := n.store.Resume(hash)
	if err != nil {
		return nil, err
	}
	return storeWriter{w}, nil
}

// storeWriter says what is wrong as transfers do.
type storeWriter struct{ *module.Writer }

func (w storeWriter) Commit() error {
	err := w.Writer.Commit()
	if errors.Is(err, module.ErrCorrupt) {
		return fmt.Errorf("%w: %w", ship.ErrFalseContent, err)
	}
	return err
}

// Neighbours gives the connected nodes, for transfers of modules.
func (ps *peers) Neighbours() []ship.Neighbour {
	ps.mu.Lock()
	links := make([]*link.Link, 0, len(ps.byID))
	for _, p := range ps.byID {
		links = append(links, p.link)
	}
	ps.mu.Unlock()
	hosts := ownAddresses()
	list := make([]ship.Neighbour, 0, len(links))
	for _, l := range links {
		near := ship.Neighbour{Node: l.Peer().Node, Form: transferForm(l)}
		if addr := udpAddr(l.RemoteAddr()).Addr().Unmap(); !addr.IsLoopback() && !hosts[addr] {
			near.Distance = max(l.RTT(), 1)
		}
		list = append(list, near)
	}
	return list
}

// ownAddresses gives those of this machine, none when the system does not say.
func ownAddresses() map[netip.Addr]bool {
	own := map[netip.Addr]bool{}
	addrs, _ := net.InterfaceAddrs() // without them the nodes of this machine are very near
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own[p.Addr().Unmap()] = true
		}
	}
	return own
}

// transferForm is how modules travel on a link.
func transferForm(l *link.Link) ship.Form {
	if l.Has(wire.FeatureTransfer) {
		return ship.FormMaps
	}
	return ship.FormFixed
}

// reconnectPatience bounds an attempt to connect to a node again that a module was coming from.
const reconnectPatience = 5 * time.Second

// Open opens a stream for the transfer of a module.
func (ps *peers) Open(ctx context.Context, node abi.NodeID, connect bool) (ship.Stream, ship.Form, error) {
	l := ps.linkTo(node)
	if l == nil && connect {
		l = ps.again(ctx, node)
	}
	if l == nil {
		return nil, 0, abi.ErrNotConnected
	}
	if transferForm(l) == ship.FormMaps {
		s, err := l.OpenTransferStream(ctx)
		return s, ship.FormMaps, err
	}
	s, err := l.OpenModuleStream(ctx)
	return s, ship.FormFixed, err
}

// again connects to a node that has been connected before, nil if it cannot be. It may have been started again: then
// it may have the module from its earlier run.
func (ps *peers) again(ctx context.Context, node abi.NodeID) *link.Link {
	ctx, cancel := context.WithTimeout(ctx, reconnectPatience)
	defer cancel()
	name, _ := ps.nameOf(node)
	to, err := names.ParseNodeName(name)
	if err != nil || ps.connect(ctx, to) != nil {
		return nil
	}
	l, _ := ps.linkNamed(name)
	return l
}
