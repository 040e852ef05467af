package wnode

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/link"
	"github.com/wnode/wnode/net/names"
	"github.com/wnode/wnode/vm"
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
	name     string
	dialled  bool // this node calls it
	inbound  bool // it calls this node
	state    peerState
	link     *link.Link
	unwanted bool          // this node has been told to disconnect from it
	acked    bool          // it has listed this node
	lines    vm.LogRate    // of the log that what it says gives rise to
	ready    chan struct{} // closed when both sides list each other, or the peer fails: then err is set
	met      chan struct{} // closed when this node is connected to those that the peer knows, or has given up
	gone     chan struct{} // closed when nothing is left of the peer
	err      error
}

// peers knows the other nodes and the links to them. There is at most one peer of a name at a time.
type peers struct {
	node   *Node
	ctx    context.Context // ends when no new links are to come about
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool // no new links
	byName map[string]*peer
	byID   map[abi.NodeID]*peer // those with a link that has not ended
	known  map[abi.NodeID]string
	index  map[string]int  // names in the order of first contact, from 1 (PROC-03)
	kept   map[string]bool // names of nodes that are to stay connected

	dials   chan struct{} // one token for each node of the cluster that is being dialled unasked
	joining atomic.Int64  // nodes of the cluster that are being dialled or wait for it
	broken  vm.LogRate    // of the log that calls and links give rise to that break the rules
}

// Bounds of what peers may make this node remember and do.
const (
	maxKnown   = 1 << 16 // names and incarnations of nodes
	maxMembers = 1 << 10 // nodes of the cluster that a peer tells of
	maxDials   = 16
	maxJoining = 4 * maxMembers // nodes of the cluster that wait to be dialled unasked
	maxPeers   = 1 << 12        // nodes connected or about to be
)

func newPeers(n *Node) *peers {
	ps := &peers{
		node: n, byName: map[string]*peer{}, byID: map[abi.NodeID]*peer{},
		known: map[abi.NodeID]string{}, index: map[string]int{}, kept: map[string]bool{}, dials: make(chan struct{}, maxDials),
	}
	ps.broken.Burst, ps.broken.PerSecond = peerLogBurst, peerLogPerSecond
	ps.ctx, ps.cancel = context.WithCancel(n.ctx)
	return ps
}

// connect connects to a node and returns once both list each other, or it cannot be. hints are addresses
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
		return nil, &ConnectError{name, ErrClosing}
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
	p := &peer{name: name, ready: make(chan struct{}), met: make(chan struct{}), gone: make(chan struct{})}
	p.lines.Burst, p.lines.PerSecond = peerLogBurst, peerLogPerSecond
	ps.byName[name] = p
	return p
}

// attempt is one side's try to get a link to a peer.
type attempt func(*peer) *bool

func ours(p *peer) *bool   { return &p.dialled }
func theirs(p *peer) *bool { return &p.inbound }

// gaveUp ends one side's attempt. The peer fails with it, unless it has a link or the other side
// goes on.
func (ps *peers) gaveUp(p *peer, side attempt, err error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	*side(p) = false
	if p.state != peerOpening || ps.byName[p.name] != p || p.dialled || p.inbound {
		return
	}
	p.err = ps.failureLocked(p, err)
	p.state = peerLeaving
	delete(ps.byName, p.name)
	close(p.ready)
	close(p.gone)
}

// failureLocked is the error of an attempt to connect. Whatever a node that is being closed sees, it
// is the closing's doing.
func (ps *peers) failureLocked(p *peer, err error) error {
	if ps.closed {
		err = ErrClosing
	}
	return &ConnectError{p.name, err}
}

// linked gives a peer its link, unless it has one or is gone.
func (ps *peers) linked(p *peer, l *link.Link) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.closed || p.state != peerOpening || ps.byName[p.name] != p {
		return false
	}
	p.state, p.link = peerSyncing, l
	return true
}

// reachable lets signals go to a peer from now on.
func (ps *peers) reachable(p *peer) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	id := p.link.Peer().Node
	ps.byID[id] = p
	ps.rememberLocked(id, p.name)
}

// rememberLocked keeps what printed pids and later sends need of a node after its link has gone.
// Beyond the bound it forgets a node that is not connected.
func (ps *peers) rememberLocked(id abi.NodeID, name string) {
	for old := range ps.known {
		if len(ps.known) < maxKnown {
			break
		}
		if ps.byID[old] == nil {
			delete(ps.known, old)
		}
	}
	ps.known[id] = name
	if ps.index[name] == 0 && len(ps.index) < maxKnown {
		ps.index[name] = len(ps.index) + 1
	}
}

