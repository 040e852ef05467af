package hostile

import (
	"bytes"
	"strings"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/internal/wasmtest"
	"github.com/wnode/wnode/vm/module/wasm"
)

// section gives a section as bytes, with a length that may be a lie.
func section(id wasm.SectionID, length uint32, content ...byte) []byte {
	return append(wasm.AppendU32([]byte{byte(id)}, length), content...)
}

// module gives a module of sections.
func module(sections ...[]byte) []byte {
	return append([]byte("\x00asm\x01\x00\x00\x00"), bytes.Join(sections, nil)...)
}

// nested gives so many blocks, one in the other.
func nested(depth int, begin ...byte) code {
	return func(*program) []byte {
		return append(bytes.Repeat(begin, depth), bytes.Repeat([]byte{byte(wasm.OpEnd)}, depth)...)
	}
}

// manyFunctions gives a module of many functions that do nothing.
func manyFunctions(count int) []byte {
	m := wasm.Module{Types: []wasm.FuncType{{}}, Funcs: make([]uint32, count), Codes: make([]wasm.Code, count)}
	for i := range m.Codes {
		m.Codes[i].Body = []byte{byte(wasm.OpEnd)}
	}
	m.Exports = []wasm.Export{{Name: abi.DefaultExport}}
	return m.Encode()
}

// brTable jumps by a table of so many places.
func brTable(places uint32) code {
	return func(*program) []byte {
		b := wasm.AppendU32([]byte{byte(wasm.OpBlock), emptyBlock, byte(wasm.OpI32Const), 0, byte(wasm.OpBrTable)}, places)
		return append(append(b, make([]byte, places+1)...), byte(wasm.OpEnd))
	}
}

// carried loops so many times after having set as many locals, which each loop then has to carry.
func carried(count uint32) code {
	return func(*program) (b []byte) {
		for i := range count {
			b = wasm.AppendU32(append(b, byte(wasm.OpI64Const), 1, byte(wasm.OpLocalSet)), i)
			b = wasm.AppendU32(append(b, byte(wasm.OpLoop), emptyBlock, byte(wasm.OpLocalGet)), i)
			b = append(b, 0x1a, byte(wasm.OpEnd))
		}
		return b
	}
}

// row gives so many blocks one after the other.
func row(count int) code {
	return func(*program) []byte {
		return bytes.Repeat([]byte{byte(wasm.OpBlock), emptyBlock, byte(wasm.OpEnd)}, count)
	}
}

// tooDeep and tooHard are how a node refuses a module that it could only compile in a very long time.
const (
	tooDeep = `compile_error: "function 0: 65537 open blocks, at most 65536`
	tooHard = `compile_error: "functions too large to compile: one has `
)

// A module that is hard to digest runs, or is refused with words that say why; it holds nobody up.
func TestModulesHardToDigest(t *testing.T) {
	n := start(t)
	long := strings.Repeat("n", 1<<20)
	tests := map[string]struct {
		module []byte
		want   string // the start of the reason
	}{
		"functions without number": {manyFunctions(functions), "normal"},
		"more than a million":      {manyFunctions(1_000_001), "compile_error"},
		"3,000 blocks":             {guest(nested(3_000, byte(wasm.OpBlock), emptyBlock)).Bytes(), "normal"},
		"100,000 blocks":           {guest(nested(100_000, byte(wasm.OpBlock), emptyBlock)).Bytes(), tooDeep},
		"60,000 loops":             {guest(nested(60_000, byte(wasm.OpLoop), emptyBlock)).Bytes(), tooHard + "60000 blocks"},
		"60,000 ifs":               {guest(nested(60_000, byte(wasm.OpI32Const), 1, byte(wasm.OpIf), emptyBlock)).Bytes(), tooHard + "60000 blocks"},
		"a row of 100,000 blocks":  {guest(row(100_000)).Bytes(), tooHard + "100000 blocks"},
		"blocks without number":    {guest(nested(300_000, byte(wasm.OpBlock), emptyBlock)).Bytes(), "compile_error"},
		"10,000 places to jump":    {guest(brTable(10_000)).Bytes(), "normal"},
		"100,000 places to jump":   {guest(brTable(100_000)).Bytes(), tooHard + "100002 blocks"},
		"a table of 7 MB":          {guest(brTable(7_000_000)).Bytes(), "compile_error"},
		"locals carried around":    {withLocals(guest(carried(10_000)), 10_000).Bytes(), tooHard + "10000 blocks and branches, and 10000 locals"},
		"50,000 locals each":       {withLocals(manyEntries(50), 50_000).Bytes(), "normal"},
		"more locals than that":    {withLocals(guest(), 50_001).Bytes(), "compile_error"},
		"locals beyond 32 bits":    {withLocals(guest(), 1<<32-1).Bytes(), "compile_error"},
		"a large data segment":     {guest().At(0, make([]byte, page)).Bytes(), "normal"},
		"data beyond the memory":   {guest().At(page, []byte{1}).Bytes(), "out_of_bounds_memory"},
		"data before the memory":   {guest().At(-1, []byte{1}).Bytes(), "out_of_bounds_memory"},
		"elements beyond a table":  {outside(withTable(guest(raw(byte(wasm.OpI32Const), 0, byte(wasm.OpCallIndirect), 0, 0)))), "uninitialized_element"},
		"elements of no function":  {unknown(withTable(guest())), "compile_error"},
		"a long name section":      {guest(raw(0)).Custom(wasm.NameSection, wasmtest.NameSection(0, long)).Bytes(), "unreachable"},
		"a name section of lies":   {guest(raw(0)).Custom(wasm.NameSection, []byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xff}).Bytes(), "unreachable"},
		"many custom sections":     {module(bytes.Repeat(section(0, 1, 0), 20_000)), "compile_error"},
		"a long export":            {guest().Fn(long).Bytes(), "normal"},
		"a section too long":       {module(section(wasm.SectionType, 1<<32-1, 1)), "compile_error"},
		"a vector too long":        {module(section(wasm.SectionType, 5, 0xff, 0xff, 0xff, 0xff, 0x0f)), "compile_error"},
		"bodies for no functions":  {module(section(wasm.SectionCode, 5, 0xff, 0xff, 0xff, 0xff, 0x0f)), "compile_error"},
		"a number without end":     {module(section(wasm.SectionType, 6, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00)), "compile_error"},
		"nothing":                  {module(), "undef"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n := n.in(t)
			n.witness.during(name, func() {
				n.within(1<<30, func() {
					if got := what(n.spawn(n.loadBytes(tt.module)).wait()); !strings.HasPrefix(got, tt.want) {
						t.Errorf("%d bytes: reason %.300s, want %s", len(tt.module), got, tt.want)
					} else {
						t.Logf("%d bytes: %.200s", len(tt.module), got)
					}
				})
			})
		})
	}
}

// manyEntries gives a module of functions that call each other in a row.
func manyEntries(count int) *program {
	p := guest()
	for i := range count {
		p.Fn(strings.Repeat("f", i+1))
	}
	return p
}

// outside puts the only element behind its table.
func outside(p *program) []byte {
	parts := p.Parts()
	parts.Elements[0].Offset = wasmtest.Constant(1)
	return parts.Encode()
}

// unknown puts a function that is not there into the table.
func unknown(p *program) []byte {
	parts := p.Parts()
	parts.Elements[0].Funcs = []uint32{1000}
	return parts.Encode()
}
