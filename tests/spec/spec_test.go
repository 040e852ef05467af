package spec

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/vm/module/image"
	"github.com/wnode/wnode/vm/module/rewrite"
	"github.com/wnode/wnode/vm/module/wasm"
)

// suites is a folder with the output of wast2json, in place of the suites that come with the engine.
var suites = flag.String("spec", "", "folder with the output of wast2json, and spectest.wasm beside it")

// folders gives the folders of the suites, and the module that they import from.
func folders(t *testing.T) (dirs []string, spectest string) {
	t.Helper()
	if *suites != "" {
		return []string{*suites}, filepath.Join(*suites, "spectest.wasm")
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(strings.TrimSpace(string(out)), "internal", "integration_test", "spectest")
	for _, suite := range []string{"v1", "tail-call", "extended-const", "v2"} {
		dirs = append(dirs, filepath.Join(base, suite, "testdata"))
	}
	return dirs, filepath.Join(base, "testdata", "spectest.wasm")
}

func TestSpecification(t *testing.T) {
	dirs, path := folders(t)
	if raceDetector { // which finds nothing in what runs on one goroutine, and takes its time
		dirs = dirs[:len(dirs)-1]
	}
	spectest, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	assertions := 0
	for _, dir := range dirs {
		scripts, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil || len(scripts) == 0 {
			t.Fatalf("no scripts in %s: %v", dir, err)
		}
		for _, path := range scripts {
			name := filepath.Base(filepath.Dir(dir)) + "/" + strings.TrimSuffix(filepath.Base(path), ".json")
			t.Run(name, func(t *testing.T) {
				s := readScript(t, path)
				before := newMachine(t, dir, spectest, false).play(t, s)
				after := newMachine(t, dir, spectest, true).play(t, s)
				compare(t, name, s, before, after)
				assertions += len(before)
			})
		}
	}
	t.Logf("%d assertions", assertions)
}

func compare(t *testing.T, name string, s *script, before, after []string) {
	t.Helper()
	for i := range before {
		refused := before[i] == "refused" && strings.HasPrefix(after[i], "refused: ")
		if before[i] != after[i] && !refused {
			t.Errorf("%s:%d: %s: %s\nwithout rewriting: %s", name, s.Commands[i].Line, s.Commands[i].Type, after[i], before[i])
		}
	}
}

// machine plays a script.
type machine struct {
	dir     string
	rewrite bool
	runtime wazero.Runtime
	named   map[string]api.Module
	stacks  []api.MutableGlobal
	last    api.Module
}

func newMachine(t *testing.T, dir string, spectest []byte, rewritten bool) *machine {
	t.Helper()
	m := &machine{dir: dir, rewrite: rewritten, named: map[string]api.Module{}}
	m.runtime = wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigCompiler().WithCoreFeatures(rewrite.CoreFeatures))
	t.Cleanup(func() { _ = m.runtime.Close(context.Background()) })
	if _, err := m.runtime.Instantiate(t.Context(), spectest); err != nil {
		t.Fatal(err)
	}
	i32 := []api.ValueType{api.ValueTypeI32}
	_, err := m.runtime.NewHostModuleBuilder(rewrite.ImportModule).
		NewFunctionBuilder().
		WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) { stack[0] = rewrite.DefaultBudget }), i32, i32).
		Export(rewrite.Yield).
		NewFunctionBuilder().
		WithGoFunction(api.GoFunc(func(context.Context, []uint64) { panic(errors.New("stack overflow")) }), nil, nil).
		Export(rewrite.StackOverflow).
		NewFunctionBuilder().
		WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) { panic(tableTraps[uint64(api.DecodeU32(stack[0]))]) }), i32, nil).
		Export(rewrite.TableTrap).
		Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// tableTraps has the runtime's own words.
var tableTraps = map[uint64]error{
	rewrite.TrapNoFunction: errors.New("invalid table access"),
	rewrite.TrapOtherType:  errors.New("indirect call type mismatch"),
}

