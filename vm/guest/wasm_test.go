package guest

import (
	"github.com/wnode/wnode/internal/wasmtest"
	"github.com/wnode/wnode/vm/module/wasm"
)

// What the guests of the tests are made of, by short names.
type (
	op         = wasmtest.Op
	wasmModule = wasmtest.Module
	wasmFunc   = wasmtest.Func
	wasmImport = wasmtest.Import
	values     = []wasm.ValueType
)

// The value types.
const (
	i32 = wasm.I32
	i64 = wasm.I64
	f64 = wasm.F64
)

var (
	entry       = wasmtest.Entry
	raw         = wasmtest.Raw
	seq         = wasmtest.Seq
	i32c        = wasmtest.I32
	i64c        = wasmtest.I64
	pid         = wasmtest.Pid
	pidAt       = wasmtest.PidAt
	region      = wasmtest.Region
	invoke      = wasmtest.Call
	repeat      = wasmtest.Loop
	forever     = wasmtest.Forever
	unreachable = wasmtest.Unreachable
	drop        = wasmtest.Drop
	i32Load     = wasmtest.I32Load
	i64Load     = wasmtest.I64Load
	i32Store    = wasmtest.I32Store
	i64Store    = wasmtest.I64Store
)
