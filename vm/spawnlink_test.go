package vm_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

func (a *actor) spawnLink(ctx context.Context, node abi.NodeID, name string) (pid abi.Pid, err error) {
	a.do(func(p *vm.Process) {
		pid, err = p.SpawnFunction(ctx, node, vm.SpawnRequest{Function: function(name), Link: true})
	})
	return pid, err
}

// PROC-07: the link is there from the first moment on, whichever of the two ends.
func TestSpawnLink(t *testing.T) {
	onBothNodes(t, vm.Options{Loader: &loader{}}, func(t *testing.T, _ *network, here, there *vm.System) {
		a := newActor(t, here, vm.SpawnOptions{})
		a.trapExits()
		pid, err := a.spawnLink(t.Context(), there.Node(), "missing")
		synctest.Wait()
		if err != nil {
			t.Error(err)
		}
		wantMessages(t, a.drain(), exitMessage(pid, list{"undef", list{}}))

		child, err := a.spawnLink(t.Context(), there.Node(), "f")
		if err != nil || !there.Alive(child) {
			t.Errorf("%v, %v", child, err)
		}
		a.exit(list{"boom", 1})
		synctest.Wait()
		if there.Alive(child) {
			t.Error("it outlived its parent")
		}
	})
}

// PROC-07: with a link and a monitor both tell.
func TestSpawnLinkMonitor(t *testing.T) {
	onBothNodes(t, vm.Options{Loader: &loader{}}, func(t *testing.T, _ *network, here, there *vm.System) {
		a := newActor(t, here, vm.SpawnOptions{})
		a.trapExits()
		var pid abi.Pid
		var ref abi.Ref
		a.do(func(p *vm.Process) {
			var err error
			pid, ref, err = p.SpawnMonitor(p.Context(), there.Node(), vm.SpawnRequest{Function: function("missing"), Link: true})
			if err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		reason := list{"undef", list{}}
		wantMessages(t, a.drain(), exitMessage(pid, reason), down(ref, pid, reason))
	})
}

// RSP-03: a node that cannot be reached ends the link of who is not there yet.
func TestSpawnLinkUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, one, _ := newNetwork(t, vm.Options{Loader: &loader{}})
		net.disconnect()
		a, plain := newActor(t, one, vm.SpawnOptions{}), newActor(t, one, vm.SpawnOptions{})
		a.trapExits()
		ref := a.monitor(plain.pid)
		pid, err := a.spawnLink(t.Context(), 2, "f")
		if err != nil || pid.Node != 1 {
			t.Errorf("%v, %v", pid, err)
		}
		if _, err := plain.spawnLink(t.Context(), 2, "f"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		wantMessages(t, a.drain(), exitMessage(pid, "noconnection"), down(ref, plain.pid, "noconnection"))
	})
}

// slowSpawns keeps the replies of spawn requests back.
type slowSpawns struct {
	vm.Remote
	kept chan abi.Signal
}

func (s *slowSpawns) Post(sig abi.Signal) error {
	if sig.Kind == abi.SignalSpawnReply {
		s.kept <- sig
		return nil
	}
	return s.Remote.Post(sig)
}

// A process whose parent gave up, or ended, before the reply came does not live on with a link to nobody.
func TestSpawnLinkAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := &network{systems: map[abi.NodeID]*vm.System{}}
		slow := &slowSpawns{Remote: &remote{net: net, from: 2}, kept: make(chan abi.Signal, 2)}
		one := newSystem(t, vm.Options{Node: 1, Remote: &remote{net: net, from: 1}, Loader: &loader{}})
		two := newSystem(t, vm.Options{Node: 2, Remote: slow, Loader: &loader{}})
		net.systems[1], net.systems[2] = one, two
		a, ended := newActor(t, one, vm.SpawnOptions{}), newActor(t, one, vm.SpawnOptions{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, parent := range []*actor{a, ended} {
			if _, err := parent.spawnLink(ctx, 2, "f"); err == nil {
				t.Error("no error")
			}
		}
		ended.exit("normal")
		synctest.Wait()
		if n := len(two.Processes()); n != 2 {
			t.Fatalf("%d processes", n)
		}
		for range 2 {
			if err := slow.Remote.Post(<-slow.kept); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if n := len(two.Processes()); n != 0 {
			t.Errorf("%d processes are left", n)
		}
	})
}

// A native process can be born with a link too; to a parent that has ended it does not live.
func TestSpawnWithLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		parent := newActor(t, sys, vm.SpawnOptions{})
		parent.trapExits()
		child := newActor(t, sys, vm.SpawnOptions{Parent: parent.pid, Link: true})
		child.exit("boom")
		synctest.Wait()
		wantMessages(t, parent.drain(), exitMessage(child.pid, "boom"))
		parent.exit("normal")
		<-parent.ended
		synctest.Wait()
		orphan := newActor(t, sys, vm.SpawnOptions{Parent: parent.pid, Link: true})
		<-orphan.ended
	})
}
