// Package kernels has small programs in C and in Go that metering is measured with: each is an export, a function from
// a size to a checksum.
package kernels

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
)

// Kernel is a function of one of the modules, with a size for which it takes some milliseconds.
type Kernel struct {
	Name string
	Size uint64
}

// CModule is the module of [C].
//
//go:embed testdata/kernels.wasm
var CModule []byte

// C are the functions of testdata/kernels.c.
var C = []Kernel{
	{"fib", 27},
	{"sieve", 1_000_000},
	{"matmul", 130},
	{"sha256", 6000},
	{"interp", 1000},
	{"interp16", 80_000},
	{"qsort", 40_000},
	{"strlen", 80_000},
	{"mandel", 180},
	{"nbody", 15_000},
	{"hashmap", 400_000},
	{"crc32", 1_500_000},
	{"queens", 11},
	{"levenshtein", 1000},
	{"trees", 60},
	{"compress", 900_000},
	{"copy", 60_000},
	{"spectral", 600},
}

//go:embed testdata/gokernels.wasm.gz
var goModule []byte

// GoModule gives the module of [Go]: a Go program of 4 MB, initialised once for all of its processes. Beside the
// kernels it exports nop and spend, which do nothing, but that an instance is used up by spend.
func GoModule() ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(goModule))
	if err != nil {
		return nil, fmt.Errorf("unpack the kernels in Go: %w", err)
	}
	module, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("unpack the kernels in Go: %w", err)
	}
	return module, nil
}

// Go are the functions of testdata/gokernels.
var Go = []Kernel{{"json", 200}, {"regexp", 200}, {"sha", 60}, {"sort", 10_000}, {"map", 100_000}, {"fib", 22}}
