package wnode

import (
	"math/rand/v2"
	"time"

	"github.com/wnode/wnode/net/names"
)

// The pauses between attempts to connect to a node that is to stay connected.
const (
	firstPause = 250 * time.Millisecond
	maxPause   = 30 * time.Second
)

// pauses grow to twice the last one each time.
type pauses struct{ last time.Duration }

// next gives a pause of which the second half is drawn, so that those who lost a node at the same time do
// not call it at the same time.
func (p *pauses) next() time.Duration {
	p.last = min(max(2*p.last, firstPause), maxPause)
	return p.last - rand.N(p.last/2)
}

// KeepConnected connects to name@host or name@host:port whenever this node is not connected to it, and
// returns at once. Attempts that fail are told of at level debug, and come after pauses that grow to 30
// seconds. [Node.Disconnect] ends it, as [Node.Close] does. The error wraps [abi.ErrBadArgument] for what
// is no name, or is a [*ConnectError] on a node that is being closed.
func (n *Node) KeepConnected(name string) error {
	to, err := parseName(name)
	if err != nil {
		return err
	}
	return n.peers.startKeeping(to)
}

// startKeeping keeps a node connected, unless it is this one, or kept already.
func (ps *peers) startKeeping(to names.NodeName) error {
	name := to.WithoutPort().String()
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.closed {
		return &ConnectError{name, ErrClosing}
	}
	if name == ps.node.Name() || ps.kept[name] {
		return nil
	}
	ps.kept[name] = true
	ps.node.wg.Go(func() {
		ps.keep(to)
		ps.mu.Lock()
		defer ps.mu.Unlock()
		delete(ps.kept, name)
	})
	return nil
}

// keep connects to a node again and again, until this node disconnects from it or is closed.
func (ps *peers) keep(to names.NodeName) {
	var p pauses
	for {
		err := ps.connect(ps.ctx, to)
		began := time.Now()
		if err == nil && ps.unwantedAfter(to.WithoutPort().String()) {
			return
		}
		switch {
		case err == nil && time.Since(began) > maxPause:
			p.last = 0
		case isVerdict(err): // another one will hardly come soon
			p.last = maxPause
		}
		if err != nil {
			ps.node.log.Debug("a node that is to stay connected is not", "peer", to.String(), "err", err)
		}
		timer := time.NewTimer(p.next())
		select {
		case <-timer.C:
		case <-ps.ctx.Done():
			timer.Stop()
			return
		}
	}
}

// unwantedAfter waits until a node that was connected is not, and reports whether this node wants it so.
func (ps *peers) unwantedAfter(name string) bool {
	_, p := ps.linkNamed(name)
	if p == nil {
		return false
	}
	select {
	case <-p.gone:
	case <-ps.ctx.Done():
		return true
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return p.unwanted
}
