package guest

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/module/rewrite"
)

// spinning gives a loop that goes around so many times.
func spinning(times int64) op {
	return seq(
		i32c(200), i64c(times), i64Store,
		raw(0x03, 0x40), // loop
		i32c(200), i32c(200), i64Load, i64c(1), raw(0x7d), i64Store,
		i32c(200), i64Load, i64c(0), raw(0x52, 0x0d, 0), // br_if not 0
		raw(0x0b),
	)
}

// What a process has done is counted, of its last budget too.
func TestReductions(t *testing.T) {
	n := newTestNode(t)
	count := func(body ...op) uint64 {
		hash, _ := n.modules.Put(entry(body...).Bytes())
		counted := make(chan uint64, 1)
		run := n.engine.Body(abi.Function{Module: hash}, n.system.Node())
		n.native(func(p *vm.Process) vm.Exit {
			exit := run.Run(p)
			counted <- p.Reductions()
			return exit
		})
		return <-counted
	}
	if got := count(); got > 10 {
		t.Errorf("%d reductions for nothing", got)
	}
	few, many := count(spinning(1000)), count(spinning(1_000_000))
	if few < 1000 || few > 3000 {
		t.Errorf("%d reductions for a loop that goes around 1000 times", few)
	}
	if many < 1_000_000 || many > 3_000_000 {
		t.Errorf("%d reductions for a loop that goes around 1000000 times", many)
	}
	const yields = 1_000_000 / minBudget // at most, on a slow machine; each is two turns of the loop more
	if twice := count(spinning(1_000_000)); max(twice, many)-min(twice, many) > 2*yields {
		t.Errorf("%d reductions, and then %d", many, twice)
	}
}

// Guests that compute without end let others run: more of them than there are processors.
func TestFairness(t *testing.T) {
	n := newTestNode(t)
	spin := entry(n.tell(0, 0), forever).Bytes()
	var running []*program
	for range 4 * runtime.GOMAXPROCS(0) {
		running = append(running, n.start(spin))
	}
	for range running {
		n.next() // each of them got to run
	}
	wantReason(t, n.run(entry(spinning(1000))), "normal")
	runtime.GC() // it stops the world
	for _, p := range running {
		n.kill(p.pid)
		p.wait()
	}
}

// The functions of metering are nobody's to call.
func TestMeterIsReserved(t *testing.T) {
	n := newTestNode(t)
	for _, name := range []string{rewrite.Yield, rewrite.StackOverflow} {
		m := entry()
		m.Imports = []wasmImport{{Module: rewrite.ImportModule, Name: name}}
		wantReason(t, n.run(m), []any{[]any{"link_error", `unknown import module "wnode:meter"`}, []any{}})
	}
}

// A backtrace has the guest's own functions, with their own numbers, and nothing of metering.
func TestBacktraceOfMeteredCode(t *testing.T) {
	n := newTestNode(t)
	build := func(names bool) *wasmModule {
		m := entry(invoke("wnode.self", i32c(0)), drop, invoke("recurse"))
		m.Add(wasmFunc{Name: "recurse", Hidden: true, Body: invoke("recurse")})
		m.Names = names
		return m
	}
	for names, want := range map[bool]string{true: "recurse", false: "func[2]"} {
		atom, stack := trapOf(t, n.run(build(names)))
		if atom != trapStackOverflow || len(stack) < 10 {
			t.Fatalf("trap %s, stack %v", atom, stack)
		}
		for _, f := range stack {
			if f := f.([]any); f[0] != "test.wasm" || f[1] != want {
				t.Errorf("frame %v", f)
			}
		}
	}
	fill := entry(i32c(65536), i32c(0), i32c(8192), raw(0xfc, 0x0b, 0))
	atom, stack := trapOf(t, n.run(fill))
	if atom != trapOutOfBoundsMemory || len(stack) != 1 || !contains(stack, frame("test.wasm", "func[0]", 0)) {
		t.Errorf("trap %s, stack %v", atom, stack)
	}
}

// Tables are bounded when a module starts with them, and when it makes them grow.
func TestTableBounds(t *testing.T) {
	n := newTestNode(t)
	large := "\x00asm\x01\x00\x00\x00" + "\x04\x07\x01\x70\x00\x80\x80\x80\x40" // 2^27 elements
	reason := decoded(t, n.start([]byte(large)).wait().Reason)
	if want := []any{[]any{"compile_error", "a table of 134217728 elements, at most 1048576"}, []any{}}; !contains([]any{reason}, want) {
		t.Errorf("reason %v", reason)
	}
	grow := func(by int64) op { return n.report(growTable(by)) }
	m := entry(grow(100), grow(rewrite.MaxTableElements))
	m.Table = []string{""}
	n.run(m)
	n.wantReports(1, -1)
}

// BenchmarkKill measures how long a guest lives on after it was told to end, while another one
// computes as well.
func BenchmarkKill(b *testing.B) {
	n := newTestNode(b)
	spin := entry(n.tell(0, 0), forever).Bytes()
	other := n.start(spin)
	n.next()
	var times []time.Duration
	for b.Loop() {
		b.StopTimer()
		p := n.start(spin)
		n.next()
		b.StartTimer()
		start := time.Now()
		n.kill(p.pid)
		p.wait()
		times = append(times, time.Since(start))
	}
	b.StopTimer()
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-us")
	n.kill(other.pid)
	other.wait()
}

// The runtime leaves the upper half of an i32 as it was.
func TestTableTrap(t *testing.T) {
	for kind, want := range map[uint64]string{
		rewrite.TrapNoFunction: "uninitialized_element", rewrite.TrapOtherType: "indirect_call_type",
	} {
		func() {
			defer func() {
				if got, ok := recover().(*trap); !ok || got.atom != want {
					t.Errorf("%d: %v, want %s", kind, got, want)
				}
			}()
			tableTrap(t.Context(), []uint64{kind | 0xdead<<32})
		}()
	}
}
