package abi

// ImportModule is the name under which guests import the host functions of [Functions].
const ImportModule = "wnode"

// Version is the version of the guest ABI. It only ever grows; a breaking change would be another [ImportModule].
const Version = 1

// Infinity is the timeout that never comes.
const Infinity int64 = -1

// ParamKind says how a parameter travels through the wasm signature.
type ParamKind uint8

// The kinds of parameters, with the wasm values that each stands for.
const (
	Int32    ParamKind = iota // i32
	Int64                     // i64
	Duration                  // i64: nanoseconds, -1 is infinity
	PidIn                     // i64 node, i64 number
	BytesIn                   // i32 address, i32 length: read by the host
	BytesOut                  // i32 address, i32 capacity: written by the host
	PidOut                    // i32 address of 16 bytes
	HashOut                   // i32 address of 32 bytes
	HashIn                    // i32 address of 32 bytes
)

// Param is one parameter of a host function.
type Param struct {
	Name string
	Kind ParamKind
}

// ResultKind says what a host function returns.
type ResultKind uint8

// The kinds of results.
const (
	ResultStatus ResultKind = iota // i32: >= 0 a count, length or 0; < 0 an [Errno]
	ResultTime                     // i64: nanoseconds; < 0 an [Errno]
	ResultNever                    // nothing: the call does not return
)

// Func is one host function. A bad address traps; everything else that can go wrong is an [Errno].
type Func struct {
	Group  string
	Name   string
	Params []Param
	Result ResultKind
	Doc    string // sentences: what it does, what it returns, which errors it has
}

// ValueType is a wasm value type: 0x7f i32, 0x7e i64, as in the binary format.
type ValueType byte

// The value types that host functions use.
const (
	I32 ValueType = 0x7f
	I64 ValueType = 0x7e
)

// Values gives the wasm values that a parameter of this kind stands for.
func (k ParamKind) Values() []ValueType {
	switch k {
	case Int64, Duration:
		return []ValueType{I64}
	case PidIn:
		return []ValueType{I64, I64}
	case BytesIn, BytesOut:
		return []ValueType{I32, I32}
	default:
		return []ValueType{I32}
	}
}

// Signature gives the wasm type of f.
func (f Func) Signature() (params, results []ValueType) {
	for _, p := range f.Params {
		params = append(params, p.Kind.Values()...)
	}
	switch f.Result {
	case ResultTime:
		results = []ValueType{I64}
	case ResultStatus:
		results = []ValueType{I32}
	}
	return params, results
}
