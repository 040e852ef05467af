package vm_test

import (
	"context"
	"errors"
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

// SIG-08: who sends to a node that takes nothing in is suspended until it does.
func TestSuspendedBySlowNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := &slowNode{node: 3, gate: make(chan struct{})}
		sys := newSystem(t, vm.Options{Remote: congested{way}})
		pid, err := sys.Spawn(vm.SpawnOptions{Body: vm.Func(func(p *vm.Process) vm.Exit {
			_ = p.Send(p.Context(), abi.Pid{Node: 3, Num: 1}, []byte("large"))
			_, _ = p.Receive(p.Context(), vm.Infinity)
			return vm.Normal
		})})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"suspended", "waiting"} {
			synctest.Wait()
			if info, _ := sys.Info(pid); info.Status != want {
				t.Errorf("status %q, want %q", info.Status, want)
			}
			if want == "suspended" {
				close(way.gate)
			}
		}
	})
}

// congested is a slow node that takes nothing in from anybody.
type congested struct{ *slowNode }

func (c congested) Send(ctx context.Context, sig abi.Signal) error { return c.SendConnected(ctx, sig) }

// A message that is larger than the other node takes is an error, as one that is larger than this node sends.
func TestTooLargeForNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{Remote: smallNode{}})
		a := newActor(t, sys, vm.SpawnOptions{})
		a.do(func(p *vm.Process) {
			if err := p.Send(p.Context(), abi.Pid{Node: 3, Num: 1}, []byte("large")); !errors.Is(err, abi.ErrTooLarge) {
				t.Errorf("send: %v", err)
			}
		})
	})
}

// smallNode is a way to nodes that take no message.
type smallNode struct{}

func (smallNode) Send(context.Context, abi.Signal) error          { return abi.ErrTooLarge }
func (smallNode) SendConnected(context.Context, abi.Signal) error { return abi.ErrTooLarge }
func (smallNode) Post(abi.Signal) error                           { return abi.ErrTooLarge }

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
