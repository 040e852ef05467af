package vm_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// What has been taken back brings nothing new, however closely the other process's doing meets the
// taking back: LINK-11, MON-09, ALIAS-01.
func TestNothingComesAfterTakingBack(t *testing.T) {
	const rounds = 3000
	for name, tt := range map[string]struct {
		set      func(p *vm.Process, target abi.Pid) abi.Ref
		takeBack func(p *vm.Process, target abi.Pid, ref abi.Ref)
		other    func(sys *vm.System, target, p abi.Pid, ref abi.Ref) // meets takeBack
	}{
		"unlink": {
			func(p *vm.Process, target abi.Pid) abi.Ref { _ = p.Link(p.Context(), target); return abi.Ref{} },
			func(p *vm.Process, target abi.Pid, _ abi.Ref) { p.Unlink(target) },
			func(sys *vm.System, target, p abi.Pid, _ abi.Ref) {
				sys.Deliver(abi.Signal{Kind: abi.SignalLinkExit, From: target, To: p, Data: term.MustEncode("boom")})
			},
		},
		"demonitor": {
			func(p *vm.Process, target abi.Pid) abi.Ref { return p.Monitor(target) },
			func(p *vm.Process, _ abi.Pid, ref abi.Ref) { p.Demonitor(ref, true) },
			func(sys *vm.System, target, p abi.Pid, ref abi.Ref) {
				sys.Deliver(abi.Signal{Kind: abi.SignalDown, From: target, To: p, Ref: ref, Data: term.MustEncode("boom")})
			},
		},
		"unalias": {
			func(p *vm.Process, _ abi.Pid) abi.Ref { ref, _ := p.Alias(vm.AliasExplicit); return ref },
			func(p *vm.Process, _ abi.Pid, ref abi.Ref) { p.Unalias(ref) },
			func(sys *vm.System, target, _ abi.Pid, ref abi.Ref) {
				sys.Deliver(abi.Signal{Kind: abi.SignalMessage, From: target, To: aliasPid(ref), Data: term.MustEncode("late")})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			sys := newSystem(t, vm.Options{})
			a, target := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
			late := 0
			a.do(func(p *vm.Process) {
				p.TrapExits(true)
				for i := range rounds {
					var wg sync.WaitGroup
					var started atomic.Bool
					ref := tt.set(p, target.pid)
					wg.Go(func() { started.Store(true); tt.other(sys, target.pid, p.Pid(), ref) })
					for !started.Load() {
						runtime.Gosched()
					}
					for range i % 64 { // to meet it at every point
						started.Load()
					}
					tt.takeBack(p, target.pid, ref)
					empty(p)
					wg.Wait()
					late += empty(p)
				}
			})
			if late > 0 {
				t.Errorf("%d of %d came after they had been taken back", late, rounds)
			}
		})
	}
}

// empty takes all messages that there are and counts them.
func empty(p *vm.Process) (n int) {
	for {
		if _, err := p.Receive(p.Context(), 0); err != nil {
			return n
		}
		n++
	}
}
