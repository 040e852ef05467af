package vm_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// What another node has spawned here is bounded, with all that came of it, and does not count against this node's own.
func TestPeerProcessesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, one, two := newNetwork(t, vm.Options{Loader: &loader{}, MaxPeerProcesses: 3})
		far, near := newActor(t, one, vm.SpawnOptions{}), newActor(t, two, vm.SpawnOptions{})
		spawn := func(by *actor) (abi.Pid, error) { return by.spawnLink(t.Context(), two.Node(), "f") }
		first, err := spawn(far)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		// A child of the guest is the other node's too.
		grandchild := newActor(t, two, vm.SpawnOptions{Parent: first})
		if _, err := spawn(far); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := spawn(far); !errors.Is(err, abi.ErrLimit) {
				t.Errorf("one too many: %v", err)
			}
		}
		if _, err := two.Spawn(vm.SpawnOptions{Parent: first, Body: vm.Func(func(*vm.Process) vm.Exit { return vm.Normal })}); !errors.Is(err, abi.ErrLimit) {
			t.Errorf("one too many, by a guest: %v", err)
		}
		if _, err := spawn(near); err != nil {
			t.Errorf("one of the node's own: %v", err)
		}
		grandchild.exit("normal")
		synctest.Wait()
		if _, err := spawn(far); err != nil {
			t.Errorf("after one has ended: %v", err)
		}
	})
}

// All other nodes together leave a quarter of the processes to the node's own.
func TestVisitorsLeaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, one, two := newNetwork(t, vm.Options{Loader: &loader{}, MaxProcesses: 4})
		far, near := newActor(t, one, vm.SpawnOptions{}), newActor(t, two, vm.SpawnOptions{})
		for range 3 {
			if _, err := far.spawnLink(t.Context(), two.Node(), "f"); err != nil {
				t.Fatal(err)
			}
		}
		near.exit("normal")
		synctest.Wait()
		if _, err := far.spawnLink(t.Context(), two.Node(), "f"); !errors.Is(err, abi.ErrLimit) {
			t.Errorf("a fourth: %v", err)
		}
		newActor(t, two, vm.SpawnOptions{})
	})
}
