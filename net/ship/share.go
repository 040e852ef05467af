package ship

import "time"

// pacing is when a transfer has to give way to a request that waits.
type pacing struct {
	// share is how long a transfer is left alone whose node has more than its share: at least two transfers more than
	// the node that waits.
	share time.Duration
	// still is how long nothing of it may move.
	still time.Duration
	// whole is how long it may take, and a second more for every turnBytes that it has moved.
	whole time.Duration
}

// pacings has those of the two forms: a transfer of the fixed one begins anew when it has given way.
var pacings = [...]pacing{
	FormFixed: {share: 30 * time.Second, still: 20 * time.Second, whole: 10 * time.Minute},
	FormMaps:  {share: 2 * time.Second, still: stillTime, whole: time.Minute},
}

// turnBytes is what a transfer has to move in a second to keep its turn.
const turnBytes = 64 << 10

// A transfer that has had so long, and moved so much, gives way to a node that has none. So much is more than the
// largest block of a compressed module, behind which a transfer can be gone on with.
const (
	sliceTime  = 10 * time.Second
	sliceBytes = 256 << 10
)

func (t *turn) sameModule(o *turn) bool { return o.hash == t.hash }
func (t *turn) sameNode(o *turn) bool   { return o.to == t.to }

// count gives how many turns of a list are like that.
func count(list []*turn, like func(*turn) bool) (n int) {
	for _, t := range list {
		if like(t) {
			n++
		}
	}
	return n
}

// shareLocked is how many transfers the node of a request has.
func (ts *turns) shareLocked(t *turn) int { return count(ts.sending, t.sameNode) }

// obstacleLocked tells the transfers of which one has to end before a request can be served, nil for none. A node that
// cannot be sent on to others does not have to wait for those that can; but those transfers hardly ever give way, so
// that there are half as many of them.
func (ts *turns) obstacleLocked(t *turn) func(*turn) bool {
	fixed := func(o *turn) bool { return o.form == FormFixed }
	sameNodeFixed := func(o *turn) bool { return t.sameNode(o) && fixed(o) }
	half := func(n int) int { return (n + 1) / 2 }
	switch {
	case ts.shareLocked(t) >= ts.opts.MaxPeerTransfers:
		return t.sameNode
	case fixed(t) && count(ts.sending, sameNodeFixed) >= half(ts.opts.MaxPeerTransfers):
		return sameNodeFixed
	case t.form == FormMaps && count(ts.sending, t.sameModule) >= ts.maxOfModuleLocked(t):
		return t.sameModule
	case fixed(t) && count(ts.sending, fixed) >= half(ts.opts.MaxTransfers):
		return fixed
	case len(ts.sending) >= ts.opts.MaxTransfers:
		return func(*turn) bool { return true }
	}
	return nil
}

// maxOfModuleLocked is how many transfers of the module of a request there may be at a time.
func (ts *turns) maxOfModuleLocked(t *turn) int {
	for _, o := range ts.sending {
		if t.sameModule(o) && time.Since(o.begun) < longTransfer {
			return maxModuleTransfers
		}
	}
	return maxModuleTransfers + 1
}

// mayWaitLocked reports whether there is a place in the line for a request. If the line is full, the node that has
// most places in it loses one to a node with fewer.
func (ts *turns) mayWaitLocked(t *turn) bool {
	others := func(o *turn) bool { return t.sameModule(o) && o.form == FormMaps }
	if count(ts.waiting, t.sameNode) >= maxPeerWaiting || t.form == FormMaps && count(ts.waiting, others) >= maxModuleWaiting {
		return false
	}
	if len(ts.waiting) < maxWaiting {
		return true
	}
	places := func(o *turn) int { return count(ts.waiting, o.sameNode) }
	last := ts.waiting[0]
	for _, o := range ts.waiting {
		if places(o) >= places(last) {
			last = o
		}
	}
	if places(last) <= places(t)+1 {
		return false
	}
	ts.dismissLocked(func(o *turn) bool { return o == last })
	return true
}

// urgeLocked has a transfer give way to a request that waits if one of those in its way has to: of the node that has
// most of them, and the oldest.
func (ts *turns) urgeLocked(t *turn) {
	blocks := ts.obstacleLocked(t)
	if !t.ready || blocks == nil {
		return
	}
	var end *turn
	for _, o := range ts.sending {
		switch {
		case !blocks(o):
		case o.ending: // and makes room
			return
		case ts.givesWayLocked(o, t) && (end == nil || ts.shareLocked(o) > ts.shareLocked(end)):
			end = o
		}
	}
	if end != nil {
		end.giveWay()
	}
}

// givesWayLocked reports whether a transfer has to give way to a request. Among those for one module it is not a matter
// of fair shares: it is better that one node has all of it, and passes it on, than that many have some.
func (ts *turns) givesWayLocked(o, t *turn) bool {
	p, age, sent := pacings[o.form], time.Since(o.begun), o.sent.Load()
	if time.Since(o.lastMoved()) > p.still || age > p.whole+time.Duration(sent/turnBytes)*time.Second {
		return true
	}
	if t.sameModule(o) {
		return false
	}
	share := ts.shareLocked(t)
	return age > p.share && ts.shareLocked(o) > share+1 ||
		o.form == FormMaps && share == 0 && age > sliceTime && sent > sliceBytes
}
