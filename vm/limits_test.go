package vm_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// A mailbox of [vm.BlockSenders] makes senders of its node wait, as long as they live; what a
// process sends to itself, and what comes from elsewhere, cannot wait.
func TestBlockSenders(t *testing.T) {
	small := vm.Options{Rights: vm.Rights{Limits: vm.Limits{MailboxMessages: 2, MailboxBytes: 100}}}
	synctest.Test(t, func(t *testing.T) {
		_, one, two := newNetwork(t, small)
		receiver := newActor(t, one, vm.SpawnOptions{Overflow: vm.BlockSenders})
		sent := 0
		sender, err := one.Spawn(vm.SpawnOptions{Body: vm.Func(func(p *vm.Process) vm.Exit {
			for i := range 5 {
				if p.Send(p.Context(), receiver.pid, term.MustEncode(i)) != nil {
					break
				}
				sent++
			}
			return vm.Normal
		})})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if sent != 2 {
			t.Errorf("%d messages sent into room for 2", sent)
		}
		var got []any
		for range 2 {
			got = append(got, receiver.receive())
			synctest.Wait()
		}
		wantMessages(t, got, 0, 1)
		if sent != 4 {
			t.Errorf("%d messages sent", sent)
		}
		killer := newActor(t, one, vm.SpawnOptions{})
		ref := killer.monitor(sender)
		killer.sendExit(sender, "kill")
		synctest.Wait()
		wantMessages(t, killer.drain(), down(ref, sender, "killed"))

		killer.do(func(p *vm.Process) {
			if err := p.Send(p.Context(), receiver.pid, make([]byte, 101)); !errors.Is(err, abi.ErrTooLarge) {
				t.Error(err)
			}
		})
		ref = killer.monitor(receiver.pid)
		newActor(t, two, vm.SpawnOptions{}).send(receiver.pid, "from afar")
		synctest.Wait()
		wantMessages(t, killer.drain(), down(ref, receiver.pid, vm.ReasonMailboxFull))
	})
}

// What the machine says is not refused: each such message was asked for.
func TestFullMailboxTakesSystemMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{Rights: vm.Rights{Limits: vm.Limits{MailboxMessages: 1}}})
		a := newActor(t, sys, vm.SpawnOptions{Overflow: vm.DropNewest})
		a.send(a.pid, "fills it")
		ref := a.monitor(abi.Pid{Node: 1, Num: 999})
		a.trapExits()
		a.sendExit(a.pid, "soft")
		wantMessages(t, a.drain(), "fills it", down(ref, abi.Pid{Node: 1, Num: 999}, "noproc"), exitMessage(a.pid, "soft"))
	})
}

// Nor is it without end: a process cannot have the machine fill the node's memory, whatever becomes of
// the messages that processes send it.
func TestSystemMessagesAreBounded(t *testing.T) {
	for _, overflow := range []vm.Overflow{vm.KillReceiver, vm.DropNewest, vm.BlockSenders} {
		synctest.Test(t, func(t *testing.T) {
			sys := newSystem(t, vm.Options{})
			a := newActor(t, sys, vm.SpawnOptions{})
			greedy, err := sys.Spawn(vm.SpawnOptions{
				Overflow: overflow, Rights: vm.Rights{Limits: vm.Limits{MailboxMessages: 10}},
				Body: vm.Func(func(p *vm.Process) vm.Exit {
					if _, err := p.Receive(p.Context(), vm.Infinity); err != nil {
						return vm.Normal
					}
					for p.Context().Err() == nil {
						p.Monitor(abi.Pid{Node: 1, Num: 1 << 60})
					}
					return vm.Normal
				}),
			})
			if err != nil {
				t.Fatal(err)
			}
			ref := a.monitor(greedy)
			a.send(greedy, "go")
			synctest.Wait()
			wantMessages(t, a.drain(), down(ref, greedy, vm.ReasonMailboxFull))
		})
	}
}

func TestWallTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{Loader: &loader{}})
		a := newActor(t, sys, vm.SpawnOptions{})
		var pid abi.Pid
		var ref abi.Ref
		a.do(func(p *vm.Process) {
			req := vm.SpawnRequest{Function: function("f"), Rights: vm.Rights{Limits: vm.Limits{WallTime: time.Minute}}}
			pid, ref, _ = p.SpawnMonitor(p.Context(), 1, req)
		})
		time.Sleep(time.Minute - 1)
		wantMessages(t, a.drain())
		time.Sleep(time.Second)
		synctest.Wait()
		wantMessages(t, a.drain(), down(ref, pid, vm.ReasonWallTime))
	})
}

// A child has at most what its parent has; a process of another node's, what this node gives such ones.
func TestRightsAreInherited(t *testing.T) {
	onBothNodes(t, vm.Options{
		Loader:       &loader{},
		RemoteRights: vm.Rights{Limits: vm.Limits{Memory: 500}, Denied: vm.PermitConnect},
	}, func(t *testing.T, net *network, here, there *vm.System) {
		a := newActor(t, here, vm.SpawnOptions{Rights: vm.Rights{
			Limits: vm.Limits{Memory: 1000, Timers: 5}, Denied: vm.PermitNames,
		}})
		var got vm.Rights
		a.do(func(p *vm.Process) {
			pid, err := p.SpawnFunction(p.Context(), there.Node(), vm.SpawnRequest{
				Function: function("f"),
				Rights:   vm.Rights{Limits: vm.Limits{Memory: 4000, Timers: 3, MailboxBytes: 9}, Denied: vm.PermitSpawn},
			})
			if err != nil {
				t.Fatal(err)
			}
			info, _ := there.Info(pid)
			got = info.Rights
		})
		want := vm.Rights{
			Limits: vm.Limits{
				Memory: 1000, Timers: 3, MailboxBytes: 9,
				MailboxMessages: vm.DefaultMailboxMessages, Children: vm.DefaultChildren, Files: vm.DefaultFiles,
				Priority: vm.DefaultPriority,
			},
			Denied: vm.PermitNames | vm.PermitSpawn,
		}
		if here != there {
			want.Limits.Memory, want.Denied = 500, want.Denied|vm.PermitConnect
			want.Limits.Priority = vm.DefaultRemotePriority
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("rights %+v\nwant %+v", got, want)
		}
	})
}

