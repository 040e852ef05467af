package vm_test

import (
	"bytes"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// MON-01, MON-02, MON-03: every monitor gives one message with the reason as it was; local and remote.
func TestMonitor(t *testing.T) {
	for name, remote := range map[string]bool{"local": false, "remote": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, one, two := newNetwork(t, vm.Options{})
				home := one
				if remote {
					home = two
				}
				for _, reason := range []any{"normal", "shutdown", list{"boom", list{}}, 5, nil} {
					watcher, target := newActor(t, one, vm.SpawnOptions{}), newActor(t, home, vm.SpawnOptions{})
					first, second := watcher.monitor(target.pid), watcher.monitor(target.pid)
					if first == second {
						t.Error("one ref twice")
					}
					target.exit(reason)
					synctest.Wait()
					if reason == nil {
						reason = "normal"
					}
					got := watcher.drain()
					if len(got) == 2 && same(got[0], down(second, target.pid, reason)) {
						got[0], got[1] = got[1], got[0]
					}
					wantMessages(t, got, down(first, target.pid, reason), down(second, target.pid, reason))
					if !one.Alive(watcher.pid) {
						t.Error("the watcher died")
					}

					late := watcher.monitor(target.pid)
					synctest.Wait()
					wantMessages(t, watcher.drain(), down(late, target.pid, "noproc"))
				}
			})
		})
	}
}

// MON-06: a node that cannot be reached is noconnection, at once; MON-07: oneself never fires.
func TestMonitorOfUnreachableAndSelf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alone := newSystem(t, vm.Options{Node: 5})
		net, one, _ := newNetwork(t, vm.Options{})
		net.disconnect()
		for _, sys := range []*vm.System{alone, one} {
			a, far := newActor(t, sys, vm.SpawnOptions{}), abi.Pid{Node: 2, Num: 1}
			ref := a.monitor(far)
			a.monitor(a.pid)
			synctest.Wait()
			wantMessages(t, a.drain(), down(ref, far, "noconnection"))
			a.do(func(p *vm.Process) {
				if self := p.PostMonitor(p.Pid()); self.Num == 0 {
					t.Error("no ref")
				}
				ref = p.PostMonitor(far)
			})
			synctest.Wait()
			wantMessages(t, a.drain(), down(ref, far, "noconnection"))
		}
	})
}

// MON-08, MON-09
func TestDemonitor(t *testing.T) {
	for name, remote := range map[string]bool{"local": false, "remote": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, one, two := newNetwork(t, vm.Options{})
				home := one
				if remote {
					home = two
				}
				watcher := newActor(t, one, vm.SpawnOptions{})
				targets := make([]*actor, 4)
				refs := make([]abi.Ref, 4)
				for i := range targets {
					targets[i] = newActor(t, home, vm.SpawnOptions{})
					refs[i] = watcher.monitor(targets[i].pid)
				}
				watcher.do(func(p *vm.Process) {
					p.Demonitor(refs[0], false)
					p.Demonitor(refs[0], true)
					p.Demonitor(abi.Ref{Node: 1, Num: 1}, true)
				})
				for _, target := range targets[:3] {
					target.exit("done")
				}
				synctest.Wait()
				if info, ok := home.Info(targets[3].pid); !ok || len(info.MonitoredBy) != 1 {
					t.Errorf("info %+v", info)
				}
				watcher.do(func(p *vm.Process) {
					p.Demonitor(refs[1], true)  // its DOWN is in the mailbox: gone
					p.Demonitor(refs[2], false) // this one stays
					p.Demonitor(refs[3], true)
				})
				if info, ok := home.Info(targets[3].pid); !ok || len(info.MonitoredBy) != 0 {
					t.Errorf("info %+v", info)
				}
				targets[3].exit("done")
				synctest.Wait()
				wantMessages(t, watcher.drain(), down(refs[2], targets[2].pid, "done"))
			})
		})
	}
}

// The monitors of a process end with it, and are forgotten at the other side.
func TestMonitorsOfTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, one, two := newNetwork(t, vm.Options{})
		target, watcher := newActor(t, two, vm.SpawnOptions{}), newActor(t, one, vm.SpawnOptions{})
		watcher.monitor(target.pid)
		watcher.exit("done")
		synctest.Wait()
		if info, _ := two.Info(target.pid); len(info.MonitoredBy) != 0 {
			t.Error("still monitored")
		}
		target.exit("done")
		synctest.Wait()
		if net.carried(abi.SignalDown) != 0 {
			t.Error("a DOWN for nobody")
		}
	})
}

