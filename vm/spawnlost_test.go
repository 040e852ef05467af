package vm_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// RSP-03: a node is lost while a request for a process is on its way, and the request goes over its next
// connection. The caller has heard noconnection: when the reply comes, the new process is told to end.
func TestSpawnLostBeforeItLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := &crossing{}
		sys := newSystem(t, vm.Options{Remote: way})
		var request abi.Signal
		way.leaving = func(sig abi.Signal) {
			if sig.Kind == abi.SignalSpawnRequest {
				request = sig
				sys.NodeDown(2)
			}
		}
		a := newActor(t, sys, vm.SpawnOptions{})
		a.do(func(p *vm.Process) {
			pid, ref, err := p.SpawnMonitor(p.Context(), 2, vm.SpawnRequest{Function: function("f"), Monitor: sys.NewRef()})
			if err != nil || pid.Node != sys.Node() {
				t.Errorf("%v, %v", pid, err)
			}
			if m, err := p.Receive(p.Context(), 0); err != nil || !same(term.Raw(m.Data), down(ref, pid, "noconnection")) {
				t.Errorf("%x, %v", m.Data, err)
			}
		})
		child := abi.Pid{Node: 2, Num: 7}
		sys.Deliver(abi.Signal{
			Kind: abi.SignalSpawnReply, From: child, To: a.pid, Ref: request.Ref, Data: term.MustEncode(list{"ok", child}),
		})
		if got := way.kinds(); len(got) != 2 || got[1] != abi.SignalExit || way.last(abi.SignalExit).To != child {
			t.Errorf("%v went out", got)
		}
		wantMessages(t, a.drain())
	})
}

// restarted is a way to a node that is another incarnation by now.
type restarted struct{ vm.Remote }

func (restarted) SendConnected(context.Context, abi.Signal) error { return abi.ErrNotConnected }
func (restarted) Send(context.Context, abi.Signal) error          { return abi.ErrNoProcess }

// RSP-02, PROC-05: a spawn on a node that has restarted since is one on a node that cannot be reached, and does not
// wait for an answer of the new one.
func TestSpawnOnRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{Remote: restarted{}})
		a := newActor(t, sys, vm.SpawnOptions{})
		a.trapExits()
		var pid abi.Pid
		var ref abi.Ref
		a.do(func(p *vm.Process) {
			var err error
			if pid, ref, err = p.SpawnMonitor(p.Context(), 2, vm.SpawnRequest{Function: function("f"), Link: true}); err != nil {
				t.Error(err)
			}
		})
		wantMessages(t, a.drain(), down(ref, pid, "noconnection"), exitMessage(pid, "noconnection"))
		a.exit("kill")
		synctest.Wait()
		wantNothingHeld(t, sys)
	})
}

// A caller whose time is up when the reply has come already has the process: that is not told to end.
func TestSpawnReplyAsTheTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := &crossing{}
		sys := newSystem(t, vm.Options{Remote: way})
		a, child := newActor(t, sys, vm.SpawnOptions{}), abi.Pid{Node: 2, Num: 7}
		const times = 50 // either of what the caller waits for may be seen first
		for range times {
			ctx, cancel := context.WithCancel(t.Context())
			way.leaving = func(sig abi.Signal) {
				if sig.Kind == abi.SignalSpawnRequest {
					sys.Deliver(abi.Signal{
						Kind: abi.SignalSpawnReply, From: child, To: sig.From, Ref: sig.Ref, Data: term.MustEncode(list{"ok", child}),
					})
					cancel()
				}
			}
			a.do(func(p *vm.Process) {
				if pid, err := p.SpawnFunction(ctx, 2, vm.SpawnRequest{Function: function("f")}); err != nil || pid != child {
					t.Errorf("%v, %v", pid, err)
				}
			})
		}
		if got := way.kinds(); len(got) != times {
			t.Errorf("%v went out", got)
		}
	})
}

// asked is a node that another one has asked for a process, which runs until it is told to end.
type asked struct {
	t      *testing.T
	sys    *vm.System
	way    *crossing
	caller abi.Pid
	child  abi.Pid
	ran    int
	reason []byte
}

// Body notes that the process runs, and with what reason it was told to end.
func (a *asked) Body(abi.Function, abi.NodeID) vm.Body {
	return vm.Func(func(p *vm.Process) vm.Exit {
		a.ran++
		_, _ = p.Receive(p.Context(), vm.Infinity)
		var exit *vm.ExitError
		if errors.As(context.Cause(p.Context()), &exit) {
			a.reason = exit.Reason
		}
		return vm.Normal
	})
}

// askFor asks a node for a process with a monitor.
func askFor(t *testing.T, link bool) *asked {
	a := &asked{t: t, way: &crossing{}, caller: abi.Pid{Node: 2, Num: 5}}
	a.sys = newSystem(t, vm.Options{Remote: a.way, Loader: a})
	ref := abi.Ref{Node: 2, Num: 6}
	req := term.MustEncode(vm.SpawnRequest{Function: function("f"), Monitor: ref, Link: link})
	a.sys.Deliver(abi.Signal{
		Kind: abi.SignalSpawnRequest, From: a.caller, To: abi.Pid{Node: a.sys.Node()}, Ref: ref, Data: req,
	})
	synctest.Wait()
	a.child = a.way.last(abi.SignalSpawnReply).From
	if !a.sys.Alive(a.child) || a.ran != 1 {
		t.Fatalf("%v is there: %v; it runs: %d", a.child, a.sys.Alive(a.child), a.ran)
	}
	return a
}

