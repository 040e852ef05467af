package vm_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// RSP-03: a node is lost while a request for a process is on its way, and the request goes over its next
// connection. The caller has heard noconnection: when the reply comes, the new process is not to begin.
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

func (restarted) Send(context.Context, abi.Signal) error { return abi.ErrNoProcess }

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

// A caller whose time is up when the reply has come already has the process: that begins.
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
		acks := 0
		for _, kind := range way.kinds() {
			if kind == abi.SignalSpawnAck {
				acks++
			}
		}
		if acks != times {
			t.Errorf("%d of %d begin", acks, times)
		}
	})
}

// requested is a node that was asked for a process, and what it has answered.
type requested struct {
	t      *testing.T
	sys    *vm.System
	way    *crossing
	caller abi.Pid
	ref    abi.Ref
	child  abi.Pid
	ran    bool
}

// Body notes that the process runs.
func (r *requested) Body(abi.Function, abi.NodeID) vm.Body {
	return vm.Func(func(*vm.Process) vm.Exit { r.ran = true; return vm.Normal })
}

func newRequested(t *testing.T) *requested {
	r := &requested{t: t, way: &crossing{}, caller: abi.Pid{Node: 2, Num: 5}, ref: abi.Ref{Node: 2, Num: 6}}
	r.sys = newSystem(t, vm.Options{Remote: r.way, Loader: r})
	req := term.MustEncode(vm.SpawnRequest{Function: function("f"), Monitor: r.ref, Link: true})
	r.sys.Deliver(abi.Signal{
		Kind: abi.SignalSpawnRequest, From: r.caller, To: abi.Pid{Node: r.sys.Node()}, Ref: r.ref, Data: req,
	})
	synctest.Wait()
	r.child = r.way.last(abi.SignalSpawnReply).From
	if !r.sys.Alive(r.child) || r.ran {
		t.Fatalf("%v is there: %v; it runs: %v", r.child, r.sys.Alive(r.child), r.ran)
	}
	return r
}

func (r *requested) deliver(sig abi.Signal) {
	sig.To = r.child
	r.sys.Deliver(sig)
	synctest.Wait()
}

// PROC-10: a process that another node asked for begins when that has taken its reply, and not before.
func TestSpawnBeginsWithItsAck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRequested(t)
		ack := abi.Signal{Kind: abi.SignalSpawnAck, From: r.caller, Ref: r.ref}
		for _, other := range []abi.Signal{
			{Kind: abi.SignalSpawnAck, From: abi.Pid{Node: 2, Num: 9}, Ref: r.ref},
			{Kind: abi.SignalSpawnAck, From: abi.Pid{Node: 3, Num: 5}, Ref: r.ref},
			{Kind: abi.SignalSpawnAck, From: r.caller, Ref: abi.Ref{Node: 2, Num: 7}},
		} {
			r.deliver(other)
		}
		if r.ran {
			t.Error("it has begun on the word of another")
		}
		r.deliver(ack)
		if !r.ran || r.sys.Alive(r.child) {
			t.Error("it has not run")
		}
		r.deliver(ack)
		wantNothingHeld(t, r.sys)
	})
}

// RSP-03, LINK-09: when the connection is lost before the reply was taken, the other side takes the spawn
// for failed. So it never begins, whatever comes over the next connection; and so it is when its caller
// is not there any more.
func TestSpawnNeverBegins(t *testing.T) {
	for name, end := range map[string]func(*requested){
		"connection lost": func(r *requested) { r.sys.NodeDown(r.caller.Node) },
		"caller gone": func(r *requested) {
			r.deliver(abi.Signal{Kind: abi.SignalExit, From: r.caller, Data: term.MustEncode("noproc")})
		},
		"node closed": func(r *requested) { closeSystem(r.t, r.sys) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRequested(t)
				r.sys.NodeDown(3) // which is not concerned
				synctest.Wait()
				if !r.sys.Alive(r.child) {
					t.Error("it ended with another node's connection")
				}
				end(r) // and no wait: it may not have seen that yet
				r.deliver(abi.Signal{Kind: abi.SignalSpawnAck, From: r.caller, Ref: r.ref})
				if r.ran || r.sys.Alive(r.child) {
					t.Errorf("it has run: %v, lives: %v", r.ran, r.sys.Alive(r.child))
				}
				wantNothingHeld(t, r.sys)
			})
		})
	}
}

// lostAcks is a way on which the word that a reply has been taken is lost with the connection.
type lostAcks struct{ vm.Remote }

func (l lostAcks) Post(sig abi.Signal) error {
	if sig.Kind == abi.SignalSpawnAck {
		return nil
	}
	return l.Remote.Post(sig)
}

// PROC-07, PROC-10, LINK-09, MON-10: the connection is lost when the reply has been taken, and the word of that has not
// arrived. The caller has a process, whose link and monitor are answered once; that process ends without having
// begun, whichever side sees the loss first.
func TestSpawnAckLost(t *testing.T) {
	for name, first := range map[string]abi.NodeID{"the caller sees it first": 1, "the other node sees it first": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ran := &loader{}
				net := &network{systems: map[abi.NodeID]*vm.System{}}
				one := newSystem(t, vm.Options{Node: 1, Remote: lostAcks{&remote{net: net, from: 1}}})
				two := newSystem(t, vm.Options{Node: 2, Remote: &remote{net: net, from: 2}, Loader: ran})
				net.systems[1], net.systems[2] = one, two
				a := newActor(t, one, vm.SpawnOptions{})
				a.trapExits()
				a.do(func(p *vm.Process) {
					child, ref, err := p.SpawnMonitor(p.Context(), 2, vm.SpawnRequest{Function: function("missing"), Link: true})
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

// wantBoth wants two messages in a mailbox, in any order, and no third one. A process that has begun would have given
// another reason.
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
