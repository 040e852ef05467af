package wnode

import (
	"github.com/wnode/wnode/registry"
)

// nodeUp makes a linked node a member, and tells it the names that this node vouches for and the
// nodes that it knows. Only then can signals go there: by that word the other side lists this node, and it
// tells its processes so before they get any signal (MON-15).
func (g *globals) nodeUp(p *peer) {
	members := g.node.peers.addresses()
	hello := p.link.Peer()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, msg := range firstWords(g.state.NodeUp(hello.Node), members, int(min(hello.MaxSignalBytes, maxFirstWord))) {
		_ = p.link.Post(g.node.serviceSignal(hello.Node, serviceMessage{Name: &msg})) // fails only for a link that has ended
	}
	g.node.peers.reachable(p)
}

// Bounds of what things take in a message, in bytes.
const (
	maxFirstWord   = 8 << 20 // enough for the names of most nodes
	wordOverhead   = 256
	entryOverhead  = 32
	memberOverhead = 16
)

// firstWords gives what a node says first: a sync with its names, of at most so many bytes. Names that have no room
// there come before it, as if they had just been given, and nodes that have none are left out: others know them too.
func firstWords(own []registry.Entry, members []memberAddr, most int) (words []nameMessage) {
	sync := nameMessage{Op: opSync}
	room := most - wordOverhead
	left := room / 2 // for the nodes
	for _, m := range members[:min(len(members), maxMembers)] {
		size := len(m.Name) + len(m.Addr) + memberOverhead
		if left -= size; left < 0 {
			break
		}
		room -= size
		sync.Members = append(sync.Members, m)
	}
	for _, e := range own {
		if size := len(e.Name) + entryOverhead; size <= room {
			room -= size
			sync.Entries = append(sync.Entries, e)
			continue
		}
		words = append(words, nameMessage{Op: opCommit, Name: e.Name, Pid: e.Pid})
	}
	return append(words, sync)
}
