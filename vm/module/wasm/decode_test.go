package wasm_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wnode/wnode/vm/module/wasm"
)

const head = "\x00asm\x01\x00\x00\x00"

func TestMalformed(t *testing.T) {
	types := head + "\x01\x04\x01\x60\x00\x00" + "\x03\x02\x01\x00"
	for name, b := range map[string]string{
		"empty":                     "",
		"version":                   "\x00asm\x02\x00\x00\x00",
		"unknown section":           head + "\x0e\x00",
		"sections out of order":     head + "\x03\x01\x00\x01\x01\x00",
		"section twice":             head + "\x01\x01\x00\x01\x01\x00",
		"section too long":          head + "\x01\x05\x00",
		"bytes left over":           head + "\x01\x02\x00\x00",
		"number of six bytes":       head + "\x01\x80\x80\x80\x80\x80\x00\x00",
		"number of 33 bits":         head + "\x01\xff\xff\xff\xff\x1f",
		"not a function type":       head + "\x01\x02\x01\x61",
		"unknown value type":        head + "\x01\x05\x01\x60\x01\x7a\x00",
		"more types than bytes":     head + "\x01\x01\x64",
		"name is not UTF-8":         head + "\x00\x02\x01\xff",
		"functions without bodies":  types,
		"no such type":              head + "\x03\x02\x01\x00\x0a\x04\x01\x02\x00\x0b",
		"body too long":             types + "\x0a\x04\x01\x09\x00\x0b",
		"export of nothing":         head + "\x07\x05\x01\x01a\x00\x00",
		"unknown kind of export":    head + "\x07\x05\x01\x01a\x05\x00",
		"start of nothing":          head + "\x08\x01\x00",
		"global without end":        head + "\x06\x05\x01\x7f\x00\x41\x00",
		"global by an instruction":  head + "\x06\x05\x01\x7f\x00\x45\x0b",
		"global from one not there": head + "\x06\x06\x01\x7f\x00\x23\x01\x0b",
		"data count":                head + "\x0c\x01\x02",
		"unknown limits":            head + "\x05\x04\x01\x08\x01\x01",
		"memory of numbers":         head + "\x04\x04\x01\x7f\x00\x00",
	} {
		if _, err := wasm.Decode([]byte(b)); !errors.Is(err, wasm.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLimits(t *testing.T) {
	types := head + "\x01\x04\x01\x60\x00\x00" + "\x03\x02\x01\x00"
	for name, b := range map[string]string{
		"locals":     types + "\x0a\x0c\x01\x0a\x01\xff\xff\xff\xff\x0f\x7f\x0b\x00\x00\x00",
		"parameters": head + "\x01\x05\x01\x60\xe9\x07\x00",
		"types":      head + "\x01\x04\xff\xff\xff\x0f",
	} {
		var limit *wasm.LimitError
		if _, err := wasm.Decode([]byte(b)); !errors.As(err, &limit) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// immediates has something for what may follow an opcode.
var immediates = [][]byte{
	{},
	{0},
	{0, 0},
	{1, 0}, // alignments
	{2, 0},
	{3, 0},
	{0x40},
	{0x6f},
	{1, 0x7f},
	make([]byte, 3),
	make([]byte, 4),
	make([]byte, 8),
	make([]byte, 16),
}

// The compiler knows an instruction if and only if this package does, and takes no code that this
// package does not.
func TestOpcodes(t *testing.T) {
	features := api.CoreFeaturesV2 | experimental.CoreFeaturesTailCall | experimental.CoreFeaturesThreads
	config := wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(features)
	runtime := wazero.NewRuntimeWithConfig(t.Context(), config)
	defer runtime.Close(t.Context())
	opcodes := map[string][]byte{}
	for n := range 256 {
		if n != 0xfc && n != 0xfd && n != 0xfe {
			opcodes[fmt.Sprintf("%02x", n)] = []byte{byte(n)}
		}
		opcodes[fmt.Sprintf("fc %02x", n)] = wasm.AppendU32([]byte{0xfc}, uint32(n))
		opcodes[fmt.Sprintf("fd %02x", n)] = wasm.AppendU32([]byte{0xfd}, uint32(n))
		opcodes[fmt.Sprintf("fe %02x", n)] = []byte{0xfe, byte(n)}
	}
	for name, opcode := range opcodes {
		ours, theirs := false, false
		for _, immediate := range immediates {
			instruction := append(append([]byte{}, opcode...), immediate...)
			switch wasm.Op(opcode[0]) {
			case wasm.OpBlock, wasm.OpLoop, wasm.OpIf:
				instruction = append(instruction, 0, 0x0b)
			case wasm.OpElse, wasm.OpEnd:
				continue
			}
			module, body := opcodeModule(instruction)
			_, err := runtime.CompileModule(t.Context(), module)
			theirs = theirs || err == nil
			ours = ours || walks(instruction)
			if err == nil && !walks(body) {
				t.Errorf("%s: the compiler takes %x", name, instruction)
			}
		}
		if ours != theirs {
			t.Errorf("%s is an instruction: %v, to the compiler: %v", name, ours, theirs)
		}
	}
}

// walks reports whether there is nothing but instructions.
func walks(code []byte) bool {
	walk := wasm.Walk(code)
	var in wasm.Instr
	for walk.Next(&in) {
	}
	return walk.Err() == nil
}

// opcodeModule puts instructions where every operand is there, and whatever they refer to.
func opcodeModule(instruction []byte) (module, body []byte) {
	unreachable := []byte{0}
	body = append(append(append([]byte{}, unreachable...), instruction...), 0, 0x0b)
	zero := wasm.Expr{Op: wasm.OpI32Const, Code: []byte{0x41, 0}}
	one := uint32(1)
	m := &wasm.Module{
		Types:     []wasm.FuncType{{}},
		Funcs:     []uint32{0},
		Tables:    []wasm.Table{{Element: wasm.FuncRef, Limits: wasm.Limits{Min: 1}}},
		Memories:  []wasm.Limits{{Min: 1}},
		Globals:   []wasm.Global{{Type: wasm.GlobalType{Value: wasm.I32, Mutable: true}, Init: zero}},
		Elements:  []wasm.Element{{Type: wasm.FuncRef, Mode: wasm.Passive, Funcs: []uint32{0}}},
		DataCount: &one,
		Codes:     []wasm.Code{{Locals: []wasm.LocalGroup{{Count: 1, Type: wasm.I32}}, Body: body}},
		Data:      []wasm.Data{{Mode: wasm.Passive}},
	}
	return m.Encode(), body
}

func TestSigned(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 63, 64, -64, -65, 1<<31 - 1, -1 << 31} {
		code := wasm.AppendSigned([]byte{byte(wasm.OpI32Const)}, v)
		walk := wasm.Walk(code)
		var in wasm.Instr
		if !walk.Next(&in) || int64(in.Value) != v || in.End != len(code) {
			t.Errorf("%d is read as %d, %v", v, in.Value, walk.Err())
		}
	}
	for _, code := range [][]byte{{0x41, 0xff, 0xff, 0xff, 0xff, 0x4f}, {0x41, 0x80, 0x80, 0x80, 0x80, 0x80, 0}, {0x42, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2}} {
		if walks(code) {
			t.Errorf("%x is taken", code)
		}
	}
}

func TestRenumberNames(t *testing.T) {
	section := "\x00\x02\x01m" + "\x01\x0a\x03\x00\x01a\x01\x01b\x07\x01c" + "\x02\x06\x01\x01\x01\x00\x01x" + "\x03\x01\x00" + "\x07\x01\x00"
	want := "\x00\x02\x01m" + "\x01\x07\x02\x00\x01a\x03\x01b" + "\x02\x06\x01\x03\x01\x00\x01x" + "\x07\x01\x00"
	got, err := wasm.RenumberNames([]byte(section), func(index uint32) (uint32, bool) {
		if index > 0 {
			index += 2
		}
		return index, index < 5
	})
	if err != nil || string(got) != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if _, err := wasm.RenumberNames([]byte("\x01\x03\x01\x00\x09"), nil); !errors.Is(err, wasm.ErrMalformed) {
		t.Errorf("cut off: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(all().Encode())
	vector, _ := opcodeModule([]byte{0xfd, 0xae, 0x01})
	f.Add(vector)
	f.Add([]byte(head + "\x0a\x05\x01\xff\xff\xff\xff"))
	for _, b := range modules(f) {
		if len(b) < 16<<10 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := wasm.Decode(b)
		if err != nil {
			return
		}
		again, err := wasm.Decode(m.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Customs) == 0 && !reflect.DeepEqual(unplaced(m).Codes, unplaced(again).Codes) && len(m.Codes) > 0 {
			t.Fatal("encoding changes the code")
		}
	})
}
