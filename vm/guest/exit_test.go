package guest

import (
	"errors"
	"strings"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/module/wasm"
)

// W-02, W-03, PROC-11
func TestExitReasons(t *testing.T) {
	n := newTestNode(t)
	reason := []any{"stopped", int64(7), map[string]any{"a": nil}}
	tests := map[string]struct {
		module *wasmModule
		want   any
	}{
		"return":             {entry(), "normal"},
		"results are lost":   {(&wasmModule{}).Add(wasmFunc{Name: "_start", Results: values{i32, i64}, Body: seq(i32c(1), i64c(2))}), "normal"},
		"proc_exit 0":        {entry(invoke("wasi.proc_exit", i32c(0)), unreachable), "normal"},
		"proc_exit 3":        {entry(invoke("wasi.proc_exit", i32c(3)), unreachable), []any{"exit_status", 3}},
		"proc_exit -1":       {entry(invoke("wasi.proc_exit", i32c(-1))), []any{"exit_status", 0xffffffff}},
		"exit":               {entry(invoke("wnode.exit", i32c(0), i32c(int64(len(term.MustEncode(reason)))))).At(0, term.MustEncode(reason)), reason},
		"exit with text":     {entry(invoke("wnode.exit", i32c(0), i32c(7))).At(0, text("killed")), "killed"},
		"exit, loose form":   {entry(invoke("wnode.exit", i32c(0), i32c(10))).At(0, []byte("\x7f\x63nor\x63mal\xff")), "normal"},
		"proc_exit in start": {startSection(invoke("wasi.proc_exit", i32c(4))), []any{"exit_status", 4}},
		"exit in start":      {startSection(invoke("wnode.exit", i32c(0), i32c(4))).At(0, text("bye")), "bye"},
		"exit in initialize": {entry(unreachable).Fn("_initialize", invoke("wnode.exit", i32c(0), i32c(4))).At(0, text("bye")), "bye"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			exit := n.run(tt.module)
			wantReason(t, exit, tt.want)
			if exit.Crash { // LOG-02
				t.Error("an exit is not to be logged")
			}
		})
	}
}

// LOG-01: an end that the guest calls a crash is one, with what it says of it.
func TestCrash(t *testing.T) {
	n := newTestNode(t)
	exit := n.run(entry(invoke("wnode.crash", i32c(0), i32c(5), region(100, "two\nlines\x1b"))).
		At(0, text("boom")).Write(100, "two\nlines\x1b"))
	wantReason(t, exit, "boom")
	if !exit.Crash || exit.Detail != "two\nlines\ufffd" {
		t.Errorf("crash %v, detail %q", exit.Crash, exit.Detail)
	}
	lines := strings.Repeat("a line\n", 8000)
	exit = n.run(entry(invoke("wnode.crash", i32c(0), i32c(5), region(100, lines))).At(0, text("boom")).Write(100, lines))
	if len(exit.Detail) > maxDetailBytes || !strings.HasPrefix(exit.Detail, "a line\na line\n") {
		t.Errorf("a detail of %d bytes", len(exit.Detail))
	}
	exit = n.run(entry(invoke("wnode.crash", i32c(0), i32c(1), i32c(0), i32c(0))).At(0, []byte{0xff}))
	if atom, _ := trapOf(t, exit); atom != "badarg" {
		t.Errorf("a reason that is no term: %s", atom)
	}
}

func startSection(body op) *wasmModule {
	m := entry(unreachable).Add(wasmFunc{Name: "setup", Hidden: true, Body: body})
	m.Start = "setup"
	return m
}

