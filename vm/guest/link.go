package guest

import (
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm/module/rewrite"
	"github.com/wnode/wnode/vm/module/wasm"
)

// linkError says that a module wants something of the node that it does not have, or that an
// export cannot be an entry (W-05).
type linkError struct{ what string }

func (e *linkError) Error() string { return "link module: " + e.what }

// checkImports compares the functions that a module imports with those that there are. Imports of
// other kinds but memories fail when the module is instantiated: nothing here exports any.
func (e *Engine) checkImports(compiled wazero.CompiledModule) error {
	for text := range e.importProblems(compiled) {
		return &linkError{text}
	}
	return nil
}

// checkNames looks for functions that no node has. It takes no compiler, which is half a minute for a large module.
func (e *Engine) checkNames(imports []wasm.Import) error {
	for _, want := range imports {
		if _, ok := e.hosts[want.Module][want.Name]; !ok && want.Kind == wasm.KindFunc {
			return &linkError{unknownImport(want.Module, want.Name)}
		}
	}
	return nil
}

func unknownImport(module, name string) string {
	return fmt.Sprintf("unknown import %s.%s: %s", module, name, importRemedy(module, name))
}

// importProblems says of each import that this node cannot give what is wrong with it.
func (e *Engine) importProblems(compiled wazero.CompiledModule) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, want := range compiled.ImportedFunctions() {
			if problem := e.importProblem(want); problem != "" && !yield(problem) {
				return
			}
		}
		for _, want := range compiled.ImportedMemories() {
			module, name, _ := want.Import()
			if !yield(fmt.Sprintf("it imports the memory %s.%s, and a node gives functions only; build it with a memory of its own", module, name)) {
				return
			}
		}
	}
}

// importProblem says what is wrong with the import of a function, "" for nothing.
func (e *Engine) importProblem(want api.FunctionDefinition) string {
	module, name, _ := want.Import()
	if module == rewrite.ImportModule {
		return "" // put there by the rewriter, which refuses modules that have it already
	}
	have, ok := e.hosts[module][name]
	switch {
	case !ok:
		return unknownImport(module, name)
	case signature(want) != signature(have):
		return fmt.Sprintf("import %s.%s has type %s, not %s; was it built for another version of wnode?",
			module, name, signature(want), signature(have))
	}
	return ""
}

// whatNodesGive ends the text on an import that no node has.
const whatNodesGive = "a node gives the functions of wnode and of WASI preview 1 (wasi_snapshot_preview1)"

// foreign are the marks of modules that were built for something else, in the name of the module or
// of the function that they import, with what to do about it.
var foreign = []struct {
	mark   *regexp.Regexp // of module.function
	remedy string
}{
	{regexp.MustCompile(`^wasi:|^\[.*\]|^cm32p2`), "it was built for WASI preview 2 (components); build it for wasm32-wasip1"},
	{regexp.MustCompile(`^wasi_unstable\.`), "it was built for WASI preview 0; build it again for wasm32-wasip1"},
	{regexp.MustCompile(`^wasix_`), "it was built for WASIX; build it for wasm32-wasip1"},
	{regexp.MustCompile(`^(go|gojs)\.`), "it was built with GOOS=js; build it with GOOS=wasip1"},
	{regexp.MustCompile(`^wbg\.|__wbindgen|_bg\.js\.`), "it was built for a browser with wasm-bindgen; build it for wasm32-wasip1"},
	{regexp.MustCompile(`^env\.(_?emscripten|_*syscall|invoke_|_embind|__cxa_|__assert_fail)|^a\.[a-zA-Z]{1,2}$`), "it was built by Emscripten; build it with -sSTANDALONE_WASM, or for wasm32-wasip1"},
	{regexp.MustCompile(`^(window|document|console|imports|js|index)\.`), "it was built for a browser"},
	{regexp.MustCompile(`^env\.`), "functions of env are what no library had when it was linked"},
}

// importRemedy says what to do about an import that no node has.
func importRemedy(module, name string) string {
	if module == abi.ImportModule {
		return "this node does not have it; was it built for a newer version of wnode?"
	}
	for _, f := range foreign {
		if f.mark.MatchString(module + "." + name) {
			return f.remedy + "; " + whatNodesGive
		}
	}
	return whatNodesGive
}

// importsFrom reports whether a module imports a function of the given host module.
func importsFrom(compiled wazero.CompiledModule, host string) bool {
	return slices.ContainsFunc(compiled.ImportedFunctions(), func(f api.FunctionDefinition) bool {
		module, _, _ := f.Import()
		return module == host
	})
}

// checkEntry says what is wrong with an export at which a process is to start. Its results would
// be discarded (W-02).
func checkEntry(f api.FunctionDefinition, export string) error {
	if len(f.ParamTypes()) > 0 {
		return &linkError{fmt.Sprintf("export %q has type %s, and what a process starts at has no parameters", export, signature(f))}
	}
	return nil
}

// entry gives the export at which a process starts that is to start at the given one.
func (c *code) entry(export string) string {
	if _, ok := c.exports[export]; !ok && export == abi.DefaultExport {
		if _, ok := c.exports[abi.ReactorExport]; ok {
			return abi.ReactorExport
		}
	}
	return export
}

// maxExportsNamed bounds how many exports an error text lists.
const maxExportsNamed = 10

// noSuchExport says that a module does not have an export, and what could be started in its place.
func (c *code) noSuchExport(export string) string {
	var names []string
	for name, f := range c.exports {
		if len(f.ParamTypes()) == 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	text := fmt.Sprintf("the module has no export %q", export)
	switch n := len(names); {
	case n == 0:
		return text + ", and none at which a process could start"
	case n > maxExportsNamed:
		names = append(names[:maxExportsNamed], fmt.Sprintf("and %d more", n-maxExportsNamed))
	}
	return text + "; a process could start at: " + strings.Join(names, ", ")
}

// signature gives the type of a function in words.
func signature(f api.FunctionDefinition) string {
	return "(" + valueTypes(f.ParamTypes()) + ") -> (" + valueTypes(f.ResultTypes()) + ")"
}

func valueTypes(types []api.ValueType) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = api.ValueTypeName(t)
	}
	return strings.Join(names, ", ")
}
