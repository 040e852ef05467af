package guest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/tetratelabs/wazero"
)

func FuzzHarden(f *testing.F) {
	f.Add(entry(unreachable).bytes())
	f.Add(startSection(forever).bytes())
	locals := entry().bytes()
	f.Add(locals[:len(locals)-3])
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x0a\x05\x01\xff\xff\xff\xff"))
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x0a\x06\x01\x04\x01\x02\x7f\x0b"))
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x04\x09\x02\x70\x00\x02\x6f\x01\x01\xff\x7f"))
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x04\x07\x01\x70\x00\x80\x80\x80\x40"))
	f.Fuzz(func(t *testing.T, module []byte) {
		before := bytes.Clone(module)
		out, err := harden(module)
		if !bytes.Equal(module, before) {
			t.Fatal("the input was changed")
		}
		if len(out) > 4*len(module)+len(moduleMagic) {
			t.Fatalf("%d bytes from %d", len(out), len(module))
		}
		var refused *compileError
		if err != nil && !errors.As(err, &refused) {
			t.Fatal(err)
		}
	})
}

func TestHarden(t *testing.T) {
	runtime := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	defer runtime.Close(t.Context())
	head := "\x00asm\x01\x00\x00\x00"
	types := head + "\x01\x04\x01\x60\x00\x00" + "\x03\x03\x02\x00\x00"
	tests := map[string]struct{ in, want string }{
		"two functions, one with locals": {types + "\x0a\x09\x02\x02\x00\x0b\x04\x01\x02\x7f\x0b", types + "\x0a\x0f\x02\x05\x00\x03\x40\x0b\x0b\x07\x01\x02\x7f\x03\x40\x0b\x0b"},
		"no code":                        {head, head},
		"tables":                         {head + "\x04\x09\x02\x70\x00\x02\x6f\x01\x01\xff\x7f", head + "\x04\x0c\x02\x70\x01\x02\x80\x80\x20\x6f\x01\x01\xff\x7f"},
		"junk":                           {"junk", "junk"},
		"too short a body":               {types + "\x0a\x04\x01\x09\x00\x0b", types + "\x0a\x04\x01\x09\x00\x0b"},
		"bytes after the last body":      {types + "\x0a\x05\x01\x02\x00\x0b\x0b", types + "\x0a\x05\x01\x02\x00\x0b\x0b"},
		"too long a number":              {types + "\x0a\x0a\x01\x08\x80\x80\x80\x80\x80\x00\x0b\x0b", types + "\x0a\x0a\x01\x08\x80\x80\x80\x80\x80\x00\x0b\x0b"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, err := harden([]byte(tt.in))
			if got := string(out); err != nil || got != tt.want {
				t.Fatalf("%x, %v, want %x", got, err, tt.want)
			}
			_, before := runtime.CompileModule(t.Context(), []byte(tt.in))
			_, after := runtime.CompileModule(t.Context(), out)
			if (before == nil) != (after == nil) {
				t.Errorf("compiles before: %v, after: %v", before, after)
			}
		})
	}
}

// Tables are bounded when a module starts with them, and when it makes them grow.
func TestTableBounds(t *testing.T) {
	n := newTestNode(t)
	for name, section := range map[string]string{
		"one table":  "\x04\x07\x01\x70\x00\x80\x80\x80\x40",                 // 2^27 elements
		"in shares":  "\x04\x0b\x02\x70\x00\x81\x80\x20\x70\x00\x81\x80\x20", // 2^19+1 each
		"too many":   "\x04\x02\x11\x70",
		"with a max": "\x04\x0b\x01\x70\x01\x80\x80\x80\x40\x80\x80\x80\x40",
	} {
		t.Run(name, func(t *testing.T) {
			exit := n.start([]byte("\x00asm\x01\x00\x00\x00" + section)).wait()
			reason := decoded(t, exit.Reason).([]any)
			if pair, ok := reason[0].([]any); !ok || pair[0] != "compile_error" {
				t.Errorf("reason %v", reason)
			}
		})
	}
	grow := func(by int64) op { return n.report(seq(raw(0xd0, 0x70), i32c(by), raw(0xfc, 0x0f, 0))) }
	m := entry(grow(100), grow(maxTableElements))
	m.table = []string{""}
	n.run(m)
	n.wantReports(1, -1)
}
