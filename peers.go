package wnode

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/link"
	"github.com/wnode/wnode/net/names"
)

// ConnectError says why a node cannot be connected to. It is an [abi.ErrNotConnected], and wraps its
// cause: [cookie.ErrWrongCookie], [wire.ErrRefused] with the node's reason, [names.ErrUnknownName]
// and others.
type ConnectError struct {
	Name string
	Err  error
}

// Error says it in one line.
func (e *ConnectError) Error() string { return "cannot connect to " + e.Name + ": " + e.Err.Error() }

// Unwrap gives [abi.ErrNotConnected] and the cause.
func (e *ConnectError) Unwrap() []error { return []error{abi.ErrNotConnected, e.Err} }

var (
	errClosing = errors.New("this node is shutting down")
	errGone    = errors.New("the connection was lost again")
)

// connectTimeout bounds one attempt to connect: finding the address, the handshake, and the
// exchange of names.
const connectTimeout = 10 * time.Second

// peerState is how far a node is on its way to be connected, and away again.
type peerState uint8

const (
	peerOpening peerState = iota // dialled, or calling; no link yet
	peerSyncing                  // linked; global names are being exchanged
	peerUp                       // listed among the nodes
	peerLeaving                  // the link has ended, and is being cleared up after
)

// peer is one other node from the first attempt to connect until its link is gone.
type peer struct {
	name    string
	dialled bool // this node calls it
	inbound bool // it calls this node
	state   peerState
	link    *link.Link
	ready   chan struct{} // closed when the state becomes peerUp, or the peer fails: then err is set
	gone    chan struct{} // closed when nothing is left of the peer
	err     error
}

// peers knows the other nodes and the links to them. There is at most one peer of a name at a time.
type peers struct {
	node *Node

	mu     sync.Mutex
	closed bool
	byName map[string]*peer
	byID   map[abi.NodeID]*peer // those with a link that has not ended
	known  map[abi.NodeID]string
	index  map[string]int // names in the order of first contact, from 1 (PROC-03)
}

func newPeers(n *Node) *peers {
	return &peers{
		node: n, byName: map[string]*peer{}, byID: map[abi.NodeID]*peer{},
		known: map[abi.NodeID]string{}, index: map[string]int{},
	}
}

// connect connects to a node and returns once it is listed, or it cannot be. hints are addresses
// to try before those that its name leads to. One attempt serves all who want the same node.
func (ps *peers) connect(ctx context.Context, to names.NodeName, hints ...string) error {
	name := to.WithoutPort().String()
	if name == ps.node.Name() {
		return nil
	}
	for {
		p, err := ps.peerFor(to, hints)
		if err != nil {
			return err
		}
		wait := p.ready
		if p.stateNow(ps) == peerLeaving {
			wait = p.gone
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return &ConnectError{name, context.Cause(ctx)}
		}
		if wait == p.ready {
			return p.err
		}
	}
}

func (p *peer) stateNow(ps *peers) peerState {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return p.state
}

// peerFor finds the peer of a name, and dials it when there is none.
func (ps *peers) peerFor(to names.NodeName, hints []string) (*peer, error) {
	name := to.WithoutPort().String()
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.closed {
		return nil, &ConnectError{name, errClosing}
	}
	if p := ps.byName[name]; p != nil {
		return p, nil
	}
	p := ps.addLocked(name)
	p.dialled = true
	ps.node.wg.Go(func() { ps.dial(p, to, hints) })
	return p, nil
}

func (ps *peers) addLocked(name string) *peer {
	p := &peer{name: name, ready: make(chan struct{}), gone: make(chan struct{})}
	ps.byName[name] = p
	return p
}

// failed ends a peer that never got a link.
func (ps *peers) failed(p *peer, err error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p.state != peerOpening || ps.byName[p.name] != p {
		return
	}
	p.err = &ConnectError{p.name, err}
	p.state = peerLeaving
	delete(ps.byName, p.name)
	close(p.ready)
	close(p.gone)
}

// linked gives a peer its link, unless it has one or is gone.
func (ps *peers) linked(p *peer, l *link.Link) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.closed || p.state != peerOpening || ps.byName[p.name] != p {
		return false
	}
	p.state, p.link = peerSyncing, l
	id := l.Peer().Node
	ps.byID[id] = p
	ps.known[id] = p.name
	if ps.index[p.name] == 0 {
		ps.index[p.name] = len(ps.index) + 1
	}
	return true
}

// run carries a link from its first signal to its last.
func (ps *peers) run(p *peer, l *link.Link) {
	if !ps.linked(p, l) {
		ps.node.wg.Go(func() { _ = l.Run(handler{ps.node, l}) })
		l.Close(ps.node.ctx, "")
		return
	}
	id := l.Peer().Node
	ps.node.globals.nodeUp(id)
	reason := l.Run(handler{ps.node, l})
	ps.left(p, id, reason)
}

// synced lists a peer: the names that it knows are known here too (GLOB-11).
func (ps *peers) synced(id abi.NodeID) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.byID[id]
	if p == nil || p.state != peerSyncing {
		return
	}
	p.state = peerUp
	close(p.ready)
	ps.node.log.Info("node up", "peer", p.name, "addr", p.link.RemoteAddr().String())
}

// left clears up after a link: its node is no longer listed, then its processes are taken for
// lost, then its names are free.
func (ps *peers) left(p *peer, id abi.NodeID, reason error) {
	ps.mu.Lock()
	wasUp := p.state == peerUp
	p.state = peerLeaving
	delete(ps.byID, id)
	ps.mu.Unlock()
	ps.node.sys.NodeDown(id)
	ps.node.globals.nodeDown(id)
	ps.node.log.Info("node down", "peer", p.name, "reason", reason)

	ps.mu.Lock()
	defer ps.mu.Unlock()
	delete(ps.byName, p.name)
	if !wasUp {
		p.err = &ConnectError{p.name, reason}
		close(p.ready)
	}
	close(p.gone)
}

// linkTo gives the link to a node, nil when there is none.
func (ps *peers) linkTo(id abi.NodeID) *link.Link {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p := ps.byID[id]; p != nil {
		return p.link
	}
	return nil
}

// linkNamed gives the link to a node that is listed.
func (ps *peers) linkNamed(name string) (*link.Link, *peer) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p := ps.byName[name]; p != nil && p.state == peerUp {
		return p.link, p
	}
	return nil, nil
}

// list gives the names of the connected nodes, sorted.
func (ps *peers) list() []string {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	up := []string{}
	for name, p := range ps.byName {
		if p.state == peerUp {
			up = append(up, name)
		}
	}
	slices.Sort(up)
	return up
}

// disconnect ends the link to a node and returns when nothing is left of it.
func (ps *peers) disconnect(ctx context.Context, name string) bool {
	l, p := ps.linkNamed(name)
	if l == nil {
		return false
	}
	l.Close(ctx, "disconnect")
	<-p.gone
	return true
}

// close ends all links in good order, and lets no new ones come about.
func (ps *peers) close(ctx context.Context) {
	ps.mu.Lock()
	ps.closed = true
	links := make([]*link.Link, 0, len(ps.byID))
	for _, p := range ps.byID {
		links = append(links, p.link)
	}
	ps.mu.Unlock()
	var wg sync.WaitGroup
	for _, l := range links {
		wg.Go(func() { l.Close(ctx, "stopped") })
	}
	wg.Wait()
}
