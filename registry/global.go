package registry

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"github.com/wnode/wnode/abi"
)

// Entry is one global name.
type Entry struct {
	_    struct{} `cbor:",toarray"`
	Name string
	Pid  abi.Pid
}

// Conflict is a name that two nodes had given to different processes before they met. Every node
// that knows of both comes to the same verdict by itself.
type Conflict struct {
	Name   string
	Losers []abi.Pid
}

// MaxNodeNames bounds the names of one node's processes, those that it has reserved included.
const MaxNodeNames = 1 << 16

// Global is one node's copy of the names that all connected nodes share.
//
// Each entry has one writer, the node where its process lives: it alone tells the others that the
// name is taken or free again, so that the two can never arrive in the wrong order. To keep two
// writers from taking one name at a time, a writer first reserves it with the arbiter, the node
// with the least id among those connected ([Global.Arbiter]); then it commits on every node. Nodes
// that meet exchange the entries that each is the writer of ([Global.Own]); a name that both sides have by
// then is a [Conflict]. Until the loser has been killed by its own node, both entries are kept: if the
// winner ends first, the other one has the name, on every node.
type Global struct {
	self     abi.NodeID
	members  map[abi.NodeID]bool  // connected nodes, without self
	byName   map[string][]abi.Pid // the one that has the name first; more than one in a conflict
	byPid    map[abi.Pid]string
	count    map[abi.NodeID]int    // names of each node's processes
	reserved map[string]abi.NodeID // as arbiter: who is about to commit
	pending  map[abi.NodeID]int    // how many of them are each node's
}

// NewGlobal makes an empty registry for a node.
func NewGlobal(self abi.NodeID) *Global {
	return &Global{
		self: self, members: map[abi.NodeID]bool{}, byName: map[string][]abi.Pid{},
		byPid: map[abi.Pid]string{}, count: map[abi.NodeID]int{},
		reserved: map[string]abi.NodeID{}, pending: map[abi.NodeID]int{},
	}
}

// Arbiter is the node that decides who may take a name, and may be this one.
func (g *Global) Arbiter() abi.NodeID {
	least := g.self
	for id := range g.members {
		least = min(least, id)
	}
	return least
}

// Members lists the connected nodes.
func (g *Global) Members() []abi.NodeID { return slices.Collect(maps.Keys(g.members)) }

// Reserve is asked of the arbiter by a node that wants to give a name to one of its processes.
// The reservation ends with [Global.Commit], [Global.Cancel] or [Global.NodeDown]. The errors wrap
// [abi.ErrNameTaken], when the name is taken or reserved or the process has one (GLOB-02),
// [abi.ErrLimit], and [abi.ErrBadArgument].
func (g *Global) Reserve(name string, pid abi.Pid) error {
	if err := g.check(Entry{Name: name, Pid: pid}); err != nil {
		return err
	}
	if _, taken := g.byName[name]; taken {
		return fmt.Errorf("register %q: %w", name, abi.ErrNameTaken)
	}
	if _, taken := g.reserved[name]; taken {
		return fmt.Errorf("register %q: %w", name, abi.ErrNameTaken)
	}
	if g.count[pid.Node]+g.pending[pid.Node] >= MaxNodeNames { // a node may reserve and never commit
		return fmt.Errorf("register %q: the node has reserved too many names: %w", name, abi.ErrLimit)
	}
	g.reserved[name] = pid.Node
	g.pending[pid.Node]++
	return nil
}

// Cancel takes a node's reservation back.
func (g *Global) Cancel(name string, by abi.NodeID) {
	if owner, taken := g.reserved[name]; !taken || owner != by {
		return
	}
	delete(g.reserved, name)
	if g.pending[by]--; g.pending[by] == 0 {
		delete(g.pending, by)
	}
}

