package wnode

import (
	"bytes"
	"os"
	"strings"
	_ "unsafe" // for the name of main
)

// A program that is built with -buildmode=c-shared is initialised once, for all of its processes that
// a node runs, and not for each of them, which takes milliseconds: see the README. The node calls
// wnode_start then, which makes up for what initialisation could not know. It cannot make up for the runtime's random
// generator, whose state is part of the image and which nothing can seed again.

// image tells the node that processes may share what was read while the program was initialised.
//
//lint:ignore U1000 the node looks for it
//go:wasmexport wnode_image
func image() {}

// start is where a process begins.
//
//lint:ignore U1000 the node calls it
//go:wasmexport wnode_start
func start() {
	os.Args = strings0(argsSizesGet, argsGet)
	for _, variable := range strings0(environSizesGet, environGet) {
		if name, value, ok := strings.Cut(variable, "="); ok {
			_ = os.Setenv(name, value) // what is no name cannot be had
		}
	}
	mainMain()
}

//go:linkname mainMain main.main
func mainMain()

//go:wasmimport wasi_snapshot_preview1 args_sizes_get
func argsSizesGet(count, size *uint32) uint32

//go:wasmimport wasi_snapshot_preview1 args_get
func argsGet(addresses *uint32, texts *byte) uint32

//go:wasmimport wasi_snapshot_preview1 environ_sizes_get
func environSizesGet(count, size *uint32) uint32

//go:wasmimport wasi_snapshot_preview1 environ_get
func environGet(addresses *uint32, texts *byte) uint32

// strings0 gives the texts that WASI writes one behind the other, each with a zero byte at its end.
func strings0(sizes func(count, size *uint32) uint32, get func(*uint32, *byte) uint32) []string {
	var count, size uint32
	if sizes(&count, &size) != 0 || count == 0 {
		return nil
	}
	addresses, texts := make([]uint32, count), make([]byte, size)
	if get(&addresses[0], &texts[0]) != 0 {
		return nil
	}
	all := make([]string, 0, count)
	for text := range bytes.SplitSeq(bytes.TrimSuffix(texts, []byte{0}), []byte{0}) {
		all = append(all, string(text))
	}
	return all
}
