package guest

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

func TestOptions(t *testing.T) {
	modules := &testModules{}
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string]Options{
		"no modules":        {},
		"too much memory":   {Modules: modules, MemoryPages: 1<<16 + 1},
		"negative compiled": {Modules: modules, MaxCompiled: -1},
		"negative bytes":    {Modules: modules, MaxModuleBytes: -1},
		"cache in a file":   {Modules: modules, CacheDir: file},
	} {
		if e, err := NewEngine(opts); err == nil {
			t.Errorf("%s: no error", name)
			_ = e.Close(t.Context())
		}
	}
}

func TestCacheDir(t *testing.T) {
	dir := t.TempDir()
	module := entry().bytes()
	for range 2 {
		n := newTestNode(t, func(o *Options) { o.CacheDir = dir })
		wantReason(t, n.start(module).wait(), "normal")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 {
		t.Errorf("cache directory has %v, %v", entries, err)
	}
}

// A module is loaded once for all who want it at the same time.
func TestSingleFlight(t *testing.T) {
	n := newTestNode(t)
	module := entry().bytes()
	answer := make(chan struct{})
	n.modules.fetch = func(abi.Hash, abi.NodeID) ([]byte, error) {
		<-answer
		return module, nil
	}
	var programs []*program
	for range 20 {
		programs = append(programs, n.startFunction(abi.Function{Module: abi.Hash{1}}))
	}
	close(answer)
	for _, p := range programs {
		wantReason(t, p.wait(), "normal")
	}
	if len(n.modules.asked) != 1 {
		t.Errorf("the module was loaded %d times", len(n.modules.asked))
	}
}

// Who waits for a load that fails tries the origin that it knows itself.
func TestOtherOrigin(t *testing.T) {
	n := newTestNode(t)
	module := entry().bytes()
	asked, answer := make(chan struct{}, 1), make(chan struct{})
	n.modules.fetch = func(_ abi.Hash, origin abi.NodeID) ([]byte, error) {
		if origin == peer {
			return module, nil
		}
		asked <- struct{}{}
		<-answer
		return nil, abi.ErrNoModule
	}
	exits := make(chan vm.Exit, 2)
	spawn := func(origin abi.NodeID) {
		body := n.engine.Body(abi.Function{Module: abi.Hash{1}}, origin)
		n.native(func(p *vm.Process) vm.Exit {
			exit := body.Run(p)
			exits <- exit
			return exit
		})
	}
	spawn(1)
	<-asked
	spawn(peer)
	close(answer)
	undefined := 0
	for range 2 {
		if exit := <-exits; exit.Crash {
			undefined++
		}
	}
	if undefined != 1 {
		t.Errorf("%d of two processes found no module", undefined)
	}
}

// Modules in use stay, of the others the most recently used.
func TestCompiledModulesAreBounded(t *testing.T) {
	n := newTestNode(t, func(o *Options) { o.MaxCompiled = 2 })
	var running []*program
	loaded := func() int {
		n.engine.modules.mu.Lock()
		defer n.engine.modules.mu.Unlock()
		return len(n.engine.modules.loaded)
	}
	for i := range int64(5) {
		p := n.start(entry(n.tell(0, 0), invoke("wnode.receive", i64c(-1), i32c(i), i32c(1)), drop).bytes())
		n.next()
		running = append(running, p)
	}
	if got := loaded(); got != 5 {
		t.Errorf("%d modules loaded while 5 run", got)
	}
	for _, p := range running {
		n.message(p.pid, "x")
		wantReason(t, p.wait(), "normal")
	}
	if got := loaded(); got != 2 {
		t.Errorf("%d modules loaded while none runs", got)
	}
	for i := range int64(10) { // each evicts one
		wantReason(t, n.run(entry(i32c(i), drop)), "normal")
	}
	if got := loaded(); got != 2 {
		t.Errorf("%d modules loaded", got)
	}
}

func TestMemoryLimit(t *testing.T) {
	n := newTestNode(t, func(o *Options) { o.MemoryPages = 3 })
	grow := func(pages int64) op { return n.report(seq(i32c(pages), raw(0x40, 0))) }
	m := entry(grow(2), grow(1))
	m.maxPages = 100
	n.run(m)
	n.wantReports(1, -1) // W-06: not an exit
}

func TestCloseWhileGuestsRun(t *testing.T) {
	n := newTestNode(t)
	p := n.start(entry(n.tell(0, 0), invoke("wnode.sleep", i64c(-1)), drop).bytes())
	n.next()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.engine.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("close: %v", err)
	}
	n.kill(p.pid)
	p.wait()
	for range 2 {
		if err := n.engine.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// Many processes of many modules at the same time, some of them killed.
func TestHammer(t *testing.T) {
	n := newTestNode(t, func(o *Options) { o.MaxCompiled = 1 })
	var modules [][]byte
	for i := range int64(4) {
		modules = append(modules, entry(
			i32c(i), drop,
			invoke("wnode.spawn", region(0, "\xa1\x66export\x65child"), i32c(100)), drop,
			invoke("wnode.send", pidAt(100), i32c(100), i32c(16)), drop,
			invoke("wnode.monitor", pidAt(100), i32c(200)), drop,
			invoke("wnode.receive", i64c(-1), i32c(300), i32c(500)), drop,
		).write(0, "\xa1\x66export\x65child").fn("child", seq(invoke("wnode.receive", i64c(-1), i32c(0), i32c(100)), drop)).bytes())
	}
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			p := n.start(modules[i%len(modules)])
			if i%3 == 0 {
				n.kill(p.pid)
			}
			exit := p.wait()
			if i%3 != 0 {
				wantReason(t, exit, "normal")
			}
		})
	}
	wg.Wait()
}

