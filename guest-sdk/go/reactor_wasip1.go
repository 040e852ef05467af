package wnode

import (
	"os"
	"strings"
	"unsafe" // also for the name of main
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
	var count, size uint32
	_ = argsSizesGet(&count, &size)
	os.Args = texts(count, size, argsGet)
	_ = environSizesGet(&count, &size)
	for _, variable := range texts(count, size, environGet) {
		if name, value, ok := strings.Cut(variable, "="); ok {
			_ = os.Setenv(name, value) // what is no name cannot be had
		}
	}
	mainMain()
}

//go:linkname mainMain main.main
func mainMain()

//go:wasmimport wasi_snapshot_preview1 args_sizes_get
//go:noescape
func argsSizesGet(count, size *uint32) uint32

//go:wasmimport wasi_snapshot_preview1 args_get
func argsGet(addresses *uint32, texts *byte) uint32

//go:wasmimport wasi_snapshot_preview1 environ_sizes_get
//go:noescape
func environSizesGet(count, size *uint32) uint32

//go:wasmimport wasi_snapshot_preview1 environ_get
func environGet(addresses *uint32, texts *byte) uint32

// texts gives the texts that WASI writes one behind the other, each with a zero byte at its end.
func texts(count, size uint32, get func(*uint32, *byte) uint32) []string {
	if count == 0 {
		return nil
	}
	addresses, written := make([]uint32, count), make([]byte, size)
	if get(&addresses[0], &written[0]) != 0 {
		return nil
	}
	all := make([]string, 0, count)
	rest := unsafe.String(&written[0], size) // which nothing changes any more
	for range count {
		var text string
		text, rest, _ = strings.Cut(rest, "\x00")
		all = append(all, text)
	}
	return all
}
