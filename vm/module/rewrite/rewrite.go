package rewrite

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wnode/wnode/vm/module/wasm"
)

// ImportModule is where the functions come from that rewritten modules import: Yield, StackOverflow
// and TableTrap, and some Where. A module that imports from there by itself is refused.
const ImportModule = "wnode:meter"

const (
	// Yield is called with what is left of the budget, which is below zero, and gives a new budget, in reductions:
	// [MinBudget] or more. Its type is (i32) -> (i32).
	Yield = "yield"
	// StackOverflow is called when less than nothing is left of the stack. It returns if it has made
	// [Result.Stack] larger, so that there is again, and ends the guest otherwise. Its type is () -> ().
	StackOverflow = "stack_overflow"
	// TableTrap is called for a call through a table that there is no function for, and must not
	// return. It is given TrapNoFunction or TrapOtherType; its type is (i32) -> ().
	TableTrap = "table_trap"
)

// What is wrong with a call through a table: there is no function at the index, or one of another type.
const (
	TrapNoFunction = iota
	TrapOtherType
)

// CoreFeatures are the features of WebAssembly that a compiler has to know for what this package rewrites. For
// [Options.Threads] it takes [experimental.CoreFeaturesThreads] too.
const CoreFeatures = api.CoreFeaturesV2 | experimental.CoreFeaturesTailCall | experimental.CoreFeaturesExtendedConst

// MinBudget is the least that [Yield] may give: with less, a loop might get nowhere.
const MinBudget = 100

// Defaults of [Options].
const (
	DefaultBudget     = 100_000
	DefaultStackBytes = 4 << 20
)

// ErrReserved says that a module imports from [ImportModule].
var ErrReserved = errors.New("import from a reserved module")

// BoundError says that a module wants more of something than a module may have.
type BoundError struct{ What string }

func (e *BoundError) Error() string { return e.What }

// Options are the parameters of [Module].
type Options struct {
	// Budget is the number of reductions that an instance starts with. 0: [DefaultBudget].
	Budget int32
	// StackBytes bounds the stack, by an estimate of what functions use. 0: [DefaultStackBytes].
	StackBytes int32
	// MemoryPages is the most pages that a memory can grow to. 0: what the module says.
	MemoryPages uint32
	// State takes out of the module what instantiation would do to an instance's memory, and puts in
	// what it takes to see and to set the instance's state from outside: [Result.State].
	State bool
	// DispatchFrom is the number of elements from which on a table that never changes is turned into
	// code. 0: [DefaultDispatchFrom]. Negative: none is.
	DispatchFrom int
	// Threads allows atomic instructions. The memory that they work on is the instance's own all the same:
	// shared ones are refused.
	Threads bool
	// Waits are the imported functions, each as "module.name", that may return [Again].
	Waits []string
	// Explain has [Result.Explained] made. The module does not depend on it.
	Explain bool
}

// Result is a rewritten module.
type Result struct {
	// Module is the module in the binary format.
	Module []byte
	// Left is the name of the exported global with what is left of the budget, an i32. While code runs
	// it may be behind by what the function on top has used since.
	Left string
	// Stack is the name of the exported global with the bytes of stack that are left, an i32. A trap leaves it as
	// it was then: who goes on to use the instance sets it to what it was before the call.
	Stack string
	// Tables is the name of the exported global with the elements by which all tables together may still
	// grow, an i32; "" for a module that makes none grow.
	Tables string
	// TableElements is how many elements the tables have to begin with.
	TableElements uint32
	// Start is the name under which the start function is exported; "" for none. The module no longer calls
	// it by itself, so that whoever makes an instance can set the globals before any of its code runs.
	Start string
	// Layout translates the indices of functions.
	Layout Layout
	// Imports are what the module imports by itself.
	Imports []wasm.Import
	// Offsets translates offsets in the code, of a module that has source lines. Of any other it knows nothing.
	Offsets Offsets
	// DebugBytes is the size of the debug information that the module had.
	DebugBytes int
	// TableBytes bounds what the tables of an instance take.
	TableBytes uint64
	// State is what instances begin with. Zero without [Options.State].
	State State
	// Explained says what was done. nil without [Options.Explain].
	Explained *Explanation
}

