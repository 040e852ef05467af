package vm_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

func aliasPid(ref abi.Ref) abi.Pid { return abi.Pid(ref) }

func (a *actor) alias(mode vm.AliasMode) (ref abi.Ref) {
	a.do(func(p *vm.Process) {
		var err error
		if ref, err = p.Alias(mode); err != nil {
			a.t.Error(err)
		}
	})
	return ref
}

func (a *actor) monitorAlias(target abi.Pid, mode vm.AliasMode) (ref abi.Ref) {
	a.do(func(p *vm.Process) {
		var err error
		if ref, err = p.MonitorAlias(target, mode); err != nil {
			a.t.Error(err)
		}
	})
	return ref
}

// ALIAS-01, ALIAS-02: an alias is a destination until it is taken back, or until the first message.
func TestAlias(t *testing.T) {
	onBothNodes(t, vm.Options{}, func(t *testing.T, _ *network, here, there *vm.System) {
		a, sender := newActor(t, here, vm.SpawnOptions{}), newActor(t, there, vm.SpawnOptions{})
		explicit, once := a.alias(vm.AliasExplicit), a.alias(vm.AliasReply)
		for i := range 2 {
			sender.send(aliasPid(explicit), i)
			sender.send(aliasPid(once), list{"once", i})
		}
		wantMessages(t, a.drain(), 0, list{"once", 0}, 1)
		a.do(func(p *vm.Process) {
			if !p.Unalias(explicit) || p.Unalias(explicit) || p.Unalias(once) {
				t.Error("unalias is to say whether the alias was active")
			}
			if _, err := p.Alias(vm.AliasDemonitor); !errors.Is(err, abi.ErrBadArgument) {
				t.Error(err)
			}
		})
		sender.send(aliasPid(explicit), 2)
		wantMessages(t, a.drain())
	})
}

// ALIAS-03: what ends the alias of a monitor, and what it ends.
func TestMonitorAlias(t *testing.T) {
	for name, tt := range map[string]struct {
		mode                 vm.AliasMode
		afterReply, afterEnd bool // is it a destination still?
		downAfterReply       bool
	}{
		"explicit":        {vm.AliasExplicit, true, true, true},
		"demonitor":       {vm.AliasDemonitor, true, false, true},
		"reply":           {vm.AliasReply, false, false, true},
		"reply_demonitor": {vm.AliasReplyDemonitor, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			onBothNodes(t, vm.Options{}, func(t *testing.T, _ *network, here, there *vm.System) {
				a, server := newActor(t, here, vm.SpawnOptions{}), newActor(t, there, vm.SpawnOptions{})
				ref := a.monitorAlias(server.pid, tt.mode)
				quiet := a.monitorAlias(server.pid, tt.mode)
				server.send(aliasPid(ref), "reply")
				server.send(aliasPid(ref), "again")
				want := []any{"reply"}
				if tt.afterReply {
					want = append(want, "again")
				}
				wantMessages(t, a.drain(), want...)
				a.do(func(p *vm.Process) {
					if !p.Demonitor(quiet, true) {
						t.Error("the monitor did not stand")
					}
				})
				server.send(aliasPid(quiet), "late")
				want = nil
				if tt.mode == vm.AliasExplicit || tt.mode == vm.AliasReply {
					want = append(want, "late")
				}
				wantMessages(t, a.drain(), want...)

				helper := newActor(t, there, vm.SpawnOptions{})
				server.exit("done")
				synctest.Wait()
				helper.send(aliasPid(ref), "after the end")
				want = nil
				if tt.downAfterReply {
					want = append(want, down(ref, server.pid, "done"))
				}
				if tt.afterEnd {
					want = append(want, "after the end")
				}
				wantMessages(t, a.drain(), want...)
			})
		})
	}
}

// An alias is no process: it cannot be linked to, monitored or ended; and it ends with its process.
func TestAliasIsNoProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		a, other := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
		pid := aliasPid(a.alias(vm.AliasExplicit))
		other.trapExits()
		other.link(pid)
		ref := other.monitor(pid)
		other.sendExit(pid, "kill")
		synctest.Wait()
		wantMessages(t, other.drain(), exitMessage(pid, "noproc"), down(ref, pid, "noproc"))
		if sys.Alive(pid) || !sys.Alive(a.pid) {
			t.Error("alive?")
		}
		a.exit("normal")
		<-a.ended
		synctest.Wait()
		other.send(pid, "nobody")
	})
}

// MON-04, MON-05, MON-06: a name is resolved when the monitor arrives, and DOWN has it with its node.
func TestMonitorName(t *testing.T) {
	names := newNames()
	onBothNodes(t, vm.Options{Names: names}, func(t *testing.T, net *network, here, there *vm.System) {
		a, first, second := newActor(t, here, vm.SpawnOptions{}), newActor(t, there, vm.SpawnOptions{}), newActor(t, there, vm.SpawnOptions{})
		monitor := func() (ref abi.Ref) {
			a.do(func(p *vm.Process) { ref = p.MonitorName("db", there.Node(), "b@host") })
			return ref
		}
		message := func(ref abi.Ref, reason any) list {
			return list{"DOWN", ref, "process", list{"db", "b@host"}, reason}
		}
		none := monitor()
		synctest.Wait()
		wantMessages(t, a.drain(), message(none, "noproc"))

		names.register("db", first.pid)
		ref, taken := monitor(), monitor()
		names.register("db", second.pid)
		a.do(func(p *vm.Process) { p.Demonitor(taken, false) })
		synctest.Wait()
		if info, _ := there.Info(first.pid); len(info.MonitoredBy) != 1 {
			t.Errorf("monitored by %v", info.MonitoredBy)
		}
		second.exit("not this one")
		first.exit("boom")
		synctest.Wait()
		wantMessages(t, a.drain(), message(ref, "boom"))

		if here != there {
			third := newActor(t, there, vm.SpawnOptions{})
			names.register("db", third.pid)
			ref = monitor()
			net.disconnect()
			wantMessages(t, a.drain(), message(ref, "noconnection"))
		}
	})
}

// A long mailbox does not make a call slow: what has just come is taken without moving the rest.
func TestMark(t *testing.T) {
	sys := newSystem(t, vm.Options{})
	a := newActor(t, sys, vm.SpawnOptions{})
	a.do(func(p *vm.Process) {
		for i := range 3 {
			if err := p.Send(p.Context(), p.Pid(), term.MustEncode(i)); err != nil {
				t.Error(err)
			}
		}
		p.Mark()
		if _, err := p.Wait(p.Context(), 0); !errors.Is(err, abi.ErrTimedOut) {
			t.Error(err)
		}
		if err := p.Send(p.Context(), p.Pid(), term.MustEncode("reply")); err != nil {
			t.Error(err)
		}
		if m, err := p.Receive(p.Context(), 0); err != nil || !same(term.Raw(m.Data), "reply") {
			t.Errorf("%x, %v", m.Data, err)
		}
	})
	wantMessages(t, a.drain(), 0, 1, 2)
}
