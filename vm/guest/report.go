package guest

import (
	"cmp"
	"encoding/hex"
	"slices"

	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm/module/rewrite"
	"github.com/wnode/wnode/vm/module/wasm"
)

// Report is what there is to know of a module before it is shipped. Texts that come from the module are printable
// and bounded. The names in JSON are those that `wnode inspect --json` prints, and stay.
type Report struct {
	// SHA256 names the module, in hexadecimal, and Bytes is its size.
	SHA256 string `json:"sha256"`
	Bytes  int    `json:"bytes"`
	// Name is what the module calls itself; "" for nothing.
	Name string `json:"module_name"`
	// Producers are the languages and tools that it was made with, as far as it says.
	Producers []wasm.Producer `json:"producers"`
	// Customs are its custom sections.
	Customs []CustomSection `json:"custom_sections"`
	// Functions is how many it defines, and NamedFunctions how many of all have names.
	Functions      int `json:"functions"`
	NamedFunctions int `json:"named_functions"`
	// SourceLines says that backtraces of its processes have source lines.
	SourceLines bool `json:"source_lines"`
	// Imports are what it imports, by module and sorted.
	Imports []Imports `json:"imports"`
	// ImportProblems says of each import that this node cannot give what is wrong with it. Such a module
	// cannot be run.
	ImportProblems []string `json:"import_problems"`
	// Entries are the exports at which a process can start, sorted. DefaultEntry is where one starts that is
	// not told where, "" when there is no such export.
	Entries      []string `json:"entries"`
	DefaultEntry string   `json:"default_entry"`
	// Memory is the module's memory, nil for none.
	Memory *MemoryReport `json:"memory"`
	// Tables are its tables.
	Tables []TableReport `json:"tables"`
	// MutableGlobals is how many mutable globals it defines.
	MutableGlobals int `json:"mutable_globals"`
	// Features are those it uses beyond the first version of WebAssembly, as compilers call them, sorted.
	Features []string `json:"features"`
	// SharedGenerators are the packages of Go whose shared random numbers it uses, as far as it has names. What
	// they have drawn from when the module is initialised, all its processes draw from.
	SharedGenerators []string `json:"shared_random_generators"`
	// Instances says whether an instance serves one process after the other.
	Instances InstancesReport `json:"instances"`
	// Initialization says how often the module is initialised.
	Initialization InitializationReport `json:"initialization"`
	// Image is what processes begin with, nil when no instance could be made.
	Image *ImageReport `json:"image"`
	// Takes is what a node keeps for the module and its processes, nil when no instance could be made.
	Takes *TakesReport `json:"takes"`
	// Compile is what it took to compile it.
	Compile CompileReport `json:"compile"`
}

