package guest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/module/wasm"
)

// rested gives the instances at rest of the one module that the node has loaded, and why they are not
// initialised in advance.
func (n *testNode) rested() (count int, own string) {
	n.engine.modules.mu.Lock()
	defer n.engine.modules.mu.Unlock()
	for _, c := range n.engine.modules.loaded {
		c.pool.mu.Lock()
		count, own = count+len(c.pool.free), c.pool.own
		c.pool.mu.Unlock()
	}
	return count, own
}

var (
	bump         = seq(i32c(0), seq(i32c(0), i32Load, i32c(1), raw(0x6a)), i32Store)    // adds one in memory
	bumpGlobal   = raw(0x23, 0, 0x41, 1, 0x6a, 0x24, 0)                                 // and in the first global
	spoil        = seq(i32c(4096), i32c(-1), i32Store, i32c(65532), i32c(-1), i32Store) // writes elsewhere
	growAndWrite = seq(grow(1), drop, i32c(65536), i32c(77), i32Store)                  // and on a new page
	memorySize   = raw(0x3f, 0)
)

// W-11: the hundredth process of an instance finds what the first one found.
func TestInstanceIsSetBack(t *testing.T) {
	n := newTestNode(t)
	m := entry(
		n.report(memorySize), bump, n.report(seq(i32c(0), i32Load)), bumpGlobal, n.report(raw(0x23, 0)),
		n.report(seq(i32c(4096), i32Load)), n.report(seq(i32c(65532), i32Load)), spoil,
		growAndWrite, n.report(memorySize), n.report(seq(i32c(65536), i32Load)), n.report(seq(i32c(65540), i32Load)),
		i32c(65540), i32c(78), i32Store,
	).At(0, []byte{9})
	m.Globals = 1
	module := m.Bytes()
	for range 100 {
		wantReason(t, n.start(module).wait(), "normal")
		n.wantReports(1, 10, 1, 0, 0, 2, 77, 0)
	}
	if count, _ := n.rested(); count != 1 {
		t.Errorf("%d instances", count)
	}
}

// An instance serves no other process when there is something in it that cannot be set back.
func TestInstanceIsNotUsedAgain(t *testing.T) {
	trap := entry(unreachable)
	tables := entry(raw(0x41, 0, 0xd0, 0x70, 0x26, 0)) // table.set 0 (ref.null func)
	tables.Table = []string{"_start"}
	closes := entry(invoke("wasi.fd_close", i32c(2)), drop)
	for name, tt := range map[string]struct {
		m    *wasmModule
		want int
	}{
		"that is fine":    {entry(), 1},
		"after an exit":   {entry(invoke("wnode.exit", i32c(0), i32c(4))).At(0, text("bye")), 1},
		"after a trap":    {trap, 0},
		"with tables":     {tables, 0},
		"descriptors":     {closes, 0},
		"after proc_exit": {entry(invoke("wasi.proc_exit", i32c(3))), 1},
	} {
		t.Run(name, func(t *testing.T) {
			n := newTestNode(t)
			n.run(tt.m)
			if count, _ := n.rested(); count != tt.want {
				t.Errorf("%d instances at rest, want %d", count, tt.want)
			}
		})
	}
	t.Run("after a kill", func(t *testing.T) {
		n := newTestNode(t)
		p := n.start(entry(n.report(i32c(1)), invoke("wnode.receive", i64c(-1), i32c(0), i32c(0)), drop).Bytes())
		n.wantReports(1)
		n.kill(p.pid)
		p.wait()
		if count, _ := n.rested(); count != 0 {
			t.Errorf("%d instances at rest", count)
		}
	})
}

// What a module does to get ready is done once, unless it has to do with the process that it is done for.
func TestInitializedInstances(t *testing.T) {
	for name, tt := range map[string]struct {
		initialize, start op
		times             int32 // that it was initialised by the tenth process
		own               string
	}{
		"nothing":  {seq(), nil, 0, ""},
		"pure":     {bump, nil, 1, ""},
		"start":    {seq(), bump, 1, ""},
		"both":     {bump, bump, 2, ""},
		"its pid":  {seq(invoke("wnode.self", i32c(100)), drop, bump), nil, 1, "its initialisation calls self"},
		"clock":    {seq(invoke("wasi.clock_time_get", i32c(0), i64c(0), i32c(8)), drop, bump), nil, 1, "its initialisation calls clock_time_get"},
		"harmless": {seq(invoke("wasi.sched_yield"), drop, bump), nil, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			n := newTestNode(t)
			m := entry(n.report(seq(i32c(0), i32Load)), n.report(seq(i32c(4), i32Load)), spoil).Fn("_initialize", tt.initialize)
			if tt.start != nil {
				m.Fn("begin", tt.start).Start = "begin"
			}
			m.At(4, []byte{5})
			module := m.Bytes()
			for range 10 {
				wantReason(t, n.start(module).wait(), "normal")
				n.wantReports(tt.times, 5)
			}
			if _, own := n.rested(); own != tt.own {
				t.Errorf("initialised for each process because %q, want %q", own, tt.own)
			}
		})
	}
}