// Module rewrites a module. It leaves b alone; the result may share memory with it. The errors wrap
// [wasm.ErrMalformed] or [ErrReserved], or are a [*wasm.LimitError], a [*wasm.FeatureError] or a [*BoundError]. That a module is
// rewritten does not mean that it is valid, but one that is not does not become so.
func Module(b []byte, opts Options) (*Result, error) {
	if opts.Budget <= 0 {
		opts.Budget = DefaultBudget
	}
	if opts.StackBytes <= 0 {
		opts.StackBytes = DefaultStackBytes
	}
	if opts.DispatchFrom == 0 {
		opts.DispatchFrom = DefaultDispatchFrom
	}
	m, err := wasm.Decode(b)
	if err != nil {
		return nil, err
	}
	for i := range m.Imports {
		if m.Imports[i].Module == ImportModule {
			return nil, fmt.Errorf("%w: %s", ErrReserved, ImportModule)
		}
	}
	elements, err := bound(m, opts.MemoryPages)
	if err != nil {
		return nil, err
	}
	r := &rewriter{m: m, opts: opts, elements: elements, traced: hasLines(m)}
	debug, imports := debugBytes(m), m.Imports
	if err := r.analyze(); err != nil {
		return nil, err
	}
	r.planDispatch()
	r.plan()
	r.place()
	functions := r.emitAll()
	r.inject()
	if r.dispatch != nil {
		m.Tables, m.Elements = nil, nil // nothing uses them any more
	}
	result := &Result{
		Left: r.names.left, Stack: r.names.stack, Tables: r.names.tables, Start: r.names.start,
		TableElements: r.elements, TableBytes: tableBytes(m.Tables, len(r.grows) > 0),
		Layout: r.layout, Offsets: r.offsets(), DebugBytes: debug, Imports: imports,
	}
	if opts.State {
		result.State = r.detachState()
	}
	if opts.Explain {
		result.Explained = r.explanation(functions)
	}
	result.Module = m.Encode()
	return result, nil
}

// emitAll puts the new code of all functions in place of the old, and tells of it if that is wanted.
func (r *rewriter) emitAll() (reports []FunctionReport) {
	var names map[uint32]string
	if r.opts.Explain {
		names = functionNames(r.m)
		reports = make([]FunctionReport, 0, len(r.funcs))
	}
	for i := range r.funcs {
		code := r.emit(i)
		if r.opts.Explain {
			reports = append(reports, r.explainFunction(i, names, code))
		}
		r.m.Codes[i] = code
		r.funcs[i].points = nil
	}
	return reports
}

// rewriter has what the passes over a module hand on to each other.
type rewriter struct {
	m      *wasm.Module
	opts   Options
	traced bool // the compiler is to keep offsets

	funcs     []function // those that are not imported
	canonical []uint32   // for each type, the first that is the same
	indirect  map[uint32]*throughType
	imports   []uint32 // the types of the functions that are imported
	taken     []bool   // for each function that is not imported, whether its address is taken
	hidden    hiddenState
	dispatch  *dispatch // nil when there is no table that is turned into code

	layout  Layout
	types   injectedTypes
	helpers helpers
	inits   map[uint32]*helper // for memory.init, by segment
	grows   map[uint32]*helper // for table.grow, by table
	left    uint32             // the global that counts reductions
	stack   uint32             // the global that counts bytes of stack
	tables  uint32             // the global that counts elements of tables, if there is one
	names   exportNames

	elements uint32 // of all tables to begin with
}

// Layout is how the functions of a module moved.
type Layout struct {
	imported uint32 // functions that the module imports itself
	defined  uint32 // functions that the module defines itself
	waits    []Wait // in the order of the imports
}

// injected is by how much the functions that a module defines move.
func (l Layout) injected() uint32 {
	if len(l.waits) > 0 {
		return 4
	}
	return 3
}

// New gives the index that a function has after rewriting, or that of what stands in for it.
func (l Layout) New(index uint32) uint32 {
	if index < l.imported {
		return l.standIn(index)
	}
	return index + l.injected()
}

// Original gives the index that a function had before, and false for one that was added.
func (l Layout) Original(index uint32) (uint32, bool) {
	switch {
	case index < l.imported:
		return index, true
	case index < l.imported+l.injected() || index >= l.imported+l.injected()+l.defined:
		return 0, false
	}
	return index - l.injected(), true
}

func (l Layout) yield() uint32         { return l.imported }
func (l Layout) stackOverflow() uint32 { return l.imported + 1 }
func (l Layout) tableTrap() uint32     { return l.imported + 2 }
func (l Layout) where() uint32         { return l.imported + 3 }

// place decides where things go that are added.
func (r *rewriter) place() {
	r.layout = Layout{imported: uint32(r.m.Imported(wasm.KindFunc)), defined: uint32(len(r.m.Funcs))}
	r.left = uint32(r.m.Imported(wasm.KindGlobal) + len(r.m.Globals))
	r.stack, r.tables = r.left+1, r.left+2
	r.types = injectedTypes{m: r.m, results: map[string]uint32{}}
	r.inits, r.grows = map[uint32]*helper{}, map[uint32]*helper{}
	r.placeWaits()
}

