package vm_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

func (a *actor) link(target abi.Pid) {
	a.do(func(p *vm.Process) {
		if err := p.Link(p.Context(), target); err != nil {
			a.t.Error(err)
		}
	})
}

func (a *actor) unlink(target abi.Pid) { a.do(func(p *vm.Process) { p.Unlink(target) }) }

func (a *actor) trapExits() { a.do(func(p *vm.Process) { p.TrapExits(true) }) }

func exitMessage(pid abi.Pid, reason any) list { return list{"EXIT", pid, reason} }

// onBothNodes runs a test with two systems that are one, and with two that are joined.
func onBothNodes(t *testing.T, opts vm.Options, test func(t *testing.T, net *network, here, there *vm.System)) {
	for _, where := range []string{"local", "remote"} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net, one, two := newNetwork(t, opts)
				if where == "local" {
					two = one
				}
				test(t, net, one, two)
			})
		})
	}
}

// LINK-02, the rows of links: what becomes of a process whose peer ends; LINK-03, LINK-15.
func TestLinkedExit(t *testing.T) {
	for name, tt := range map[string]struct {
		reason any
		died   any // of who does not trap exits; nil: it lives on
	}{
		"normal":      {"normal", nil},
		"shutdown":    {"shutdown", "shutdown"},
		"shutdown, x": {list{"shutdown", 1}, list{"shutdown", 1}},
		"killed":      {"killed", "killed"},
		"kill":        {"kill", "kill"},
		"any other":   {list{"unreachable", list{}}, list{"unreachable", list{}}},
	} {
		t.Run(name, func(t *testing.T) {
			onBothNodes(t, vm.Options{}, func(t *testing.T, _ *network, here, there *vm.System) {
				peer, plain, trapping := newActor(t, here, vm.SpawnOptions{}), newActor(t, there, vm.SpawnOptions{}), newActor(t, there, vm.SpawnOptions{})
				observer := newActor(t, there, vm.SpawnOptions{})
				ref := observer.monitor(plain.pid)
				trapping.trapExits()
				plain.link(peer.pid)
				peer.link(trapping.pid)
				peer.exit(tt.reason)
				synctest.Wait()
				var want []any
				if tt.died != nil {
					want = append(want, down(ref, plain.pid, tt.died))
				}
				wantMessages(t, observer.drain(), want...)
				wantMessages(t, trapping.drain(), exitMessage(peer.pid, tt.reason))
			})
		})
	}
}

// LINK-02, the rows of exit/2 to who traps exits: all but kill becomes a message. LINK-04: it uses up no link.
func TestTrappedExitSignals(t *testing.T) {
	for _, linked := range []bool{false, true} {
		onBothNodes(t, vm.Options{}, func(t *testing.T, _ *network, here, there *vm.System) {
			victim, sender := newActor(t, there, vm.SpawnOptions{}), newActor(t, here, vm.SpawnOptions{})
			ref := sender.monitor(victim.pid)
			victim.trapExits()
			if linked {
				victim.link(sender.pid)
				sender.trapExits()
			}
			var want []any
			for _, reason := range []any{"normal", "killed", "shutdown", list{"boom", 1}} {
				sender.sendExit(victim.pid, reason)
				victim.sendExit(victim.pid, reason)
				synctest.Wait()
				want = append(want, exitMessage(sender.pid, reason), exitMessage(victim.pid, reason))
			}
			wantMessages(t, victim.drain(), want...)
			wantMessages(t, sender.drain())
			sender.sendExit(victim.pid, "kill")
			synctest.Wait()
			want = []any{down(ref, victim.pid, "killed")}
			if linked {
				want = slices.Insert(want, 0, any(exitMessage(victim.pid, "killed")))
			}
			wantMessages(t, sender.drain(), want...)
		})
	}
}

// LINK-13: the flag is read when the signal comes, and what was a message stays one.
func TestTrapFlag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		a, b := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
		a.do(func(p *vm.Process) {
			if p.TrapExits(true) || !p.TrapExits(true) {
				t.Error("the old value is wrong")
			}
		})
		b.sendExit(a.pid, "first")
		a.do(func(p *vm.Process) {
			if !p.TrapExits(false) {
				t.Error("the old value is wrong")
			}
		})
		wantMessages(t, a.drain(), exitMessage(b.pid, "first"))
		b.sendExit(a.pid, "second")
		<-a.ended
	})
}

