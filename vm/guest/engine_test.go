package guest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

func TestOptions(t *testing.T) {
	modules := &testModules{}
	for name, opts := range map[string]Options{
		"no modules":        {},
		"too much memory":   {Modules: modules, MemoryPages: 1<<16 + 1},
		"negative compiled": {Modules: modules, MaxCompiled: -1},
		"negative bytes":    {Modules: modules, MaxModuleBytes: -1},
		"negative cache":    {Modules: modules, CacheBytes: -1},
	} {
		if e, err := NewEngine(opts); err == nil {
			t.Errorf("%s: no error", name)
			_ = e.Close(t.Context())
		}
	}
}

// A module is loaded once for all who want it at the same time.
func TestSingleFlight(t *testing.T) {
	n := newTestNode(t)
	module := entry().Bytes()
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
	if len(n.modules.asked) != 2 { // to have it, and to compile it
		t.Errorf("the module was loaded %d times", len(n.modules.asked))
	}
}

// Who waits for a load that fails tries the origin that it knows itself.
func TestOtherOrigin(t *testing.T) {
	n := newTestNode(t)
	module := entry().Bytes()
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
		p := n.start(entry(n.tell(0, 0), invoke("wnode.receive", i64c(-1), i32c(i), i32c(1)), drop).Bytes())
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
	m.MaxPages = 100
	n.run(m)
	n.wantReports(1, -1) // W-06: not an exit
}

func TestCloseWhileGuestsRun(t *testing.T) {
	n := newTestNode(t)
	p := n.start(entry(n.tell(0, 0), invoke("wnode.sleep", i64c(-1)), drop).Bytes())
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
		).Write(0, "\xa1\x66export\x65child").Fn("child", invoke("wnode.receive", i64c(-1), i32c(0), i32c(100)), drop).Bytes())
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
