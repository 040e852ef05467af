package wasm_test

import (
	"errors"
	"testing"

	"github.com/wnode/wnode/vm/module/wasm"
)

// A module that uses what it may not is refused in words that say where.
func TestFeatureError(t *testing.T) {
	names := wasm.Custom{Name: wasm.NameSection, Content: []byte("\x01\x06\x01\x01\x03foo"), After: wasm.SectionCode}
	code := func(body ...byte) []byte {
		m := &wasm.Module{
			Types: []wasm.FuncType{{}}, Funcs: []uint32{0, 0}, Customs: []wasm.Custom{names},
			Codes: []wasm.Code{{Body: []byte{0x0b}}, {Body: append(body, 0x0b)}},
		}
		b := m.Encode()
		// Functions are decoded only when there is a reason to: a tag is one.
		return append(b[:8:8], append([]byte{13, 3, 1, 0, 0}, b[8:]...)...)
	}
	for name, tt := range map[string]struct {
		module []byte
		want   string
	}{
		"try_table": {code(0x1f, 0x40, 0, 0x0b), `the module uses exceptions (try_table in function 1 "foo"); build it without them: the engine does not run them correctly and safely`},
		"throw":     {code(0x08, 0), `the module uses exceptions (throw in function 1 "foo"); build it without them: the engine does not run them correctly and safely`},
		"tags":      {code(), "the module uses exceptions (tags); build it without them: the engine does not run them correctly and safely"},
		"exnref":    {[]byte(head + "\x01\x05\x01\x60\x01\x69\x00"), "the module uses exceptions (exnref); build it without them: the engine does not run them correctly and safely"},
		"import":    {[]byte(head + "\x02\x08\x01\x01m\x01t\x04\x00\x00"), "the module uses exceptions (an imported tag); build it without them: the engine does not run them correctly and safely"},
		"shared":    {[]byte(head + "\x05\x04\x01\x03\x01\x02"), "the module uses threads (a shared memory); build it with a memory that is its own: processes share none"},
		"64 bits":   {[]byte(head + "\x05\x03\x01\x04\x01"), "the module uses 64-bit memories (an index type); build it for wasm32"},
		"a struct":  {[]byte(head + "\x01\x03\x01\x5f\x00"), "the module uses garbage-collected types (a struct type); build it for linear memory"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := wasm.Decode(tt.module)
			var feature *wasm.FeatureError
			if !errors.As(err, &feature) || err.Error() != tt.want {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
	walk := wasm.Walk([]byte{0xfd, 0x80, 0x02})
	var in wasm.Instr
	if walk.Next(&in) || walk.Err().Error() != "the module uses relaxed vector instructions (an instruction with the prefix 0xfd); build it without them" {
		t.Errorf("relaxed: %v", walk.Err())
	}
}

func TestExprI32(t *testing.T) {
	for name, tt := range map[string]struct {
		code []byte
		want int32
		ok   bool
	}{
		"constant":      {[]byte{0x41, 0x7f}, -1, true},
		"sum":           {[]byte{0x41, 2, 0x41, 3, 0x6a}, 5, true},
		"all":           {[]byte{0x41, 10, 0x41, 4, 0x41, 2, 0x6c, 0x6b}, 2, true},
		"modulo":        {[]byte{0x41, 0x80, 0x80, 0x80, 0x80, 0x78, 0x41, 0x7f, 0x6a}, 1<<31 - 1, true},
		"a global":      {[]byte{0x23, 0}, 0, false},
		"with a global": {[]byte{0x23, 0, 0x41, 1, 0x6a}, 0, false},
		"i64":           {[]byte{0x42, 1}, 0, false},
		"two values":    {[]byte{0x41, 1, 0x41, 1}, 0, false},
		"too few":       {[]byte{0x41, 1, 0x6a}, 0, false},
		"a null":        {[]byte{0xd0, 0x70}, 0, false},
	} {
		e := wasm.Expr{Code: tt.code}
		if got, ok := e.I32(); got != tt.want || ok != tt.ok {
			t.Errorf("%s: %d, %v", name, got, ok)
		}
	}
}
