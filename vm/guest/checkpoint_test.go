package guest

import (
	"bytes"
	"testing"

	"github.com/tetratelabs/wazero"
)

func FuzzAddCheckpoints(f *testing.F) {
	f.Add(entry(unreachable).bytes())
	f.Add(startSection(forever).bytes())
	locals := entry().bytes()
	f.Add(locals[:len(locals)-3])
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x0a\x05\x01\xff\xff\xff\xff"))
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x0a\x06\x01\x04\x01\x02\x7f\x0b"))
	f.Fuzz(func(t *testing.T, module []byte) {
		before := bytes.Clone(module)
		out := addCheckpoints(module)
		if !bytes.Equal(module, before) {
			t.Fatal("the input was changed")
		}
		if len(out) > 4*len(module)+len(moduleMagic) {
			t.Fatalf("%d bytes from %d", len(out), len(module))
		}
	})
}

func TestAddCheckpoints(t *testing.T) {
	runtime := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	defer runtime.Close(t.Context())
	head := "\x00asm\x01\x00\x00\x00"
	types := head + "\x01\x04\x01\x60\x00\x00" + "\x03\x03\x02\x00\x00"
	tests := map[string]struct{ in, want string }{
		"two functions, one with locals": {types + "\x0a\x09\x02\x02\x00\x0b\x04\x01\x02\x7f\x0b", types + "\x0a\x0f\x02\x05\x00\x03\x40\x0b\x0b\x07\x01\x02\x7f\x03\x40\x0b\x0b"},
		"no code":                        {head, head},
		"junk":                           {"junk", "junk"},
		"too short a body":               {types + "\x0a\x04\x01\x09\x00\x0b", types + "\x0a\x04\x01\x09\x00\x0b"},
		"bytes after the last body":      {types + "\x0a\x05\x01\x02\x00\x0b\x0b", types + "\x0a\x05\x01\x02\x00\x0b\x0b"},
		"too long a number":              {types + "\x0a\x0a\x01\x08\x80\x80\x80\x80\x80\x00\x0b\x0b", types + "\x0a\x0a\x01\x08\x80\x80\x80\x80\x80\x00\x0b\x0b"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := string(addCheckpoints([]byte(tt.in)))
			if got != tt.want {
				t.Fatalf("%x, want %x", got, tt.want)
			}
			_, before := runtime.CompileModule(t.Context(), []byte(tt.in))
			_, after := runtime.CompileModule(t.Context(), []byte(got))
			if (before == nil) != (after == nil) {
				t.Errorf("compiles before: %v, after: %v", before, after)
			}
		})
	}
}
