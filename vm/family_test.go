package vm_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// What waits for a process and for all that came of it has a bound, and only they feel it.
func TestFamilyBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		member := func(parent abi.Pid) *actor {
			return newActor(t, sys, vm.SpawnOptions{
				Parent: parent, Function: function("f"),
				Rights: vm.Rights{Limits: vm.Limits{MailboxBytes: 16 << 20}},
			})
		}
		head, stranger := member(abi.Pid{}), newActor(t, sys, vm.SpawnOptions{})
		var children []*actor
		for range 8 {
			children = append(children, member(head.pid))
		}
		send := func(to *actor, size int) {
			stranger.do(func(p *vm.Process) {
				if err := p.Send(p.Context(), to.pid, make([]byte, size)); err != nil {
					t.Error(err)
				}
			})
		}
		for i := range 8 { // four times 15 MiB is what the family may keep
			send(children[i], 15<<20)
			if alive := sys.Alive(children[i].pid); alive != (i < 4) {
				t.Errorf("child %d: alive %v", i, alive)
			}
		}
		send(stranger, 15<<20)
		if !sys.Alive(stranger.pid) || !sys.Alive(head.pid) {
			t.Error("who is not concerned died of it")
		}
		head.do(func(p *vm.Process) {
			if _, err := p.SendAfter(time.Hour, vm.TimerTarget{Pid: p.Pid()}, make([]byte, 5<<20)); !errors.Is(err, abi.ErrLimit) {
				t.Errorf("timer: %v", err)
			}
		})
		_, err := sys.Spawn(vm.SpawnOptions{Parent: head.pid, Function: function("f"), Args: make([]byte, 5<<20)})
		if !errors.Is(err, abi.ErrLimit) {
			t.Errorf("arguments: %v", err)
		}

		children[0].drainRaw() // makes room
		children[1].exit("normal")
		synctest.Wait()
		var ref abi.Ref
		head.do(func(p *vm.Process) {
			if ref, err = p.SendAfter(time.Hour, vm.TimerTarget{Pid: p.Pid()}, make([]byte, 15<<20)); err != nil {
				t.Errorf("timer: %v", err)
			}
		})
		send(children[2], 1<<20)
		sys.CancelTimer(ref)
		send(head, 15<<20)
		if !sys.Alive(head.pid) {
			t.Error("there was room")
		}
		for _, c := range children {
			select {
			case <-c.ended:
			default:
				c.exit("normal")
			}
		}
		head.drainRaw()
		synctest.Wait()
		if n := sys.FamilyBytes(head.pid); n != 0 {
			t.Errorf("%d bytes are still charged", n)
		}
	})
}
