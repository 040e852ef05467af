package hostile

import (
	"strings"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm/module/wasm"
)

// code gives instructions for the module that they are to be a part of.
type code func(*program) []byte

// program is a module in the making. Its functions have no parameters and no results. Function
// references are by name, imports are added as they are called.
type program struct {
	module wasm.Module
	names  []string // of the functions that the module defines
	bodies []code
	locals []wasm.LocalGroup // of every function
}

// guest begins a module with one page of memory whose _start has the given body.
func guest(body ...code) *program {
	p := &program{module: wasm.Module{Memories: []wasm.Limits{{Min: 1}}}}
	return p.fn(abi.DefaultExport, body...)
}

// fn adds a function, which is exported.
func (p *program) fn(name string, body ...code) *program {
	p.names = append(p.names, name)
	p.bodies = append(p.bodies, seq(body...))
	return p
}

// at puts bytes into the memory.
func (p *program) at(address int64, b []byte) *program {
	p.module.Data = append(p.module.Data, wasm.Data{Offset: constant(address), Bytes: b})
	return p
}

// table makes a table of one place with a function in it.
func (p *program) table(name string) *program {
	p.module.Tables = []wasm.Table{{Element: wasm.FuncRef, Limits: wasm.Limits{Min: 1}}}
	p.bytes() // finds the imports, which come before the functions
	p.module.Elements = []wasm.Element{{Offset: constant(0), Funcs: []uint32{p.index(name)}}}
	return p
}

func constant(v int64) wasm.Expr {
	return wasm.Expr{Op: wasm.OpI32Const, Code: wasm.AppendSigned([]byte{byte(wasm.OpI32Const)}, v)}
}

// bytes gives the module in the binary format.
func (p *program) bytes() []byte {
	p.encode() // finds the imports
	p.encode()
	return p.module.Encode()
}

func (p *program) encode() {
	m := &p.module
	m.Funcs, m.Codes, m.Exports = nil, nil, nil
	if len(m.Memories) > 0 {
		m.Exports = append(m.Exports, wasm.Export{Name: "memory", Kind: wasm.KindMemory})
	}
	none := p.typeOf(wasm.FuncType{})
	for i, body := range p.bodies {
		m.Funcs = append(m.Funcs, none)
		m.Codes = append(m.Codes, wasm.Code{Locals: p.locals, Body: append(body(p), byte(wasm.OpEnd))})
		m.Exports = append(m.Exports, wasm.Export{Name: p.names[i], Index: p.index(p.names[i])})
	}
}

// typeOf gives the index of a type.
func (p *program) typeOf(t wasm.FuncType) uint32 {
	for i, have := range p.module.Types {
		if string(have.Params) == string(t.Params) && string(have.Results) == string(t.Results) {
			return uint32(i)
		}
	}
	p.module.Types = append(p.module.Types, t)
	return uint32(len(p.module.Types) - 1)
}

// index gives the index of a function: one of the module's, or an import as in "wnode.send".
func (p *program) index(name string) uint32 {
	if host, function, ok := strings.Cut(name, "."); ok {
		return p.imported(host, function)
	}
	for i, have := range p.names {
		if have == name {
			return uint32(len(p.module.Imports) + i)
		}
	}
	panic("no function " + name)
}

func (p *program) imported(host, function string) uint32 {
	for i, have := range p.module.Imports {
		if have.Module == host && have.Name == function {
			return uint32(i)
		}
	}
	p.module.Imports = append(p.module.Imports, wasm.Import{Module: host, Name: function, Type: p.typeOf(importType(host, function))})
	return uint32(len(p.module.Imports) - 1)
}

// wasi is the module that WASI's functions are imported from.
const wasi = "wasi_snapshot_preview1"

// wasiTypes are the parameters of the functions of WASI that the guests use. The result is an i32.
var wasiTypes = map[string][]wasm.ValueType{
	"fd_close":    {wasm.I32},
	"fd_write":    {wasm.I32, wasm.I32, wasm.I32, wasm.I32},
	"fd_read":     {wasm.I32, wasm.I32, wasm.I32, wasm.I32},
	"fd_renumber": {wasm.I32, wasm.I32},
	"random_get":  {wasm.I32, wasm.I32},
	"poll_oneoff": {wasm.I32, wasm.I32, wasm.I32, wasm.I32},
}

func importType(host, function string) wasm.FuncType {
	if params, ok := wasiTypes[function]; ok && host == wasi {
		return wasm.FuncType{Params: params, Results: []wasm.ValueType{wasm.I32}}
	}
	for _, f := range abi.Functions {
		if f.Name == function && host == abi.ImportModule {
			params, results := f.Signature()
			return wasm.FuncType{Params: values(params), Results: values(results)}
		}
	}
	panic("no import " + host + "." + function)
}

func values(types []abi.ValueType) []wasm.ValueType {
	converted := make([]wasm.ValueType, len(types))
	for i, t := range types {
		converted[i] = wasm.ValueType(t)
	}
	return converted
}

func raw(b ...byte) code { return func(*program) []byte { return b } }

func seq(parts ...code) code {
	return func(p *program) (b []byte) {
		for _, part := range parts {
			b = append(b, part(p)...)
		}
		return b
	}
}

func num(v int64) code {
	return raw(wasm.AppendSigned([]byte{byte(wasm.OpI32Const)}, int64(int32(v)))...)
}

func long(v int64) code { return raw(wasm.AppendSigned([]byte{byte(wasm.OpI64Const)}, v)...) }

func pid(p abi.Pid) code { return seq(long(int64(p.Node)), long(int64(p.Num))) }

// pidAt pushes the pid, or the ref, in memory at an address.
func pidAt(address int64) code { return seq(num(address), i64Load, num(address+8), i64Load) }

const emptyBlock = 0x40

var (
	drop     = raw(0x1a)
	i64Load  = raw(0x29, 3, 0)
	i32Store = raw(0x36, 2, 0)
	i64Store = raw(0x37, 3, 0)
	add64    = raw(0x7c)
	forever  = loop()
	// wait waits for a message for ever, and takes it out of the mailbox if it is short.
	wait = seq(call("wnode.receive", long(-1), num(0), num(64)), drop)
)

// call calls a function of the module or an import.
func call(name string, args ...code) code {
	return func(p *program) []byte {
		return wasm.AppendU32(append(seq(args...)(p), byte(wasm.OpCall)), p.index(name))
	}
}

// do calls a function whose result does not matter.
func do(name string, args ...code) code { return seq(call(name, args...), drop) }

// loop does something without end.
func loop(body ...code) code {
	return seq(raw(byte(wasm.OpLoop), emptyBlock), seq(body...), raw(byte(wasm.OpBr), 0, byte(wasm.OpEnd)))
}

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

// text gives the address and the length of what at has put into the memory.
func text(address int64, s string) code { return seq(num(address), num(int64(len(s)))) }
