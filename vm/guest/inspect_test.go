package guest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm/module/wasm"
)

func (n *testNode) inspect(module []byte) (*Report, error) {
	return n.engine.Inspect(n.t.Context(), Inspection{Module: module, System: n.system, Leader: newIOServer(n).pid})
}

func (n *testNode) wantReport(module []byte) *Report {
	n.t.Helper()
	r, err := n.inspect(module)
	if err != nil {
		n.t.Fatal(err)
	}
	return r
}

// What is said of initialisation is what happens to it.
func TestInspectInitialization(t *testing.T) {
	n := newTestNode(t)
	initialized := func(body ...op) *wasmModule { return entry().Fn("_initialize", seq(body...)) }
	started := entry().Fn("begin", bump)
	started.Start = "begin"
	reads := invoke("wasi.clock_time_get", i32c(0), i64c(0), i32c(8))
	tables := initialized(bump, raw(0x41, 0, 0xd0, 0x70, 0x26, 0))
	tables.Table = []string{"_start"}
	for name, tt := range map[string]struct {
		m      *wasmModule
		times  string
		reason string
		by     []string
		once   string // why an instance serves only one process
	}{
		"nothing":      {entry(), InitializedNever, "", nil, ""},
		"pure":         {initialized(bump), InitializedOnce, "", []string{"_initialize"}, ""},
		"start":        {started, InitializedOnce, "", []string{"start function"}, ""},
		"clock":        {initialized(reads, drop), InitializedEach, "its initialisation calls clock_time_get", []string{"_initialize"}, ""},
		"shared clock": {initialized(reads, drop).Fn("wnode_image", seq()), InitializedOnce, "", []string{"_initialize"}, ""},
		"pid":          {initialized(invoke("wnode.self", i32c(100)), drop), InitializedEach, "its initialisation calls self", []string{"_initialize"}, ""},
		"output":       {initialized(fdWrite(1, 0x40), drop).Iovec(0x40, 0x50, 2).Write(0x50, "hi"), InitializedEach, "its initialisation calls fd_write", []string{"_initialize"}, ""},
		"descriptors":  {initialized(invoke("wasi.fd_close", i32c(2)), drop), InitializedEach, "its initialisation calls fd_close", []string{"_initialize"}, "its initialisation changes descriptors"},
		"tables":       {tables, InitializedEach, "its code changes tables", []string{"_initialize"}, "its code changes tables"},
		"trap":         {initialized(unreachable), InitializedFails, `it ends with ["unreachable", `, []string{"_initialize"}, ""},
		"exit":         {initialized(invoke("wasi.proc_exit", i32c(0))), InitializedFails, "it ends the process", []string{"_initialize"}, ""},
		"exit status":  {initialized(invoke("wasi.proc_exit", i32c(3))), InitializedFails, `it ends with ["exit_status", 3]`, []string{"_initialize"}, ""},
		"out of place": {initialized().At(1<<16, []byte{1}), InitializedFails, `it ends with ["out_of_bounds_memory", []]`, []string{"_initialize"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := n.wantReport(tt.m.Bytes())
			got := r.Initialization
			if got.Times != tt.times || !strings.HasPrefix(got.Reason, tt.reason) || !slices.Equal(got.By, tt.by) || (tt.reason == "") != (got.Reason == "") {
				t.Errorf("initialised %+v", got)
			}
			if r.Instances.Reason != tt.once || r.Instances.Reused != (tt.once == "") {
				t.Errorf("instances %+v", r.Instances)
			}
		})
	}
	plain := n.wantReport(entry().Bytes())
	if takes := plain.Takes; takes == nil || takes.ProcessBytes != pageBytes+instanceBytes || takes.ImageBytes != 0 || takes.CodeBytes == 0 {
		t.Errorf("it takes %+v", takes)
	}
	if used := n.engine.memory.Guests(); used != 0 {
		t.Errorf("%d bytes are left of what was inspected", used)
	}
}

func TestInspectContent(t *testing.T) {
	n := newTestNode(t)
	m := entry(invoke("wnode.self", i32c(0)), drop, invoke("wasi.sched_yield"), drop, invoke("wnode.exit", i32c(0), i32c(0)), raw(0x41, 0, 0xc0, 0x1a)).
		Fn("tick", seq()).Add(wasmFunc{Name: "takes", Params: []wasm.ValueType{wasm.I32}, Body: seq()}).Fn("wnode_image", seq()).
		At(0, []byte{1}).Custom("producers", []byte("\x01\x08language\x01\x02Go\x041.26"))
	m.Pages, m.MaxPages, m.Globals, m.Names, m.Table = 2, 3, 2, true, slices.Repeat([]string{"tick"}, 300)
	r := n.wantReport(m.Bytes())
	if r.Name != "test" || r.NamedFunctions != 4 || r.Functions != 4 || len(r.SHA256) != 64 || r.SourceLines {
		t.Errorf("%+v", r)
	}
	if want := []wasm.Producer{{Field: "language", Name: "Go", Version: "1.26"}}; !slices.Equal(r.Producers, want) {
		t.Errorf("made with %+v", r.Producers)
	}
	if !slices.Equal(r.Entries, []string{"_start", "tick"}) || r.DefaultEntry != "_start" {
		t.Errorf("starts at %q, %q", r.Entries, r.DefaultEntry)
	}
	if len(r.Imports) != 2 || r.Imports[0].Module != "wasi_snapshot_preview1" || !slices.Equal(r.Imports[1].Names, []string{"exit", "self"}) {
		t.Errorf("imports %+v", r.Imports)
	}
	if r.Memory.MinPages != 2 || *r.Memory.MaxPages != 3 || r.MutableGlobals != 2 || len(r.Customs) != 2 {
		t.Errorf("%+v, %+v", r.Memory, r)
	}
	if len(r.Tables) != 1 || !r.Tables[0].BecomesCode || r.Tables[0].MinElements != 300 {
		t.Errorf("tables %+v", r.Tables)
	}
	if !slices.Equal(r.Features, []string{wasm.FeatureSignExtension}) {
		t.Errorf("features %q", r.Features)
	}
	if r.Image.Bytes != 4096 || r.Image.MemoryBytes != 2*pageBytes || r.Compile.RewrittenBytes == 0 {
		t.Errorf("image %+v, %+v", r.Image, r.Compile)
	}
	encoded, err := json.Marshal(r)
	lists := strings.ReplaceAll(string(encoded), `"max_elements":null`, "") // which are never null
	if err != nil || strings.Contains(lists, "null") {
		t.Errorf("%s, %v", encoded, err)
	}
}