// W-04
func TestTraps(t *testing.T) {
	n := newTestNode(t)
	table := func(index int64) *wasmModule {
		m := entry(i32c(index), raw(0x11, 0, 0)) // call_indirect of type 0
		m.Add(wasmFunc{Name: "other", Results: values{i32}, Body: i32c(1)})
		m.Table = []string{"", "other"}
		return m
	}
	tests := map[string]struct {
		module *wasmModule
		want   string
	}{
		"unreachable":       {entry(unreachable), "unreachable"},
		"divide by zero":    {entry(i32c(1), i32c(0), raw(0x6d), drop), "integer_divide_by_zero"},
		"remainder of zero": {entry(i64c(1), i64c(0), raw(0x81), drop), "integer_divide_by_zero"},
		"division overflow": {entry(i32c(-1<<31), i32c(-1), raw(0x6d), drop), "integer_overflow"},
		"trunc of infinity": {entry(raw(0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f, 0xaa), drop), "integer_overflow"},
		"trunc of NaN":      {entry(raw(0x44, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f, 0xaa), drop), "invalid_conversion"},
		"load":              {entry(i32c(65536), i32Load, drop), "out_of_bounds_memory"},
		"load far away":     {entry(i32c(-1), i32Load, drop), "out_of_bounds_memory"},
		"data segment":      {entry().At(65535, []byte("ab")), "out_of_bounds_memory"},
		"empty element":     {table(0), "uninitialized_element"},
		"beyond the table":  {table(2), "uninitialized_element"},
		"indirect type":     {table(1), "indirect_call_type"},
		"recursion":         {entry(invoke("_start")), "stack_overflow"},
		"start section":     {startSection(unreachable), "unreachable"},
		"recursion, start":  {startSection(invoke("setup")), "stack_overflow"},
		"initialize":        {entry().Fn("_initialize", unreachable), "unreachable"},
		"exit, no term":     {entry(invoke("wnode.exit", i32c(0), i32c(1))).At(0, []byte{0xff}), "badarg"},
		"exit, too large":   {large(invoke("wnode.exit", i32c(0), i32c(65537))), "badarg"},
		"no memory":         {noMemory(), "out_of_bounds_memory"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if atom, _ := trapOf(t, n.run(tt.module)); atom != tt.want {
				t.Errorf("trap %s, want %s", atom, tt.want)
			}
		})
	}
}

// large is a guest with a text of 65537 bytes, with its head, in memory.
func large(body ...op) *wasmModule {
	m := entry(body...)
	m.Pages = 2
	return m.At(0, []byte{0x7a, 0, 0, 0xff, 0xfc})
}

func noMemory() *wasmModule {
	return (&wasmModule{}).Fn("_start", invoke("wnode.self", i32c(0)), drop)
}

func TestBacktrace(t *testing.T) {
	n := newTestNode(t)
	build := func(names bool) *wasmModule {
		m := entry(i32c(1), i64c(2), invoke("std::fail<(i32)>(x)"), drop)
		m.Add(wasmFunc{
			Name: "std::fail<(i32)>(x)", Hidden: true, Params: values{i32, i64}, Results: values{f64},
			Body: seq(invoke("wnode.self", i32c(-1)), drop, unreachable),
		})
		m.Names = names
		return m
	}
	tests := map[string]struct {
		names bool
		want  []any
	}{
		"name section": {true, []any{frame("wnode", "self", 1), frame("test.wasm", "std::fail<(i32)>(x)", 2), frame("test.wasm", "_start", 0)}},
		"numbers":      {false, []any{frame("wnode", "self", 1), frame("test.wasm", "func[2]", 2), frame("test.wasm", "func[1]", 0)}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			exit := n.run(build(tt.names))
			wantReason(t, exit, []any{"out_of_bounds_memory", tt.want})
			if lines := strings.Split(exit.Detail, "\n"); len(lines) != 3 || !strings.HasPrefix(lines[1], "in test.wasm: ") {
				t.Errorf("detail %q", exit.Detail)
			}
		})
	}
}

func TestBacktraceOfHostileNames(t *testing.T) {
	n := newTestNode(t)
	name := "\x1b[31m\n\tfake(i32)\n\t" + strings.Repeat("x", 5000)
	m := entry(invoke(name)).Add(wasmFunc{Name: name, Hidden: true, Body: unreachable})
	m.Names = true
	exit := n.run(m)
	atom, stack := trapOf(t, exit)
	if atom != "unreachable" || !contains(stack, frame("test.wasm", "_start", 0)) {
		t.Errorf("trap %s, stack %v", atom, stack)
	}
	if strings.Contains(exit.Detail, "\x1b") || len(exit.Detail) > 4*maxErrorBytes {
		t.Errorf("detail %q", exit.Detail)
	}
}

