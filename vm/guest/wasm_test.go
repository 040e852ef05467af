package guest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/wnode/wnode/abi"
)

// The value types and a few instructions of the binary format, for the guests of the tests.
const (
	i32 = byte(abi.I32)
	i64 = byte(abi.I64)
	f64 = byte(0x7c)
)

// op gives the encoding of one or more instructions.
type op func(*wasmModule) []byte

func raw(b ...byte) op { return func(*wasmModule) []byte { return b } }

var (
	unreachable = raw(0x00)
	drop        = raw(0x1a)
	i32Store    = raw(0x36, 2, 0)
	i64Store    = raw(0x37, 3, 0)
	i32Load     = raw(0x28, 2, 0)
	i64Load     = raw(0x29, 3, 0)
	forever     = raw(0x03, 0x40, 0x0c, 0, 0x0b) // loop br 0 end
)

func i32c(v int64) op { return raw(append([]byte{0x41}, sleb(int64(int32(v)))...)...) }
func i64c(v int64) op { return raw(append([]byte{0x42}, sleb(v)...)...) }

func pid(p abi.Pid) op { return seq(i64c(int64(p.Node)), i64c(int64(p.Num))) }

// pidAt pushes the pid in memory at an address.
func pidAt(address int64) op {
	return seq(i32c(address), i64Load, i32c(address+8), i64Load)
}

func seq(ops ...op) op {
	return func(m *wasmModule) []byte {
		var b []byte
		for _, o := range ops {
			b = append(b, o(m)...)
		}
		return b
	}
}

// invoke calls a function of the module by name, or an import: "wnode.self", "wasi.fd_write".
func invoke(name string, args ...op) op {
	return func(m *wasmModule) []byte {
		return append(seq(args...)(m), append([]byte{0x10}, uleb(uint64(m.funcIndex(name)))...)...)
	}
}

// repeat wraps a body into a loop that never ends.
func repeat(body ...op) op {
	return seq(raw(0x03, 0x40), seq(body...), raw(0x0c, 0, 0x0b))
}

type wasmFunc struct {
	name            string
	params, results []byte
	hidden          bool // not exported
	locals          int  // of type i32
	body            op
}

type wasmImport struct {
	module, name    string
	params, results []byte
	kind            byte // 0 function, 3 global i32
}

type segment struct {
	offset int64
	bytes  []byte
}

// wasmModule builds a module. Imports that its functions call need no mention.
type wasmModule struct {
	pages    int // of memory; 0 and no maximum: none
	maxPages int
	imports  []wasmImport
	funcs    []wasmFunc
	data     []segment
	table    []string // functions in the table, "" for an empty place
	globals  int      // mutable i32, 0 at first
	start    string
	names    bool // with a name section
	custom   []byte
}

// entry makes a module whose _start has the given body and returns nothing.
func entry(body ...op) *wasmModule {
	return (&wasmModule{pages: 1}).fn("_start", seq(body...))
}

func (m *wasmModule) fn(name string, body op) *wasmModule {
	m.funcs = append(m.funcs, wasmFunc{name: name, body: body})
	return m
}

func (m *wasmModule) add(f wasmFunc) *wasmModule {
	m.funcs = append(m.funcs, f)
	return m
}

func (m *wasmModule) bytesAt(offset int64, b []byte) *wasmModule {
	m.data = append(m.data, segment{offset, b})
	return m
}

// funcIndex gives the index of a function. Imports that are new are added: encode runs twice.
func (m *wasmModule) funcIndex(name string) int {
	host, function, imported := strings.Cut(name, ".")
	index := 0
	for _, i := range m.imports {
		if i.kind != 0 {
			continue
		}
		if imported && i.module == importModule(host) && i.name == function {
			return index
		}
		index++
	}
	if imported {
		params, results := importSignature(host, function)
		m.imports = append(m.imports, wasmImport{module: importModule(host), name: function, params: params, results: results})
		return index
	}
	for _, f := range m.funcs {
		if f.name == name {
			return index
		}
		index++
	}
	panic("no function " + name)
}

func importModule(host string) string {
	if host == "wasi" {
		return "wasi_snapshot_preview1"
	}
	return host
}

var wasiSignatures = map[string]string{
	"fd_write": "iiii", "fd_read": "iiii", "poll_oneoff": "iiii", "args_sizes_get": "ii", "args_get": "ii",
	"environ_sizes_get": "ii", "clock_time_get": "iIi", "random_get": "ii", "fd_prestat_get": "ii", "sched_yield": "",
	"environ_get": "ii", "fd_close": "i", "fd_renumber": "ii", "path_open": "iiiiiIIii", "path_create_directory": "iii",
	"sock_accept": "iii", "sock_recv": "iiiiii", "sock_send": "iiiii", "sock_shutdown": "ii", "fd_fdstat_get": "ii",
	"fd_fdstat_set_flags": "ii",
}

func importSignature(host, name string) (params, results []byte) {
	if host == "wnode" {
		for _, f := range abi.Functions {
			if f.Name == name {
				p, r := f.Signature()
				return valueBytes(p), valueBytes(r)
			}
		}
	}
	if name == "proc_exit" {
		return []byte{i32}, nil
	}
	letters, ok := wasiSignatures[name]
	if !ok {
		panic("no import " + host + "." + name)
	}
	for _, l := range letters {
		params = append(params, map[rune]byte{'i': i32, 'I': i64}[l])
	}
	return params, []byte{i32}
}

