package vm_test

import (
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

func BenchmarkSpawnExit(b *testing.B) {
	sys := newSystem(b, vm.Options{})
	ended := make(chan struct{})
	body := vm.Func(func(*vm.Process) vm.Exit { ended <- struct{}{}; return vm.Normal })
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sys.Spawn(vm.SpawnOptions{Body: body}); err != nil {
			b.Fatal(err)
		}
		<-ended
	}
}

func BenchmarkPingPong(b *testing.B) {
	sys := newSystem(b, vm.Options{})
	pong, err := sys.Spawn(vm.SpawnOptions{Body: vm.Func(func(p *vm.Process) vm.Exit {
		for {
			m, err := p.Receive(p.Context(), vm.Infinity)
			if err != nil {
				return vm.Normal
			}
			_ = p.Send(p.Context(), m.From, m.Data)
		}
	})})
	if err != nil {
		b.Fatal(err)
	}
	ping := newActor(b, sys, vm.SpawnOptions{})
	b.ReportAllocs()
	ping.do(func(p *vm.Process) {
		message := make([]byte, 64)
		for b.Loop() {
			if err := roundTrip(p, pong, message); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func roundTrip(p *vm.Process, to abi.Pid, message []byte) error {
	if err := p.Send(p.Context(), to, message); err != nil {
		return err
	}
	_, err := p.Receive(p.Context(), vm.Infinity)
	return err
}
