package image

import "sync"

// Arena is where spaces come from: it gives small ones out of large mappings, so that a hundred thousand
// of them are a few mappings for the system, and uses their places again. The zero Arena is ready. Its methods may be
// called concurrently.
type Arena struct {
	mu      sync.Mutex
	classes [len(slotSizes)]slots
	chunks  [][]byte
}

// slotSizes are the sizes of small spaces, in bytes. What is larger is mapped by itself.
var slotSizes = [...]uint64{64 << 10, 128 << 10, mappedFrom}

const (
	// chunkBytes is the size of a mapping that small spaces come from.
	chunkBytes = 64 << 20
	// maxDirty is how many places of a size are kept as they were left. They are soon at hand again, and take
	// memory as long as nobody uses them.
	maxDirty = 256
)

// slots are the places of one size that no space has.
type slots struct {
	dirty [][]byte // that were used
	clean [][]byte // that are zero, and take no memory
}

// take gives a place of at least so many bytes, all zero; nil where nothing can be mapped.
func (a *Arena) take(size uint64) []byte {
	class := classOf(size)
	slot, dirty := a.pop(class)
	if dirty {
		clear(slot)
	}
	return slot
}

// classOf gives the class of a size, which is one of a small space.
func classOf(size uint64) int {
	class := 0
	for slotSizes[class] < size {
		class++
	}
	return class
}

func (a *Arena) pop(class int) (slot []byte, dirty bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := &a.classes[class]
	if len(s.dirty) > 0 {
		return popLast(&s.dirty), true
	}
	if len(s.clean) == 0 && !a.addChunk(class) {
		return nil, false
	}
	return popLast(&s.clean), false
}

func popLast(list *[][]byte) []byte {
	last := len(*list) - 1
	slot := (*list)[last]
	(*list)[last] = nil
	*list = (*list)[:last]
	return slot
}

// addChunk maps places of a size.
func (a *Arena) addChunk(class int) bool {
	chunk, err := mapRoom(chunkBytes)
	if err != nil {
		return false
	}
	a.chunks = append(a.chunks, chunk)
	size := int(slotSizes[class])
	for at := len(chunk) - size; at >= 0; at -= size { // the first is taken first
		a.classes[class].clean = append(a.classes[class].clean, chunk[at:at+size:at+size])
	}
	return true
}

// give takes a place back.
func (a *Arena) give(slot []byte) {
	s := &a.classes[classOf(uint64(len(slot)))]
	a.mu.Lock()
	if len(s.dirty) < maxDirty {
		s.dirty = append(s.dirty, slot)
		a.mu.Unlock()
		return
	}
	a.mu.Unlock()
	if !emptyRoom(slot) {
		clear(slot)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s.clean = append(s.clean, slot)
}

// Close gives all memory back to the system. Nobody may use a space any more.
func (a *Arena) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, chunk := range a.chunks {
		unmapRoom(chunk)
	}
	a.chunks, a.classes = nil, [len(slotSizes)]slots{}
}