// The start function and the initialisation of a module are run by its first process only, as the
// reductions of the next ones show.
func TestInitializationIsNotRepeated(t *testing.T) {
	n := newTestNode(t)
	long := seq(i32c(100_000), raw(0x21, 0), raw(0x03, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b))
	module := entry(n.report(i32c(1))).Add(wasmFunc{Name: "_initialize", Locals: []wasm.LocalGroup{{Count: 1, Type: i32}}, Body: long}).Bytes()
	reductions := func() (used uint64) {
		hash, _ := n.modules.Put(module)
		body, done := n.engine.Body(abi.Function{Module: hash}, 0), make(chan uint64, 1)
		_, err := n.system.Spawn(vm.SpawnOptions{Function: abi.Function{Module: hash}, Body: vm.Func(func(p *vm.Process) vm.Exit {
			exit := body.Run(p)
			done <- p.Reductions()
			return exit
		})})
		if err != nil {
			t.Fatal(err)
		}
		n.wantReports(1)
		return <-done
	}
	if first, next := reductions(), reductions(); next*10 > first {
		t.Errorf("first process %d reductions, next one %d", first, next)
	}
}

// W-06: what a process may have of memory decides what its module finds, and nothing else that ran before: one that may
// have less than the others begin with is initialised for itself, and others never begin where one came that may not
// have what it asked for.
func TestTightLimits(t *testing.T) {
	n := newTestNode(t)
	module := (&wasmModule{Pages: 1}).Fn("_start", n.report(seq(i32c(0), i32Load))).
		Fn("_initialize", seq(i32c(0), grow(1), i32Store)).Bytes()
	limit := func(pages uint64) func(*vm.SpawnOptions) {
		return func(o *vm.SpawnOptions) { o.Rights.Limits.Memory = pages * pageBytes }
	}
	for range 3 {
		wantReason(t, n.start(module, limit(1)).wait(), "normal")
		n.wantReports(-1)
		wantReason(t, n.start(module, limit(2)).wait(), "normal")
		n.wantReports(1)
		wantReason(t, n.start(module, func(o *vm.SpawnOptions) { o.Rights.Limits.Memory = 1 }).wait(), ReasonMemory)
	}
	if count, own := n.rested(); count != 1 || own != "" {
		t.Errorf("%d instances at rest, initialised for themselves because %q", count, own)
	}
}

// A memory that has no page to begin with can be set back to none.
func TestEmptyMemory(t *testing.T) {
	n := newTestNode(t)
	m := entry(grow(1), drop, bump, n.report(memorySize), n.report(seq(i32c(0), i32Load)))
	m.Pages, m.MaxPages = 0, 4
	module := m.Bytes()
	for range 3 {
		wantReason(t, n.start(module).wait(), "normal")
		n.wantReports(1, 1)
	}
	if count, _ := n.rested(); count != 1 {
		t.Errorf("%d instances at rest", count)
	}
}

// Who looks into a process whose guest has ended does not see the one that its instance serves now.
func TestInspectorOfEndedGuest(t *testing.T) {
	n := newTestNode(t)
	receive := invoke("wnode.receive", i64c(-1), i32c(0), i32c(0)) // gives the size of the message
	module := entry(n.report(i32c(1)), receive, raw(0x04, 0x40), forever, raw(0x0b)).Bytes()
	ended, release := make(chan bool), make(chan bool)
	first := n.start(module, func(o *vm.SpawnOptions) {
		body := o.Body
		o.Body = vm.Func(func(p *vm.Process) vm.Exit {
			exit := body.Run(p)
			p.StandStill()
			ended <- true
			<-release
			return exit
		})
	})
	n.wantReports(1)
	n.message(first.pid, "")
	<-ended
	first.wait()
	other := n.start(module)
	n.wantReports(1)
	n.message(other.pid, "go on")
	before, _ := n.system.Info(first.pid)
	for range 1000 {
		if info, ok := n.system.Info(first.pid); !ok || info.Reductions != before.Reductions {
			t.Fatalf("%d reductions, then %d", before.Reductions, info.Reductions)
		}
		if stack := n.system.Stack(t.Context(), first.pid); stack != nil {
			t.Fatalf("stack %v", stack)
		}
	}
	close(release)
	n.kill(other.pid)
	other.wait()
}

// However many exports processes begin at, an instance keeps the stacks of a few.
func TestInstanceKeepsFewFunctions(t *testing.T) {
	n := newTestNode(t)
	m := entry()
	for i := range 3 * maxFunctions {
		m.Fn(fmt.Sprint("begin", i), seq())
	}
	hash, _ := n.modules.Put(m.Bytes())
	for i := range 3 * maxFunctions {
		wantReason(t, n.startFunction(abi.Function{Module: hash, Export: fmt.Sprint("begin", i)}).wait(), "normal")
	}
	n.engine.modules.mu.Lock()
	defer n.engine.modules.mu.Unlock()
	for _, c := range n.engine.modules.loaded {
		if len(c.pool.free) != 1 || len(c.pool.free[0].functions) > maxFunctions {
			t.Errorf("%d instances, %d functions", len(c.pool.free), len(c.pool.free[0].functions))
		}
	}
}

