package vm

import (
	"fmt"
	"sync"

	"github.com/wnode/wnode/abi"
)

// visitors counts the live processes that other nodes have asked for, and all that came of them, by node. A
// node that comes back with another id finds room as long as all visitors together leave some to the node's own.
type visitors struct {
	most    int // of one node
	mostAll int

	mu     sync.Mutex // guards what follows
	byNode map[abi.NodeID]int
	all    int
}

func (v *visitors) init(most, processes int) {
	v.most, v.mostAll = most, max(processes/4*3, 1)
	v.byNode = map[abi.NodeID]int{}
}

// enter counts one more, or none: [abi.ErrLimit].
func (v *visitors) enter(node abi.NodeID) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.byNode[node] >= v.most:
		return fmt.Errorf("%d processes of another node: %w", v.most, abi.ErrLimit)
	case v.all >= v.mostAll:
		return fmt.Errorf("%d processes of other nodes: %w", v.mostAll, abi.ErrLimit)
	}
	v.byNode[node]++
	v.all++
	return nil
}

func (v *visitors) leave(node abi.NodeID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all--
	if v.byNode[node]--; v.byNode[node] == 0 {
		delete(v.byNode, node)
	}
}

// visits gives the node that has asked for the process, or for the guest that it came of, and 0 for this node.
func (p *Process) visits() abi.NodeID {
	switch {
	case !p.parent.IsZero() && p.parent.Node != p.pid.Node:
		return p.parent.Node
	case p.below == nil:
		return 0
	}
	if head := p.below.top().head; head.Num == abi.NodeProcess {
		return head.Node
	}
	return 0
}

// join counts the process among those whose number is bounded. After an error it is not counted.
func (p *Process) join() error {
	node := p.visits()
	if node != 0 {
		if err := p.sys.visitors.enter(node); err != nil {
			return err
		}
	}
	err := p.family.join()
	if err != nil && node != 0 {
		p.sys.visitors.leave(node)
	}
	return err
}

// leave takes join back.
func (p *Process) leave() {
	p.family.leave()
	if node := p.visits(); node != 0 {
		p.sys.visitors.leave(node)
	}
}
