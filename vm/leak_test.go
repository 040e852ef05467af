package vm_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// wantNothingHeld checks a system whose processes have all ended.
func wantNothingHeld(t testing.TB, sys *vm.System) {
	t.Helper()
	if h := sys.Holdings(); h != (vm.Holdings{}) {
		t.Errorf("node %d still holds %+v", sys.Node(), h)
	}
}

// ALIAS-03: an alias that lasts as long as its monitor ends with it, also where the monitor is none:
// on oneself (MON-07), or because it was one too many.
func TestAliasWithoutMonitorEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		a := newActor(t, sys, vm.SpawnOptions{})
		alone := sys.Holdings()
		ref := a.monitorAlias(a.pid, vm.AliasDemonitor)
		a.do(func(p *vm.Process) { p.Demonitor(ref, true) })
		a.send(aliasPid(ref), "late")
		wantMessages(t, a.drain())
		if h := sys.Holdings(); h != alone {
			t.Errorf("%+v is held, and was %+v before", h, alone)
		}
	})
}

// A peer that answers a spawn with a process that is linked already does not make the node count it twice.
func TestSpawnReplyOfLinkedProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := &crossing{}
		sys := newSystem(t, vm.Options{Remote: way})
		far := abi.Pid{Node: 2, Num: 7}
		way.leaving = func(sig abi.Signal) {
			if sig.Kind == abi.SignalSpawnRequest {
				sys.Deliver(abi.Signal{
					Kind: abi.SignalSpawnReply, From: far, To: sig.From, Ref: sig.Ref, Data: term.MustEncode(list{"ok", far}),
				})
			}
		}
		a := newActor(t, sys, vm.SpawnOptions{})
		a.link(far)
		a.do(func(p *vm.Process) {
			for range 3 {
				if _, err := p.SpawnFunction(p.Context(), 2, vm.SpawnRequest{Link: true}); err != nil {
					t.Error(err)
				}
			}
		})
		a.exit("normal")
		synctest.Wait()
		wantNothingHeld(t, sys)
	})
}

// RSP-03: a process that was made for one that no longer waits is ended, also when it traps exits by now: it may be
// linked with one that has ended.
func TestSpawnReplyToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := &crossing{}
		sys := newSystem(t, vm.Options{Remote: way})
		a, far, ref := newActor(t, sys, vm.SpawnOptions{}), abi.Pid{Node: 2, Num: 7}, sys.NewRef()
		sys.Deliver(abi.Signal{
			Kind: abi.SignalSpawnReply, From: far, To: a.pid, Ref: ref, Data: term.MustEncode(list{"ok", far}),
		})
		if end := way.last(abi.SignalExit); end.From != a.pid || end.To != far || !same(term.Raw(end.Data), "kill") {
			t.Errorf("it is ended by %+v", end)
		}
		if got := way.kinds(); len(got) != 1 {
			t.Errorf("%v went out", got)
		}
	})
}

// A peer that takes its own node for lost while a spawn waits leaves no watch behind.
func TestSpawnAnsweredByDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := &crossing{}
		sys := newSystem(t, vm.Options{Remote: way})
		way.leaving = func(sig abi.Signal) {
			if sig.Kind == abi.SignalSpawnRequest {
				sys.Deliver(abi.Signal{
					Kind: abi.SignalDown, From: sig.To, To: sig.From, Ref: sig.Ref, Data: term.MustEncode("noconnection"),
				})
			}
		}
		a := newActor(t, sys, vm.SpawnOptions{})
		a.do(func(p *vm.Process) { _, _ = p.SpawnFunction(p.Context(), 2, vm.SpawnRequest{}) })
		a.exit("normal")
		synctest.Wait()
		wantNothingHeld(t, sys)
	})
}

// MON-10: a monitor that ended with the connection before it had left is taken back where it went.
func TestMonitorEndedBeforeItLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := &crossing{}
		sys := newSystem(t, vm.Options{Remote: way})
		far := abi.Pid{Node: 2, Num: 7}
		way.leaving = func(sig abi.Signal) {
			if sig.Kind == abi.SignalMonitor {
				sys.NodeDown(2)
			}
		}
		a := newActor(t, sys, vm.SpawnOptions{})
		ref := a.monitor(far)
		wantMessages(t, a.drain(), down(ref, far, "noconnection"))
		if sent := way.last(abi.SignalDemonitor); sent.Ref != ref || sent.To != far {
			t.Errorf("taken back: %+v", sent)
		}
	})
}

// TMR-02: however closely a process's end meets the setting of a timer for it, none is left.
func TestTimerForProcessThatEnds(t *testing.T) {
	const rounds = 3000
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		a := newActor(t, sys, vm.SpawnOptions{})
		a.do(func(p *vm.Process) {
			for range rounds {
				target := newActor(t, sys, vm.SpawnOptions{})
				target.steps <- func(*vm.Process) *vm.Exit { return &vm.Exit{} }
				for sys.Alive(target.pid) {
					if _, err := p.SendAfter(time.Hour, vm.TimerTarget{Pid: target.pid}, nil); err != nil {
						t.Error(err)
					}
				}
			}
		})
		synctest.Wait()
		if h := sys.Holdings(); h.Timers > 0 {
			t.Errorf("%d timers are left of %d rounds", h.Timers, rounds)
		}
	})
}
