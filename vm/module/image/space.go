package image

import (
	"errors"
	"sync/atomic"
)

// Space is the memory of an instance: room for it to grow, and the means to set it back to an image without
// touching more of it than was changed. It belongs to one goroutine at a time.
//
// Small spaces are places in an [Arena] and are cleared as a whole. Large ones are mapped by themselves, and
// the system says which pages were written to; those whose image is large too share the image's pages until they
// write to them. Where memory cannot be mapped, it comes from Go's heap.
type Space struct {
	room  []byte // all there is room for; zero beyond what was used
	kind  kind
	arena *Arena
	shown *Image // whose file is mapped at the beginning of room; nil for none
}

// kind says where the memory of a space comes from.
type kind byte

const (
	heap kind = iota
	placed
	mapped
)

// mappedFrom is the size from which on a memory is mapped, in bytes: to clear less takes no longer than to
// ask the system what to clear.
const mappedFrom = 256 << 10

// sharedFrom is the size of an image from which on its pages are shared, in bytes: smaller ones are
// written to each space, which needs no mapping of its own for them then.
const sharedFrom = 64 << 10

// What all spaces and images of the program may have of the system. Linux lets a program have 65,530 mappings
// unless told otherwise, and a space has up to two. What is beyond works without, and takes longer.
var (
	mappings = bound{most: 20_000}
	files    = bound{most: 256}
)

// bound counts what there is of something.
type bound struct {
	most int64
	used atomic.Int64
}

func (b *bound) take() bool {
	if b.used.Add(1) <= b.most {
		return true
	}
	b.release()
	return false
}

func (b *bound) release() { b.used.Add(-1) }

// errNoMapping says that this system does not map memory as it has to be.
var errNoMapping = errors.New("memory cannot be mapped")

// NewSpace makes room for at least so many bytes, all zero, and never for more than most but to the next size
// of small spaces.
func (a *Arena) NewSpace(least, most uint64) *Space {
	if least < mappedFrom {
		if slot := a.take(least); slot != nil {
			return &Space{room: slot, kind: placed, arena: a}
		}
	} else if mappings.take() {
		if b, err := mapRoom(min(most, max(4*least, 16<<20))); err == nil { // what is not used costs nothing
			return &Space{room: b, kind: mapped, arena: a}
		}
		mappings.release()
	}
	return &Space{room: make([]byte, least), arena: a}
}

// ShowImage makes room that has an image and no room to grow, as most memories never do: that is one mapping and
// no more. nil: the image is not large enough to be shared, or cannot be at present.
func (a *Arena) ShowImage(i *Image) *Space {
	if i.size < mappedFrom || !mappings.take() {
		return nil
	}
	b, err := mapShown(i)
	if err != nil {
		mappings.release()
		return nil
	}
	return &Space{room: b, kind: mapped, arena: a, shown: i}
}

// Move gives a space with room for more, at least so many bytes, that begins with what this one has in its first
// used bytes. This one is freed.
func (s *Space) Move(used, least, most uint64) *Space {
	to := s.arena.NewSpace(least, most)
	if to.kind == mapped && s.shown != nil && s.Room() == s.shown.size {
		moved := moveShown(s.room, to.room)
		mappings.release() // of the one or the other
		if moved {
			to.shown = s.shown
			*s = Space{}
			return to
		}
		to = &Space{room: make([]byte, least), arena: s.arena}
	}
	copy(to.room, s.room[:used])
	s.Free()
	return to
}

// Room is all that there is room for, in bytes.
func (s *Space) Room() uint64 { return uint64(len(s.room)) }

// Bytes gives the first bytes.
func (s *Space) Bytes(size uint64) []byte { return s.room[:size] }

// Set makes the space what an image has, and zero behind that. It was used up to used bytes. The image fits in.
func (s *Space) Set(i *Image, used uint64) {
	if s.shown != nil && s.shown != i {
		used = max(used, s.shown.size)
	}
	if s.kind == mapped && s.setMapped(i, used) == nil {
		return
	}
	clear(s.room[:used])
	i.Write(s.room)
}

// Free gives the memory back. Nobody may use its bytes any more.
func (s *Space) Free() {
	switch s.kind {
	case placed:
		s.arena.give(s.room)
	case mapped:
		unmapRoom(s.room)
		mappings.release()
	}
	*s = Space{}
}