// MON-10: a lost connection ends every monitor over it, on both sides, once.
func TestMonitorConnectionLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, one, two := newNetwork(t, vm.Options{})
		a, b := newActor(t, one, vm.SpawnOptions{}), newActor(t, two, vm.SpawnOptions{})
		local := newActor(t, one, vm.SpawnOptions{})
		ab, ba, al := a.monitor(b.pid), b.monitor(a.pid), a.monitor(local.pid)
		net.disconnect()
		synctest.Wait()
		wantMessages(t, a.drain(), down(ab, b.pid, "noconnection"))
		wantMessages(t, b.drain(), down(ba, a.pid, "noconnection"))

		net.set(func() { net.cut = false })
		b.exit("done") // LINK-10's like: what was lost is not restored
		local.exit("done")
		synctest.Wait()
		wantMessages(t, a.drain(), down(al, local.pid, "done"))
	})
}

// A DOWN counts only while its monitor stands, and only from whom the monitor is on.
func TestForgedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, one, two := newNetwork(t, vm.Options{})
		watcher, target := newActor(t, one, vm.SpawnOptions{}), newActor(t, two, vm.SpawnOptions{})
		ref := watcher.monitor(target.pid)
		for _, forged := range []abi.Signal{
			{From: abi.Pid{Node: 2, Num: 99}, Ref: ref, Data: term.MustEncode("forged")},
			{From: target.pid, Ref: abi.Ref{Node: 1, Num: 99999}, Data: term.MustEncode("forged")},
		} {
			forged.Kind, forged.To = abi.SignalDown, watcher.pid
			one.Deliver(forged)
		}
		synctest.Wait()
		wantMessages(t, watcher.drain())
		one.Deliver(abi.Signal{Kind: abi.SignalDown, From: target.pid, To: watcher.pid, Ref: ref, Data: []byte{0xff}})
		target.exit("too late")
		synctest.Wait()
		wantMessages(t, watcher.drain(), down(ref, target.pid, vm.ReasonMalformed))
	})
}

// A process that may not be held up is not, by a congested node.
func TestPostDoesNotWait(t *testing.T) {
	net, one, two := newNetwork(t, vm.Options{})
	a, far := newActor(t, one, vm.SpawnOptions{}), newActor(t, two, vm.SpawnOptions{})
	net.set(func() { net.congested = true })
	a.do(func(p *vm.Process) {
		if err := p.Post(far.pid, []byte{0}); err != nil {
			t.Error(err)
		}
		p.Demonitor(p.PostMonitor(far.pid), true)
	})
	// SIG-08: a send waits, and can be killed.
	a.do(func(p *vm.Process) {
		one.Deliver(abi.Signal{Kind: abi.SignalExit, To: a.pid, Data: term.MustEncode("kill")})
		if err := p.Send(p.Context(), far.pid, []byte{0}); err == nil {
			t.Error("sent over a congested link")
		}
	})
}

// DOWN messages and short reasons are made without the encoder, and come out as it would make them.
func TestDownEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.Custom(func(t *rapid.T) abi.Pid {
			return abi.Pid{Node: abi.NodeID(rapid.Uint64().Draw(t, "node")), Num: rapid.Uint64().Draw(t, "num")}
		})
		pid, ref := id.Draw(t, "pid"), abi.Ref(id.Draw(t, "ref"))
		reason := rapid.OneOf(
			rapid.Map(rapid.String(), func(s string) any { return s }),
			rapid.Map(rapid.Int64(), func(n int64) any { return n }),
			rapid.Map(rapid.String(), func(s string) any { return list{s, list{}} }),
		).Draw(t, "reason")
		encoded := term.MustEncode(reason)
		if got := vm.CanonicalReason(encoded); !bytes.Equal(got, encoded) {
			t.Fatalf("reason %x, want %x", got, encoded)
		}
		want := term.MustEncode(list{"DOWN", ref, "process", pid, reason})
		if got := vm.DownMessage(ref, pid, nil, encoded); !bytes.Equal(got, want) {
			t.Fatalf("%x, want %x", got, want)
		}
		object := term.MustEncode(list{"name", "node@host"})
		want = term.MustEncode(list{"DOWN", ref, "process", list{"name", "node@host"}, reason})
		if got := vm.DownMessage(ref, pid, object, encoded); !bytes.Equal(got, want) {
			t.Fatalf("by name: %x, want %x", got, want)
		}
	})
	for _, bad := range []string{"", "\x61", "\x61\xff", "\x62a", "\x61ab", "\x78\x01a", "\x41a"} {
		if got := vm.CanonicalReason([]byte(bad)); string(got) == bad && bad != "\x41a" {
			t.Errorf("%q is a reason", bad)
		}
	}
}
