// Command gokernels has small programs whose time with and without metering is compared.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"regexp"
	"sort"
	"syscall"
)

func main() {}

// The node initialises a module once for all processes that says that they may share what initialisation has read.
//
//go:wasmexport wnode_image
func image() {}

//go:wasmexport nop
func nop() {}

// An instance without standard input is none for other processes.
//
//go:wasmexport spend
func spend() { _ = syscall.Close(0) }

type record struct {
	Name string
	Tags []string
	V    map[string]float64
}

//go:wasmexport json
func marshal(n int32) int32 {
	r := record{"x", []string{"a", "b", "c"}, map[string]float64{"p": 1.5, "q": 2.5}}
	s := 0
	for range n {
		b, _ := json.Marshal(r)
		var q record
		_ = json.Unmarshal(b, &q)
		s += len(q.Tags)
	}
	return int32(s)
}

var re = regexp.MustCompile(`(a|b)*c+[0-9]{2,4}x?`)

//go:wasmexport regexp
func match(n int32) int32 {
	s := 0
	for range n {
		if re.MatchString("zzabababababccc1234xyzzzababababab") {
			s++
		}
	}
	return int32(s)
}

//go:wasmexport sha
func hash(n int32) int32 {
	b := make([]byte, 4096)
	for range n {
		h := sha256.Sum256(b)
		copy(b, h[:])
	}
	return int32(b[0])
}

//go:wasmexport sort
func order(n int32) int32 {
	a := make([]int, n)
	x := uint32(1)
	for i := range a {
		x = x*1664525 + 1013904223
		a[i] = int(x >> 8)
	}
	sort.Slice(a, func(i, j int) bool { return a[i] < a[j] })
	return int32(a[0])
}

//go:wasmexport map
func count(n int32) int32 {
	m := map[int]int{}
	x := uint32(1)
	for range n {
		x = x*1664525 + 1013904223
		m[int(x>>16)&0x3fff]++
	}
	return int32(len(m))
}

func fibonacci(n int32) int32 {
	if n < 2 {
		return n
	}
	return fibonacci(n-1) + fibonacci(n-2)
}

//go:wasmexport fib
func fib(n int32) int32 { return fibonacci(n) }
