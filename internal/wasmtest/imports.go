package wasmtest

import (
	"strings"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm/module/wasm"
)

// wasiModule is the module that "wasi" stands for in names.
const wasiModule = "wasi_snapshot_preview1"

// wasiParams are the parameters of functions of WASI that give an i32: i for i32, I for i64.
var wasiParams = map[string]string{
	"args_get": "ii", "args_sizes_get": "ii", "clock_time_get": "iIi", "environ_get": "ii", "environ_sizes_get": "ii",
	"fd_close": "i", "fd_fdstat_get": "ii", "fd_fdstat_set_flags": "ii", "fd_prestat_get": "ii", "fd_read": "iiii",
	"fd_renumber": "ii", "fd_write": "iiii", "path_create_directory": "iii", "path_open": "iiiiiIIii",
	"poll_oneoff": "iiii", "random_get": "ii", "sched_yield": "", "sock_accept": "iii", "sock_recv": "iiiiii",
	"sock_send": "iiiii", "sock_shutdown": "ii",
}

// index gives the index of a function. An import that is new is added.
func (m *Module) index(name string) uint32 {
	host, function, imported := strings.Cut(name, ".")
	if imported {
		return m.imported(host, function)
	}
	index := m.importedFuncs()
	for i := range m.Funcs {
		if m.Funcs[i].Name == name {
			return index + uint32(i)
		}
	}
	panic("no function " + name)
}

func (m *Module) importedFuncs() (count uint32) {
	for i := range m.Imports {
		if m.Imports[i].Kind == wasm.KindFunc {
			count++
		}
	}
	return count
}

func (m *Module) imported(host, function string) uint32 {
	from := host
	if host == "wasi" {
		from = wasiModule
	}
	index := uint32(0)
	for i := range m.Imports {
		have := &m.Imports[i]
		if have.Kind != wasm.KindFunc {
			continue
		}
		if have.Module == from && have.Name == function {
			return index
		}
		index++
	}
	t := importType(host, function)
	m.Imports = append(m.Imports, Import{Module: from, Name: function, Params: t.Params, Results: t.Results})
	return index
}

func importType(host, function string) wasm.FuncType {
	if host == abi.ImportModule {
		for _, f := range abi.Functions {
			if f.Name == function {
				params, results := f.Signature()
				return wasm.FuncType{Params: ValueTypes(params), Results: ValueTypes(results)}
			}
		}
	}
	if host == "wasi" && function == "proc_exit" {
		return wasm.FuncType{Params: []wasm.ValueType{wasm.I32}}
	}
	letters, ok := wasiParams[function]
	if !ok || host != "wasi" {
		panic("no import " + host + "." + function)
	}
	t := wasm.FuncType{Results: []wasm.ValueType{wasm.I32}}
	for _, l := range letters {
		t.Params = append(t.Params, map[rune]wasm.ValueType{'i': wasm.I32, 'I': wasm.I64}[l])
	}
	return t
}

// ValueTypes gives types of the ABI as those of a module.
func ValueTypes(types []abi.ValueType) []wasm.ValueType {
	converted := make([]wasm.ValueType, len(types))
	for i, t := range types {
		converted[i] = wasm.ValueType(t)
	}
	return converted
}