// W-05, RSP-04
func TestCodeErrors(t *testing.T) {
	n := newTestNode(t)
	sum := func(m *wasmModule) abi.Function {
		hash, _ := n.modules.Put(m.Bytes())
		return abi.Function{Module: hash, Name: "test.wasm"}
	}
	imports := func(i wasmImport) abi.Function {
		m := entry()
		m.Imports = []wasmImport{i}
		return sum(m)
	}
	junk, _ := n.modules.Put([]byte("junk"))
	whole := entry().Bytes()
	short, _ := n.modules.Put(whole[:len(whole)-1])
	invalid := (&wasmModule{}).Add(wasmFunc{Name: "_start", Body: seq(drop)})
	invalid.Imports = []wasmImport{{Module: "env", Name: "f"}}
	withExport := sum(entry())
	withExport.Export = "main"
	large := entry()
	large.Pages = DefaultMemoryPages + 1
	param := (&wasmModule{}).Add(wasmFunc{Name: "_start", Params: values{i32}, Body: seq()})
	initParam := entry().Add(wasmFunc{Name: "_initialize", Params: values{i64}, Body: seq()})
	args := []any{"a", int64(1)}
	tests := map[string]struct {
		fn   abi.Function
		want any
		text string // or a part of what a code error says
	}{
		"no module":            {fn: abi.Function{Name: "gone.wasm"}, want: []any{"undef", []any{[]any{"gone.wasm", "_start", args, []any{}}}}},
		"no export":            {fn: withExport, want: []any{"undef", []any{[]any{"test.wasm", "main", args, []any{}}}}},
		"junk":                 {fn: abi.Function{Module: junk}, text: "compile_error: not a WebAssembly module"},
		"cut off":              {fn: abi.Function{Module: short}, text: "compile_error: "},
		"too much memory":      {fn: sum(large), text: "compile_error: section memory: min 4097 pages"},
		"unknown host module":  {fn: imports(wasmImport{Module: "env", Name: "f"}), text: `link_error: unknown import env.f: functions of env are what no library had when it was linked; a node gives the functions of wnode and of WASI preview 1`},
		"unknown function":     {fn: imports(wasmImport{Module: "wnode", Name: "f"}), text: `link_error: unknown import wnode.f: this node does not have it`},
		"unknown of WASI":      {fn: imports(wasmImport{Module: "wasi_snapshot_preview1", Name: "f"}), text: `link_error: unknown import wasi_snapshot_preview1.f: a node gives`},
		"before the compiler":  {fn: sum(invalid), text: `link_error: unknown import env.f`},
		"signature":            {fn: imports(wasmImport{Module: "wnode", Name: "self", Params: values{i64}}), text: `link_error: import wnode.self has type (i64) -> (), not (i32) -> (i32)`},
		"global":               {fn: imports(wasmImport{Module: "wnode", Name: "g", Kind: wasm.KindGlobal}), text: "link_error: it imports a table or a global"},
		"entry with parameter": {fn: sum(param), text: `link_error: export "_start" has type (i32) -> ()`},
		"initialize with one":  {fn: sum(initParam), text: `link_error: export "_initialize" has type (i64) -> ()`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			exit := n.startFunction(tt.fn, withArgs(args...)).wait()
			if !exit.Crash {
				t.Error("an error is to be logged")
			}
			if tt.text == "" {
				wantReason(t, exit, tt.want)
				return
			}
			reason := decoded(t, exit.Reason).([]any)
			pair := reason[0].([]any)
			got := pair[0].(string) + ": " + pair[1].(string)
			if !strings.HasPrefix(got, tt.text) || len(reason[1].([]any)) != 0 {
				t.Errorf("reason %v, want %s", reason, tt.text)
			}
		})
	}
}

func TestModuleOfOrigin(t *testing.T) {
	n := newTestNode(t)
	module := entry().Bytes()
	n.modules.fetch = func(_ abi.Hash, origin abi.NodeID) ([]byte, error) {
		if origin != peer {
			return nil, errors.New("wrong node")
		}
		return module, nil
	}
	exits := make(chan vm.Exit, 2)
	for _, origin := range []abi.NodeID{5, peer} {
		body := n.engine.Body(abi.Function{Module: abi.Hash{1}}, origin)
		n.native(func(p *vm.Process) vm.Exit {
			exit := body.Run(p)
			exits <- exit
			return exit
		})
		if origin == peer {
			wantReason(t, <-exits, "normal")
		} else if atom, _ := trapOf(t, <-exits); atom != "undef" {
			t.Errorf("reason %s, want undef", atom)
		}
	}
}

func TestBodyOfClosedEngine(t *testing.T) {
	n := newTestNode(t)
	if err := n.engine.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantReason(t, n.run(entry()), "shutdown")
}
