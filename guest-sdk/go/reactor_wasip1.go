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
	os.Args = textsOf(placeOfArguments(count, size), argsGet)
	if environSizesGet(&count, &size) == 0 && count > 0 {
		setEnvironment(textsOf(newPlace(count, size), environGet))
	}
	mainMain()
}

func setEnvironment(variables []string) {
	for _, variable := range variables {
		if name, value, ok := strings.Cut(variable, "="); ok {
			_ = os.Setenv(name, value) // what is no name cannot be had
		}
	}
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

// textsOf gives the texts that WASI writes one behind the other, each with a zero byte at its end.
func textsOf(p place, get func(*uint32, *byte) uint32) []string {
	if len(p.texts) == 0 || len(p.written) == 0 || get(&p.addresses[0], &p.written[0]) != 0 {
		return nil
	}
	rest := unsafe.String(&p.written[0], len(p.written)) // which nothing changes any more
	for i := range p.texts {
		p.texts[i], rest, _ = strings.Cut(rest, "\x00")
	}
	return p.texts
}

// place is where texts are read to.
type place struct {
	addresses []uint32
	written   []byte
	texts     []string
}

// arguments is where the arguments go that fit in. A process that takes nothing from the heap at its start changes
// fewer pages of its image.
var arguments struct {
	addresses [16]uint32
	written   [256]byte
	texts     [16]string
}

func placeOfArguments(count, size uint32) place {
	a := &arguments
	if int(count) > len(a.texts) || int(size) > len(a.written) {
		return newPlace(count, size)
	}
	return place{a.addresses[:count], a.written[:size], a.texts[:count:count]}
}

func newPlace(count, size uint32) place {
	return place{make([]uint32, count), make([]byte, size), make([]string, count)}
}
