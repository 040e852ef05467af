package vm_test

import (
	"testing"
	"testing/synctest"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// A node that holds a monitor, and one that uses the number of that monitor for what it likes.
var (
	honest = abi.Pid{Node: 2, Num: 5}
	forger = abi.Pid{Node: 3, Num: 5}
	stolen = abi.Ref{Node: 2, Num: 77}
)

// downs counts the ends of a monitor that a process was told of.
func downs(way *crossing, of abi.Pid, ref abi.Ref) (n int) {
	way.mu.Lock()
	defer way.mu.Unlock()
	for _, sig := range way.sent {
		if sig.Kind == abi.SignalDown && sig.To == of && sig.Ref == ref {
			n++
		}
	}
	return n
}

// MON-02, MON-08: a monitor is that of who has set it up. What another node does under the same number,
// before or after, changes nothing about it; by pid and by name.
func TestForgedMonitors(t *testing.T) {
	const before, after = true, false
	for name, tt := range map[string]struct {
		order bool
		kinds []abi.SignalKind // that the forger sends
		want  int              // DOWNs to the forger
	}{
		"taken first":            {before, []abi.SignalKind{abi.SignalMonitor}, 1},
		"taken and given back":   {before, []abi.SignalKind{abi.SignalMonitor, abi.SignalDemonitor}, 0},
		"taken as well":          {after, []abi.SignalKind{abi.SignalMonitor}, 1},
		"taken back for another": {after, []abi.SignalKind{abi.SignalDemonitor}, 0},
		"set and taken back":     {after, []abi.SignalKind{abi.SignalMonitor, abi.SignalDemonitor}, 0},
	} {
		for _, named := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					way, registry := &crossing{}, newNames()
					sys := newSystem(t, vm.Options{Remote: way, Names: registry})
					target := newActor(t, sys, vm.SpawnOptions{})
					registry.register("anna", target.pid)
					deliver := func(from abi.Pid, kinds ...abi.SignalKind) {
						for _, kind := range kinds {
							sig := abi.Signal{Kind: kind, From: from, To: target.pid, Ref: stolen}
							if named {
								sig.To, sig.Name = abi.Pid{Node: sys.Node()}, "anna"
							}
							sys.Deliver(sig)
						}
					}
					if tt.order == before {
						deliver(forger, tt.kinds...)
					}
					deliver(honest, abi.SignalMonitor)
					if tt.order == after {
						deliver(forger, tt.kinds...)
					}
					target.exit("done")
					synctest.Wait()
					if got := downs(way, honest, stolen); got != 1 {
						t.Errorf("its holder hears %d times", got)
					}
					if got := downs(way, forger, stolen); got != tt.want {
						t.Errorf("the other one hears %d times, want %d", got, tt.want)
					}
					wantNothingHeld(t, sys)
				})
			})
		}
	}
}

// The same for a call, which who was asked may monitor; and however many monitors it sets up, a call holds
// a bounded number.
func TestForgedMonitorsOfCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := &crossing{}
		sys := newSystem(t, vm.Options{Remote: way})
		var caller abi.Pid
		ended := call(t.Context(), sys, honest, &caller)
		synctest.Wait()
		for _, from := range []abi.Pid{forger, honest} {
			sys.Deliver(abi.Signal{Kind: abi.SignalMonitor, From: from, To: caller, Ref: stolen})
		}
		sys.Deliver(abi.Signal{Kind: abi.SignalDemonitor, From: forger, To: caller, Ref: stolen})
		const many = 5000
		for i := range uint64(many) {
			sys.Deliver(abi.Signal{Kind: abi.SignalMonitor, From: forger, To: caller, Ref: abi.Ref{Node: 3, Num: i}})
		}
		refused := 0
		for i := range uint64(many) {
			refused += downs(way, forger, abi.Ref{Node: 3, Num: i})
		}
		if refused < many/2 {
			t.Errorf("%d monitors of %d were refused", refused, many)
		}
		sys.Deliver(abi.Signal{Kind: abi.SignalMessage, From: honest, To: caller, Data: term.MustEncode("answer")})
		if r := <-ended; r.err != nil {
			t.Error(r.err)
		}
		if got := downs(way, honest, stolen); got != 1 {
			t.Errorf("who was asked hears %d times", got)
		}
	})
}

// What is said about a process has to come from it, or from its node: a third node can end no link and no
// monitor, and answers no request for a process.
func TestForgedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := &crossing{}
		sys := newSystem(t, vm.Options{Remote: way})
		a := newActor(t, sys, vm.SpawnOptions{})
		var request abi.Signal
		way.leaving = func(sig abi.Signal) {
			if sig.Kind != abi.SignalSpawnRequest {
				return
			}
			request = sig
			for _, data := range []any{list{"ok", forger}, list{"error", -1}} {
				sys.Deliver(abi.Signal{Kind: abi.SignalSpawnReply, From: forger, To: sig.From, Ref: sig.Ref, Data: term.MustEncode(data)})
				sys.Deliver(abi.Signal{Kind: abi.SignalSpawnReply, From: abi.Pid{Node: 3}, To: sig.From, Ref: sig.Ref, Data: term.MustEncode(data)})
			}
			for _, from := range []abi.Pid{forger, {Node: 3}, honest} {
				sys.Deliver(abi.Signal{Kind: abi.SignalDown, From: from, To: sig.From, Ref: sig.Ref, Data: term.MustEncode("noconnection")})
			}
			child := honest
			sys.Deliver(abi.Signal{Kind: abi.SignalSpawnReply, From: child, To: sig.From, Ref: sig.Ref, Data: term.MustEncode(list{"ok", child})})
		}
		a.do(func(p *vm.Process) {
			pid, ref, err := p.SpawnMonitor(p.Context(), honest.Node, vm.SpawnRequest{Function: function("f"), Link: true})
			if pid != honest || ref != request.Ref || err != nil {
				t.Errorf("%v, %v, %v", pid, ref, err)
			}
		})
		for _, from := range []abi.Pid{forger, {Node: 3}} {
			for _, kind := range []abi.SignalKind{abi.SignalDown, abi.SignalLinkExit, abi.SignalUnlink, abi.SignalUnlinkAck} {
				sys.Deliver(abi.Signal{Kind: kind, From: from, To: a.pid, Ref: request.Ref, Data: term.MustEncode("boom")})
			}
		}
		synctest.Wait()
		wantMessages(t, a.drain())
		info, _ := sys.Info(a.pid)
		if len(info.Links) != 1 || len(info.Monitors) != 1 || !sys.Alive(a.pid) {
			t.Errorf("it has %+v", info)
		}
	})
}