func TestSharedGenerators(t *testing.T) {
	names := map[uint32]string{1: "math_rand_v2.__runtimeSource_.Uint64", 2: "main.main", 3: "math_rand_v2.__PCG_.Uint64"}
	if got := sharedGenerators(names); !slices.Equal(got, []string{"math/rand/v2"}) {
		t.Errorf("%q", got)
	}
	names[4] = "math_rand.__runtimeSource_.Uint64"
	if got := sharedGenerators(names); !slices.Equal(got, []string{"math/rand", "math/rand/v2"}) {
		t.Errorf("%q", got)
	}
}

// The names by which shared generators are known are those that Go's linker gives.
func TestSharedGeneratorsOfGo(t *testing.T) {
	for name, tt := range map[string]struct {
		source string
		want   []string
	}{
		"shared": {`import ("math/rand"; v2 "math/rand/v2"); func main() { println(rand.Int(), v2.Int()) }`, []string{"math/rand", "math/rand/v2"}},
		"own":    {`import ("math/rand"; v2 "math/rand/v2"); func main() { println(rand.New(rand.NewSource(1)).Int(), v2.New(v2.NewPCG(1, 2)).Int()) }`, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n"+tt.source+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			build := exec.CommandContext(t.Context(), "go", "build", "-buildmode=c-shared", "-o", "main.wasm", "main.go")
			build.Dir, build.Env = dir, append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			module, err := os.ReadFile(filepath.Join(dir, "main.wasm"))
			if err != nil {
				t.Fatal(err)
			}
			r, err := describe(abi.Hash{}, module)
			if err != nil || !slices.Equal(r.SharedGenerators, tt.want) {
				t.Errorf("%q, %v, want %q", r.SharedGenerators, err, tt.want)
			}
		})
	}
}

// A module that cannot be linked is described, in the words in which a process of it ends.
func TestInspectImports(t *testing.T) {
	n := newTestNode(t)
	m := entry()
	m.Imports = []wasmImport{{Module: "env", Name: "abort"}, {Module: "wnode", Name: "mystery"}, {Module: "wnode", Name: "self"}}
	r := n.wantReport(m.Bytes())
	if len(r.ImportProblems) != 3 || r.Initialization.Times != InitializedUnknown || r.Image != nil {
		t.Errorf("%+v", r)
	}
	reason, ok := n.start(m.Bytes()).wait().Reason.([]any)
	if !ok || len(r.ImportProblems) == 0 || reason[0].([]any)[1] != r.ImportProblems[0] {
		t.Errorf("problems %q, exit %v", r.ImportProblems, reason)
	}
}

// What is no module, and what takes for ever, comes to an end.
func TestInspectRefused(t *testing.T) {
	n := newTestNode(t)
	whole := entry(bump).Bytes()
	invalid := entry(drop).Bytes()
	for name, module := range map[string][]byte{
		"empty": nil, "text": []byte("(module)"), "cut off": whole[:len(whole)-5], "invalid": invalid,
	} {
		if r, err := n.inspect(module); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	endless := entry().Fn("_initialize", forever).Bytes()
	r, err := n.engine.Inspect(t.Context(), Inspection{Module: endless, System: n.system, Leader: n.pid, Timeout: time.Millisecond})
	if err != nil || r.Initialization.Times != InitializedFails || r.Initialization.Reason != "it takes longer than 1ms" {
		t.Errorf("endless: %+v, %v", r, err)
	}
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(enough)
	if _, err := n.engine.Inspect(ctx, Inspection{Module: endless, System: n.system}); !errors.Is(err, enough) {
		t.Errorf("given up: %v", err)
	}
}

func TestRewrite(t *testing.T) {
	m := entry(bump).Add(wasmFunc{Name: "_ZN3app4work17h0123456789abcdefE", Body: seq()})
	m.Names = true
	result, err := Rewrite(m.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if f := result.Explained.Functions; len(f) != 2 || f[0].Name != "_start" || f[1].Name != "app::work" {
		t.Errorf("%+v", f)
	}
	reserved := entry()
	reserved.Imports = []wasmImport{{Module: "wnode:meter", Name: "yield"}}
	for name, module := range map[string][]byte{"empty": nil, "reserved": reserved.Bytes()} {
		if _, err := Rewrite(module); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzInspect(f *testing.F) {
	m := entry(bump).Fn("_initialize", seq(invoke("wnode.self", i32c(0)), drop))
	m.Names = true
	f.Add(m.Bytes())
	f.Add(entry(invoke("wnode.send", i64c(0), i64c(0), i32c(0), i32c(0)), drop).At(0, []byte{1}).Bytes())
	f.Fuzz(func(t *testing.T, module []byte) {
		r, err := describe(abi.Hash{}, module)
		if err == nil && r.Functions > len(module) {
			t.Errorf("%d functions in %d bytes", r.Functions, len(module))
		}
		_, _ = Rewrite(module)
	})
}
