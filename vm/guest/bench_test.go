package guest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// BenchmarkSpawn measures the life of a process that does nothing, of a small guest and of guests in Go, one with
// little and one with much that it is linked with, at main and at an exported function: in an instance that has
// rested, and in a new one.
func BenchmarkSpawn(b *testing.B) {
	large := buildGo(b, "gospawn")
	for _, guest := range []struct {
		name, export string
		module       []byte
	}{
		{"small", "", entry().Bytes()},
		{"Go-minimal", "", buildGo(b, "gominimal")},
		{"Go", "", large},
		{"Go-export", "nothing", large},
	} {
		b.Run(guest.name+"/warm", func(b *testing.B) { benchmarkSpawn(b, guest.module, guest.export, false) })
		b.Run(guest.name+"/fresh", func(b *testing.B) { benchmarkSpawn(b, guest.module, guest.export, true) })
	}
}

// buildGo builds a program of testdata that is initialised once for all of its processes.
func buildGo(b *testing.B, name string) []byte {
	b.Helper()
	path := filepath.Join(b.TempDir(), name+".wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-o", path, "./testdata/"+name)
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	module, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	return module
}

// BenchmarkLoad measures how long a large module takes, a guest in Go of some 4 MB, from its bytes to code that can be
// run: compiled, and with compiled code that is on disk; on an idle node, and beside two guests that compute without end.
func BenchmarkLoad(b *testing.B) {
	module := buildGo(b, "gospawn")
	for _, spinning := range []int{0, 2} {
		b.Run(fmt.Sprintf("spinning=%d/cached", spinning), func(b *testing.B) { benchmarkLoad(b, module, true, 1, spinning) })
		for workers := 1; workers <= 2; workers++ {
			b.Run(fmt.Sprintf("spinning=%d/workers=%d", spinning, workers), func(b *testing.B) {
				benchmarkLoad(b, module, false, workers, spinning)
			})
		}
	}
}

func benchmarkLoad(b *testing.B, module []byte, cached bool, workers, spinning int) {
	n := newTestNode(b, func(o *Options) {
		o.CompileWorkers = workers
		if cached {
			o.CacheDir = b.TempDir()
		}
	})
	var spins []*program
	for range spinning {
		spins = append(spins, n.start(entry(forever).Bytes()))
	}
	load := func() {
		loaded, err := n.engine.compile(abi.Hash{1}, module)
		if err != nil {
			b.Fatal(err)
		}
		loaded.close()
	}
	if cached {
		load()
	}
	b.SetBytes(int64(len(module)))
	for b.Loop() {
		load()
	}
	for _, p := range spins {
		n.kill(p.pid)
		p.wait()
	}
}

func benchmarkSpawn(b *testing.B, module []byte, export string, fresh bool) {
	n := newTestNode(b)
	hash, _ := n.modules.Put(module)
	fn := abi.Function{Module: hash, Export: export}
	body := n.engine.Body(fn, n.system.Node())
	done := make(chan vm.Exit)
	opts := vm.SpawnOptions{Function: fn, Body: vm.Func(func(p *vm.Process) vm.Exit {
		exit := body.Run(p)
		done <- exit
		return exit
	})}
	spawn := func() {
		if _, err := n.system.Spawn(opts); err != nil {
			b.Fatal(err)
		}
		if exit := <-done; exit.Crash {
			b.Fatal(exit)
		}
		if fresh {
			n.engine.modules.rest()
		}
	}
	spawn()
	if _, own := n.rested(); own != "" {
		b.Fatal("initialised for each process: ", own)
	}
	b.ReportAllocs()
	for b.Loop() {
		spawn()
	}
}

