package vm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// LINK-02, the rows of exit/2 to a process that does not trap exits; LINK-03; local and remote.
func TestExitSignals(t *testing.T) {
	tests := map[string]struct {
		reason, died any // died nil: it lives on
		self         bool
	}{
		"normal":           {reason: "normal"},
		"kill":             {reason: "kill", died: "killed"},
		"killed":           {reason: "killed", died: "killed"},
		"shutdown":         {reason: "shutdown", died: "shutdown"},
		"shutdown, x":      {reason: list{"shutdown", "x"}, died: list{"shutdown", "x"}},
		"any other":        {reason: list{"boom", 1}, died: list{"boom", 1}},
		"self: normal":     {reason: "normal", died: "normal", self: true},
		"self: kill":       {reason: "kill", died: "killed", self: true},
		"self: any other":  {reason: "boom", died: "boom", self: true},
		"no term for time": {reason: term.Tag{Number: 0, Content: int64(5)}, died: vm.ReasonMalformed},
	}
	for name, tt := range tests {
		for _, victimNode := range []string{"local", "remote"} {
			t.Run(name+"/"+victimNode, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					_, one, two := newNetwork(t, vm.Options{})
					victimSystem := one
					if victimNode == "remote" {
						victimSystem = two
					}
					victim, sender := newActor(t, victimSystem, vm.SpawnOptions{}), newActor(t, one, vm.SpawnOptions{})
					ref := sender.monitor(victim.pid)
					by := sender
					if tt.self {
						by = victim
					}
					by.sendExit(victim.pid, tt.reason)
					synctest.Wait()
					if alive := victimSystem.Alive(victim.pid); alive != (tt.died == nil) {
						t.Errorf("alive: %v", alive)
					}
					var want []any
					if tt.died != nil {
						want = append(want, down(ref, victim.pid, tt.died))
					}
					wantMessages(t, sender.drain(), want...)
				})
			})
		}
	}
}

// Reasons are compared as terms, whatever encoding a peer gives them; what is no term kills all the same.
func TestExitSignalBytes(t *testing.T) {
	deep := append(bytes.Repeat([]byte{0x81}, term.MaxDepth), 0)
	for name, tt := range map[string]struct {
		reason []byte
		died   any
	}{
		"normal in chunks": {[]byte{0x7f, 0x63, 'n', 'o', 'r', 0x63, 'm', 'a', 'l', 0xff}, nil},
		"long form":        {[]byte{0x18, 0x05}, 5},
		"list in chunks":   {[]byte{0x9f, 0x01, 0xff}, list{1}},
		"empty":            {nil, vm.ReasonMalformed},
		"garbage":          {[]byte{0xff, 0xff}, vm.ReasonMalformed},
		"two terms":        {[]byte{0x01, 0x02}, vm.ReasonMalformed},
		"truncated":        {[]byte{0x83, 0x01}, vm.ReasonMalformed},
		"too deep":         {deep, vm.ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sys := newSystem(t, vm.Options{})
				victim, watcher := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
				ref := watcher.monitor(victim.pid)
				sys.Deliver(abi.Signal{Kind: abi.SignalExit, From: abi.Pid{Node: 9, Num: 9}, To: victim.pid, Data: tt.reason})
				synctest.Wait()
				var want []any
				if tt.died != nil {
					want = append(want, down(ref, victim.pid, tt.died))
				}
				wantMessages(t, watcher.drain(), want...)
			})
		})
	}
}

// SIG-01, MON-11: signals of one sender arrive in order across all kinds, the DOWN of its end last.
func TestSignalOrder(t *testing.T) {
	for name, remote := range map[string]bool{"local": false, "remote": true} {
		t.Run(name, func(t *testing.T) {
			_, one, two := newNetwork(t, vm.Options{})
			from := one
			if remote {
				from = two
			}
			receiver, sender := newActor(t, one, vm.SpawnOptions{}), newActor(t, from, vm.SpawnOptions{})
			ref := receiver.monitor(sender.pid)
			const count = 500
			sender.do(func(p *vm.Process) {
				for i := range count {
					if err := p.Send(p.Context(), receiver.pid, term.MustEncode(i)); err != nil {
						t.Error(err)
					}
				}
			})
			sender.exit("done")
			var want, got []any
			for i := range count {
				want, got = append(want, i), append(got, receiver.receive())
			}
			wantMessages(t, append(got, receiver.receive()), append(want, down(ref, sender.pid, "done"))...)
		})
	}
}

// SIG-01: exit behind a message, and group leader before one, in one sender's order.
func TestSignalOrderAcrossKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, one, two := newNetwork(t, vm.Options{})
		a, b := newActor(t, one, vm.SpawnOptions{}), newActor(t, two, vm.SpawnOptions{})
		a.do(func(p *vm.Process) {
			if err := p.SetGroupLeader(p.Context(), a.pid, b.pid); err != nil { // GL-03
				t.Error(err)
			}
			_ = p.Send(p.Context(), b.pid, term.MustEncode("after"))
		})
		b.do(func(p *vm.Process) {
			if _, err := p.Receive(p.Context(), vm.Infinity); err != nil || p.GroupLeader() != a.pid {
				t.Errorf("leader %v, %v", p.GroupLeader(), err)
			}
		})
	})
}

