package guest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/vm/module/rewrite"
)

// linkError says that a module wants something of the node that it does not have, or that an
// export cannot be an entry (W-05).
type linkError struct{ what string }

func (e *linkError) Error() string { return "link module: " + e.what }

// checkImports compares the functions that a module imports with those that there are. Imports of
// other kinds fail when the module is instantiated: nothing here exports any.
func (e *Engine) checkImports(compiled wazero.CompiledModule) error {
	for _, want := range compiled.ImportedFunctions() {
		module, name, _ := want.Import()
		if module == rewrite.ImportModule {
			continue // put there by the rewriter, which refuses modules that have it already
		}
		functions, ok := e.hosts[module]
		if !ok {
			return &linkError{fmt.Sprintf("unknown import module %q", module)}
		}
		have, ok := functions[name]
		if !ok {
			return &linkError{fmt.Sprintf("unknown import %q of module %q", name, module)}
		}
		if signature(want) != signature(have) {
			return &linkError{fmt.Sprintf("import %q of module %q has type %s, not %s",
				name, module, signature(want), signature(have))}
		}
	}
	return nil
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
		return &linkError{fmt.Sprintf("export %q has type %s; an entry has no parameters", export, signature(f))}
	}
	return nil
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
