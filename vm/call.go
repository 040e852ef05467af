package vm

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"sync"

	"github.com/wnode/wnode/abi"
)

// maxCallWatchers bounds the monitors on one call. Who was asked needs one.
const maxCallWatchers = 1 << 10

// call is a pid that lives for one question: the answer comes to it and not to the mailbox of the
// process that asks, so a call never disturbs a mailbox, and a late answer finds nobody.
type call struct {
	pid    abi.Pid
	ref    abi.Ref
	asked  abi.Pid
	answer chan abi.Signal // capacity 1: the first signal is the answer
	caller *Process        // is woken by it; nil for none

	mu       sync.Mutex
	watchers map[watcher]struct{} // those who wait with an answer and would like to know when it is too late
	ended    bool
}

func (c *call) signal(sig abi.Signal, by *Process) bool {
	switch sig.Kind {
	case abi.SignalMonitor:
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.ended || len(c.watchers) >= maxCallWatchers {
			return false
		}
		c.watchers[watcherOf(sig)] = struct{}{}
		return true
	case abi.SignalDemonitor:
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.watchers, watcherOf(sig))
		return true
	case abi.SignalDown:
		if sig.Ref != c.ref || sig.From != c.asked {
			return true // only who was asked can say this
		}
	case abi.SignalMessage:
	default:
		return false
	}
	select {
	case c.answer <- sig:
		if c.caller != nil {
			c.caller.wakeUp(by)
		}
	default:
	}
	return true
}

// newCallPid draws the pid of a call. Nobody but who is asked can know it, or else any process could
// answer. The highest bit keeps it apart from the numbers of processes.
func (s *System) newCallPid() abi.Pid {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return abi.Pid{Node: s.opts.Node, Num: 1<<63 | binary.LittleEndian.Uint64(b[:])}
}

// end tells those who monitor the call that it is over.
func (c *call) end(s *System) {
	c.mu.Lock()
	c.ended = true
	watchers := c.watchers
	c.mu.Unlock()
	s.table.remove(c.pid.Num)
	for w := range watchers {
		s.post(abi.Signal{Kind: abi.SignalDown, From: c.pid, To: w.pid, Ref: w.ref, Data: reasonNormal})
	}
}

// Call asks a question: ask builds the request, to be answered to the pid replyTo with the given
// ref. Call monitors the receiver and returns the first message that comes back. A
// DOWN instead is the error [abi.ErrTerminated], or [abi.ErrNotConnected] when the node cannot be
// reached or was lost. Call ends with ctx, and gives its cause. Safe for concurrent use.
func (s *System) Call(ctx context.Context, ask func(replyTo abi.Pid, ref abi.Ref) abi.Signal) (abi.Signal, error) {
	return s.call(ctx, nil, ask)
}

// call is Call on the stack of a process, nil for none.
func (s *System) call(ctx context.Context, by *Process, ask func(replyTo abi.Pid, ref abi.Ref) abi.Signal) (abi.Signal, error) {
	c := &call{pid: s.newCallPid(), ref: s.NewRef(), answer: make(chan abi.Signal, 1), caller: by, watchers: map[watcher]struct{}{}}
	request := ask(c.pid, c.ref)
	c.asked = request.To
	s.table.add(c.pid.Num, c)
	defer c.end(s)

	m := monitor{target: request.To}
	defer s.demonitor(m.demonitor(c.pid, c.ref))
	for _, sig := range []abi.Signal{m.signal(c.pid, c.ref), request} {
		if err := s.route(ctx, sig, true, by); err != nil {
			return abi.Signal{}, err
		}
	}
	if by != nil {
		if err := by.await(ctx, func() bool { return len(c.answer) > 0 }); err != nil {
			return abi.Signal{}, err
		}
	}
	select {
	case sig := <-c.answer:
		return sig, callError(sig)
	case <-ctx.Done():
		return abi.Signal{}, context.Cause(ctx)
	}
}

func callError(sig abi.Signal) error {
	switch {
	case sig.Kind != abi.SignalDown:
		return nil
	case string(sig.Data) == string(reasonNoConnection):
		return abi.ErrNotConnected
	default:
		return abi.ErrTerminated
	}
}