// SIG-03, SIG-04, SIG-06, SIG-09: what is sent to nobody is no error, but for a name of this node.
func TestSendToNobody(t *testing.T) {
	net, one, two := newNetwork(t, vm.Options{Names: newNames()})
	dead := newActor(t, one, vm.SpawnOptions{})
	dead.exit("done")
	<-dead.ended
	far := newActor(t, two, vm.SpawnOptions{})
	a := newActor(t, one, vm.SpawnOptions{})
	check := func() {
		a.do(func(p *vm.Process) {
			for _, to := range []abi.Pid{dead.pid, {}, {Node: 1}, {Node: 1, Num: 99999}, far.pid, {Node: 2, Num: 99999}, {Node: 3, Num: 1}} {
				if err := p.Send(p.Context(), to, []byte{0}); err != nil {
					t.Errorf("send to %v: %v", to, err)
				}
				if err := p.ExitProcess(p.Context(), to, []byte{0x61, 'x'}); err != nil {
					t.Errorf("exit of %v: %v", to, err)
				}
			}
			for _, node := range []abi.NodeID{1, 2, 3} {
				if err := p.SendNode(p.Context(), "nobody", node, []byte{0}); err != nil {
					t.Errorf("send to a name on %d: %v", node, err)
				}
			}
			if err := p.SendName(p.Context(), "nobody", []byte{0}); !errors.Is(err, abi.ErrNoName) {
				t.Error(err)
			}
		})
	}
	check()
	net.disconnect()
	check()
}

// PROC-04, PROC-05: a pid of another incarnation reaches nobody, whatever its number.
func TestOldIncarnation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, one, two := newNetwork(t, vm.Options{})
		far, a := newActor(t, two, vm.SpawnOptions{}), newActor(t, one, vm.SpawnOptions{})
		old := abi.Pid{Node: 77, Num: far.pid.Num}
		net.set(func() { net.systems[77] = two }) // signals for the old incarnation get to the new one
		ref := a.monitor(old)
		a.send(old, "hello")
		a.sendExit(old, "kill")
		synctest.Wait()
		wantMessages(t, far.drain())
		wantMessages(t, a.drain(), down(ref, old, "noproc"))
	})
}

// SIG-10: a message to oneself goes through the same queue; SIG-11: signals act while a process computes.
func TestSelfAndBusy(t *testing.T) {
	sys := newSystem(t, vm.Options{})
	a := newActor(t, sys, vm.SpawnOptions{})
	a.send(a.pid, 1)
	a.send(a.pid, 2)
	wantMessages(t, a.drain(), 1, 2)

	leader := newActor(t, sys, vm.SpawnOptions{})
	a.do(func(p *vm.Process) { // busy: it does not receive
		leader.do(func(lp *vm.Process) { _ = lp.SetGroupLeader(lp.Context(), leader.pid, a.pid) })
		if p.GroupLeader() != leader.pid {
			t.Error("the group leader is not set")
		}
		leader.sendExit(a.pid, "boom")
		<-p.Context().Done()
		var cause *vm.ExitError
		if !errors.As(context.Cause(p.Context()), &cause) {
			t.Error("no cause")
		}
		if got := fmt.Sprint(cause); got != `process exited: "boom"` {
			t.Error(got)
		}
	})
}

// Messages that are too large are refused.
func TestMessageTooLarge(t *testing.T) {
	sys := newSystem(t, vm.Options{MaxMessageBytes: 10})
	a := newActor(t, sys, vm.SpawnOptions{})
	a.do(func(p *vm.Process) {
		for size, want := range map[int]error{10: nil, 11: abi.ErrTooLarge} {
			if err := p.Send(p.Context(), p.Pid(), make([]byte, size)); !errors.Is(err, want) {
				t.Errorf("send of %d: %v", size, err)
			}
			if err := p.Post(p.Pid(), make([]byte, size)); !errors.Is(err, want) {
				t.Errorf("post of %d: %v", size, err)
			}
		}
	})
}

// REG-05: a name is looked up where the message arrives.
func TestDeliveryByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := newNames()
		_, one, two := newNetwork(t, vm.Options{Names: registry})
		a, b := newActor(t, one, vm.SpawnOptions{}), newActor(t, two, vm.SpawnOptions{})
		registry.register("b", b.pid)
		registry.register("a", a.pid)
		a.do(func(p *vm.Process) {
			_ = p.SendNode(p.Context(), "b", 2, term.MustEncode(1))
			_ = p.SendNode(p.Context(), "a", 2, term.MustEncode(2)) // registered, but not a process of node 2
			_ = p.SendNode(p.Context(), "a", 1, term.MustEncode(3))
			if err := p.SendName(p.Context(), "a", term.MustEncode(4)); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		wantMessages(t, b.drain(), 1)
		wantMessages(t, a.drain(), 3, 4)
	})
}
