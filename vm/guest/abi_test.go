package guest

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/internal/wasmtest"
)

func TestEveryFunctionIsImplemented(t *testing.T) {
	n := newTestNode(t)
	exported := n.engine.hosts[abi.ImportModule]
	var names []string
	for _, f := range abi.Functions {
		names = append(names, f.Name)
		params, results := f.Signature()
		have := exported[f.Name]
		if have == nil || string(have.ParamTypes()) != string(wasmtest.ValueTypes(params)) ||
			string(have.ResultTypes()) != string(wasmtest.ValueTypes(results)) {
			t.Errorf("%s is registered as %v", f.Name, have)
		}
	}
	slices.Sort(names)
	if have := slices.Sorted(maps.Keys(hostFunctions)); !slices.Equal(have, names) {
		t.Errorf("implemented %v\nin the table %v", have, names)
	}
}

// isPointer reports whether a parameter has an address in it.
func isPointer(k abi.ParamKind) bool {
	switch k {
	case abi.BytesIn, abi.BytesOut, abi.PidOut, abi.HashIn, abi.HashOut:
		return true
	}
	return false
}

// size is the number of bytes at the address of a parameter whose length is none.
func size(k abi.ParamKind) int64 {
	if k == abi.PidOut {
		return abi.IDSize
	}
	return abi.HashSize
}

const page = 65536

// badRegions are regions that are not, or not all, within one page of memory.
func badRegions(k abi.ParamKind) map[string][2]int64 {
	if k == abi.BytesIn || k == abi.BytesOut {
		return map[string][2]int64{
			"at the end": {page, 1}, "across the end": {page - 1, 2}, "empty beyond the end": {page + 1, 0},
			"overflow": {1, -1}, "overflow to 0": {-1, 1}, "last": {-1, -1}, "all and one": {0, page + 1},
		}
	}
	return map[string][2]int64{
		"at the end": {page}, "across the end": {page - size(k) + 1}, "last": {-1}, "overflow": {-size(k)},
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

// Every address of every function, generated from the table: beyond the memory is a trap.
func TestBadAddresses(t *testing.T) {
	n := newTestNode(t)
	for _, f := range abi.Functions {
		for i, bad := range f.Params {
			if !isPointer(bad.Kind) {
				continue
			}
			for name, region := range badRegions(bad.Kind) {
				t.Run(f.Name+"/"+bad.Name+"/"+name, func(t *testing.T) {
					var args []op
					for j, p := range f.Params {
						address, length := int64(0), int64(0)
						if i == j {
							address, length = region[0], region[1]
						}
						args = append(args, paramOps(p, address, length))
					}
					atom, stack := trapOf(t, n.run(entry(invoke("wnode."+f.Name, args...), unreachable)))
					params, _ := f.Signature()
					if atom != "out_of_bounds_memory" || !contains(stack[:1], frame("wnode", f.Name, len(params))) {
						t.Errorf("trap %s, stack %v", atom, stack)
					}
				})
			}
		}
	}
}

// Regions that end where the memory ends are good, empty ones there too.
func TestLastAddresses(t *testing.T) {
	n := newTestNode(t)
	for _, f := range abi.Functions {
		if f.Result == abi.ResultNever {
			continue
		}
		for _, length := range []int64{0, 1} {
			var args []op
			for _, p := range f.Params {
				address := page - length
				if p.Kind != abi.BytesIn && p.Kind != abi.BytesOut {
					address = page - size(p.Kind)
				}
				args = append(args, paramOps(p, address, length))
			}
			t.Run(f.Name, func(t *testing.T) {
				wantReason(t, n.run(entry(invoke("wnode."+f.Name, args...), drop)), "normal")
			})
		}
	}
}