// want says whether the process has ended, and with what reason.
func (a *asked) want(reason string) {
	a.t.Helper()
	synctest.Wait()
	if alive := a.sys.Alive(a.child); alive != (reason == "") {
		a.t.Errorf("alive: %v", alive)
	}
	if reason != "" && !bytes.Equal(a.reason, term.MustEncode(reason)) {
		a.t.Errorf("reason %x, want %s", a.reason, reason)
	}
}

// PROC-10: a process that another node has asked for runs at once, behind its reply, which is the first that goes out.
func TestSpawnRunsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := askFor(t, false)
		a.sys.Deliver(abi.Signal{Kind: abi.SignalMessage, From: a.caller, To: a.child})
		synctest.Wait()
		if got := a.way.kinds(); !slices.Equal(got, []abi.SignalKind{abi.SignalSpawnReply, abi.SignalDown}) {
			t.Errorf("%v went out", got)
		}
		wantNothingHeld(t, a.sys)
	})
}

// Who asked for a process and does not wait for the reply any more says so with an exit signal.
func TestSpawnReplyUnwanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := askFor(t, false)
		a.sys.Deliver(abi.Signal{Kind: abi.SignalExit, From: a.caller, To: a.child, Data: term.MustEncode("noproc")})
		a.want("noproc")
		wantNothingHeld(t, a.sys)
	})
}

// LINK-09: when the connection is lost, a process that was spawned with a link ends, and one without goes on.
func TestSpawnedAndConnectionLost(t *testing.T) {
	for name, link := range map[string]bool{"link": true, "no link": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := askFor(t, link)
				a.sys.NodeDown(3) // which is not concerned
				a.want("")
				a.sys.NodeDown(a.caller.Node)
				if link {
					a.want("noconnection")
				} else {
					a.want("")
					a.sys.Deliver(abi.Signal{Kind: abi.SignalExit, From: a.caller, To: a.child, Data: term.MustEncode("shutdown")})
					a.want("shutdown")
				}
				wantNothingHeld(t, a.sys)
			})
		})
	}
}

// PROC-07, LINK-09, MON-10: the connection is lost when a process has just been spawned. Its caller's link and monitor
// are answered once, and the process ends by its own end of the link, whichever side sees the loss first.
func TestSpawnedAndLost(t *testing.T) {
	for name, first := range map[string]abi.NodeID{"the caller sees it first": 1, "the other node sees it first": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net, one, two := newNetwork(t, vm.Options{Loader: &asked{}})
				a := newActor(t, one, vm.SpawnOptions{})
				a.trapExits()
				a.do(func(p *vm.Process) {
					child, ref, err := p.SpawnMonitor(p.Context(), 2, vm.SpawnRequest{Function: function("f"), Link: true})
					if err != nil || child.Node != 2 || !two.Alive(child) {
						t.Errorf("%v, %v", child, err)
						return
					}
					net.set(func() { net.cut = true })
					for _, node := range []abi.NodeID{first, 3 - first} {
						net.systems[node].NodeDown(3 - node)
						synctest.Wait()
					}
					if two.Alive(child) || len(two.Processes()) != 0 {
						t.Error("it lives")
					}
					wantBoth(t, p, down(ref, child, "noconnection"), exitMessage(child, "noconnection"))
				})
				wantNothingHeld(t, two)
			})
		})
	}
}

// wantBoth wants two messages in a mailbox, in any order, and no third one.
func wantBoth(t *testing.T, p *vm.Process, one, other any) {
	t.Helper()
	var got []vm.Message
	for {
		m, err := p.Receive(p.Context(), 0)
		if err != nil {
			break
		}
		got = append(got, m)
	}
	if len(got) != 2 || !(same(term.Raw(got[0].Data), one) && same(term.Raw(got[1].Data), other) ||
		same(term.Raw(got[1].Data), one) && same(term.Raw(got[0].Data), other)) {
		t.Errorf("%d messages: %v", len(got), got)
	}
}

// A reply that cannot leave ends the new process.
func TestSpawnReplyCannotLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, one, two := newNetwork(t, vm.Options{Loader: &loader{}})
		net.disconnect()
		two.Deliver(abi.Signal{
			Kind: abi.SignalSpawnRequest, From: abi.Pid{Node: one.Node(), Num: 5}, To: abi.Pid{Node: two.Node()},
			Ref: one.NewRef(), Data: term.MustEncode(vm.SpawnRequest{Function: function("f")}),
		})
		synctest.Wait()
		if got := two.Processes(); len(got) != 0 {
			t.Errorf("%v live", got)
		}
	})
}
