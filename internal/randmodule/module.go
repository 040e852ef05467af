package randmodule

import (
	"fmt"
	"slices"

	"github.com/wnode/wnode/vm/module/wasm"
)

// Report is a function that modules import to tell what has become of their state.
type Report struct {
	Module, Name string
	Type         wasm.FuncType
	// Args is code that pushes its arguments, for the 8 bytes at [ReportAddress].
	Args []byte
}

// ReportAddress is where in memory what is reported stands.
const ReportAddress = 8

// Module is what becomes of bytes.
type Module struct {
	*wasm.Module
	// Functions are the exported functions with random code, "f0" and so on. Globals are exported as "g0" and so on,
	// the memory as "memory".
	Functions []Function
	Globals   int
}

// Function is an exported function.
type Function struct {
	Name string
	Type wasm.FuncType
}

// fuel is how many calls and turns of loops a module begins with.
const fuel = 400

// generator makes a module.
type generator struct {
	*source
	m     *wasm.Module
	types []uint32 // of all functions, by index; those behind the imports with random code first

	imports, random int // functions
	canon32         uint32
	canon64         uint32
	digest          uint32

	floats, vectors, tables, drops bool
	fuel                           uint32
	globals                        []wasm.GlobalType
	entries                        []uint32 // of the first table
}

// New makes the module that bytes stand for. With a report, its export "_start" calls all functions with random
// code, and reports a digest of memory and globals.
func New(b []byte, report *Report) Module {
	g := &generator{source: &source{b}, m: &wasm.Module{}}
	g.floats, g.vectors, g.tables, g.drops = g.one(2), g.one(4), g.one(4), g.one(6)
	g.addTypes()
	g.addFunctions(report)
	g.addMemory()
	g.addGlobals()
	g.addTables()
	for i := range g.random {
		g.m.Codes = append(g.m.Codes, g.function(uint32(g.imports+i)))
	}
	g.addHelpers()
	out := Module{Module: g.m, Globals: len(g.globals)}
	for i := range g.random {
		f := Function{fmt.Sprint("f", i), g.m.Types[g.types[g.imports+i]]}
		out.Functions = append(out.Functions, f)
		g.export(f.Name, wasm.KindFunc, uint32(g.imports+i))
	}
	for i := range g.globals {
		g.export(fmt.Sprint("g", i), wasm.KindGlobal, uint32(i))
	}
	g.export("memory", wasm.KindMemory, 0)
	if report != nil {
		g.addEntry(report)
	}
	return out
}

func (g *generator) export(name string, kind wasm.Kind, index uint32) {
	g.m.Exports = append(g.m.Exports, wasm.Export{Name: name, Kind: kind, Index: index})
}

// Types that every module has.
const (
	typeNothing = iota // () -> ()
	typeCanon32
	typeCanon64
	typeDigest
	typeRandom // and those behind it
)

func (g *generator) addTypes() {
	f32, f64 := []wasm.ValueType{wasm.F32}, []wasm.ValueType{wasm.F64}
	g.m.Types = []wasm.FuncType{
		{}, {Params: f32, Results: f32}, {Params: f64, Results: f64}, {Results: []wasm.ValueType{wasm.I64}},
	}
	for range 1 + g.pick(4) {
		g.m.Types = append(g.m.Types, wasm.FuncType{Params: g.values(), Results: g.values()})
	}
	if g.one(6) { // more than there are registers for
		many := slices.Repeat([]wasm.ValueType{wasm.I32}, 5+g.pick(6))
		g.m.Types = append(g.m.Types, wasm.FuncType{Params: many, Results: g.values()})
	}
}

// values gives the types of some values.
func (g *generator) values() (types []wasm.ValueType) {
	for range g.pick(4) {
		types = append(types, g.value())
	}
	return types
}

// value gives a type of a value that the module uses.
func (g *generator) value() wasm.ValueType {
	types := []wasm.ValueType{wasm.I32, wasm.I64, wasm.I32}
	if g.floats {
		types = append(types, wasm.F32, wasm.F64)
	}
	if g.vectors {
		types = append(types, wasm.V128)
	}
	return of(g.source, types)
}

// addFunctions decides which functions there are.
func (g *generator) addFunctions(report *Report) {
	imported := func(module, name string, t wasm.FuncType) {
		g.m.Types = append(g.m.Types, t)
		index := uint32(len(g.m.Types) - 1)
		g.m.Imports = append(g.m.Imports, wasm.Import{Module: module, Name: name, Kind: wasm.KindFunc, Type: index})
		g.types = append(g.types, index)
	}
	if report != nil {
		imported(report.Module, report.Name, report.Type)
	}
	if g.one(3) {
		imported("wasi_snapshot_preview1", "sched_yield", wasm.FuncType{Results: []wasm.ValueType{wasm.I32}})
	}
	g.imports = len(g.types)
	g.random = 1 + g.pick(6)
	types := len(g.m.Types) - g.imports - typeRandom // those that are not of imports
	for range g.random {
		t := uint32(typeNothing)
		if !g.one(4) {
			t = uint32(typeRandom + g.pick(types))
		}
		g.types = append(g.types, t)
	}
	g.canon32 = uint32(len(g.types))
	g.canon64, g.digest = g.canon32+1, g.canon32+2
	g.types = append(g.types, typeCanon32, typeCanon64, typeDigest)
	g.m.Funcs = slices.Clone(g.types[g.imports:])
	for i := g.imports; i < g.imports+g.random; i++ {
		if g.types[i] == typeNothing && g.one(5) {
			start := uint32(i)
			g.m.Start = &start
			break
		}
	}
}

