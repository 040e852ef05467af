package symbolize

import (
	"context"
	"debug/dwarf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wnode/wnode/vm/module/wasm"
)

// guests are modules with debug information, of DWARF 4 and of DWARF 5.
var guests = []string{"crash_c4.wasm", "crash_c5.wasm", "crash_rust.wasm"}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// instructions gives the offsets of all instructions, and what they are.
func instructions(t testing.TB, module []byte) (offsets []uint32, ops map[uint32]wasm.Op) {
	t.Helper()
	m, err := wasm.Decode(module)
	if err != nil {
		t.Fatal(err)
	}
	ops = map[uint32]wasm.Op{}
	for i := range m.Codes {
		var in wasm.Instr
		for w := wasm.Walk(m.Codes[i].Body); w.Next(&in); {
			offset := m.Codes[i].Start + uint32(in.Start)
			offsets, ops[offset] = append(offsets, offset), in.Op
		}
	}
	return offsets, ops
}

func text(frames []Frame) string {
	var b strings.Builder
	for _, f := range frames {
		fmt.Fprintf(&b, " < %s/%d %s:%d", f.Function, f.Arity, filepath.Base(f.File), f.Line)
	}
	return strings.TrimPrefix(b.String(), " < ")
}

// W-04: an instruction has its line, and those of the calls that were inlined around it.
func TestFrames(t *testing.T) {
	const opDivide, opAdd = wasm.Op(0x6d), wasm.OpI32Add
	for _, test := range []struct {
		guest string
		op    wasm.Op
		want  string
	}{
		{"crash_c4.wasm", opDivide, "divide/2 crash_c.c:8 < /0 crash_c.c:14"},
		{"crash_c5.wasm", opDivide, "divide/2 crash_c.c:8 < /0 crash_c.c:14"},
		{"crash_c4.wasm", wasm.OpCall, "/0 crash_c.c:18"},
		{"crash_c5.wasm", wasm.OpCallIndirect, "/0 crash_c.c:32"},
		{"crash_c5.wasm", wasm.OpUnreachable, "/0 crash_c.c:22"},
		{"crash_rust.wasm", wasm.OpUnreachable, "unreachable/0 mod.rs:25 < panic/1 crash_rust.rs:9 < /0 panicking.rs:142"},
	} {
		module := read(t, test.guest)
		offsets, ops := instructions(t, module)
		found, err := Find(t.Context(), module, offsets)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, offset := range offsets {
			if ops[offset] == test.op {
				all = append(all, text(found[offset]))
			}
		}
		if !strings.Contains(strings.Join(all, "\n")+"\n", test.want+"\n") {
			t.Errorf("%s: no %q in\n%s", test.guest, test.want, strings.Join(all, "\n"))
		}
	}
}

// standard reads the sections of a module with the standard library, and gives the file and line of each address.
func standard(t *testing.T, module []byte) (code int, lines map[uint64]string) {
	t.Helper()
	sections, err := wasm.Sections(module)
	if err != nil {
		t.Fatal(err)
	}
	content := map[string][]byte{}
	for _, s := range sections {
		content[s.Name] = s.Content
		if s.ID == wasm.SectionCode {
			code = s.Start
		}
	}
	d, err := dwarf.New(content[".debug_abbrev"], nil, nil, content[".debug_info"], content[".debug_line"], nil, content[".debug_ranges"], content[".debug_str"])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".debug_addr", ".debug_line_str", ".debug_str_offsets", ".debug_rnglists"} {
		if err := d.AddSection(name, content[name]); err != nil {
			t.Fatal(err)
		}
	}
	lines = map[uint64]string{}
	for entries := d.Reader(); ; entries.SkipChildren() {
		entry, err := entries.Next()
		if err != nil {
			t.Fatal(err)
		}
		if entry == nil {
			return code, lines
		}
		if r, err := d.LineReader(entry); err == nil && r != nil {
			standardLines(t, r, lines)
		}
	}
}

func standardLines(t *testing.T, r *dwarf.LineReader, lines map[uint64]string) {
	t.Helper()
	var before, now dwarf.LineEntry
	for begun := false; ; begun = !now.EndSequence {
		if err := r.Next(&now); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		for address := before.Address; begun && address < now.Address; address++ {
			lines[address] = fmt.Sprintf("%s:%d", filepath.Base(before.File.Name), before.Line)
		}
		before = now
	}
}

// The standard library reads the same lines.
func TestLinesAgree(t *testing.T) {
	for _, guest := range guests {
		t.Run(guest, func(t *testing.T) {
			module := read(t, guest)
			offsets, _ := instructions(t, module)
			found, err := Find(t.Context(), module, offsets)
			if err != nil || len(found) < len(offsets)*9/10 {
				t.Fatalf("%d of %d instructions found, %v", len(found), len(offsets), err)
			}
			code, lines := standard(t, module)
			compared := 0
			for offset, frames := range found {
				want := lines[uint64(offset)-uint64(code)]
				if strings.HasSuffix(want, ":0") {
					want = ".:0" // no line, and so no file
				}
				if got := fmt.Sprintf("%s:%d", filepath.Base(frames[0].File), frames[0].Line); got != want {
					t.Errorf("%#x: %s, want %s", offset, got, want)
				}
				compared++
			}
			if compared == 0 {
				t.Error("nothing to compare")
			}
		})
	}
}

func TestErrors(t *testing.T) {
	module := read(t, "crash_c4.wasm")
	canceled, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("killed")
	cancel(cause)
	for name, test := range map[string]struct {
		ctx    context.Context
		module []byte
		want   error
	}{
		"no module":      {t.Context(), []byte("junk"), wasm.ErrMalformed},
		"cut off":        {t.Context(), module[:len(module)-1], wasm.ErrMalformed},
		"no lines":       {t.Context(), []byte("\x00asm\x01\x00\x00\x00"), ErrNoLines},
		"nobody waits":   {canceled, module, cause},
		"takes too long": {t.Context(), endless(), ErrTooMuch},
		"many units":     {t.Context(), manyUnits(), ErrTooMuch},
	} {
		if found, err := Find(test.ctx, test.module, []uint32{200}); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
	if found, err := Find(t.Context(), module, []uint32{0, 1, 1 << 31, 1<<32 - 1}); err != nil || len(found) != 0 {
		t.Errorf("outside of the code: %v, %v", found, err)
	}
}