// BenchmarkPingPong measures a message of 32 bytes there and back between two guests.
func BenchmarkPingPong(b *testing.B) {
	n := newTestNode(b)
	receive := seq(invoke("wnode.receive", i64c(-1), i32c(100), i32c(32)), drop)
	pong := n.start(entry(repeat(
		receive, invoke("wnode.message_sender", i32c(0)), drop,
		invoke("wnode.send", pidAt(0), i32c(100), i32c(32)), drop,
	)).Bytes())
	ping := n.start(countdown(int64(b.N), seq(
		invoke("wnode.send", pid(pong.pid), i32c(100), i32c(32)), drop, receive,
	)).Bytes())
	b.ReportAllocs()
	b.ResetTimer()
	n.message(ping.pid, "go")
	wantReason(b, ping.wait(), "normal")
	b.StopTimer()
	n.kill(pong.pid)
}

// BenchmarkSpawnMonitor measures a guest that spawns another one, which does nothing, and waits for its DOWN.
func BenchmarkSpawnMonitor(b *testing.B) {
	n := newTestNode(b)
	options := string(term.MustEncode(map[string]any{"export": "nop"}))
	spawn := seq(
		invoke("wnode.spawn_monitor", region(1000, options), i32c(0), i32c(16)), drop,
		invoke("wnode.receive", i64c(-1), i32c(100), i32c(100)), drop,
	)
	p := n.start(countdown(int64(b.N), spawn).Write(1000, options).Fn("nop", seq()).Bytes())
	b.ReportAllocs()
	b.ResetTimer()
	n.message(p.pid, "go")
	wantReason(b, p.wait(), "normal")
}

// BenchmarkPriority measures how many times the reductions of a guest with normal priority another one
// gets that computes beside it, on one processor.
func BenchmarkPriority(b *testing.B) {
	for priority := abi.PriorityLow; priority <= abi.PriorityMax; priority++ {
		b.Run("priority="+priority.String(), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			n := newTestNodeWith(b, vm.Rights{Limits: vm.Limits{Priority: abi.PriorityMax}})
			spin := entry(n.tell(0, 0), forever).Bytes()
			run := func(priority abi.Priority) *program {
				p := n.start(spin, func(o *vm.SpawnOptions) { o.Priority = priority })
				n.next()
				return p
			}
			normal, other := run(abi.PriorityNormal), run(priority)
			reductions := func(p *program) float64 {
				info, _ := n.system.Info(p.pid)
				return float64(info.Reductions)
			}
			normalBefore, otherBefore := reductions(normal), reductions(other)
			for b.Loop() {
				time.Sleep(100 * time.Millisecond) // while the two of them compute
			}
			b.ReportMetric((reductions(other)-otherBefore)/(reductions(normal)-normalBefore), "times-normal")
			for _, p := range []*program{normal, other} {
				n.kill(p.pid)
				p.wait()
			}
		})
	}
}

func BenchmarkHostCall(b *testing.B) {
	n := newTestNode(b)
	p := n.start(countdown(int64(b.N), seq(invoke("wnode.self", i32c(100)), drop)).Bytes())
	b.ReportAllocs()
	b.ResetTimer()
	n.message(p.pid, "go")
	wantReason(b, p.wait(), "normal")
}

// countdown waits for a message, and then does the body so many times.
func countdown(times int64, body op) *wasmModule {
	return entry(
		invoke("wnode.receive", i64c(-1), i32c(0), i32c(64)), drop,
		i32c(200), i64c(times), i64Store,
		raw(0x03, 0x40), // loop
		body,
		i32c(200), i32c(200), i64Load, i64c(1), raw(0x7d), i64Store,
		i32c(200), i64Load, i64c(0), raw(0x52, 0x0d, 0), // br_if not 0
		raw(0x0b),
	)
}

// The host call itself allocates nothing.
func TestHostCallAllocations(t *testing.T) {
	const calls = 100_000
	n := newTestNode(t)
	p := n.start(countdown(calls, seq(invoke("wnode.self", i32c(100)), drop)).Bytes())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n.message(p.pid, "go")
	p.wait()
	runtime.ReadMemStats(&after)
	if got := after.Mallocs - before.Mallocs; got > calls/10 {
		t.Errorf("%d allocations for %d host calls", got, calls)
	}
}