// inject puts in what the new code refers to, and moves everything else that goes by the indices of functions.
func (r *rewriter) inject() {
	m := r.m
	r.renumber()
	yield := r.types.add([]wasm.ValueType{wasm.I32}, []wasm.ValueType{wasm.I32})
	overflow := r.types.add(nil, nil)
	m.Imports = append(m.Imports,
		wasm.Import{Module: ImportModule, Name: Yield, Kind: wasm.KindFunc, Type: yield},
		wasm.Import{Module: ImportModule, Name: StackOverflow, Kind: wasm.KindFunc, Type: overflow},
		wasm.Import{Module: ImportModule, Name: TableTrap, Kind: wasm.KindFunc, Type: r.types.add(oneParam, nil)},
	)
	if len(r.layout.waits) > 0 {
		m.Imports = append(m.Imports, wasm.Import{Module: ImportModule, Name: Where, Kind: wasm.KindFunc, Type: overflow})
	}
	start, starts := r.startCaller()
	for _, h := range r.helpers.used {
		m.Funcs = append(m.Funcs, r.types.add(h.params, h.results))
		m.Codes = append(m.Codes, h.code(r))
	}
	counter := wasm.GlobalType{Value: wasm.I32, Mutable: true}
	m.Globals = append(m.Globals,
		wasm.Global{Type: counter, Init: i32Expr(r.opts.Budget)},
		wasm.Global{Type: counter, Init: i32Expr(r.opts.StackBytes)},
	)
	names := freeNames(m.Exports)
	export := func(name string, kind wasm.Kind, index uint32) string {
		m.Exports = append(m.Exports, wasm.Export{Name: name, Kind: kind, Index: index})
		return name
	}
	r.names.left = export(names.left, wasm.KindGlobal, r.left)
	r.names.stack = export(names.stack, wasm.KindGlobal, r.stack)
	if len(r.grows) > 0 {
		m.Globals = append(m.Globals, wasm.Global{Type: counter, Init: i32Expr(int32(MaxTableElements - r.elements))})
		r.names.tables = export(names.tables, wasm.KindGlobal, r.tables)
	}
	if starts {
		r.names.start = export(names.start, wasm.KindFunc, start)
		m.Start = nil
	}
}

// startCaller gives a function that calls the start function: to export that itself would declare it for
// ref.func. It reports false when there is no start function, or none that the module defines and that has
// the type of one: the compiler may have something to say about it.
func (r *rewriter) startCaller() (index uint32, ok bool) {
	if r.m.Start == nil {
		return 0, false
	}
	start := *r.m.Start
	original, ok := r.layout.Original(start)
	if !ok || original < r.layout.imported {
		return 0, false
	}
	t := r.m.Types[r.m.Funcs[original-r.layout.imported]]
	if len(t.Params) > 0 || len(t.Results) > 0 {
		return 0, false
	}
	return r.helpers.index(&helper{write: func(_ *rewriter, out *code) { out.with(wasm.OpCall, start) }}), true
}

func i32Expr(v int32) wasm.Expr {
	return wasm.Expr{Op: wasm.OpI32Const, Code: wasm.AppendSigned([]byte{byte(wasm.OpI32Const)}, int64(v))}
}

// exportNames are names under which things are exported that the module does not export itself.
type exportNames struct {
	left, stack, tables, start string
	global                     string // followed by a number
}

// freeNames gives names that no export has.
func freeNames(exports []wasm.Export) exportNames {
	longest := 0
	for i := range exports {
		if strings.HasPrefix(exports[i].Name, ImportModule) {
			longest = max(longest, len(exports[i].Name)-len(ImportModule)+1)
		}
	}
	prefix := ImportModule + strings.Repeat("'", longest)
	return exportNames{prefix + "/left", prefix + "/stack", prefix + "/tables", prefix + "/start", prefix + "/global"}
}

// injectedTypes adds types to a module, each once.
type injectedTypes struct {
	m       *wasm.Module
	results map[string]uint32
}

func (t *injectedTypes) add(params, results []wasm.ValueType) uint32 {
	key := signature(wasm.FuncType{Params: params, Results: results})
	index, ok := t.results[key]
	if !ok {
		index = uint32(len(t.m.Types))
		t.m.Types = append(t.m.Types, wasm.FuncType{Params: params, Results: results})
		t.results[key] = index
	}
	return index
}

// signature gives a text that is the same for the same types.
func signature(t wasm.FuncType) string {
	b := make([]byte, 0, len(t.Params)+len(t.Results)+1)
	for _, p := range t.Params {
		b = append(b, byte(p))
	}
	b = append(b, 0)
	for _, p := range t.Results {
		b = append(b, byte(p))
	}
	return string(b)
}
