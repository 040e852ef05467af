package ship

import (
	"slices"

	"github.com/wnode/wnode/abi"
)

// takers are the nodes that have taken a module, the last ones last.
type takers struct {
	hash  abi.Hash
	nodes []abi.NodeID
}

// others names the nodes that have the module from here, or will, for one that is refused.
func (ts *turns) others(t *turn) (nodes []abi.NodeID) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	add := func(node abi.NodeID) {
		if node != t.to && len(nodes) < MaxNodes && !slices.Contains(nodes, node) {
			nodes = append(nodes, node)
		}
	}
	for _, list := range [][]*turn{ts.waiting, ts.sending} {
		for _, o := range list {
			if o.hash == t.hash && o.form == FormMaps {
				add(o.to)
			}
		}
	}
	for _, taken := range ts.takers {
		if taken.hash != t.hash {
			continue
		}
		for _, node := range slices.Backward(taken.nodes) {
			add(node)
		}
	}
	return nodes
}

// rememberLocked keeps the last nodes that have taken a module, for the modules that were sent last.
func (ts *turns) rememberLocked(t *turn) {
	last := takers{hash: t.hash}
	if i := slices.IndexFunc(ts.takers, func(k takers) bool { return k.hash == t.hash }); i >= 0 {
		last = ts.takers[i]
		ts.takers = slices.Delete(ts.takers, i, i+1)
	}
	last.nodes = slices.DeleteFunc(last.nodes, func(n abi.NodeID) bool { return n == t.to })
	last.nodes = append(last.nodes, t.to)
	last.nodes = last.nodes[max(len(last.nodes)-MaxNodes, 0):]
	ts.takers = slices.Insert(ts.takers, 0, last)
	ts.takers = ts.takers[:min(len(ts.takers), maxRemembered)]
}
