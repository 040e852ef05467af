package rewrite

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/wnode/wnode/vm/module/wasm"
)

// Modules that are made to take long take no longer than others of their size.
func TestHostileSizes(t *testing.T) {
	const most = 20 * time.Second // far more than any takes, and far less than what a square would
	many := program(slices.Repeat([]fn{{code: with(wasm.OpCall, 1)}}, 100_000)...)
	chain := program(fn{})
	chain.Elements = nil
	for i := range 100_000 {
		chain.Funcs = append(chain.Funcs, 0)
		chain.Codes = append(chain.Codes, wasm.Code{Body: ops(with(wasm.OpCall, uint32(i)), end)})
	}
	nest := 30_000
	deepTable := append([]byte{byte(wasm.OpBrTable)}, wasm.AppendU32(nil, uint32(nest))...)
	for i := range nest + 1 {
		deepTable = wasm.AppendU32(deepTable, uint32(i))
	}
	open := func(o wasm.Op) []byte { return ops(slices.Repeat(block(o, empty), nest)) }
	closed := slices.Repeat(end, nest)
	loops := ops(open(wasm.OpLoop), slices.Repeat(ops(num(0), with(wasm.OpBrIf, uint32(nest-1))), 30_000), closed)
	tests := map[string]*wasm.Module{
		"many functions, one type": many,
		"a chain of functions":     chain,
		"many tail calls by table": program(slices.Repeat([]fn{{code: ops(num(1), tailIndirect(typeNone))}}, 100_000)...),
		"many tail calls":          program(slices.Repeat([]fn{{code: slices.Repeat(with(wasm.OpReturnCall, 1), 10)}}, 20_000)...),
		"nested blocks":            program(fn{code: ops(open(wasm.OpBlock), num(0), deepTable, closed)}),
		"nested loops":             program(fn{code: ops(open(wasm.OpLoop), num(0), deepTable, closed)}),
		"branches far out":         program(fn{code: loops}),
	}
	for name, m := range tests {
		b := m.Encode()
		start := time.Now()
		var bound *BoundError // what is as hard for the compiler is refused, and that in as little time
		if _, err := Module(b, Options{}); err != nil && !errors.As(err, &bound) {
			t.Errorf("%s: %v", name, err)
		}
		took := time.Since(start)
		t.Logf("%s: %d bytes in %v", name, len(b), took)
		if took > most {
			t.Errorf("%s: %d bytes took %v", name, len(b), took)
		}
	}
	tooDeep := program(fn{code: ops(slices.Repeat(block(wasm.OpBlock, empty), maxNesting), slices.Repeat(end, maxNesting))})
	var limit *wasm.LimitError
	if _, err := Module(tooDeep.Encode(), Options{}); !errors.As(err, &limit) {
		t.Errorf("too deep: %v", err)
	}
}
