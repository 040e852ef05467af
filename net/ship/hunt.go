package ship

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/net/wire"
)

// How long a module is looked for.
const (
	patience     = 5 * time.Minute  // without a byte of it that moves, while nodes that have it are busy
	lostPatience = 30 * time.Second // for its origin to come back, or to begin again what had to give way
	linePatience = 10 * time.Minute // in the line of a node that is not its origin, whatever it says
)

// How long the pauses between attempts are.
const (
	minPause = 20 * time.Millisecond
	maxPause = time.Second
)

// Of the nodes that are nearer than the origin so many are asked before it, and of all so many when it cannot send
// the module. They have at least and at most so long to answer.
const (
	maxAsked     = 4
	maxAskedLate = 16
	minAskTime   = 20 * time.Millisecond
	maxAskTime   = 250 * time.Millisecond
	lateAskTime  = time.Second
)

// An attempt that has brought so much is worth another one, and of those with the origin that it has cut so many that have not.
const (
	minProgress = 64 << 10
	maxCut      = 20
)

// Fetch brings the module with the hash to the sink, which lacks it. origin is a node that has it. Nodes that are
// much nearer are asked first whether they have it; a node that is busy names others. What an attempt has brought the next
// one goes on with, from whichever node, and also after the connection was lost. The error is that of the last attempt, or the cause of ctx.
func (x *Exchange) Fetch(ctx context.Context, hash abi.Hash, origin abi.NodeID) error {
	h := &hunt{x: x, hash: hash, origin: origin, failed: map[abi.NodeID]time.Time{}, asked: map[abi.NodeID]bool{}}
	h.moved(time.Now(), waitPeriod)
	h.vigil = vigil{x: x, origin: origin, now: Wait{Module: hash, Node: x.opts.Node}}
	watching, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { h.vigil.run(watching) })
	defer watch.Wait()
	defer cancel()
	return h.run(ctx)
}

// hunt is one Fetch.
type hunt struct {
	x      *Exchange
	hash   abi.Hash
	origin abi.NodeID
	vigil  vigil

	next   []abi.NodeID             // to be tried before the origin
	asked  map[abi.NodeID]bool      // tried since the origin was
	failed map[abi.NodeID]time.Time // until when they are not tried again
	givers []abi.NodeID             // that have sent some of it
	most   int64                    // bytes of the module that have been here
	begun  bool                     // somebody has sent, or promised to
	late   bool                     // all have been asked
	cut    int                      // how often the connected origin has cut the transfer since there was progress
	anew   bool                     // what was here was false, and thrown away
	last   time.Time                // when something has moved last
}

// moved notes when something of the module has moved on its way here, and how often that is known.
func (h *hunt) moved(when time.Time, every time.Duration) {
	if h.last.Before(when) {
		h.last = when
	}
	h.x.server.turns.moved(h.hash, when, every)
}

func (h *hunt) run(ctx context.Context) error {
	h.next = h.nearer(ctx)
	for wait := minPause; ; {
		a := h.try(ctx, h.take())
		if a.Err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if _, own := errors.AsType[*sinkError](a.Err); own {
			return a.Err
		}
		again := h.failedAt(ctx, a)
		_, busy := errors.AsType[*BusyError](a.Err)
		switch {
		case len(h.next) > 0 || a.Node != h.origin && !busy:
			continue
		case !again:
			return a.Err
		case !pause(ctx, wait/2+rand.N(wait)):
			return context.Cause(ctx)
		}
		wait = min(2*wait, maxPause)
	}
}

// pause waits, and reports false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// nearer gives the nodes that have the module and are much nearer than its origin.
func (h *hunt) nearer(ctx context.Context) []abi.NodeID {
	within, answer := time.Duration(math.MaxInt64), maxAskTime
	if far, connected := h.x.distance(h.origin); connected {
		within, answer = far/2, min(max(far, minAskTime), maxAskTime)
	}
	return h.ask(ctx, within, maxAsked, answer)
}

func (h *hunt) ask(ctx context.Context, within time.Duration, most int, patience time.Duration) []abi.NodeID {
	nodes := h.x.near(within, func(n abi.NodeID) bool { return n != h.origin && h.mayTry(n) })
	return h.x.ask(ctx, h.hash, nodes[:min(len(nodes), most)], patience)
}

// take gives the node to try: the origin if there is no other.
func (h *hunt) take() abi.NodeID {
	if len(h.next) == 0 {
		clear(h.asked)
		return h.origin
	}
	node := h.next[0]
	h.next = h.next[1:]
	h.asked[node] = true
	return node
}