func valueBytes(values []abi.ValueType) []byte {
	b := make([]byte, len(values))
	for i, v := range values {
		b[i] = byte(v)
	}
	return b
}

// bytes gives the module in the binary format.
func (m *wasmModule) bytes() []byte {
	m.encode() // finds the imports
	return m.encode()
}

func (m *wasmModule) encode() []byte {
	var types, imports, funcs, exports, codes [][]byte
	addType := func(params, results []byte) []byte {
		types = append(types, append(append([]byte{0x60}, vec(params)...), vec(results)...))
		return uleb(uint64(len(types) - 1))
	}
	for _, i := range m.imports {
		b := append(append(str(i.module), str(i.name)...), i.kind)
		if i.kind == 0 {
			b = append(b, addType(i.params, i.results)...)
		} else {
			b = append(b, i32, 0)
		}
		imports = append(imports, b)
	}
	for _, f := range m.funcs {
		funcs = append(funcs, addType(f.params, f.results))
		if !f.hidden {
			exports = append(exports, append(append(str(f.name), 0), uleb(uint64(m.funcIndex(f.name)))...))
		}
		locals := []byte{0}
		if f.locals > 0 {
			locals = []byte{1, byte(f.locals), i32}
		}
		codes = append(codes, vec(append(append(locals, f.body(m)...), 0x0b)))
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	out = append(out, section(1, types)...)
	out = append(out, section(2, imports)...)
	out = append(out, section(3, funcs)...)
	if m.table != nil {
		out = append(out, section(4, [][]byte{append([]byte{0x70, 0}, uleb(uint64(len(m.table)))...)})...)
	}
	if m.pages > 0 || m.maxPages > 0 {
		memory := append([]byte{0}, uleb(uint64(m.pages))...)
		if m.maxPages > 0 {
			memory = append(append([]byte{1}, uleb(uint64(m.pages))...), uleb(uint64(m.maxPages))...)
		}
		out = append(out, section(5, [][]byte{memory})...)
		exports = append(exports, append(str("memory"), 2, 0))
	}
	out = append(out, section(6, slices.Repeat([][]byte{{i32, 1, 0x41, 0, 0x0b}}, m.globals))...)
	out = append(out, section(7, exports)...)
	if m.start != "" {
		out = append(append(out, 8), vec(uleb(uint64(m.funcIndex(m.start))))...)
	}
	out = append(out, section(9, m.elements())...)
	out = append(out, section(10, codes)...)
	var data [][]byte
	for _, d := range m.data {
		data = append(data, append(append(append([]byte{0, 0x41}, sleb(d.offset)...), 0x0b), vec(d.bytes)...))
	}
	out = append(out, section(11, data)...)
	if m.names {
		out = append(out, m.nameSection()...)
	}
	return append(out, m.custom...)
}

func (m *wasmModule) elements() (elements [][]byte) {
	for i, name := range m.table {
		if name != "" {
			e := append(append([]byte{0, 0x41}, sleb(int64(i))...), 0x0b, 1)
			elements = append(elements, append(e, uleb(uint64(m.funcIndex(name)))...))
		}
	}
	return elements
}

func (m *wasmModule) nameSection() []byte {
	var names [][]byte
	for _, f := range m.funcs {
		names = append(names, append(uleb(uint64(m.funcIndex(f.name))), str(f.name)...))
	}
	functions := uleb(uint64(len(names)))
	for _, n := range names {
		functions = append(functions, n...)
	}
	content := append(str("name"), append([]byte{0}, vec(str("test"))...)...)
	content = append(content, append([]byte{1}, vec(functions)...)...)
	return append([]byte{0}, vec(content)...)
}

func section(id byte, items [][]byte) []byte {
	if len(items) == 0 {
		return nil
	}
	content := uleb(uint64(len(items)))
	for _, item := range items {
		content = append(content, item...)
	}
	return append([]byte{id}, vec(content)...)
}

func vec(b []byte) []byte { return append(uleb(uint64(len(b))), b...) }

func str(s string) []byte { return vec([]byte(s)) }

func uleb(v uint64) []byte { return binary.AppendUvarint(nil, v) }

func sleb(v int64) []byte {
	var b []byte
	for {
		low := byte(v & 0x7f)
		v >>= 7
		if v == 0 && low&0x40 == 0 || v == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}

// paramOps gives values for a parameter of a host function: a region of the given place and
// length, or something harmless.
func paramOps(p abi.Param, address, length int64) op {
	switch p.Kind {
	case abi.BytesIn, abi.BytesOut:
		return seq(i32c(address), i32c(length))
	case abi.PidOut, abi.HashIn, abi.HashOut:
		return i32c(address)
	case abi.PidIn:
		return seq(i64c(0), i64c(0))
	case abi.Duration, abi.Int64:
		return i64c(0)
	case abi.Int32:
		return i32c(0)
	}
	panic(fmt.Sprint("unknown kind ", p.Kind))
}
