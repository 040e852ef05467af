package rewrite

import (
	"context"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/wnode/wnode/internal/kernels"
	"github.com/wnode/wnode/vm/module/wasm"
)

// traced gives the kernels with a section that says that there are lines.
func traced(t *testing.T) []byte {
	t.Helper()
	m, err := wasm.Decode(kernels.CModule)
	if err != nil {
		t.Fatal(err)
	}
	m.Customs = append(m.Customs, wasm.Custom{Name: LinesSection, After: wasm.SectionData})
	return m.Encode()
}

// W-04: every instruction that was there before is still there, in its order, and has its old offset. The bodies of
// short loops are there twice.
func TestOffsets(t *testing.T) {
	module := traced(t)
	result, err := Module(module, Options{})
	if err != nil {
		t.Fatal(err)
	}
	before, after := mustDecode(t, module), mustDecode(t, result.Module)
	starts := after.BodyOffsets()
	for i := range before.Codes {
		old := before.Codes[i]
		ops, again := map[uint32]wasm.Op{}, map[uint32]bool{}
		var in wasm.Instr
		for w := wasm.Walk(old.Body); w.Next(&in); {
			ops[old.Start+uint32(in.Start)] = in.Op
			if in.Op == wasm.OpLoop {
				again[old.Start+uint32(in.End)] = true
			}
		}
		last, same := uint32(0), map[uint32]bool{}
		for w := wasm.Walk(after.Codes[i].Body); w.Next(&in); {
			offset, ok := result.Offsets.Original(starts[i] + uint32(in.Start))
			op, known := ops[offset]
			if !ok || !known || offset < last && !again[offset] {
				t.Fatalf("function %d, %d in the new code is %d, %t, after %d", i, in.Start, offset, ok, last)
			}
			last, same[offset] = offset, same[offset] || op == in.Op
		}
		for offset, op := range ops {
			switch op {
			case wasm.OpReturn, wasm.OpMemoryCopy, wasm.OpMemoryFill: // others stand in their places
			default:
				if !same[offset] {
					t.Errorf("function %d: instruction %x at %d is gone", i, op, offset)
				}
			}
		}
	}
	for _, start := range starts[len(before.Codes):] {
		if offset, ok := result.Offsets.Original(start); ok {
			t.Errorf("a function that was put in is at %d", offset)
		}
	}
	if offset, ok := result.Offsets.Original(0); ok {
		t.Errorf("what is no code is at %d", offset)
	}
}

func mustDecode(t *testing.T, b []byte) *wasm.Module {
	t.Helper()
	m, err := wasm.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var traceOffset = regexp.MustCompile(`\n\t\t0x([0-9a-f]+): `)

// The compiler names offsets in what the rewriter made, of a module that has lines, and of no other.
func TestCompilerNamesOffsets(t *testing.T) {
	guest, err := os.ReadFile("../symbolize/testdata/crash_c4.wasm")
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]wazero.RuntimeConfig{
		"compiler": wazero.NewRuntimeConfigCompiler(), "interpreter": wazero.NewRuntimeConfigInterpreter(),
	} {
		h := newHost(t, config)
		for _, lines := range []bool{true, false} {
			m := mustDecode(t, guest)
			if !lines {
				m.Customs = nil
			}
			b := m.Encode()
			result, err := Module(b, Options{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = h.load(t, b, true).ExportedFunction("_start").Call(context.Background())
			matches := traceOffset.FindAllStringSubmatch(err.Error(), -1)
			if !lines {
				if len(matches) > 0 || len(result.Offsets.runs) > 0 {
					t.Errorf("%s: offsets of a module without lines: %v", name, err)
				}
				continue
			}
			ops := []wasm.Op{0x6d, wasm.OpCall} // i32.div_s
			if len(matches) != len(ops) {
				t.Fatalf("%s: %v", name, err)
			}
			for i, match := range matches {
				now, _ := strconv.ParseUint(match[1], 16, 32)
				offset, _ := result.Offsets.Original(uint32(now))
				if got := wasm.Op(b[offset]); got != ops[i] {
					t.Errorf("%s: frame %d is at %#x, which has %#x", name, i, offset, got)
				}
			}
		}
	}
}