// CustomSection is a custom section of a module.
type CustomSection struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`
}

// Imports are the things that a module imports from one module.
type Imports struct {
	Module string   `json:"module"`
	Names  []string `json:"names"`
}

// MemoryReport is a memory, in pages of 64 KiB. MaxPages is nil when the module does not say.
type MemoryReport struct {
	MinPages uint32  `json:"min_pages"`
	MaxPages *uint32 `json:"max_pages"`
}

// TableReport is a table. MaxElements is nil when the module does not say. BecomesCode says that calls go through
// code that stands in for it.
type TableReport struct {
	MinElements uint32  `json:"min_elements"`
	MaxElements *uint32 `json:"max_elements"`
	BecomesCode bool    `json:"becomes_code"`
}

// InstancesReport says whether instances are used again, and if not, why.
type InstancesReport struct {
	Reused bool   `json:"reused"`
	Reason string `json:"reason,omitempty"`
}

// How often a module is initialised.
const (
	InitializedNever   = "never"   // there is nothing to do
	InitializedOnce    = "once"    // for all processes of a node
	InitializedEach    = "each"    // for each process
	InitializedFails   = "fails"   // processes end before they get to their function
	InitializedUnknown = "unknown" // the module cannot be run
)

// InitializationReport says how often a module is initialised. A process that is given folders, variables or
// listeners is always initialised for itself.
type InitializationReport struct {
	// Times is one of [InitializedNever] and those after it, Reason why it is not once.
	Times  string `json:"times"`
	Reason string `json:"reason,omitempty"`
	// By is what initialises it: "start function", "_initialize".
	By []string `json:"by"`
}

// ImageReport is what processes begin with: Bytes of MemoryBytes are not zero, to the next 4096.
type ImageReport struct {
	Bytes       uint64 `json:"bytes"`
	MemoryBytes uint64 `json:"memory_bytes"`
}

// TakesReport is what a node keeps of its memory for a module, see [ModuleMemory]: for each process to begin with, and
// once for all of them.
type TakesReport struct {
	ProcessBytes uint64 `json:"process_bytes"`
	ImageBytes   uint64 `json:"image_bytes"`
	CodeBytes    uint64 `json:"code_bytes"`
}

// CompileReport is what it took to compile a module on this machine, rewriting included, and what came of it.
type CompileReport struct {
	Seconds        float64 `json:"seconds"`
	RewrittenBytes int     `json:"rewritten_bytes"`
}

// describe tells what can be read off a module. The error wraps [wasm.ErrMalformed] or is a [*wasm.LimitError].
func describe(hash abi.Hash, content []byte) (*Report, error) {
	m, err := wasm.Decode(content)
	if err != nil {
		return nil, err
	}
	r := &Report{
		SHA256: hex.EncodeToString(hash[:]), Bytes: len(content), Functions: len(m.Funcs),
		Producers: []wasm.Producer{}, Customs: []CustomSection{}, ImportProblems: []string{}, SharedGenerators: []string{},
		Imports: importsOf(m), Tables: []TableReport{},
	}
	for i := range m.Customs {
		r.addCustom(&m.Customs[i])
	}
	for i := range m.Globals {
		if m.Globals[i].Type.Mutable {
			r.MutableGlobals++
		}
	}
	for i := range m.Tables {
		r.Tables = append(r.Tables, TableReport{MinElements: m.Tables[i].Limits.Min, MaxElements: maximum(&m.Tables[i].Limits)})
	}
	if len(m.Memories) > 0 {
		r.Memory = &MemoryReport{MinPages: m.Memories[0].Min, MaxPages: maximum(&m.Memories[0])}
	}
	r.Features, err = m.Features()
	return r, err
}

func maximum(l *wasm.Limits) *uint32 {
	if !l.HasMax {
		return nil
	}
	return &l.Max
}

// addCustom tells of a custom section, and of what is in it.
func (r *Report) addCustom(c *wasm.Custom) {
	r.Customs = append(r.Customs, CustomSection{Name: printable(c.Name, maxNameBytes), Bytes: len(c.Content)})
	switch c.Name {
	case wasm.NameSection:
		names := wasm.ReadNames(c.Content)
		r.Name, r.NamedFunctions = printable(names.Module, maxNameBytes), len(names.Functions)
		r.SharedGenerators = sharedGenerators(names.Functions)
	case wasm.ProducersSection:
		for _, p := range wasm.ReadProducers(c.Content) {
			r.Producers = append(r.Producers, wasm.Producer{
				Field: printable(p.Field, maxNameBytes), Name: printable(p.Name, maxNameBytes), Version: printable(p.Version, maxNameBytes),
			})
		}
	case rewrite.LinesSection:
		r.SourceLines = true
	}
}

// generators are functions of Go's library, by the names that its linker gives them, through which random numbers are
// drawn that all of a program shares. A program that has generators of its own only has none of them.
var generators = map[string]string{
	"math_rand.__runtimeSource_.Uint64":    "math/rand",
	"math_rand_v2.__runtimeSource_.Uint64": "math/rand/v2",
}

// sharedGenerators gives the packages whose shared generators a module has.
func sharedGenerators(names map[uint32]string) []string {
	found := []string{}
	for _, name := range names {
		if pkg, ok := generators[name]; ok && !slices.Contains(found, pkg) {
			found = append(found, pkg)
		}
	}
	slices.Sort(found)
	return found
}

// importsOf gives what a module imports.
func importsOf(m *wasm.Module) []Imports {
	all := []Imports{}
	places := map[string]int{}
	for i := range m.Imports {
		want := &m.Imports[i]
		place, ok := places[want.Module]
		if !ok {
			place = len(all)
			places[want.Module] = place
			all = append(all, Imports{Module: printable(want.Module, maxNameBytes)})
		}
		all[place].Names = append(all[place].Names, printable(want.Name, maxNameBytes))
	}
	slices.SortFunc(all, func(a, b Imports) int { return cmp.Compare(a.Module, b.Module) })
	for i := range all {
		slices.Sort(all[i].Names)
		all[i].Names = slices.Compact(all[i].Names)
	}
	return all
}

// addEntries tells where processes can start.
func (r *Report) addEntries(c *code) {
	r.Entries = []string{}
	for name, f := range c.exports {
		if len(f.ParamTypes()) == 0 && name != initializeExport && name != abi.ImageExport {
			r.Entries = append(r.Entries, printable(name, maxNameBytes))
		}
	}
	slices.Sort(r.Entries)
	if entry := c.entry(abi.DefaultExport); takesNothing(c.exports[entry]) {
		r.DefaultEntry = entry
	}
	r.Initialization.By = []string{}
	if c.bounds.start != "" {
		r.Initialization.By = append(r.Initialization.By, "start function")
	}
	if _, ok := c.exports[initializeExport]; ok {
		r.Initialization.By = append(r.Initialization.By, initializeExport)
	}
}

func takesNothing(f api.FunctionDefinition) bool { return f != nil && len(f.ParamTypes()) == 0 }
