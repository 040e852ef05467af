package hostile

import (
	"github.com/wnode/wnode/internal/wasmtest"
	"github.com/wnode/wnode/vm/module/wasm"
)

// What the guests are made of, by short names.
type (
	code    = wasmtest.Op
	program = wasmtest.Module
)

const emptyBlock = wasmtest.EmptyBlock

var (
	guest    = wasmtest.Entry
	raw      = wasmtest.Raw
	seq      = wasmtest.Seq
	num      = wasmtest.I32
	long     = wasmtest.I64
	pid      = wasmtest.Pid
	pidAt    = wasmtest.PidAt
	text     = wasmtest.Region
	call     = wasmtest.Call
	do       = wasmtest.Do
	loop     = wasmtest.Loop
	forever  = wasmtest.Forever
	drop     = wasmtest.Drop
	i64Load  = wasmtest.I64Load
	i64Store = wasmtest.I64Store
	add64    = raw(0x7c)
	// wait waits for a message for ever, and takes it out of the mailbox if it is short.
	wait = do("wnode.receive", long(-1), num(0), num(64))
)

// times does something so many times; the count is at an address that body leaves alone.
func times(n int64, counter int64, body ...code) code {
	return seq(
		num(counter), long(n), i64Store,
		raw(byte(wasm.OpLoop), emptyBlock), seq(body...),
		increase(counter, -1),
		num(counter), i64Load, long(0), raw(0x52, byte(wasm.OpBrIf), 0, byte(wasm.OpEnd)), // i64.ne
	)
}

// increase adds to the i64 at an address.
func increase(address, by int64) code {
	return seq(num(address), num(address), i64Load, long(by), add64, i64Store)
}