// imageFiles counts the open files of images.
func imageFiles(t *testing.T) (count int) {
	t.Helper()
	open, _ := filepath.Glob("/proc/self/fd/*")
	for _, name := range open {
		if to, err := os.Readlink(name); err == nil && strings.Contains(to, "wnode image") {
			count++
		}
	}
	return count
}

// What a module's instances begin with counts, gives way to guests when nobody uses the module, and is gone with
// the engine.
func TestImagesCount(t *testing.T) {
	before := imageFiles(t)
	const size = 1 << 20
	n := newTestNode(t, forGuests(80*pageBytes))
	large := entry().At(0, bytes.Repeat([]byte{1}, size))
	large.Pages = size / pageBytes
	wantReason(t, n.run(large), "normal")
	if used := n.taken(); used != 2*size+size+instanceBytes {
		t.Errorf("%d bytes used", used)
	}
	other := entry()
	other.Pages = 79
	wantReason(t, n.run(other), "normal")
	if used := n.taken(); used != 79*pageBytes+instanceBytes {
		t.Errorf("%d bytes used", used)
	}
	if got := imageFiles(t); got != before {
		t.Errorf("%d files of images, %d before", got, before)
	}
	wantReason(t, n.run(large), "normal")
	if err := n.system.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := n.engine.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, used := imageFiles(t), n.engine.memory.Guests(); got != before || used != 0 {
		t.Errorf("%d files of images, %d before; %d bytes used", got, before, used)
	}
}

// Instances at rest give way to others that need the memory.
func TestRestingInstancesGiveWay(t *testing.T) {
	n := newTestNode(t, forGuests(4*(pageBytes+instanceBytes)))
	wait := seq(n.report(i32c(1)), invoke("wnode.receive", i64c(-1), i32c(0), i32c(0)), drop)
	first := []*program{n.start(entry(wait).Bytes()), n.start(entry(wait).Bytes()), n.start(entry(wait).Bytes())}
	n.wantReports(1, 1, 1)
	for _, p := range first {
		n.message(p.pid, "")
		wantReason(t, p.wait(), "normal")
	}
	other := entry()
	other.Pages = 4
	wantReason(t, n.run(other), "normal")
	if used := n.taken(); used != 4*pageBytes+instanceBytes {
		t.Errorf("%d bytes used", used)
	}
}

// Those that nobody needed for a while are let go.
func TestIdlePoolsShrink(t *testing.T) {
	n := newTestNode(t)
	wait := entry(n.report(i32c(1)), invoke("wnode.receive", i64c(-1), i32c(0), i32c(0)), drop).Bytes()
	together := func(many int) {
		var all []*program
		for range many {
			all = append(all, n.start(wait))
			n.wantReports(1)
		}
		for _, p := range all {
			n.message(p.pid, "")
			p.wait()
		}
	}
	together(5)
	n.engine.modules.shrink()
	together(2)
	if left := n.engine.modules.shrink(); !left {
		t.Error("nothing left after two were needed")
	}
	if count, _ := n.rested(); count != 2 {
		t.Errorf("%d instances at rest, want 2", count)
	}
	if left := n.engine.modules.shrink(); left {
		t.Error("some left that nobody needed")
	}
	if used := n.taken(); used != 0 {
		t.Errorf("%d bytes used", used)
	}
}

// Arguments and streams are those of the process that an instance serves at the time.
func TestWASIOfRestingInstance(t *testing.T) {
	n := newTestNode(t)
	module := entry(
		invoke("wasi.args_sizes_get", i32c(0), i32c(4)), drop,
		n.report(seq(i32c(0), i32Load)), n.report(seq(i32c(4), i32Load)),
		invoke("wasi.args_get", i32c(1000), i32c(1100)), drop,
		n.tell(1100+10, 3), // behind the module's name
		n.report(fdWrite(1, 0x40)),
	).Iovec(0x40, 0x50, 2).Write(0x50, "hi").Bytes()
	for _, argument := range []string{"one", "two"} {
		server := newIOServer(n)
		p := n.start(module, withLeader(server.pid), withArgs(argument))
		n.wantReports(2, int32(len("test.wasm")+len(argument)+2))
		if got := string(n.next()); got != argument {
			t.Errorf("argument %q, want %q", got, argument)
		}
		n.wantReports(wasiOK)
		server.wantWritten(t, "put_chars", "hi")
		p.wait()
	}
	if count, _ := n.rested(); count != 1 {
		t.Errorf("%d instances", count)
	}
}