// LINK-01: one link however often it is made, one unlink ends it; none to oneself. LINK-11
func TestLinkOnceAndUnlink(t *testing.T) {
	onBothNodes(t, vm.Options{}, func(t *testing.T, _ *network, here, there *vm.System) {
		a, b := newActor(t, here, vm.SpawnOptions{}), newActor(t, there, vm.SpawnOptions{})
		a.link(a.pid)
		a.link(b.pid)
		a.link(b.pid)
		b.link(a.pid)
		for _, side := range []struct {
			sys  *vm.System
			a, b *actor
		}{{here, a, b}, {there, b, a}} {
			if info, _ := side.sys.Info(side.a.pid); !slices.Equal(info.Links, []abi.Pid{side.b.pid}) {
				t.Errorf("links of %v: %v", side.a.pid, info.Links)
			}
		}
		b.unlink(a.pid)
		b.unlink(a.pid)
		a.unlink(abi.Pid{Node: 1, Num: 999})
		b.exit("boom")
		synctest.Wait()
		if info, ok := here.Info(a.pid); !ok || len(info.Links) != 0 {
			t.Errorf("after unlink: %v, %v", info.Links, ok)
		}
	})
}

// LINK-05: a reason goes along a chain as it is.
func TestLinkChain(t *testing.T) {
	onBothNodes(t, vm.Options{}, func(t *testing.T, _ *network, here, there *vm.System) {
		first := newActor(t, here, vm.SpawnOptions{})
		last := first
		for range 6 {
			next := newActor(t, there, vm.SpawnOptions{})
			next.link(last.pid)
			last, here, there = next, there, here
		}
		observer := newActor(t, here, vm.SpawnOptions{})
		observer.trapExits()
		observer.link(last.pid)
		first.exit(list{"boom", 5})
		synctest.Wait()
		wantMessages(t, observer.drain(), exitMessage(last.pid, list{"boom", 5}))
	})
}

// LINK-06: a dead process of this node is an error, or a message to who traps exits.
func TestLinkDeadHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		a, dead := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
		dead.exit("normal")
		synctest.Wait()
		a.do(func(p *vm.Process) {
			if err := p.Link(p.Context(), dead.pid); !errors.Is(err, abi.ErrNoProcess) {
				t.Error(err)
			}
			if err := p.Link(p.Context(), abi.Pid{Node: 1}); !errors.Is(err, abi.ErrBadArgument) { // LINK-14
				t.Error(err)
			}
		})
		a.trapExits()
		a.link(dead.pid)
		wantMessages(t, a.drain(), exitMessage(dead.pid, "noproc"))
	})
}

// LINK-07, LINK-08: of another node's process the news comes as an exit signal.
func TestLinkDeadThere(t *testing.T) {
	for _, reason := range []string{"noproc", "noconnection"} {
		synctest.Test(t, func(t *testing.T) {
			net, one, _ := newNetwork(t, vm.Options{})
			trapping, plain := newActor(t, one, vm.SpawnOptions{}), newActor(t, one, vm.SpawnOptions{})
			trapping.trapExits()
			if reason == "noconnection" {
				net.disconnect()
			}
			ref, far := trapping.monitor(plain.pid), abi.Pid{Node: 2, Num: 999}
			trapping.link(far)
			plain.do(func(p *vm.Process) {
				if err := p.Link(p.Context(), far); err != nil && p.Context().Err() == nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			wantMessages(t, trapping.drain(), exitMessage(far, reason), down(ref, plain.pid, reason))
		})
	}
}

// LINK-09, LINK-10: a lost connection ends the links over it, on both sides, and for good.
func TestLinkConnectionLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, one, two := newNetwork(t, vm.Options{})
		a, b, local := newActor(t, one, vm.SpawnOptions{}), newActor(t, two, vm.SpawnOptions{}), newActor(t, one, vm.SpawnOptions{})
		a.trapExits()
		b.trapExits()
		a.link(b.pid)
		a.link(local.pid)
		net.disconnect()
		wantMessages(t, a.drain(), exitMessage(b.pid, "noconnection"))
		wantMessages(t, b.drain(), exitMessage(a.pid, "noconnection"))
		net.set(func() { net.cut = false })
		b.exit("boom")
		synctest.Wait()
		wantMessages(t, a.drain())
		local.exit("boom")
		synctest.Wait()
		wantMessages(t, a.drain(), exitMessage(local.pid, "boom"))
	})
}