// Whatever is asked for down a line of processes, nobody has more than the one before.
func TestRightsOnlyShrink(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int{0, 1, 2, 1 << 40})
		priority := rapid.Custom(func(t *rapid.T) abi.Priority { return abi.Priority(rapid.IntRange(0, 4).Draw(t, "")) })
		draw := func() vm.Rights {
			n := func() int { return limit.Draw(t, "limit") }
			return vm.Rights{
				Limits: vm.Limits{uint64(n()), uint64(n()), time.Duration(n()), n(), n(), n(), n(), n(), n(), priority.Draw(t, "priority"), n()},
				Denied: vm.Permissions(rapid.Uint32Range(0, uint32(vm.AllPermissions)).Draw(t, "denied")),
			}
		}
		parent := draw()
		child := draw().Within(parent)
		if child.Denied&parent.Denied != parent.Denied || !reflect.DeepEqual(child.Within(parent), child) {
			t.Fatalf("parent %+v, child %+v", parent, child)
		}
		for i, c := range values(child.Limits) {
			if p := values(parent.Limits)[i]; p != 0 && (c == 0 || c > p) {
				t.Fatalf("limit %d: parent %d, child %d", i, p, c)
			}
		}
	})
}

func values(l vm.Limits) []uint64 {
	return []uint64{
		l.Memory, l.Reductions, uint64(l.WallTime),
		uint64(l.MailboxMessages), uint64(l.MailboxBytes), uint64(l.Timers), uint64(l.Children),
		uint64(l.Tables), uint64(l.Stack), uint64(l.Priority), uint64(l.Files),
	}
}

// A bound on children is one on all that come of a process; it shrinks when they end.
func TestChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		limited := func(parent abi.Pid, n int) *actor {
			return newActor(t, sys, vm.SpawnOptions{
				Parent: parent, Function: function("f"), Rights: vm.Rights{Limits: vm.Limits{Children: n}},
			})
		}
		fails := func(parent *actor) {
			t.Helper()
			_, err := sys.Spawn(vm.SpawnOptions{Parent: parent.pid, Body: vm.Func(func(*vm.Process) vm.Exit { return vm.Normal })})
			if !errors.Is(err, abi.ErrLimit) {
				t.Errorf("spawned: %v", err)
			}
		}
		top := limited(abi.Pid{}, 3)
		child := limited(top.pid, 0)
		grandchild := limited(child.pid, 1)
		last := limited(grandchild.pid, 0)
		for _, a := range []*actor{top, child, grandchild, last} {
			fails(a)
		}
		child.exit("normal")
		synctest.Wait()
		fails(grandchild) // has one of its own
		again := limited(top.pid, 0)
		fails(top)
		again.exit("normal")
		synctest.Wait()
		limited(top.pid, 0)
	})
}

func TestDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, one, two := newNetwork(t, vm.Options{Loader: &loader{}})
		denied := vm.Rights{Denied: vm.PermitSpawnRemote | vm.PermitExitOthers}
		parent := newActor(t, one, vm.SpawnOptions{})
		a := newActor(t, one, vm.SpawnOptions{Parent: parent.pid, Rights: denied})
		child := newActor(t, one, vm.SpawnOptions{Parent: a.pid})
		other, far := newActor(t, one, vm.SpawnOptions{}), newActor(t, two, vm.SpawnOptions{})
		a.do(func(p *vm.Process) {
			ctx, bye := p.Context(), term.MustEncode("bye")
			if _, err := p.SpawnFunction(ctx, 2, vm.SpawnRequest{Function: function("f")}); !errors.Is(err, abi.ErrDenied) {
				t.Error(err)
			}
			for _, target := range []abi.Pid{other.pid, far.pid} {
				for what, err := range map[string]error{
					"exit": p.ExitProcess(ctx, target, bye), "link": p.Link(ctx, target),
					"group leader": p.SetGroupLeader(ctx, p.Pid(), target),
				} {
					if !errors.Is(err, abi.ErrDenied) {
						t.Errorf("%s: %v", what, err)
					}
				}
			}
			for _, target := range []abi.Pid{parent.pid, child.pid, p.Pid()} {
				if err := errors.Join(p.Link(ctx, target), p.SetGroupLeader(ctx, p.Pid(), target)); err != nil {
					t.Error(err)
				}
			}
			if _, err := p.SpawnFunction(ctx, 1, vm.SpawnRequest{Function: function("f")}); err != nil {
				t.Error(err)
			}
			p.Unlink(child.pid)
			if err := p.ExitProcess(ctx, child.pid, bye); err != nil {
				t.Error(err)
			}
		})
		<-child.ended
	})
}

func TestPermissionNames(t *testing.T) {
	names := vm.AllPermissions.PermissionNames()
	var all vm.Permissions
	for _, name := range names {
		p, err := vm.ParsePermission(name)
		if err != nil || all&p != 0 {
			t.Errorf("%s: %v, %v", name, p, err)
		}
		all |= p
	}
	if all != vm.AllPermissions || !slices.Contains(names, "spawn") {
		t.Errorf("names %v", names)
	}
	if _, err := vm.ParsePermission("fly"); !errors.Is(err, abi.ErrBadArgument) {
		t.Error(err)
	}
}