func BenchmarkSpawn(b *testing.B) {
	n := newTestNode(b)
	hash, _ := n.modules.Put(entry().bytes())
	fn := abi.Function{Module: hash}
	body := n.engine.Body(fn, n.system.Node())
	done := make(chan vm.Exit)
	opts := vm.SpawnOptions{Function: fn, Body: vm.Func(func(p *vm.Process) vm.Exit {
		exit := body.Run(p)
		done <- exit
		return exit
	})}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := n.system.Spawn(opts); err != nil {
			b.Fatal(err)
		}
		if exit := <-done; exit.Crash {
			b.Fatal(exit)
		}
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

func FuzzSpawnOptions(f *testing.F) {
	f.Add(term.MustEncode(map[string]any{"export": "main", "args": []any{1}, "node": "a@b", "group_leader": abi.Pid{Node: 1, Num: 2}}))
	f.Add(term.MustEncode(map[string]any{"function": abi.Function{Export: "main", Name: "a.wasm"}}))
	f.Add([]byte{0xa1, 0x64, 'a', 'r', 'g', 's', 0x9f, 0xff})
	f.Fuzz(func(t *testing.T, encoded []byte) {
		options, err := parseSpawnOptions(encoded)
		if err != nil {
			return
		}
		if options.args != nil {
			if list, err := term.Decode(options.args); err != nil {
				t.Fatalf("args %v: %v", list, err)
			}
		}
	})
}

func FuzzExitReason(f *testing.F) {
	f.Add(term.MustEncode([]any{"boom", []any{1, nil, abi.Pid{Node: 1, Num: 2}}}))
	f.Add([]byte("\x7f\x63nor\x63mal\xff"))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		reason, err := exitReason(encoded)
		if err != nil {
			return
		}
		again, err := exitReason(reason)
		if err != nil || string(again) != string(reason) {
			t.Fatalf("%x is encoded as %x, then as %x, %v", encoded, reason, again, err)
		}
	})
}

func FuzzBacktraceLine(f *testing.F) {
	f.Add(".$17(i32,i64) f64")
	f.Add("a.f(i32)(i32) (i32,i64)")
	g := &guest{fn: abi.Function{Name: "test.wasm"}}
	n := newTestNode(f)
	hash, _ := n.modules.Put(entry().bytes())
	if !n.engine.enter() {
		f.Fatal("closed")
	}
	defer n.engine.leave()
	var err error
	if g.code, err = n.engine.modules.acquire(context.Background(), hash, 0); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line string) {
		frames, detail := g.backtrace(errors.New(traceHeader + line))
		if len(frames) > maxFrames || len(detail) > maxFrames*2*maxErrorBytes {
			t.Fatalf("%d frames, %d bytes of detail", len(frames), len(detail))
		}
		if _, err := term.Decode(term.MustEncode(frames)); err != nil {
			t.Fatal(err)
		}
	})
}