// check says why an entry cannot be, whoever else has the name. A node that is not a member, or is
// not any more, has no say.
func (g *Global) check(e Entry) error {
	switch {
	case !validName(e.Name):
		return fmt.Errorf("register %.40q: not a name: %w", e.Name, abi.ErrBadArgument)
	case e.Pid.Node != g.self && !g.members[e.Pid.Node]:
		return fmt.Errorf("register %q: %w", e.Name, abi.ErrNotConnected)
	case g.byPid[e.Pid] != "":
		return fmt.Errorf("register %q: the process is registered as %q: %w", e.Name, g.byPid[e.Pid], abi.ErrNameTaken)
	case g.count[e.Pid.Node] >= MaxNodeNames:
		return fmt.Errorf("register %q: the node has %d names: %w", e.Name, MaxNodeNames, abi.ErrLimit)
	}
	return nil
}

// Commit enters a name and ends its reservation. When processes of other nodes have the name too,
// the losers are returned. The errors are those of [Global.Reserve]; of one node one process can
// have a name.
func (g *Global) Commit(e Entry) (Conflict, error) {
	g.Cancel(e.Name, e.Pid.Node)
	if err := g.check(e); err != nil {
		return Conflict{}, err
	}
	for _, pid := range g.byName[e.Name] {
		if pid.Node == e.Pid.Node {
			return Conflict{}, fmt.Errorf("register %q: %w", e.Name, abi.ErrNameTaken)
		}
	}
	pids := append(g.byName[e.Name], e.Pid)
	slices.SortFunc(pids, func(a, b abi.Pid) int { return compare(e.Name, a, b) })
	g.byName[e.Name], g.byPid[e.Pid] = pids, e.Name
	g.count[e.Pid.Node]++
	return Conflict{Name: e.Name, Losers: slices.Clone(pids[1:])}, nil
}

// compare decides between two processes with one name, as a coin would, but the same on every node (GLOB-12).
func compare(name string, a, b abi.Pid) int {
	weight := func(p abi.Pid) []byte {
		sum := sha256.Sum256(p.Append([]byte(name)))
		return sum[:]
	}
	return bytes.Compare(weight(a), weight(b))
}

// Remove takes a name from a process, if it has it.
func (g *Global) Remove(name string, pid abi.Pid) {
	if g.byPid[pid] != name {
		return
	}
	delete(g.byPid, pid)
	if g.count[pid.Node]--; g.count[pid.Node] == 0 {
		delete(g.count, pid.Node)
	}
	if rest := slices.DeleteFunc(g.byName[name], func(p abi.Pid) bool { return p == pid }); len(rest) > 0 {
		g.byName[name] = rest
	} else {
		delete(g.byName, name)
	}
}

// Whereis finds the process with a name.
func (g *Global) Whereis(name string) (abi.Pid, bool) {
	if pids := g.byName[name]; len(pids) > 0 {
		return pids[0], true
	}
	return abi.Pid{}, false
}

// NameOf gives the name of a process, "" for none.
func (g *Global) NameOf(pid abi.Pid) string { return g.byPid[pid] }

// Names lists the names in use, sorted.
func (g *Global) Names() []string { return slices.Sorted(maps.Keys(g.byName)) }

// NodeUp makes a node a member and returns the entries to send to it.
func (g *Global) NodeUp(node abi.NodeID) []Entry {
	g.members[node] = true
	return g.Own()
}

// Own lists the entries that this node is the writer of, sorted by name.
func (g *Global) Own() []Entry {
	own := []Entry{}
	for _, name := range g.Names() {
		for _, pid := range g.byName[name] {
			if pid.Node == g.self {
				own = append(own, Entry{Name: name, Pid: pid})
			}
		}
	}
	return own
}

// NodeDown forgets a node with its names and reservations (GLOB-07).
func (g *Global) NodeDown(node abi.NodeID) {
	delete(g.members, node)
	maps.DeleteFunc(g.reserved, func(_ string, by abi.NodeID) bool { return by == node })
	delete(g.pending, node)
	for pid, name := range g.byPid {
		if pid.Node == node {
			g.Remove(name, pid)
		}
	}
}
