package ship

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/wnode/wnode/abi"
)

// Wait says that a node waits for a module, or waits no more.
type Wait struct {
	Module abi.Hash
	Node   abi.NodeID // that waits
	From   abi.NodeID // that is to send it, or does; Node itself when the wait is over
	// Done and Total are what has come of the module and all of it, in bytes. Total is 0 while nobody knows. What other
	// nodes say of themselves may be anything.
	Done, Total int64
}

// How often it is looked whether people have to be told whom a node waits for: they are when that has changed, and else
// after pauses that grow.
const (
	lookPeriod   = 2 * time.Second
	maxTellPause = time.Minute
)

// vigil tells, while a hunt lasts, which node is to send the module: the people of this node, and those of the origin,
// who may have asked for a process here and else would see nothing, as the module comes from another node.
type vigil struct {
	x      *Exchange
	origin abi.NodeID

	mu    sync.Mutex
	now   Wait
	flows bool // the module is coming from there

	told   Wait
	when   time.Time     // told was
	pause  time.Duration // behind it
	abroad bool          // the origin was told too
}

// asks notes that a node is asked to send the module.
func (v *vigil) asks(node abi.NodeID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now.From, v.flows = node, false
}

// comes notes how much of the module is here.
func (v *vigil) comes(done, total int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now.Done, v.now.Total, v.flows = done, total, true
}

// run tells until ctx ends, and then that the wait is over.
func (v *vigil) run(ctx context.Context) {
	tick := time.NewTicker(lookPeriod)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			v.look(ctx)
		case <-ctx.Done():
			if v.told.From != 0 {
				v.told.From = v.told.Node
				v.tell(context.WithoutCancel(ctx), v.told, false)
			}
			return
		}
	}
}

// look tells if there is news.
func (v *vigil) look(ctx context.Context) {
	v.mu.Lock()
	now, flows := v.now, v.flows
	v.mu.Unlock()
	switch {
	case now.From != v.told.From:
		v.pause = lookPeriod
	case time.Since(v.when) < v.pause:
		return
	default:
		v.pause = min(2*v.pause, maxTellPause)
	}
	v.told, v.when = now, time.Now()
	v.tell(ctx, now, flows)
}

// tell tells the people of this node, who see it for themselves when the module flows, and the origin, which sees what
// it sends itself.
func (v *vigil) tell(ctx context.Context, w Wait, flows bool) {
	if !flows {
		v.x.opts.Waits(w)
	}
	if w.From == v.origin || w.From == w.Node && !v.abroad {
		return
	}
	v.abroad = true
	ctx, cancel := context.WithTimeout(ctx, maxAskTime)
	defer cancel()
	if s, form, err := v.x.opts.Peers.Open(ctx, v.origin, false); err == nil && form == FormMaps {
		_, _ = asks(ctx, s, request{ // whatever it answers
			hash: w.Module, ask: true, offset: uint64(w.Done), from: w.From, size: uint64(w.Total),
		})
	} else if err == nil {
		abort(s)
	}
}

// asks puts a question to the other end of s, closes s, and gives the answer. The other end has to understand
// [FormMaps].
func asks(ctx context.Context, s Stream, q request) (a answer, err error) {
	err = within(ctx, s, func() (err error) {
		if _, err = s.Write(q.append(nil, FormMaps)); err != nil {
			return fmt.Errorf("send question: %w", err)
		}
		a, err = readAnswer(s, FormMaps)
		return err
	})
	if err == nil {
		_ = s.Close() // all that was asked for is here
	}
	return a, err
}

// waits tells of a request that waits here, or waits no more.
func (v *Server) waits(t *turn, from abi.NodeID) {
	v.opts.Waits(Wait{Module: t.hash, Node: t.to, From: from})
}

// wait gives what a question of a node says of that.
func (q request) wait(node abi.NodeID) Wait {
	bytes := func(n uint64) int64 { return int64(min(n, math.MaxInt64)) }
	return Wait{Module: q.hash, Node: node, From: q.from, Done: bytes(q.offset), Total: bytes(q.size)}
}
