package ship

import (
	"slices"
	"sync"
	"time"

	"github.com/wnode/wnode/abi"
)

// How many modules a [Server] sends at a time when nothing else is said, and how many of them to one node.
const (
	DefaultMaxTransfers     = 8
	DefaultMaxPeerTransfers = 4
)

// One module is sent to so many nodes at a time, and so many more wait for it: others are sent on to these. So
// the nodes that want a module at the same time form a tree, and its origin sends it a few times only.
const (
	maxModuleTransfers = 2
	maxModuleWaiting   = 3
)

// Bounds of those who wait for their turn, and of what is remembered of those who had one.
const (
	maxWaiting     = 64
	maxPeerWaiting = 8
	maxRemembered  = 64 // modules
)

// A transfer whose turn is over gives way when somebody waits. One that cannot be gone on with has a longer turn.
const (
	turnTime      = time.Minute
	turnTimeFixed = 10 * time.Minute
)

// decision is what becomes of a request.
type decision uint8

const (
	granted decision = iota
	queued           // it waits; decided tells
	busy             // no room to wait, or what it waited for does not come
	absent           // the module is not here, and not on its way
)

// turn is one request for a module. The fields without a comment never change.
type turn struct {
	hash    abi.Hash
	to      abi.NodeID
	form    Form
	end     func(error) // ends the transfer
	ready   bool        // the module is here
	begun   time.Time   // when it was granted
	decided chan decision
}

// turns decides which request for a module is served when. A node that has a module sends it to a few at a time; a
// node that is about to have it lets a few wait. All others are refused, with the names of those.
//
// Nobody waits for ever in a circle: a node lets others wait only while somebody sends to it, or has promised it, and dismisses
// them when that is over.
type turns struct {
	opts ServerOptions

	mu       sync.Mutex // guards what follows, and the turns in it
	sending  []*turn
	waiting  []*turn // in their order
	expected map[abi.Hash]int
	takers   []takers // the modules that were sent last in front
}

// takers are the nodes that have taken a module, the last ones last.
type takers struct {
	hash  abi.Hash
	nodes []abi.NodeID
}

func (ts *turns) init(o ServerOptions) {
	ts.opts = o
	ts.expected = make(map[abi.Hash]int)
}

// admit decides about a request. ready says that the module is here.
func (ts *turns) admit(t *turn, ready bool) decision {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t.ready = ready
	switch {
	case !ready && ts.expected[t.hash] == 0:
		return absent
	case ready && ts.roomLocked(t):
		ts.grantLocked(t)
		return granted
	case t.form == FormMaps && ts.mayWaitLocked(t):
		t.decided = make(chan decision, 1)
		ts.waiting = append(ts.waiting, t)
		ts.urgeLocked(t)
		return queued
	}
	ts.urgeLocked(t)
	return busy
}

// count gives how many turns of a list are like that.
func count(list []*turn, like func(*turn) bool) (n int) {
	for _, t := range list {
		if like(t) {
			n++
		}
	}
	return n
}

// roomLocked reports whether one more can be sent. A node that cannot be sent on to others does not have to wait
// for those that can.
func (ts *turns) roomLocked(t *turn) bool {
	return ts.blockersLocked(t) == nil
}

// blockersLocked tells the transfers of which one has to end before another can be sent, nil for none.
func (ts *turns) blockersLocked(t *turn) func(*turn) bool {
	switch {
	case count(ts.sending, t.sameNode) >= ts.opts.MaxPeerTransfers:
		return t.sameNode
	case t.form == FormMaps && count(ts.sending, t.sameModule) >= maxModuleTransfers:
		return t.sameModule
	case len(ts.sending) >= ts.opts.MaxTransfers:
		return func(*turn) bool { return true }
	}
	return nil
}

func (t *turn) sameModule(o *turn) bool { return o.hash == t.hash }
func (t *turn) sameNode(o *turn) bool   { return o.to == t.to }

func (ts *turns) mayWaitLocked(t *turn) bool {
	return len(ts.waiting) < maxWaiting && count(ts.waiting, t.sameNode) < maxPeerWaiting && count(ts.waiting, t.sameModule) < maxModuleWaiting
}

func (ts *turns) grantLocked(t *turn) {
	t.begun = time.Now()
	ts.sending = append(ts.sending, t)
}

// serveLocked grants what can be granted, in order.
func (ts *turns) serveLocked() {
	ts.waiting = slices.DeleteFunc(ts.waiting, func(t *turn) bool {
		if !t.ready || !ts.roomLocked(t) {
			return false
		}
		ts.grantLocked(t)
		t.decided <- granted
		return true
	})
}

// release ends a turn. taken says that the node has the module now.
func (ts *turns) release(t *turn, taken bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.sending = slices.DeleteFunc(ts.sending, func(o *turn) bool { return o == t })
	if taken && t.form == FormMaps {
		ts.rememberLocked(t)
	}
	ts.serveLocked()
}

// leave ends a turn that waits, or has just been granted.
func (ts *turns) leave(t *turn) {
	ts.mu.Lock()
	ts.waiting = slices.DeleteFunc(ts.waiting, func(o *turn) bool { return o == t })
	ts.mu.Unlock()
	ts.release(t, false)
}

// urge has a transfer give way that has taken longer than its turn, if a request waits for that.
func (ts *turns) urge(t *turn) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.urgeLocked(t)
}

// urgeLocked ends the transfer that has been under way for longest of those that are in the way, if it has had its turn. Who
// has a full share is in nobody's way but its own.
func (ts *turns) urgeLocked(t *turn) {
	blocks := ts.blockersLocked(t)
	if !t.ready || blocks == nil {
		return
	}
	for _, o := range ts.sending { // the oldest first
		most := turnTime
		if o.form == FormFixed {
			most = turnTimeFixed
		}
		if blocks(o) && time.Since(o.begun) > most {
			o.end(ErrGaveWay)
			return
		}
	}
}

// expect notes that a node sends the module or has promised it, and with n -1 that this is over. arrived says
// that it is here now.
func (ts *turns) expect(hash abi.Hash, n int, arrived bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.expected[hash] += n; ts.expected[hash] == 0 {
		delete(ts.expected, hash)
	}
	if !arrived && ts.expected[hash] > 0 {
		return
	}
	ts.waiting = slices.DeleteFunc(ts.waiting, func(t *turn) bool {
		if t.hash != hash || t.ready {
			return false
		}
		t.ready = arrived
		if !arrived {
			t.decided <- busy
		}
		return !arrived
	})
	ts.serveLocked()
}

// expects reports whether the module is on its way here.
func (ts *turns) expects(hash abi.Hash) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.expected[hash] > 0
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
