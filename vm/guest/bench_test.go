package guest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// BenchmarkSpawn measures the life of a process that does nothing, of a small guest and of one in Go: in an
// instance that has rested, and in a new one.
func BenchmarkSpawn(b *testing.B) {
	path := filepath.Join(b.TempDir(), "gospawn.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-o", path, "./testdata/gospawn")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	goGuest, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	for name, module := range map[string][]byte{"small": entry().bytes(), "Go": goGuest} {
		b.Run(name+"/warm", func(b *testing.B) { benchmarkSpawn(b, module, false) })
		b.Run(name+"/fresh", func(b *testing.B) { benchmarkSpawn(b, module, true) })
	}
}

func benchmarkSpawn(b *testing.B, module []byte, fresh bool) {
	n := newTestNode(b)
	hash, _ := n.modules.Put(module)
	fn := abi.Function{Module: hash}
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
	)).bytes())
	ping := n.start(countdown(int64(b.N), seq(
		invoke("wnode.send", pid(pong.pid), i32c(100), i32c(32)), drop, receive,
	)).bytes())
	b.ReportAllocs()
	b.ResetTimer()
	n.message(ping.pid, "go")
	wantReason(b, ping.wait(), "normal")
	b.StopTimer()
	n.kill(pong.pid)
}

func BenchmarkHostCall(b *testing.B) {
	n := newTestNode(b)
	p := n.start(countdown(int64(b.N), seq(invoke("wnode.self", i32c(100)), drop)).bytes())
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
	p := n.start(countdown(calls, seq(invoke("wnode.self", i32c(100)), drop)).bytes())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n.message(p.pid, "go")
	p.wait()
	runtime.ReadMemStats(&after)
	if got := after.Mallocs - before.Mallocs; got > calls/10 {
		t.Errorf("%d allocations for %d host calls", got, calls)
	}
}
