package vm_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// A process that ends keeps nobody waiting for a slow node but that node: its links and monitors on
// its own node and on others hear at once.
func TestSlowNodeHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := make(chan struct{})
		way := &slowNode{node: 3, gate: slow}
		sys := newSystem(t, vm.Options{Remote: way})
		a, near := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
		near.trapExits()
		ref := near.monitor(a.pid)
		near.link(a.pid)
		for node := abi.NodeID(2); node <= 4; node++ {
			for num := range uint64(8) {
				a.monitor(abi.Pid{Node: node, Num: num + 1})
			}
			a.link(abi.Pid{Node: node, Num: 1})
		}
		a.exit("boom")
		synctest.Wait()
		wantMessages(t, near.drain(), exitMessage(a.pid, "boom"), down(ref, a.pid, "boom"))
		for node, want := range map[abi.NodeID]int{2: 9, 3: 0, 4: 9} {
			if got := way.told(node); got != want {
				t.Errorf("node %d was told %d things, want %d", node, got, want)
			}
		}
		close(slow)
		synctest.Wait()
		if got := way.told(3); got != 9 {
			t.Errorf("the slow node was told %d things in the end, want 9", got)
		}
	})
}

// slowNode is a way to other nodes of which one takes nothing in from processes that end.
type slowNode struct {
	recorder
	node abi.NodeID
	gate chan struct{}
}

func (s *slowNode) SendConnected(ctx context.Context, sig abi.Signal) error {
	if sig.To.Node == s.node {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return s.recorder.Post(sig)
}

// told counts what a node was told of ends.
func (s *slowNode) told(node abi.NodeID) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sig := range s.sent {
		if sig.To.Node == node && (sig.Kind == abi.SignalDemonitor || sig.Kind == abi.SignalLinkExit) {
			n++
		}
	}
	return n
}
