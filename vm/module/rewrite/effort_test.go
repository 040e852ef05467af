package rewrite

import (
	"bytes"
	"errors"
	"testing"

	"github.com/wnode/wnode/vm/module/wasm"
)

// A module is refused for what the compiler would take for ever over, and not for being large.
func TestEffort(t *testing.T) {
	row := func(count int) []byte { return bytes.Repeat([]byte{byte(wasm.OpBlock), 0x40, byte(wasm.OpEnd)}, count) }
	small := make([]fn, 2000)
	for i := range small {
		small[i].code = row(1000)
	}
	tests := map[string]struct {
		m  *wasm.Module
		ok bool
	}{
		"as much as may be": {program(fn{code: row(1 << 16)}), true},
		"more":              {program(fn{code: row(1<<16 + 1000)}), false},
		"many functions":    {program(small...), true},
		"two large ones":    {program(fn{code: row(50_000)}, fn{code: row(50_000)}), false},
		"with locals":       {program(fn{code: row(7000), locals: 6000}), true},
		"with more locals":  {program(fn{code: row(7000), locals: 7000}), false},
	}
	for name, tt := range tests {
		_, err := Module(tt.m.Encode(), Options{})
		var bound *BoundError
		if tt.ok && err != nil || !tt.ok && !errors.As(err, &bound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