// run carries a link, which one side's attempt has brought about, from its first signal to its last. A
// peer that does not exchange names in time loses it.
func (ps *peers) run(p *peer, side attempt, l *link.Link) {
	if !ps.linked(p, l) {
		l.Abort()
		ps.gaveUp(p, side, errGone)
		return
	}
	id := l.Peer().Node
	ps.node.globals.nodeUp(p)
	late := time.AfterFunc(connectTimeout, func() {
		select {
		case <-p.ready:
		default:
			l.Abort()
		}
	})
	defer late.Stop()
	reason := l.Run(handler{ps.node, l})
	ps.left(p, id, reason)
}

// awaitsSync gives the peer of a node that is linked and has not sent its names yet, or nil.
func (ps *peers) awaitsSync(id abi.NodeID) *peer {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p := ps.byID[id]; p != nil && p.state == peerSyncing {
		return p
	}
	return nil
}

// synced lists a peer: the names that it knows are known here too (GLOB-11).
func (ps *peers) synced(p *peer) {
	ps.mu.Lock()
	p.state = peerUp
	ps.mu.Unlock()
	ps.node.sys.NodeUp(p.name)
	ps.node.log.Info("node up", "peer", p.name, "addr", p.link.RemoteAddr().String())
}

// acknowledged takes the word of a node that it has listed this one, in answer to the names that were
// sent to it. With that both sides are up (DIST-04).
func (ps *peers) acknowledged(id abi.NodeID) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p := ps.byID[id]; p != nil && p.state == peerUp && !p.acked {
		p.acked = true
		close(p.ready)
	}
}

// awaitGone waits until nothing is left of a node whose link has ended, or ctx ends.
func (ps *peers) awaitGone(ctx context.Context, id abi.NodeID) {
	ps.mu.Lock()
	p := ps.byName[ps.known[id]]
	leaving := p != nil && p.state == peerLeaving
	ps.mu.Unlock()
	if !leaving {
		return
	}
	select {
	case <-p.gone:
	case <-ctx.Done():
	}
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
	ps.node.logDropped(p, p.lines.Rest())
	if errors.Is(reason, link.ErrProtocol) {
		ps.logBroken("link ended: the peer broke the protocol", p.name, p.link.RemoteAddr(), reason)
	} else {
		ps.node.log.Debug("link ended", "peer", p.name, "err", reason)
	}
	if wasUp {
		ps.node.sys.NodeLost(p.name, downReason(reason))
		ps.node.log.Info("node down", "peer", p.name, "reason", downReason(reason))
	}

	ps.mu.Lock()
	defer ps.mu.Unlock()
	delete(ps.byName, p.name)
	if !p.acked {
		p.err = ps.failureLocked(p, fmt.Errorf("%w: %w", errGone, reason))
		close(p.ready)
	}
	close(p.gone)
}

// downReason gives the word for the end of a link (MON-14): disconnect when this node ended it,
// connection_closed when the other one did or died, net_tick_timeout when it fell silent, and
// protocol_violation.
func downReason(err error) string {
	for _, reason := range []error{link.ErrDisconnected, link.ErrTimeout, link.ErrProtocol} {
		if errors.Is(err, reason) {
			return reason.Error()
		}
	}
	return link.ErrPeerClosed.Error()
}

// linkTo gives the link to a node, nil when there is none.
func (ps *peers) linkTo(id abi.NodeID) *link.Link {
	if p := ps.peerOf(id); p != nil {
		return p.link
	}
	return nil
}

// peerOf gives the peer that has a link to a node, nil when there is none.
func (ps *peers) peerOf(id abi.NodeID) *peer {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.byID[id]
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
	ps.mu.Lock()
	p.unwanted = true
	ps.mu.Unlock()
	l.Close(ctx, "disconnect")
	<-p.gone
	return true
}

// refuse lets no new links come about, and ends the attempts that are under way.
func (ps *peers) refuse() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.closed = true
	ps.cancel()
}

// close ends all links in good order.
func (ps *peers) close(ctx context.Context) {
	ps.mu.Lock()
	var links []*link.Link
	for _, p := range ps.byName {
		if p.state == peerSyncing || p.state == peerUp {
			links = append(links, p.link)
		}
	}
	ps.mu.Unlock()
	var wg sync.WaitGroup
	for _, l := range links {
		wg.Go(func() { l.Close(ctx, "stopped") })
	}
	wg.Wait()
}
