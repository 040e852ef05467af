package guest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

func debugGuest(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "module", "symbolize", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// crash runs an export of a module until it traps, and gives the frames as function/arity file:line, with
// an exclamation mark for those without an offset.
func (n *testNode) crash(module []byte, export string) (frames []string, detail string) {
	n.t.Helper()
	hash, _ := n.modules.Put(module)
	exit := n.startFunction(abi.Function{Module: hash, Name: "test.wasm", Export: export}).wait()
	_, stack := trapOf(n.t, exit)
	for _, entry := range stack {
		f := entry.([]any)
		text := fmt.Sprintf("%v/%v", f[1], f[2])
		position := map[any]any{}
		for _, pair := range f[3].([]any) {
			position[pair.([]any)[0]] = pair.([]any)[1]
		}
		if file, ok := position["file"].(string); ok {
			text += fmt.Sprintf(" %s:%v", filepath.Base(file), position["line"])
		}
		if offset, ok := position["offset"].(int64); !ok || offset <= 8 || offset >= int64(len(module)) {
			text += " !"
		}
		frames = append(frames, text)
	}
	return frames, exit.Detail
}

// W-04: frames have the source lines, functions that were inlined have frames of their own, and offsets.
func TestSourceLines(t *testing.T) {
	n := newTestNode(t)
	inC := []string{"divide/2 crash_c.c:8", "sum/1 crash_c.c:14", "start/0 crash_c.c:18"}
	table := []string{"fails/1 crash_c.c:22", "through_table/0 crash_c.c:32"}
	deep := append([]string{"dig/1 crash_c.c:36"}, slices.Repeat([]string{"dig/1 crash_c.c:38"}, 28)...)
	for _, test := range []struct {
		guest, export string
		want          []string
	}{
		{"crash_c4.wasm", "", inC},
		{"crash_c5.wasm", "", inC},
		{"crash_c4.wasm", "through_table", table},
		{"crash_c5.wasm", "through_table", table},
		{"crash_c4.wasm", "overflow", deep},
		{"crash_rust.wasm", "", []string{
			"unreachable/0 mod.rs:25", "panic/1 crash_rust.rs:9", "core::panicking::panic_fmt/0 panicking.rs:142",
			"core::panicking::panic_bounds_check/0 panicking.rs:84", "pick/2 crash_rust.rs:19", "{closure#0}/1 crash_rust.rs:24",
			"{closure#0}/2 map.rs:84", "fold/3 iterator.rs:2370", "fold/3 map.rs:124", "sum/1 accum.rs:42", "sum/1 iterator.rs:3303",
			"crash_rust::sum/1 crash_rust.rs:24", "_start/0 crash_rust.rs:30",
		}},
	} {
		got, detail := n.crash(debugGuest(t, test.guest), test.export)
		if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
			t.Errorf("%s %s:\n%s\nwant\n%s", test.guest, test.export, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
		first := strings.Split(strings.Split(detail, "\n")[0], ":")
		if len(first) != 3 || !strings.HasPrefix(first[0], "in test.wasm") || !strings.HasSuffix(first[2], ")") {
			t.Errorf("%s %s: detail %q", test.guest, test.export, detail)
		}
	}
}

// Without DWARF there are names only.
func TestNoSourceLines(t *testing.T) {
	n := newTestNode(t)
	m := entry(unreachable)
	m.Names = true
	if got, detail := n.crash(m.Bytes(), ""); len(got) != 1 || got[0] != "_start/0 !" || detail != "in test.wasm: _start()" {
		t.Errorf("%q, %q", got, detail)
	}
}

// A guest that crashes again and again is looked up once; others, when there have been too many, are not, and then have
// offsets only.
func TestSearchesAreBounded(t *testing.T) {
	n := newTestNode(t)
	module := debugGuest(t, "crash_c4.wasm")
	want, _ := n.crash(module, "")
	loads := len(n.modules.asked)
	for range 5 {
		if got, _ := n.crash(module, ""); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q, then %q", want, got)
		}
	}
	if now := len(n.modules.asked); now != loads {
		t.Errorf("%d loads of the module for crashes that are known", now-loads)
	}
	n.engine.symbols.mu.Lock()
	n.engine.symbols.rate = vm.Allowance{Burst: symbolLeast - 1}
	n.engine.symbols.mu.Unlock()
	if got, _ := n.crash(module, "through_table"); fmt.Sprint(got) != "[fails/1 through_table/0]" {
		t.Errorf("%q, with no search allowed", got)
	}
	if got, _ := n.crash(module, ""); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q, of what is known", got)
	}
}

func TestSymbolsAreForgotten(t *testing.T) {
	var s symbols
	s.init()
	for i := range uint32(3 * maxSymbols) {
		s.remember(instruction{offset: i}, nil)
		if len(s.known) > maxSymbols {
			t.Fatalf("%d are known", len(s.known))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.turn <- struct{}{} // somebody else searches
	load := func() ([]byte, error) { t.Error("a search that nobody waits for"); return nil, nil }
	if found := s.find(ctx, &code{}, []uint32{1, 3*maxSymbols - 1}, load); len(found) != 1 {
		t.Errorf("%v", found)
	}
}

// A module whose debug information is nonsense crashes as any other does.
func TestNonsenseForLines(t *testing.T) {
	n := newTestNode(t)
	m := entry(unreachable)
	for _, name := range []string{".debug_line", ".debug_info", ".debug_abbrev"} {
		m.Custom(name, []byte(strings.Repeat("\xff\x01", 200)))
	}
	if got, _ := n.crash(m.Bytes(), ""); len(got) != 1 || got[0] != "func[0]/0" {
		t.Errorf("%q", got)
	}
}

func TestDemangle(t *testing.T) {
	for name, want := range map[string]string{
		"_ZN4core9panicking5panic17h0123456789abcdefE":                                              "core::panicking::panic",
		"_ZN60_$LT$alloc..string..String$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE": "<alloc::string::String as core::fmt::Display>::fmt",
		"_ZN3std2rt10lang_start28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE":                  "std::rt::lang_start::{{closure}}",
		"_ZN3foo3barEi": "_ZN3foo3barEi",
		"_ZN9999999999999999999999a17h0123456789abcdefE": "_ZN9999999999999999999999a17h0123456789abcdefE",
		"_ZN3fo17h0123456789abcdefE":                     "_ZN3fo17h0123456789abcdefE",
		"_ZN1$17h0123456789abcdefE":                      "$",
		"main.main":                                      "main.main",
		"":                                               "",
	} {
		if got := demangle(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// BenchmarkCrash measures a crash of a guest with source lines, which are known after the first time.
func BenchmarkCrash(b *testing.B) {
	n := newTestNode(b)
	hash, _ := n.modules.Put(debugGuest(b, "crash_rust.wasm"))
	for b.Loop() {
		if exit := n.startFunction(abi.Function{Module: hash}).wait(); exit.Reason == nil {
			b.Fatal("no reason")
		}
	}
}
