package vm_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

func nodeDown(name string) list { return list{"nodedown", name} }

// lost is the news of a node for who monitors all.
func lost(name, reason string) list {
	return list{"nodedown", name, map[any]any{"nodedown_reason": reason}}
}

func up(name string) list { return list{"nodeup", name, map[any]any{}} }

// MON-12: each call gives one message, and with false takes one back; a node that cannot be reached is down
// at once.
func TestMonitorNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		a := newActor(t, sys, vm.SpawnOptions{})
		there, away := func() error { return nil }, func() error { return abi.ErrNotConnected }
		monitor := func(name string, connect func() error) {
			a.do(func(p *vm.Process) {
				if err := p.MonitorNode(name, connect); err != nil {
					t.Error(err)
				}
			})
		}
		demonitor := func(name string, want bool) {
			t.Helper()
			a.do(func(p *vm.Process) {
				if got := p.DemonitorNode(name); got != want {
					t.Errorf("demonitor %s: %v", name, got)
				}
			})
		}
		for range 3 {
			monitor("one", there)
		}
		monitor("two", there)
		demonitor("one", true)
		demonitor("three", false)
		monitor("four", away)
		wantMessages(t, a.drain(), nodeDown("four"))
		sys.NodeUp("one")
		sys.NodeLost("one", "disconnect")
		sys.NodeLost("one", "disconnect")
		wantMessages(t, a.drain(), nodeDown("one"), nodeDown("one"))
		demonitor("one", false)
		demonitor("two", true)
		sys.NodeLost("two", "disconnect")
		wantMessages(t, a.drain())
	})
}

// MON-13, MON-14: each subscription has its own copy of what happens from then on, with the reason, as a message
// that no process can forge.
func TestMonitorNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		a, b := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
		sys.NodeUp("early")
		for range 2 {
			a.do(func(p *vm.Process) { _ = p.MonitorNodes() })
		}
		b.do(func(p *vm.Process) { _ = p.MonitorNodes() })
		sys.NodeUp("one")
		b.do(func(p *vm.Process) {
			if !p.DemonitorNodes() || p.DemonitorNodes() {
				t.Error("not taken back once")
			}
		})
		sys.NodeLost("one", "net_tick_timeout")
		down := lost("one", "net_tick_timeout")
		for _, m := range a.drainRaw() {
			if m.Kind != abi.MessageNode || m.From.Num != abi.NodeProcess {
				t.Errorf("kind %d, from %v", m.Kind, m.From)
			}
		}
		sys.NodeUp("one")
		sys.NodeLost("one", "net_tick_timeout")
		wantMessages(t, a.drain(), up("one"), up("one"), down, down)
		wantMessages(t, b.drain(), up("one"))
	})
}

// What a process has asked for has a bound, and ends with the process.
func TestNodeWatchesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		a := newActor(t, sys, vm.SpawnOptions{})
		asked := 0
		a.do(func(p *vm.Process) {
			for ; p.MonitorNode("one", func() error { return nil }) == nil; asked++ {
			}
			if err := p.MonitorNodes(); !errors.Is(err, abi.ErrLimit) {
				t.Errorf("monitor all: %v", err)
			}
		})
		if asked < 100 || asked > 10_000 {
			t.Errorf("%d monitors of one process", asked)
		}
		if got := sys.NodeWatches(); got != asked {
			t.Errorf("%d are held", got)
		}
		a.exit("normal")
		synctest.Wait()
		if got := sys.NodeWatches(); got != 0 {
			t.Errorf("%d are held of a process that has ended", got)
		}
	})
}
