package guest

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/wasmtest"
	"github.com/wnode/wnode/vm/module/wasm"
)

// wantRefused checks that a module was refused with the given words.
func (n *testNode) wantRefused(m *wasmModule, words string) {
	n.t.Helper()
	reason := term.Format(decoded(n.t, n.run(m).Reason), nil)
	if !strings.Contains(reason, strconv.Quote("compile_error")) || !strings.Contains(reason, words) {
		n.t.Errorf("reason %s, want %s", reason, words)
	}
}

// increment adds 1 to the i32 at an address, atomically, and gives what was there.
func increment(address int64) op { return seq(i32c(address), i32c(1), raw(0xfe, 0x1e, 2, 0)) }

// Atomic instructions run where the node allows them, on the instance's own memory, which is set back as any other.
func TestThreads(t *testing.T) {
	newTestNode(t).wantRefused(entry(increment(8), drop),
		"the module uses threads (an atomic instruction in function 0); build it without them, or allow them with --features threads")
	n := newTestNode(t, func(o *Options) { o.Threads = true })
	program := entry(n.report(increment(8))).Bytes()
	for range 3 {
		wantReason(t, n.start(program).wait(), "normal")
		n.wantReports(0)
	}
	if r := n.wantReport(program); !slices.Contains(r.Features, wasm.FeatureAtomics) || !r.Instances.Reused {
		t.Errorf("%+v", r)
	}
	wait := seq(i32c(8), i32c(0), i64c(-1), raw(0xfe, 0x01, 2, 0)) // for what nobody else could change
	for want, body := range map[string]op{"unshared_memory": wait, "unaligned_atomic": increment(9)} {
		if atom, _ := trapOf(t, n.run(entry(body, drop))); atom != want {
			t.Errorf("reason %s, want %s", atom, want)
		}
	}
}

// A module that uses what no module may is refused in one line.
func TestRefusedFeatures(t *testing.T) {
	n := newTestNode(t, func(o *Options) { o.Threads = true })
	throws := entry(seq(raw(0x06, 0x40, 0x19, 0x0b)))
	throws.Names = true
	n.wantRefused(throws, `the module uses exceptions (try in function 0 \"_start\"); build it without them`)
}

// Where a module's data goes may have to be computed.
func TestExtendedConstants(t *testing.T) {
	n := newTestNode(t)
	m := entry(n.report(seq(i32c(42), i32Load)))
	sum := wasm.Expr{Op: wasm.OpI32Add, Code: []byte{0x41, 40, 0x41, 2, 0x6a}}
	m.Data = append(m.Data, wasm.Data{Offset: sum, Bytes: []byte{7}})
	n.run(m)
	n.wantReports(7)
	if r := n.wantReport(m.Bytes()); !r.Instances.Reused || !slices.Contains(r.Features, wasm.FeatureExtendedConst) {
		t.Errorf("%+v", r)
	}
}

// A guest that lets tail calls take its place again and again ends in good order, and its instance is used again.
func TestTailCalls(t *testing.T) {
	n := newTestNode(t)
	m := entry(invoke("down", i32c(1_000_000)), n.tell(0, 0)).Add(wasmFunc{Name: "down", Params: values{i32}, Body: seq(
		raw(0x20, 0, 0x04, 0x40),
		wasmtest.TailCall("down", raw(0x20, 0), i32c(1), raw(0x6b)),
		raw(0x0b),
	)})
	for range 3 {
		wantReason(t, n.run(m), "normal")
		n.next()
	}
	if count, _ := n.rested(); count != 1 {
		t.Errorf("%d instances at rest", count)
	}
}
