package vm_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// crowd is a node on which a MiB may wait, with unrelated guests on it and a process that watches them.
type crowd struct {
	t       *testing.T
	sys     *vm.System
	watcher *actor
}

func newCrowd(t *testing.T) *crowd {
	sys := newSystem(t, vm.Options{Memory: vm.NewMemory(3 << 20)})
	return &crowd{t, sys, newActor(t, sys, vm.SpawnOptions{})}
}

func (c *crowd) guest(opts vm.SpawnOptions) *actor {
	c.t.Helper()
	opts.Function = function("f")
	a := newActor(c.t, c.sys, opts)
	c.watcher.monitor(a.pid)
	return a
}

// keep has so many messages of a KiB wait for a process.
func (c *crowd) keep(a *actor, kib int) {
	for range kib {
		c.sys.Deliver(abi.Signal{Kind: abi.SignalMessage, To: a.pid, Data: make([]byte, 1<<10)})
		synctest.Wait()
	}
}

// wantEnded checks who has ended since the last time, and why.
func (c *crowd) wantEnded(want ...*actor) {
	c.t.Helper()
	synctest.Wait()
	got := map[any]any{}
	for _, m := range c.watcher.drain() {
		got[m.(list)[3]] = m.(list)[4]
	}
	for _, a := range want {
		if got[a.pid] != vm.ReasonNodeFull {
			c.t.Errorf("%v ended with %v", a.pid, got[a.pid])
		}
	}
	if len(got) != len(want) {
		c.t.Errorf("%v ended, want %d", got, len(want))
	}
}

// empty has all processes end, and checks that nothing is counted any more.
func (c *crowd) empty() {
	c.t.Helper()
	closeSystem(c.t, c.sys)
	wantNothingHeld(c.t, c.sys)
}

// When more waits on a node than may, who keeps most has to go, whoever it is that adds the last bit, and
// whatever becomes of messages that do not fit.
func TestNodeFull(t *testing.T) {
	for _, overflow := range []vm.Overflow{vm.KillReceiver, vm.DropNewest, vm.BlockSenders} {
		synctest.Test(t, func(t *testing.T) {
			c := newCrowd(t)
			most, some, few := c.guest(vm.SpawnOptions{Overflow: overflow}), c.guest(vm.SpawnOptions{}), c.guest(vm.SpawnOptions{})
			c.keep(most, 500)
			c.keep(some, 300)
			c.wantEnded()
			c.keep(few, 200)
			c.wantEnded(most)
			if got := len(few.drainRaw()); got != 200 {
				t.Errorf("%d messages came, of 200", got)
			}
			c.keep(few, 900)
			c.wantEnded(few)
			c.empty()
		})
	}
}

// A family pays as a whole, and of it who keeps most.
func TestNodeFullOfFamily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		head, single := c.guest(vm.SpawnOptions{}), c.guest(vm.SpawnOptions{})
		var children []*actor
		for range 4 {
			children = append(children, c.guest(vm.SpawnOptions{Parent: head.pid}))
		}
		for i, child := range children {
			c.keep(child, 100+50*i)
		}
		c.keep(single, 300)
		c.wantEnded(children[3])
		c.empty()
	})
}

// What a process of Go keeps counts, but it is never the one to go, and who keeps little does not pay for it.
func TestNodeFullOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		native, guest := newActor(t, c.sys, vm.SpawnOptions{}), c.guest(vm.SpawnOptions{})
		c.keep(native, 900)
		c.keep(guest, 80)
		c.keep(native, 500) // beyond all bounds but its own
		c.keep(guest, 80)
		c.wantEnded()
		if len(native.drainRaw()) != 1400 || len(guest.drainRaw()) != 160 {
			t.Error("they did not get all")
		}
		c.empty()
	})
}

// Timers, aliases and arguments are what waits too. Timers may outlive who has set them.
func TestNodeFullOfTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		gone, aliases := c.guest(vm.SpawnOptions{}), c.guest(vm.SpawnOptions{})
		var ref abi.Ref
		gone.do(func(p *vm.Process) {
			for range 600 {
				ref, _ = p.SendAfter(time.Hour, vm.TimerTarget{Pid: c.watcher.pid}, make([]byte, 1<<10))
			}
		})
		gone.exit("normal")
		synctest.Wait()
		c.watcher.drain()
		aliases.do(func(p *vm.Process) {
			for range 500 {
				if _, err := p.Alias(vm.AliasExplicit); err != nil {
					t.Error(err)
				}
			}
		})
		if _, set := c.sys.ReadTimer(ref); !set {
			t.Error("there was room for the timers")
		}
		args := c.guest(vm.SpawnOptions{Args: make([]byte, 100<<10)})
		synctest.Wait()
		if _, set := c.sys.ReadTimer(ref); set {
			t.Error("the timers still wait")
		}
		c.wantEnded()
		_, err := c.sys.Spawn(vm.SpawnOptions{Function: function("f"), Args: make([]byte, 1<<20)})
		if !errors.Is(err, abi.ErrLimit) {
			t.Errorf("arguments for which there is no room: %v", err)
		}
		c.keep(args, 800)
		c.wantEnded(args)
		aliases.do(func(p *vm.Process) {
			for range 10_000 {
				if _, err = p.Alias(vm.AliasExplicit); err != nil || p.Context().Err() != nil {
					return
				}
			}
		})
		c.wantEnded(aliases)
		c.empty()
	})
}
