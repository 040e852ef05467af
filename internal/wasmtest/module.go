package wasmtest

import (
	"slices"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm/module/wasm"
)

// Func is a function of a module.
type Func struct {
	Name            string // by which it is called, and exported
	Hidden          bool   // not exported
	Params, Results []wasm.ValueType
	Locals          []wasm.LocalGroup
	Body            Op
}

// Import is a thing that a module takes from outside: a function, or a constant global of type i32.
type Import struct {
	Module, Name    string
	Kind            wasm.Kind
	Params, Results []wasm.ValueType // of a function
}

// Module is a module in the making; the zero value is an empty one. It is not for several goroutines at
// once.
type Module struct {
	Pages    int // of memory, which is exported as "memory"; with MaxPages 0 too: none
	MaxPages int // 0: no limit
	Imports  []Import
	Funcs    []Func
	Data     []wasm.Data
	Table    []string // the functions in its table, "" for an empty place; nil: no table
	Globals  int      // variables of type i32, which are 0 at first
	Start    string   // the start function; "": none
	Names    bool     // it has a name section
	Customs  []wasm.Custom
}

// Entry begins a module with a page of memory, whose entry has the given body and returns nothing.
func Entry(body ...Op) *Module {
	return (&Module{Pages: 1}).Fn(abi.DefaultExport, body...)
}

// Fn adds a function without parameters and results, which is exported.
func (m *Module) Fn(name string, body ...Op) *Module {
	return m.Add(Func{Name: name, Body: Seq(body...)})
}

// Add adds a function.
func (m *Module) Add(f Func) *Module {
	m.Funcs = append(m.Funcs, f)
	return m
}

// At puts bytes into the memory, before the module starts.
func (m *Module) At(address int64, b []byte) *Module {
	m.Data = append(m.Data, wasm.Data{Offset: Constant(address), Bytes: b})
	return m
}

// Write is At for a text.
func (m *Module) Write(address int64, s string) *Module { return m.At(address, []byte(s)) }

// Iovec puts the address and the length of a buffer at an offset, as functions of WASI take them.
func (m *Module) Iovec(offset int64, address, length byte) *Module {
	return m.At(offset, []byte{address, 0, 0, 0, length, 0, 0, 0})
}

// Custom adds a custom section at the end.
func (m *Module) Custom(name string, content []byte) *Module {
	m.Customs = append(m.Customs, wasm.Custom{Name: name, Content: content, After: wasm.SectionData})
	return m
}

// Constant is an i32 as a constant expression.
func Constant(v int64) wasm.Expr {
	return wasm.Expr{Op: wasm.OpI32Const, Code: wasm.AppendSigned([]byte{byte(wasm.OpI32Const)}, v)}
}

// Bytes gives the module in the binary format.
func (m *Module) Bytes() []byte { return m.Parts().Encode() }

// Parts gives the module in parts, which are the caller's to change.
func (m *Module) Parts() *wasm.Module {
	m.assemble() // finds the imports, which come before the functions
	return m.assemble()
}

func (m *Module) assemble() *wasm.Module {
	parts := &wasm.Module{Data: slices.Clone(m.Data), Customs: slices.Clone(m.Customs)}
	for _, i := range m.Imports {
		imported := wasm.Import{Module: i.Module, Name: i.Name, Kind: i.Kind, Global: wasm.GlobalType{Value: wasm.I32}}
		if i.Kind == wasm.KindFunc {
			imported.Type = typeOf(parts, i.Params, i.Results)
		}
		parts.Imports = append(parts.Imports, imported)
	}
	end := []byte{byte(wasm.OpEnd)}
	for _, f := range m.Funcs {
		parts.Funcs = append(parts.Funcs, typeOf(parts, f.Params, f.Results))
		parts.Codes = append(parts.Codes, wasm.Code{Locals: f.Locals, Body: slices.Concat(f.Body(m), end)})
		if !f.Hidden {
			parts.Exports = append(parts.Exports, wasm.Export{Name: f.Name, Index: m.index(f.Name)})
		}
	}
	m.assembleSpaces(parts)
	if m.Start != "" {
		start := m.index(m.Start)
		parts.Start = &start
	}
	if m.Names {
		var names []string
		for _, f := range m.Funcs {
			names = append(names, f.Name)
		}
		parts.Customs = append(parts.Customs, wasm.Custom{
			Name: wasm.NameSection, Content: NameSection(m.importedFuncs(), names...), After: wasm.SectionData,
		})
	}
	return parts
}

// assembleSpaces makes the memory, the globals and the table.
func (m *Module) assembleSpaces(parts *wasm.Module) {
	if m.Pages > 0 || m.MaxPages > 0 {
		limits := wasm.Limits{Min: uint32(m.Pages), Max: uint32(m.MaxPages), HasMax: m.MaxPages > 0}
		parts.Memories = []wasm.Limits{limits}
		parts.Exports = append(parts.Exports, wasm.Export{Name: "memory", Kind: wasm.KindMemory})
	}
	variable := wasm.Global{Type: wasm.GlobalType{Value: wasm.I32, Mutable: true}, Init: Constant(0)}
	parts.Globals = slices.Repeat([]wasm.Global{variable}, m.Globals)
	if m.Table != nil {
		parts.Tables = []wasm.Table{{Element: wasm.FuncRef, Limits: wasm.Limits{Min: uint32(len(m.Table))}}}
	}
	for i, name := range m.Table {
		if name != "" {
			element := wasm.Element{Type: wasm.FuncRef, Offset: Constant(int64(i)), Funcs: []uint32{m.index(name)}}
			parts.Elements = append(parts.Elements, element)
		}
	}
}

// typeOf gives the index of a type, which it adds if it is new.
func typeOf(parts *wasm.Module, params, results []wasm.ValueType) uint32 {
	same := func(t wasm.FuncType) bool {
		return slices.Equal(t.Params, params) && slices.Equal(t.Results, results)
	}
	if i := slices.IndexFunc(parts.Types, same); i >= 0 {
		return uint32(i)
	}
	parts.Types = append(parts.Types, wasm.FuncType{Params: params, Results: results})
	return uint32(len(parts.Types) - 1)
}

// NameSection gives the content of a name section: the module is "test", the functions have the names,
// from the index of the first on.
func NameSection(first uint32, names ...string) []byte {
	functions := wasm.AppendU32(nil, uint32(len(names)))
	for i, name := range names {
		functions = append(wasm.AppendU32(functions, first+uint32(i)), sized([]byte(name))...)
	}
	const moduleName, functionNames = 0, 1 // the subsections
	content := append([]byte{moduleName}, sized(sized([]byte("test")))...)
	return append(append(content, functionNames), sized(functions)...)
}

func sized(b []byte) []byte { return append(wasm.AppendU32(nil, uint32(len(b))), b...) }