// play gives what came of each command.
func (m *machine) play(t *testing.T, s *script) (outcomes []string) {
	for i := range s.Commands {
		c := &s.Commands[i]
		outcome := ""
		switch c.Type {
		case "module":
			as := ""
			if next := i + 1; next < len(s.Commands) && s.Commands[next].Type == "register" {
				as = s.Commands[next].As // modules get their name when they are made
			}
			outcome = m.instantiate(t, c, as)
		case "register":
		case "assert_malformed", "assert_invalid", "assert_unlinkable", "assert_uninstantiable":
			if c.ModuleType != "text" {
				last := m.last
				outcome = m.instantiate(t, c, "")
				m.last = last
			}
		default:
			outcome = m.act(t, &c.Action)
		}
		outcomes = append(outcomes, outcome)
	}
	return outcomes
}

func (m *machine) instantiate(t *testing.T, c *command, as string) string {
	b, err := os.ReadFile(filepath.Join(m.dir, c.Filename))
	if err != nil {
		t.Fatal(err)
	}
	result := &rewrite.Result{Module: b}
	if m.rewrite {
		result, err = rewrite.Module(b, rewrite.Options{State: true, DispatchFrom: 1})
		switch {
		case err == nil:
		case !errors.Is(err, wasm.ErrMalformed):
			return "refused: " + err.Error()
		default: // the compiler must see it too
			if _, err := m.runtime.CompileModule(t.Context(), b); err == nil {
				return "refused by the rewriter alone"
			}
			return "refused"
		}
	}
	instance, err := m.runtime.InstantiateWithConfig(t.Context(), result.Module, wazero.NewModuleConfig().WithName(as))
	if err != nil {
		return "refused"
	}
	if m.rewrite {
		m.stacks = append(m.stacks, instance.ExportedGlobal(result.Stack).(api.MutableGlobal))
		if err := begin(t, instance, result); err != nil {
			return "refused"
		}
	}
	m.last = instance
	if c.Name != "" {
		m.named[c.Name] = instance
	}
	return "instantiated"
}

// begin brings an instance to where instantiation would have, by way of its image, and calls its start
// function. Before that the instance is used for something else, where it can be set back.
func begin(t *testing.T, instance api.Module, result *rewrite.Result) error {
	state := &result.State
	var memory []byte
	if m := instance.Memory(); m != nil && !reflect.ValueOf(m).IsNil() {
		memory, _ = m.Read(0, m.Size())
	}
	var globals []api.MutableGlobal
	for _, name := range state.Globals {
		globals = append(globals, instance.ExportedGlobal(name).(api.MutableGlobal))
	}
	first, err := image.Initial(uint64(len(memory)), state.Data, globals)
	if err != nil {
		return err
	}
	if state.Hidden == "" && len(state.Data) > 0 { // the memory is the instance's own
		first.Write(memory)
		first = image.Capture(memory, globals)
		for rest := memory; len(rest) > 0; rest = rest[copy(rest, "something else"):] {
		}
		for _, g := range globals {
			g.Set(^g.Get() & 0x7fffffff)
		}
		clear(memory)
	}
	first.Write(memory)
	first.SetGlobals(globals)
	if result.Start == "" {
		return nil
	}
	_, err = instance.ExportedFunction(result.Start).Call(t.Context())
	return err
}

func (m *machine) act(t *testing.T, a *action) string {
	instance := m.last
	if a.Module != "" {
		instance = m.named[a.Module]
	}
	if instance == nil {
		return "no module"
	}
	if a.Type == "get" {
		return fmt.Sprint(instance.ExportedGlobal(a.Field).Get())
	}
	f := instance.ExportedFunction(a.Field)
	results, err := f.Call(t.Context(), a.args(t)...)
	if err != nil {
		for _, stack := range m.stacks {
			stack.Set(api.EncodeI32(rewrite.DefaultStackBytes))
		}
		first, _, _ := strings.Cut(err.Error(), "\n")
		first, _, _ = strings.Cut(first, " (recovered by wazero)")
		return strings.TrimPrefix(first, "wasm error: ")
	}
	for i, kind := range f.Definition().ResultTypes() {
		if kind == api.ValueTypeExternref || kind == 0x70 { // a pointer
			results[i] = min(results[i], 1)
		}
	}
	return fmt.Sprintf("%#x", results)
}
