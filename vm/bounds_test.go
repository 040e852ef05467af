package vm_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// One monitor too many fires at once; monitors that have fired or were taken back make room again.
func TestMonitorsAreBounded(t *testing.T) {
	for name, remote := range map[string]bool{"local": false, "remote": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, one, two := newNetwork(t, vm.Options{MaxMonitors: 3})
				home := one
				if remote {
					home = two
				}
				watcher, target := newActor(t, one, vm.SpawnOptions{}), newActor(t, home, vm.SpawnOptions{})
				first := watcher.monitor(target.pid)
				watcher.monitor(target.pid)
				watcher.monitor(target.pid)
				excess := watcher.monitor(target.pid)
				synctest.Wait()
				wantMessages(t, watcher.drain(), down(excess, target.pid, vm.ReasonLimit))

				watcher.do(func(p *vm.Process) { p.Demonitor(first, false) })
				synctest.Wait()
				watcher.monitor(target.pid)
				synctest.Wait()
				wantMessages(t, watcher.drain())

				target.exit("normal")
				synctest.Wait()
				if got := len(watcher.drain()); got != 3 {
					t.Errorf("%d DOWN messages, want 3", got)
				}
				next := newActor(t, home, vm.SpawnOptions{})
				for range 3 {
					watcher.monitor(next.pid)
				}
				synctest.Wait()
				wantMessages(t, watcher.drain())
			})
		})
	}
}

// A node that is lost takes its monitors along: there is room for others.
func TestMonitorsOfLostNodeMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, one, two := newNetwork(t, vm.Options{MaxMonitors: 2})
		target := newActor(t, one, vm.SpawnOptions{})
		far := newActor(t, two, vm.SpawnOptions{})
		far.monitor(target.pid)
		far.monitor(target.pid)
		synctest.Wait()
		net.disconnect()
		near := newActor(t, one, vm.SpawnOptions{})
		near.monitor(target.pid)
		near.monitor(target.pid)
		synctest.Wait()
		wantMessages(t, near.drain())
	})
}

// A process that ends on a congested link waits with its DOWNs, and none is lost.
func TestDownWaitsForCongestedLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, one, two := newNetwork(t, vm.Options{})
		gate := make(chan struct{})
		net.set(func() { net.gate = gate })
		watcher, target := newActor(t, two, vm.SpawnOptions{}), newActor(t, one, vm.SpawnOptions{})
		ref := watcher.monitor(target.pid)
		synctest.Wait()
		net.set(func() { net.congested = true })
		target.exit("boom")
		synctest.Wait()
		wantMessages(t, watcher.drain())
		net.set(func() { net.congested = false })
		close(gate)
		synctest.Wait()
		wantMessages(t, watcher.drain(), down(ref, target.pid, "boom"))
	})
}

// A reason is sent to everybody who monitors: it cannot be of any size.
func TestReasonIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{Node: 1})
		watcher, target := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
		ref := watcher.monitor(target.pid)
		watcher.sendExit(target.pid, strings.Repeat("x", vm.MaxReasonBytes))
		synctest.Wait()
		wantMessages(t, watcher.drain(), down(ref, target.pid, vm.ReasonMalformed))
	})
}

// PROC-10: the reply to a spawn request comes before everything that the process does.
func TestSpawnReplyComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kinds []abi.SignalKind
		net, one, _ := newNetwork(t, vm.Options{Loader: instant{}})
		a := newActor(t, one, vm.SpawnOptions{})
		a.do(func(p *vm.Process) {
			if _, _, err := p.SpawnMonitor(p.Context(), 2, vm.SpawnRequest{}); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		net.set(func() {
			for _, sig := range net.sent {
				if sig.From.Node == 2 {
					kinds = append(kinds, sig.Kind)
				}
			}
		})
		if len(kinds) != 2 || kinds[0] != abi.SignalSpawnReply || kinds[1] != abi.SignalDown {
			t.Errorf("signals %v, want the reply and then DOWN", kinds)
		}
	})
}

// instant loads functions that end at once.
type instant struct{}

func (instant) Body(abi.Function, abi.NodeID) vm.Body {
	return vm.Func(func(*vm.Process) vm.Exit { return vm.Normal })
}

// Only a node itself speaks to nodes: what a process sends never gets there.
func TestNodeMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard []abi.Signal
		sys := newSystem(t, vm.Options{Node: 1, NodeMessage: func(sig abi.Signal) { heard = append(heard, sig) }})
		a := newActor(t, sys, vm.SpawnOptions{})
		a.send(abi.Pid{Node: 1}, "a process has no say")
		sys.Deliver(abi.Signal{Kind: abi.SignalNode, From: a.pid, To: abi.Pid{Node: 1}, Data: term.MustEncode("nor so")})
		sys.Deliver(abi.Signal{Kind: abi.SignalNode, From: abi.Pid{Node: 2}, To: abi.Pid{Node: 1}, Data: term.MustEncode("word")})
		synctest.Wait()
		if len(heard) != 1 || heard[0].From != (abi.Pid{Node: 2}) {
			t.Errorf("heard %v", heard)
		}
	})
}