// try tries to get the module from a node. While that sends it, or has promised to, other nodes may wait for it here.
func (h *hunt) try(ctx context.Context, node abi.NodeID) Attempt {
	a := Attempt{Module: h.hash, Node: node, Origin: h.origin}
	placed, turns := false, &h.x.server.turns
	h.vigil.asks(node)
	s, form, err := h.x.opts.Peers.Open(ctx, node, node == h.origin && h.begun)
	if err != nil {
		a.Err = err
	} else {
		o := FetchOptions{
			Form: form, MaxModuleBytes: h.x.opts.MaxModuleBytes, Hurry: node != h.origin, MaxIdle: patience,
			Moved: func() { h.moved(time.Now(), waitPeriod) },
			Progress: func(done, total int64) {
				h.vigil.comes(done, total)
				h.x.opts.Progress(h.hash, done, total)
			},
			Placed: func(idle, every time.Duration) {
				if !placed {
					placed, h.begun = true, true
					turns.expect(h.hash, 1, false)
				}
				h.moved(time.Now().Add(-idle), every)
			},
		}
		if node != h.origin {
			o.MaxWait = linePatience
		}
		a.Received, a.Err = Fetch(ctx, s, h.hash, h.x.opts.Sink, o)
	}
	if placed {
		turns.expect(h.hash, -1, a.Err == nil)
	}
	h.x.opts.Tried(a)
	return a
}

// failedAt takes note of an attempt that has failed, and of the nodes to try next. again says that the origin, if it is the
// one that has failed, is worth another attempt.
func (h *hunt) failedAt(ctx context.Context, a Attempt) (again bool) {
	progress := h.progress(a)
	if a.Bytes > 0 {
		h.givers = append(h.givers, a.Node)
	}
	if errors.Is(a.Err, ErrFalseContent) {
		h.blame()
	}
	refused, busy := errors.AsType[*BusyError](a.Err)
	switch {
	case busy:
		h.sendOn(refused.Nodes)
		return time.Since(h.last) < patience
	case a.Node != h.origin && progress && !errors.Is(a.Err, ErrSlow) && !final(a.Err):
		h.next = append([]abi.NodeID{a.Node}, h.next...) // it was cut, or gave way
		return false
	case a.Node != h.origin:
		h.avoid(a)
		return false
	case errors.Is(a.Err, ErrFalseContent) && a.Offset > 0 && !h.anew:
		h.anew, h.most = true, 0
		return true
	case !final(a.Err) && progress:
		return true
	}
	if !h.late {
		h.late = true
		h.next = append(h.next, h.ask(ctx, math.MaxInt64, maxAskedLate, lateAskTime)...)
	}
	if _, connected := h.x.distance(h.origin); connected {
		h.cut++ // or had to give way
	}
	return !final(a.Err) && h.begun && h.cut < maxCut && time.Since(h.last) < lostPatience
}

// avoid leaves out a node that is not the origin and has failed. One that only waits as long as this one is trusted still.
func (h *hunt) avoid(a Attempt) {
	away := slowTime
	if final(a.Err) {
		away = mistrustTime
	}
	h.failed[a.Node] = time.Now().Add(away)
	if !errors.Is(a.Err, ErrNotFound) && !errors.Is(a.Err, ErrBusy) {
		h.x.distrust(a.Node, away)
	}
}

func (h *hunt) mayTry(node abi.NodeID) bool { return time.Now().After(h.failed[node]) }

// blame distrusts all that have sent some of what is not the module: nobody can tell which of them has lied.
func (h *hunt) blame() {
	for _, node := range h.givers {
		if node != h.origin {
			h.failed[node] = time.Now().Add(mistrustTime)
			h.x.distrust(node, mistrustTime)
		}
	}
	h.givers = nil
}

// progress reports whether an attempt has brought what was not here before.
func (h *hunt) progress(a Attempt) bool {
	here := a.Offset + a.Bytes
	if here < h.most+minProgress {
		return false
	}
	h.most, h.cut = here, 0
	h.last = time.Now()
	return true
}

// final reports whether a node has said that it cannot send the module, or not sent it, so that another attempt would
// end as this one did.
func final(err error) bool {
	_, broken := errors.AsType[*wire.ProtocolError](err)
	return broken || errors.Is(err, ErrNotFound) || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrFailed) || errors.Is(err, ErrFalseContent)
}

// sendOn puts the nodes in front that a busy one has named, the nearest first. It may have named anybody.
func (h *hunt) sendOn(named []abi.NodeID) {
	if len(named) == 0 {
		return
	}
	known := map[abi.NodeID]bool{}
	for _, node := range named {
		known[node] = node != h.origin && h.mayTry(node) && !h.asked[node]
	}
	for _, node := range h.next {
		known[node] = false
	}
	h.next = append(h.x.near(math.MaxInt64, func(n abi.NodeID) bool { return known[n] }), h.next...)
}
