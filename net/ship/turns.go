package ship

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wnode/wnode/abi"
)

// How many modules a [Server] sends at a time when nothing else is said, and how many of them to one node.
const (
	DefaultMaxTransfers     = 8
	DefaultMaxPeerTransfers = 4
)

// One module is sent to so many nodes at a time, and so many more wait for it: others are sent on to these. So
// the nodes that want a module at the same time form a tree, and its origin sends it a few times only. Where all of
// its transfers take long it is sent to one node more, which two that read slowly cannot hold up.
const (
	maxModuleTransfers = 2
	maxModuleWaiting   = 3
	longTransfer       = 10 * time.Second
)

// Bounds of those who wait for their turn, and of what is remembered of those who had one.
const (
	maxWaiting     = 64
	maxPeerWaiting = 8
	maxRemembered  = 64 // modules
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
	end     func(error)   // ends the transfer
	ready   bool          // the module is here
	begun   time.Time     // when it was granted
	ending  bool          // it has to give way
	told    time.Time     // when something had moved, as it was told last
	moved   atomic.Int64  // when some of it was sent last, in nanoseconds
	sent    atomic.Int64  // bytes, as they are compressed
	decided chan decision // has room for the one decision
	word    chan struct{} // something has moved since it was told; has room for one
}

func newTurn(hash abi.Hash, to abi.NodeID, form Form, end func(error)) *turn {
	return &turn{hash: hash, to: to, form: form, end: end, decided: make(chan decision, 1), word: make(chan struct{}, 1)}
}

// turns decides which request for a module is served when. A node that has a module sends it to a few at a time; a
// node that is about to have it lets a few wait. All others are refused, with the names of those.
//
// Nobody waits for ever in a circle: a node lets others wait only while somebody sends to it, or has promised it, and dismisses
// them when that is over.
type turns struct {
	opts ServerOptions

	mu       sync.Mutex // guards what follows, and the turns in it
	sending  []*turn    // the oldest first
	waiting  []*turn    // in their order
	expected map[abi.Hash]*expectation
	takers   []takers // the modules that were sent last in front
}

// expectation is a module that is on its way here.
type expectation struct {
	transfers int
	moved     time.Time     // when some of it has moved last, here or before
	every     time.Duration // how often it is known whether it has
}

func (ts *turns) init(o ServerOptions) {
	ts.opts = o
	ts.expected = make(map[abi.Hash]*expectation)
}

// admit decides about a request. ready says that the module is here.
func (ts *turns) admit(t *turn, ready bool) decision {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t.ready = ready
	if !ready && ts.expected[t.hash] == nil {
		return absent
	}
	ts.replaceLocked(t)
	ts.serveLocked() // time may have made room
	switch {
	case ready && ts.obstacleLocked(t) == nil:
		ts.grantLocked(t)
		return granted
	case ts.mayWaitLocked(t):
		ts.waiting = append(ts.waiting, t)
		ts.urgeLocked(t)
		return queued
	}
	ts.urgeLocked(t)
	return busy
}

// replaceLocked ends an earlier request of the same node for the same module, which that has given up: it needs one.
func (ts *turns) replaceLocked(t *turn) {
	same := func(o *turn) bool { return t.sameNode(o) && t.sameModule(o) }
	ts.dismissLocked(same)
	for _, o := range ts.sending {
		if same(o) {
			o.giveWay()
		}
	}
}

// dismissLocked refuses those who wait and are like that.
func (ts *turns) dismissLocked(like func(*turn) bool) {
	ts.waiting = slices.DeleteFunc(ts.waiting, func(o *turn) bool {
		if like(o) {
			o.decided <- busy
			return true
		}
		return false
	})
}

// giveWay ends a transfer. The caller holds the lock of the turns.
func (t *turn) giveWay() {
	t.ending = true
	t.end(ErrGaveWay)
}

// grantLocked begins a transfer. Its node goes to the end of the line with whatever else it waits for.
func (ts *turns) grantLocked(t *turn) {
	t.begun = time.Now()
	t.moved.Store(t.begun.UnixNano())
	ts.sending = append(ts.sending, t)
	own := func(o *turn) int { return count([]*turn{o}, t.sameNode) }
	slices.SortStableFunc(ts.waiting, func(a, b *turn) int { return own(a) - own(b) })
}

// serveLocked grants what can be granted: to the nodes that have the fewest transfers, and in their order.
func (ts *turns) serveLocked() {
	for {
		next := -1
		for i, t := range ts.waiting {
			if t.ready && ts.obstacleLocked(t) == nil && (next < 0 || ts.shareLocked(t) < ts.shareLocked(ts.waiting[next])) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		t := ts.waiting[next]
		ts.waiting = slices.Delete(ts.waiting, next, next+1)
		ts.grantLocked(t)
		t.decided <- granted
	}
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

// urge serves a request that waits if time has made room for it, or has a transfer give way to it.
func (ts *turns) urge(t *turn) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.serveLocked()
	ts.urgeLocked(t)
}

// expect notes that a node sends the module or has promised it, and with n -1 that this is over. arrived says
// that it is here now.
func (ts *turns) expect(hash abi.Hash, n int, arrived bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	e := ts.expected[hash]
	if e == nil {
		e = &expectation{moved: time.Now(), every: waitPeriod}
		ts.expected[hash] = e
	}
	if e.transfers += n; e.transfers == 0 {
		delete(ts.expected, hash)
	}
	if !arrived && e.transfers > 0 {
		return
	}
	comes := func(t *turn) bool { return t.hash == hash && !t.ready }
	if !arrived {
		ts.dismissLocked(comes)
	}
	for _, t := range ts.waiting {
		t.ready = t.ready || comes(t)
	}
	ts.serveLocked()
}

// expects reports whether the module is on its way here.
func (ts *turns) expects(hash abi.Hash) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.expected[hash] != nil
}

// moved notes when some of a module that is on its way here has moved, and how often that is known. Those who wait for
// it are told at once if it is news, so that what they hear is not older the further they are from its origin.
func (ts *turns) moved(hash abi.Hash, when time.Time, every time.Duration) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	e := ts.expected[hash]
	if e == nil {
		return
	}
	e.every = max(every, waitPeriod)
	if !e.moved.Before(when) {
		return
	}
	e.moved = when
	for _, t := range ts.waiting {
		if t.hash != hash || t.ready || when.Sub(t.told) < waitPeriod/2 {
			continue
		}
		select {
		case t.word <- struct{}{}:
		default: // it will hear of that anyway
		}
	}
}

// idle tells how long nothing has moved that a turn waits for, and how often that is known.
func (ts *turns) idle(t *turn) (idle, every time.Duration) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if e := ts.expected[t.hash]; !t.ready && e != nil {
		t.told = e.moved
		return time.Since(e.moved), e.every
	}
	blocks := ts.obstacleLocked(t)
	if blocks == nil {
		return 0, waitPeriod
	}
	last := time.Time{}
	for _, o := range ts.sending {
		if moved := o.lastMoved(); blocks(o) && last.Before(moved) {
			last = moved
		}
	}
	return time.Since(last), waitPeriod
}

func (t *turn) lastMoved() time.Time { return time.Unix(0, t.moved.Load()) }
