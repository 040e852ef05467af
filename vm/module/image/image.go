// Package image keeps the state of instances: what a module's memory and globals hold once it has been
// initialised, so that other instances can begin there.
//
// An instance of a module that was rewritten with [rewrite.Options.State] is made with an empty memory.
// [Initial] gives the image with what the module says it begins with. [Capture] takes the image of an instance at
// rest, and [Space.Set] and [Image.SetGlobals] set another, or the same one later on, to it. All of an instance's
// state is in its memory and its globals, unless [rewrite.State.Hidden] says otherwise.
package image

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"sort"
	"sync"

	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/vm/module/rewrite"
)

// ErrOutOfBounds says that data does not fit into the memory it is for. It has the words of the runtime,
// of which this is a trap.
var ErrOutOfBounds = errors.New("out of bounds memory access")

// grain is how finely an image tells zeroes from the rest, in bytes.
const grain = 4096

// Image is the state of an instance. It does not change, and may be used concurrently.
type Image struct {
	size    uint64
	runs    []run
	globals []uint64

	sharing sync.Mutex
	file    *file // with the memory, for spaces to share; nil until one does
	closed  bool
}

// run is a part of the memory that is not zero.
type run struct {
	offset int
	bytes  []byte
}

func (r *run) end() int { return r.offset + len(r.bytes) }

// Initial gives the image of an instance in whose memory there is what the module says it begins with:
// the segments are written in their order (core specification 4.5.4). The globals are those of a new
// instance. The error is [ErrOutOfBounds] when a segment does not fit into the memory of the given size.
func Initial(size uint64, data []rewrite.Segment, globals []api.MutableGlobal) (*Image, error) {
	grains := map[int][]byte{} // by number; memories are far larger than what is in them at first
	for _, d := range data {
		if uint64(d.Offset)+uint64(len(d.Bytes)) > size {
			return nil, ErrOutOfBounds
		}
		for at, rest := int(d.Offset), d.Bytes; len(rest) > 0; {
			number := at / grain
			if grains[number] == nil {
				grains[number] = make([]byte, grain)
			}
			n := copy(grains[number][at%grain:], rest)
			at, rest = at+n, rest[n:]
		}
	}
	i := &Image{size: size, globals: values(globals)}
	for _, number := range slices.Sorted(maps.Keys(grains)) {
		i.add(number*grain, grains[number])
	}
	return i, nil
}

// Capture copies the state of an instance, which must stand still. The memory is one of whole pages, or
// nil when there is none.
func Capture(memory []byte, globals []api.MutableGlobal) *Image {
	i := &Image{size: uint64(len(memory)), globals: values(globals)}
	for at := 0; at < len(memory); at += grain {
		i.add(at, memory[at:at+grain])
	}
	return i
}

// add puts a grain behind those that are there, unless it is zero.
func (i *Image) add(offset int, b []byte) {
	if bytes.Equal(b, zeroes[:]) {
		return
	}
	if last := len(i.runs) - 1; last >= 0 && i.runs[last].end() == offset {
		i.runs[last].bytes = append(i.runs[last].bytes, b...)
		return
	}
	i.runs = append(i.runs, run{offset, bytes.Clone(b)})
}

var zeroes [grain]byte

func values(globals []api.MutableGlobal) (all []uint64) {
	for _, g := range globals {
		all = append(all, g.Get())
	}
	return all
}

// Size is the size of the memory, in bytes.
func (i *Image) Size() uint64 { return i.size }

// Bytes is how much of the memory is not zero, to the next 4096.
func (i *Image) Bytes() uint64 {
	n := uint64(0)
	for _, r := range i.runs {
		n += uint64(len(r.bytes))
	}
	return n
}

// Footprint is what the image takes at most, in bytes: what [Image.Bytes] says, and as much for the file.
func (i *Image) Footprint() uint64 {
	n := i.Bytes()
	if n >= sharedFrom {
		n *= 2
	}
	return n
}

// Write writes the image to memory of its size that is zero.
func (i *Image) Write(memory []byte) {
	for _, r := range i.runs {
		copy(memory[r.offset:], r.bytes)
	}
}

// writePart makes a part of a memory what the image has there.
func (i *Image) writePart(memory []byte, start, end int) {
	clear(memory[start:end])
	first := sort.Search(len(i.runs), func(n int) bool { return i.runs[n].end() > start })
	for _, r := range i.runs[first:] {
		if r.offset >= end {
			return
		}
		from := max(start, r.offset)
		copy(memory[from:end], r.bytes[from-r.offset:])
	}
}

// SetGlobals sets the globals of an instance, which are those that the image was made with.
func (i *Image) SetGlobals(globals []api.MutableGlobal) {
	for n, value := range i.globals {
		globals[n].Set(value)
	}
}

// Close lets go of what the system keeps for the image. It can still be used, and takes longer.
func (i *Image) Close() {
	i.sharing.Lock()
	defer i.sharing.Unlock()
	i.file.close()
	i.file, i.closed = nil, true
}