// LINK-12: the order in which links and unlinks of both sides cross decides nothing but who undid whose.
func TestCrossingUnlinks(t *testing.T) {
	signal := func(kind abi.SignalKind, from, to abi.Pid, ref uint64) abi.Signal {
		return abi.Signal{Kind: kind, From: from, To: to, Ref: abi.Ref{Node: from.Node, Num: ref}, Data: []byte{0x00}}
	}
	far := abi.Pid{Node: 2, Num: 999}
	for name, tt := range map[string]struct {
		signals func(a *actor, sys *vm.System, unlinkRef func() abi.Ref)
		links   int
		exits   int
	}{
		"an exit that crosses an unlink is nothing": {func(a *actor, sys *vm.System, _ func() abi.Ref) {
			a.unlink(far)
			sys.Deliver(signal(abi.SignalLinkExit, far, a.pid, 0))
		}, 0, 0},
		"a link that crosses an unlink is undone": {func(a *actor, sys *vm.System, ref func() abi.Ref) {
			a.unlink(far)
			sys.Deliver(signal(abi.SignalLink, far, a.pid, 0))
			sys.Deliver(abi.Signal{Kind: abi.SignalUnlinkAck, From: far, To: a.pid, Ref: ref()})
			sys.Deliver(signal(abi.SignalLinkExit, far, a.pid, 0))
		}, 0, 0},
		"a link after the acknowledgement stands": {func(a *actor, sys *vm.System, ref func() abi.Ref) {
			a.unlink(far)
			sys.Deliver(abi.Signal{Kind: abi.SignalUnlinkAck, From: far, To: a.pid, Ref: ref()})
			sys.Deliver(signal(abi.SignalLink, far, a.pid, 0))
		}, 1, 0},
		"linked anew before the acknowledgement": {func(a *actor, sys *vm.System, ref func() abi.Ref) {
			a.unlink(far)
			old := ref()
			a.link(far)
			sys.Deliver(abi.Signal{Kind: abi.SignalUnlinkAck, From: far, To: a.pid, Ref: old})
			sys.Deliver(signal(abi.SignalLinkExit, far, a.pid, 0))
		}, 0, 1},
		"both unlink": {func(a *actor, sys *vm.System, ref func() abi.Ref) {
			a.unlink(far)
			sys.Deliver(signal(abi.SignalUnlink, far, a.pid, 5))
			sys.Deliver(abi.Signal{Kind: abi.SignalUnlinkAck, From: far, To: a.pid, Ref: ref()})
			sys.Deliver(signal(abi.SignalLink, far, a.pid, 0))
		}, 1, 0},
		"linked anew while the other unlinks": {func(a *actor, sys *vm.System, ref func() abi.Ref) {
			a.unlink(far)
			a.link(far)
			sys.Deliver(signal(abi.SignalUnlink, far, a.pid, 5))
			sys.Deliver(abi.Signal{Kind: abi.SignalUnlinkAck, From: far, To: a.pid, Ref: ref()})
			sys.Deliver(signal(abi.SignalLinkExit, far, a.pid, 0))
		}, 0, 0},
		"an exit of the link before": {func(a *actor, sys *vm.System, ref func() abi.Ref) {
			a.unlink(far)
			a.link(far)
			sys.Deliver(signal(abi.SignalLinkExit, far, a.pid, 0))
			sys.Deliver(abi.Signal{Kind: abi.SignalUnlinkAck, From: far, To: a.pid, Ref: ref()})
		}, 1, 0},
		"an acknowledgement of nothing": {func(a *actor, sys *vm.System, _ func() abi.Ref) {
			sys.Deliver(signal(abi.SignalUnlinkAck, far, a.pid, 5))
		}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := &recorder{}
			sys := newSystem(t, vm.Options{Remote: recorder})
			a := newActor(t, sys, vm.SpawnOptions{})
			a.trapExits()
			a.link(far)
			tt.signals(a, sys, recorder.lastUnlink)
			info, _ := sys.Info(a.pid)
			if exits := len(a.drain()); len(info.Links) != tt.links || exits != tt.exits {
				t.Errorf("%d links, %d exits; want %d, %d", len(info.Links), exits, tt.links, tt.exits)
			}
		})
	}
}

// Links have a bound, and a peer that holds the cookie cannot go beyond it.
func TestLinkLimit(t *testing.T) {
	recorder := &recorder{}
	sys := newSystem(t, vm.Options{Remote: recorder, MaxMonitors: 2, Loader: &loader{}})
	a := newActor(t, sys, vm.SpawnOptions{})
	for i := range uint64(3) {
		sys.Deliver(abi.Signal{Kind: abi.SignalLink, From: abi.Pid{Node: 2, Num: i + 1}, To: a.pid})
	}
	info, _ := sys.Info(a.pid)
	refused := recorder.last(abi.SignalLinkExit)
	if len(info.Links) != 2 || refused.To.Num != 3 || vm.FormatReason(refused.Data, nil) != `"system_limit"` {
		t.Errorf("links %v, refused %+v", info.Links, refused)
	}
	a.do(func(p *vm.Process) {
		if err := p.Link(p.Context(), abi.Pid{Node: 2, Num: 9}); !errors.Is(err, abi.ErrLimit) {
			t.Error(err)
		}
		if _, err := p.SpawnFunction(p.Context(), 1, vm.SpawnRequest{Function: function("f"), Link: true}); !errors.Is(err, abi.ErrLimit) {
			t.Error(err)
		}
	})
	sys.NodeDown(2) // ends a, and makes room
	<-a.ended
	b, c := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
	b.link(c.pid)
}