func (g *generator) addMemory() {
	memory := wasm.Limits{Min: 1, Max: 3, HasMax: true}
	if g.one(16) { // more than what is filled or copied at once
		memory = wasm.Limits{Min: 6, Max: 8, HasMax: true}
	}
	g.m.Memories = []wasm.Limits{memory}
	for range g.pick(4) {
		d := wasm.Data{Bytes: g.bytes(), Offset: g.offset(g.pick(70000))}
		if g.one(2) {
			d = wasm.Data{Bytes: d.Bytes, Mode: wasm.Passive}
		}
		if d.Mode == wasm.Active && !g.one(20) { // where there is room
			d.Offset = g.offset(g.pick(60000))
		}
		g.m.Data = append(g.m.Data, d)
	}
	count := uint32(len(g.m.Data))
	g.m.DataCount = &count
}

func (g *generator) bytes() []byte {
	b := make([]byte, g.pick(40))
	for i := range b {
		b[i] = byte(1 + i*g.pick(8))
	}
	return b
}

// offset gives an expression for a place, sometimes one that has to be computed.
func (g *generator) offset(place int) wasm.Expr {
	number := func(v int) []byte { return wasm.AppendSigned([]byte{byte(wasm.OpI32Const)}, int64(v)) }
	if !g.one(4) {
		return wasm.Expr{Op: wasm.OpI32Const, Code: number(place)}
	}
	part := g.pick(place + 1)
	code := slices.Concat(number(place-part), number(part), []byte{byte(wasm.OpI32Add)})
	return wasm.Expr{Op: wasm.OpI32Add, Code: code}
}

func (g *generator) addGlobals() {
	g.fuel = 0
	g.addGlobal(wasm.GlobalType{Value: wasm.I32, Mutable: true}, wasm.AppendSigned([]byte{byte(wasm.OpI32Const)}, fuel))
	for range g.pick(5) {
		t := wasm.GlobalType{Value: g.value(), Mutable: !g.one(4)}
		f := &body{generator: g}
		f.constant(t.Value)
		g.addGlobal(t, f.code)
	}
}

func (g *generator) addGlobal(t wasm.GlobalType, init []byte) {
	g.globals = append(g.globals, t)
	e := wasm.Expr{Op: wasm.Op(init[0]), Code: init}
	if init[0] == 0xfd {
		e.Op = wasm.OpV128Const
	}
	g.m.Globals = append(g.m.Globals, wasm.Global{Type: t, Init: e})
}

// addTables puts functions with random code, and imported ones, into a table.
func (g *generator) addTables() {
	for range g.pick(12) {
		g.entries = append(g.entries, uint32(g.pick(g.imports+g.random)))
	}
	first := g.pick(3)
	size := uint32(first + len(g.entries) + g.pick(4))
	if size%3 == 0 { // large enough to become code
		size += 256
	}
	g.m.Tables = []wasm.Table{{Element: wasm.FuncRef, Limits: wasm.Limits{Min: size, Max: size + 5, HasMax: true}}}
	g.m.Elements = []wasm.Element{{Type: wasm.FuncRef, Offset: g.offset(first), Funcs: g.entries}}
	g.entries = append(make([]uint32, first), g.entries...) // at the first places there is none
	for i := range first {
		g.entries[i] = absent
	}
	if !g.tables {
		return
	}
	g.m.Tables = append(g.m.Tables, wasm.Table{Element: wasm.FuncRef, Limits: wasm.Limits{Min: 4}})
	all := make([]uint32, g.imports+g.random)
	refs := make([]wasm.Expr, 0, len(all))
	for i := range all {
		all[i] = uint32(i)
		refs = append(refs, wasm.FuncExpr(uint32(i)))
	}
	g.m.Elements = append(g.m.Elements,
		wasm.Element{Mode: wasm.Declarative, Type: wasm.FuncRef, Funcs: all},
		wasm.Element{Mode: wasm.Passive, Type: wasm.FuncRef, Exprs: refs},
		wasm.Element{Mode: wasm.Active, Table: 1, Explicit: true, Type: wasm.FuncRef, Offset: g.offset(1), Funcs: all[:1]})
}

const absent = ^uint32(0)
