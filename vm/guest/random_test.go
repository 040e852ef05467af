package guest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/internal/randmodule"
	"github.com/wnode/wnode/internal/wasmtest"
	"github.com/wnode/wnode/vm/module/rewrite"
	"github.com/wnode/wnode/vm/module/wasm"
)

// plain runs random modules as they are, with functions that stand in for those of the node.
type plain struct {
	runtime wazero.Runtime
	told    string
}

func newPlain(t testing.TB) *plain {
	t.Helper()
	config := wazero.NewRuntimeConfig().WithCoreFeatures(rewrite.CoreFeatures)
	p := &plain{runtime: wazero.NewRuntimeWithConfig(t.Context(), config)}
	t.Cleanup(func() { _ = p.runtime.Close(context.Background()) })
	_, err := p.runtime.NewHostModuleBuilder("wasi_snapshot_preview1").
		NewFunctionBuilder().WithFunc(func() uint32 { return 0 }).Export("sched_yield").Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.runtime.NewHostModuleBuilder(abi.ImportModule).
		NewFunctionBuilder().WithFunc(p.send).Export("send").Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *plain) send(_ context.Context, m api.Module, _, _ uint64, address, length uint32) uint32 {
	message, _ := m.Memory().Read(address, length)
	p.told = fmt.Sprintf("%x", message)
	return 0
}

// run gives what a module reports, or its trap as the node calls it.
func (p *plain) run(t *testing.T, module []byte) string {
	t.Helper()
	instance, err := p.runtime.InstantiateWithConfig(t.Context(), module, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err == nil {
		defer instance.Close(t.Context())
		_, err = instance.ExportedFunction("_start").Call(t.Context())
	}
	if err == nil {
		return p.told
	}
	for text, atom := range traps {
		if strings.Contains(err.Error(), text) {
			return atom
		}
	}
	t.Fatal(err)
	return ""
}

// randomModule makes a module that reports to the native process.
func (n *testNode) randomModule(b []byte) []byte {
	send := slices.IndexFunc(abi.Functions, func(f abi.Func) bool { return f.Name == "send" })
	params, results := abi.Functions[send].Signature()
	m := randmodule.New(b, &randmodule.Report{
		Module: abi.ImportModule, Name: "send",
		Type: wasm.FuncType{Params: wasmtest.ValueTypes(params), Results: wasmtest.ValueTypes(results)},
		Args: seq(pid(n.pid), i32c(randmodule.ReportAddress), i32c(8))(nil),
	})
	return m.Encode()
}

// outcome gives what a process of a module reports, or its trap.
func (n *testNode) outcome(t *testing.T, module []byte) string {
	t.Helper()
	exit := n.start(module).wait()
	if exit.Crash {
		atom, _ := trapOf(t, exit)
		return atom
	}
	return fmt.Sprintf("%x", n.next())
}

// sameInPool checks that a random module does the same in its hundredth process as in its first, and as without a node.
func (n *testNode) sameInPool(t *testing.T, p *plain, b []byte, processes int) (report string) {
	t.Helper()
	module := n.randomModule(b)
	want := p.run(t, module)
	for i := range processes {
		if got := n.outcome(t, module); got != want {
			t.Fatalf("process %d: %s, without a node %s", i, got, want)
		}
	}
	return want
}

// randomBytes gives the bytes that a module is made of.
func randomBytes(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 2))
	b := make([]byte, 16+8*r.IntN(100))
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], r.Uint64())
	}
	return b
}

// W-11: whatever a module does, the hundredth process of an instance finds what the first one found.
func TestRandomModules(t *testing.T) {
	n, p := newTestNode(t), newPlain(t)
	modules, processes := uint64(60), 100
	if raceDetector { // which finds nothing in guests
		modules, processes = 20, 20
	}
	trapped := uint64(0)
	for seed := range modules {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			if len(n.sameInPool(t, p, randomBytes(seed), processes)) != 16 {
				trapped++
			}
		})
	}
	if rested, _ := n.rested(); trapped == 0 || trapped > modules/2 || rested == 0 {
		t.Errorf("%d of %d modules trapped, %d instances rest", trapped, modules, rested)
	}
}

func FuzzRandomModules(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(randomBytes(seed))
	}
	n, p := newTestNode(f), newPlain(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		n.t = t
		n.sameInPool(t, p, b, 3)
	})
}
