package rewrite_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/internal/randmodule"
	"github.com/wnode/wnode/vm/module/image"
	"github.com/wnode/wnode/vm/module/rewrite"
)

// stackBytes is more than random programs use.
const stackBytes = 32 << 20

// player runs modules as they are, and rewritten.
type player struct {
	runtime wazero.Runtime
	yields  int
	asked   func() // when a guest yields; nil for nothing
}

var errStack = errors.New("stack overflow")

func newPlayer(t testing.TB) *player {
	t.Helper()
	config := wazero.NewRuntimeConfigCompiler().WithCoreFeatures(rewrite.CoreFeatures).WithMemoryLimitPages(memoryPages)
	p := &player{runtime: wazero.NewRuntimeWithConfig(t.Context(), config)}
	t.Cleanup(func() { _ = p.runtime.Close(context.Background()) })
	i32 := []api.ValueType{api.ValueTypeI32}
	_, err := p.runtime.NewHostModuleBuilder(rewrite.ImportModule).
		NewFunctionBuilder().WithGoFunction(api.GoFunc(p.yield), i32, i32).Export(rewrite.Yield).
		NewFunctionBuilder().WithGoFunction(api.GoFunc(func(context.Context, []uint64) { panic(errStack) }), nil, nil).
		Export(rewrite.StackOverflow).
		NewFunctionBuilder().WithGoFunction(api.GoFunc(tableTrap), i32, nil).Export(rewrite.TableTrap).
		Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.runtime.NewHostModuleBuilder("wasi_snapshot_preview1").
		NewFunctionBuilder().WithFunc(func() uint32 { return 0 }).Export("sched_yield").Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tableTrap(_ context.Context, stack []uint64) {
	if api.DecodeU32(stack[0]) == rewrite.TrapNoFunction {
		panic(errors.New("invalid table access"))
	}
	panic(errors.New("indirect call type mismatch"))
}

// yield gives small budgets, so that guests come here wherever they can. A loop that costs more than one gets a larger
// one before long.
func (p *player) yield(_ context.Context, stack []uint64) {
	if p.yields++; p.asked != nil {
		p.asked()
		stack[0] = api.EncodeI32(rewrite.DefaultBudget)
		return
	}
	stack[0] = api.EncodeI32(int32(p.yields * p.yields % (rewrite.MinBudget + 1)))
}

// outcome is what a call gave, and what it left behind.
type outcome struct{ call, state string }

// play makes an instance and calls all its functions, twice. A nil result is the module as it is.
func (p *player) play(t *testing.T, m *randmodule.Module, module []byte, result *rewrite.Result) (outcomes []outcome) {
	t.Helper()
	compiled, err := p.runtime.CompileModule(t.Context(), module)
	if err != nil {
		t.Fatalf("the module is not valid: %v", err)
	}
	defer compiled.Close(t.Context())
	instance, err := p.runtime.InstantiateModule(t.Context(), compiled, wazero.NewModuleConfig().WithName(""))
	if err == nil && result != nil {
		defer instance.Close(t.Context())
		err = begin(t.Context(), instance, result)
	}
	if err != nil {
		return []outcome{{call: trap(err)}}
	}
	defer instance.Close(t.Context())
	for range 2 {
		for i := range m.Functions {
			instance.ExportedGlobal("g0").(api.MutableGlobal).Set(400) // fuel
			called := p.call(t, instance, &m.Functions[i], result)
			outcomes = append(outcomes, outcome{called, state(instance, m)})
		}
	}
	return outcomes
}

// memoryOf gives the memory of an instance, nil when there is none.
func memoryOf(instance api.Module) []byte {
	m := instance.Memory()
	if m == nil || reflect.ValueOf(m).IsNil() {
		return nil
	}
	b, _ := m.Read(0, m.Size())
	return b
}

// begin does what instantiation leaves to be done.
func begin(ctx context.Context, instance api.Module, result *rewrite.Result) error {
	memory := memoryOf(instance)
	img, err := image.Initial(uint64(len(memory)), result.State.Data, nil)
	if err != nil {
		return err
	}
	img.Write(memory)
	if result.Start != "" {
		_, err = instance.ExportedFunction(result.Start).Call(ctx)
	}
	return err
}

// call calls a function. However it comes back, there has to be as much stack as before.
func (p *player) call(t *testing.T, instance api.Module, f *randmodule.Function, result *rewrite.Result) string {
	t.Helper()
	var args []uint64
	for i, param := range f.Type.Params {
		args = append(args, uint64(i*1000+3))
		if param == 0x7b { // two words
			args = append(args, uint64(i))
		}
	}
	results, err := instance.ExportedFunction(f.Name).Call(t.Context(), args...)
	if result != nil {
		stack := instance.ExportedGlobal(result.Stack).(api.MutableGlobal)
		if left := api.DecodeI32(stack.Get()); err == nil && left != stackBytes {
			t.Fatalf("%s: %d bytes of stack are left", f.Name, left)
		}
		stack.Set(stackBytes)
	}
	if err != nil {
		return trap(err)
	}
	return fmt.Sprintf("%#x", results)
}

func trap(err error) string {
	first, _, _ := strings.Cut(err.Error(), "\n")
	first, _, _ = strings.Cut(first, " (recovered by wazero)")
	_, last, found := strings.Cut(first, "wasm error: ")
	if found {
		return last
	}
	return first
}

// state gives what an instance holds that can be seen.
func state(instance api.Module, m *randmodule.Module) string {
	memory := memoryOf(instance)
	h := fnv.New64a()
	_, _ = h.Write(memory)
	s := fmt.Sprintf("%d bytes %x", len(memory), h.Sum64())
	for i := range m.Globals {
		s += fmt.Sprintf(" %x", instance.ExportedGlobal(fmt.Sprint("g", i)).Get())
	}
	return s
}

// options are ways to rewrite, each of which is to change nothing.
var options = []rewrite.Options{
	{Budget: 3, StackBytes: stackBytes, DispatchFrom: 1, State: true},
	{Budget: 3, StackBytes: stackBytes, DispatchFrom: -1},
}

// same checks that the module that bytes stand for does the same rewritten, and reports how many of its calls came back.
func (p *player) same(t *testing.T, b []byte) (returned, trapped int) {
	t.Helper()
	m := randmodule.New(b, nil)
	module := m.Encode()
	want := p.play(t, &m, module, nil)
	for _, o := range options {
		result, err := rewrite.Module(module, o)
		if err != nil {
			t.Fatal(err)
		}
		got := p.play(t, &m, result.Module, result)
		if len(got) != len(want) {
			t.Fatalf("%+v: %v, without rewriting %v", o, got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%+v: call %d: %v, without rewriting %v", o, i, got[i], want[i])
			}
		}
	}
	for _, o := range want {
		if strings.HasPrefix(o.call, "[") {
			returned++
		} else {
			trapped++
		}
	}
	return returned, trapped
}

// randomBytes gives the bytes that a module is made of.
func randomBytes(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, 16+r.IntN(1500))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// Random programs have the same results, the same traps, and leave the same behind, with and without rewriting.
func TestRandomPrograms(t *testing.T) {
	p := newPlayer(t)
	returned, trapped := 0, 0
	modules := uint64(300)
	if raceDetector {
		modules = 40
	}
	for seed := range modules {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r, tr := p.same(t, randomBytes(seed))
			returned, trapped = returned+r, trapped+tr
		})
	}
	t.Logf("%d calls returned, %d trapped, %d yields", returned, trapped, p.yields)
	if returned < trapped || trapped == 0 || p.yields == 0 {
		t.Error("the programs show too little")
	}
}

func FuzzRandomPrograms(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(randomBytes(seed))
	}
	p := newPlayer(f)
	f.Fuzz(func(t *testing.T, b []byte) { p.same(t, b) })
}
