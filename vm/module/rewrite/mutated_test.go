package rewrite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/internal/randmodule"
	"github.com/wnode/wnode/vm/module/rewrite"
	"github.com/wnode/wnode/vm/module/wasm"
)

// realModules are what compilers have made, in several languages.
func realModules(t testing.TB) (modules [][]byte) {
	t.Helper()
	for _, path := range []string{
		"../../../internal/kernels/testdata/kernels.wasm", "../symbolize/testdata/crash_rust.wasm", "../symbolize/testdata/crash_c5.wasm",
		"../../../examples/wasm/whoami/whoami.wasm", "../../../examples/wasm/hello-as/hello-as.wasm",
	} {
		b, err := os.ReadFile(filepath.FromSlash(path))
		if err != nil {
			t.Fatal(err)
		}
		modules = append(modules, b)
	}
	return modules
}

// mutate changes some bytes behind the header.
func mutate(module []byte, r *rand.Rand) []byte {
	b := bytes.Clone(module)
	for range 1 + r.IntN(3) {
		at := 8 + r.IntN(len(b)-8)
		switch r.IntN(3) {
		case 0:
			b[at] = byte(r.Uint32())
		case 1:
			b[at] += byte(1 + r.IntN(3))
		default:
			b[at] = b[8+r.IntN(len(b)-8)]
		}
	}
	return b
}

// referee runs what may be no module, or one that does not end.
type referee struct {
	*player
	checker wazero.Runtime // which looks at modules and compiles none
	left    int            // yields until a guest is stopped
}

func newReferee(t testing.TB) *referee {
	t.Helper()
	r := &referee{player: newPlayer(t)}
	config := wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(rewrite.CoreFeatures).WithMemoryLimitPages(memoryPages)
	r.checker = wazero.NewRuntimeWithConfig(t.Context(), config)
	t.Cleanup(func() { _ = r.checker.Close(context.Background()) })
	r.asked = func() {
		if r.left--; r.left < 0 {
			panic(errPatience)
		}
	}
	return r
}

var errPatience = errors.New("it takes too long")

// memoryPages bounds the memory that a module may have.
const memoryPages = 256

// judge checks that a module is valid if and only if the rewritten one is. It reports whether it is.
func (r *referee) judge(t *testing.T, b []byte) (result *rewrite.Result, valid bool) {
	t.Helper()
	if _, err := wasm.Decode(b); err != nil { // the engine makes room for whatever a module says it has
		return nil, false
	}
	before := r.check(t, b)
	result, err := rewrite.Module(b, rewrite.Options{Budget: 10_000, State: true, DispatchFrom: 4, MemoryPages: memoryPages})
	switch {
	case errors.Is(err, wasm.ErrMalformed):
		// The engine takes numbers of more bits than they may have (core specification 5.2.2).
		if before == nil && !strings.Contains(err.Error(), "number too large") {
			t.Fatalf("only the rewriter refuses it: %v", err)
		}
		return nil, false
	case err != nil: // of other limits
		return nil, false
	}
	after := r.check(t, result.Module)
	if (before == nil) != (after == nil) {
		t.Fatalf("rewritten: %v, before: %v", after, before)
	}
	return result, before == nil
}

// check says what there is against a module. Some invalid modules make the engine panic.
func (r *referee) check(t *testing.T, b []byte) (err error) {
	t.Helper()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	compiled, err := r.checker.CompileModule(t.Context(), b)
	if err != nil {
		return err
	}
	return compiled.Close(t.Context())
}

// withoutCustom leaves out what has no meaning, and what rewriting leaves out where it is malformed.
func withoutCustom(b []byte) []byte {
	m, err := wasm.Decode(b)
	if err != nil {
		return b
	}
	m.Customs = nil
	return m.Encode()
}

// compare calls the functions of a module with and without rewriting, as long as they end, and reports how many did.
func (r *referee) compare(t *testing.T, b []byte, result *rewrite.Result) (calls int) {
	t.Helper()
	r.left = 100
	rewritten, err := r.instantiate(t, result.Module, result)
	if err != nil {
		return 0
	}
	defer rewritten.Close(t.Context())
	asItIs, err := r.instantiate(t, b, nil)
	if err != nil {
		t.Fatalf("only the rewritten one can be instantiated: %v", err)
	}
	defer asItIs.Close(t.Context())
	m, err := wasm.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range m.Exports {
		if e.Kind != wasm.KindFunc {
			continue
		}
		r.left = 100
		got, ends := callSmall(t, rewritten, e.Name)
		if !ends {
			return calls
		}
		want, _ := callSmall(t, asItIs, e.Name)
		if got != want {
			t.Fatalf("%s: %s, without rewriting %s", e.Name, got, want)
		}
		rewritten.ExportedGlobal(result.Stack).(api.MutableGlobal).Set(rewrite.DefaultStackBytes)
		calls++
	}
	return calls
}

func (r *referee) instantiate(t *testing.T, b []byte, result *rewrite.Result) (api.Module, error) {
	t.Helper()
	instance, err := r.runtime.InstantiateWithConfig(t.Context(), b, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, err
	}
	if result == nil {
		return instance, nil
	}
	return instance, begin(t.Context(), instance, result)
}

// callSmall calls a function with small arguments and gives what came of it, with the memory. It reports false for a
// function that takes too long, or too much stack.
func callSmall(t *testing.T, instance api.Module, name string) (outcome string, ends bool) {
	t.Helper()
	f := instance.ExportedFunction(name)
	results, err := f.Call(t.Context(), make([]uint64, len(f.Definition().ParamTypes()))...)
	switch {
	case errors.Is(err, errPatience), errors.Is(err, errStack):
		return "", false
	case err != nil:
		outcome = trap(err)
	default:
		outcome = fmt.Sprint(results)
	}
	memory := memoryOf(instance)
	h := fnv.New64a()
	_, _ = h.Write(memory)
	return fmt.Sprintf("%s, %d bytes %x", outcome, len(memory), h.Sum64()), true
}

// What is not valid does not become so, and what is stays so and does the same.
func TestMutatedModules(t *testing.T) {
	ref := newReferee(t)
	r := rand.New(rand.NewPCG(1, 1))
	real := realModules(t)
	valid, calls := 0, 0
	mutations := 600
	if raceDetector {
		mutations = 100
	}
	for i := range mutations {
		module := real[i%len(real)]
		if i%2 == 0 {
			m := randmodule.New(randomBytes(uint64(i)), nil)
			module = m.Encode()
		}
		b := withoutCustom(mutate(module, r))
		if result, ok := ref.judge(t, b); ok {
			valid++
			if len(b) < 4000 {
				calls += ref.compare(t, b, result)
			}
		}
	}
	t.Logf("%d of %d mutations are valid, %d calls end", valid, mutations, calls)
	if valid < mutations/10 || valid > mutations*9/10 || calls == 0 {
		t.Error("the mutations show too little")
	}
}

func FuzzMutatedModules(f *testing.F) {
	for _, b := range realModules(f) {
		f.Add(b)
	}
	for seed := range uint64(20) {
		m := randmodule.New(randomBytes(seed), nil)
		f.Add(m.Encode())
	}
	ref := newReferee(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		b = withoutCustom(b)
		if result, ok := ref.judge(t, b); ok {
			ref.compare(t, b, result)
		}
	})
}
