package vm_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
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

// BenchmarkIdleProcess measures what a native process takes that waits in a receive.
func BenchmarkIdleProcess(b *testing.B) {
	const processes = 50_000
	body := vm.Func(func(p *vm.Process) vm.Exit {
		_, _ = p.Receive(p.Context(), vm.Infinity)
		return vm.Normal
	})
	var taken uint64
	for b.Loop() {
		sys := vm.New(vm.Options{Node: 1})
		before := memoryInUse()
		for range processes {
			if _, err := sys.Spawn(vm.SpawnOptions{Body: body}); err != nil {
				b.Fatal(err)
			}
		}
		for _, pid := range sys.Processes() {
			for info, _ := sys.Info(pid); info.Status != "waiting"; info, _ = sys.Info(pid) {
				runtime.Gosched()
			}
		}
		taken += memoryInUse() - before
		closeSystem(b, sys)
	}
	b.ReportMetric(float64(taken)/float64(b.N)/processes, "B/process")
}

// memoryInUse counts the bytes of the heap and of the goroutines' stacks.
func memoryInUse() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapInuse + stats.StackInuse
}

// benchmarkPair runs f on a process, over and over, with another one of its node or of another.
func benchmarkPair(b *testing.B, f func(p *vm.Process, other abi.Pid)) {
	for _, where := range []string{"local", "remote"} {
		b.Run("peer="+where, func(b *testing.B) {
			systems := map[abi.NodeID]*vm.System{}
			for node := abi.NodeID(1); node <= 2; node++ {
				systems[node] = newSystem(b, vm.Options{Node: node, Remote: direct(systems)})
			}
			a, other := newActor(b, systems[1], vm.SpawnOptions{}), newActor(b, systems[1], vm.SpawnOptions{})
			if where == "remote" {
				other = newActor(b, systems[2], vm.SpawnOptions{})
			}
			b.ReportAllocs()
			a.do(func(p *vm.Process) {
				for b.Loop() {
					f(p, other.pid)
				}
			})
		})
	}
}

func BenchmarkLinkUnlink(b *testing.B) {
	benchmarkPair(b, func(p *vm.Process, other abi.Pid) {
		if err := p.Link(p.Context(), other); err != nil {
			b.Error(err)
		}
		p.Unlink(other)
	})
}

func BenchmarkMonitorDemonitor(b *testing.B) {
	benchmarkPair(b, func(p *vm.Process, other abi.Pid) {
		if ref := p.Monitor(other); !p.Demonitor(ref, true) {
			b.Error("the monitor did not stand")
		}
	})
}

// BenchmarkAliasCall measures a call with a monitor that is an alias: the time does not grow with
// what waits in the caller's mailbox.
func BenchmarkAliasCall(b *testing.B) {
	for _, waiting := range []int{0, 1000, 100_000} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) {
			sys := newSystem(b, vm.Options{})
			echo, err := sys.Spawn(vm.SpawnOptions{Body: vm.Func(answer)})
			if err != nil {
				b.Fatal(err)
			}
			caller := newActor(b, sys, vm.SpawnOptions{})
			for range waiting {
				sys.Deliver(abi.Signal{Kind: abi.SignalMessage, To: caller.pid, Data: term.MustEncode("waits")})
			}
			b.ReportAllocs()
			caller.do(func(p *vm.Process) {
				for b.Loop() {
					if err := aliasCall(p, echo); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// answer is a server that sends every request's ref back to the alias that it is.
func answer(p *vm.Process) vm.Exit {
	for {
		m, err := p.Receive(p.Context(), vm.Infinity)
		if err != nil {
			return vm.Normal
		}
		t, _ := term.Decode(m.Data)
		_ = p.Send(p.Context(), abi.Pid(t.(abi.Ref)), m.Data)
	}
}

// aliasCall asks and takes the answer, past what waited already.
func aliasCall(p *vm.Process, server abi.Pid) error {
	p.Mark()
	ref, err := p.MonitorAlias(server, vm.AliasReplyDemonitor)
	if err != nil {
		return err
	}
	if err := p.Send(p.Context(), server, term.MustEncode(ref)); err != nil {
		return err
	}
	_, err = p.Receive(p.Context(), vm.Infinity)
	p.Demonitor(ref, true)
	return err
}

// direct is a way to other systems on which nothing waits.
type direct map[abi.NodeID]*vm.System

func (d direct) Send(_ context.Context, sig abi.Signal) error          { return d.Post(sig) }
func (d direct) SendConnected(_ context.Context, sig abi.Signal) error { return d.Post(sig) }

func (d direct) Post(sig abi.Signal) error {
	d[sig.To.Node].Deliver(sig)
	return nil
}

// BenchmarkSend measures a message of 64 bytes into a mailbox and out again, for a process whose mailbox
// is charged to so many families.
func BenchmarkSend(b *testing.B) {
	for _, families := range []int{0, 1, 2} {
		b.Run(fmt.Sprintf("families=%d", families), func(b *testing.B) {
			sys := newSystem(b, vm.Options{})
			a := newActor(b, sys, vm.SpawnOptions{})
			for range families {
				a = newActor(b, sys, vm.SpawnOptions{
					Parent: a.pid, Function: function("f"), Rights: vm.Rights{Limits: vm.Limits{Children: 9}},
				})
			}
			b.ReportAllocs()
			a.do(func(p *vm.Process) {
				message := make([]byte, 64)
				for b.Loop() {
					if err := roundTrip(p, p.Pid(), message); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
