package wnode

import (
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/link"
)

// publishLocked lets senders see a change of byID.
func (ps *peers) publishLocked() {
	links := make(map[abi.NodeID]*link.Link, len(ps.byID))
	for id, p := range ps.byID {
		links[id] = p.link
	}
	ps.links.Store(&links)
}

// linkTo gives the link to a node, nil when there is none.
func (ps *peers) linkTo(id abi.NodeID) *link.Link { return (*ps.links.Load())[id] }

// peerOf gives the peer that has a link to a node, nil when there is none.
func (ps *peers) peerOf(id abi.NodeID) *peer {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.byID[id]
}

// connected gives the id of a node by its whole name, if the two nodes list each other.
func (ps *peers) connected(name string) (abi.NodeID, bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p := ps.byName[name]; p != nil && p.state == peerUp && p.acked {
		return p.link.Peer().Node, true
	}
	return 0, false
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
