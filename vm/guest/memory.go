package guest

import (
	"sync/atomic"

	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/module/image"
)

// ReasonMemory is the exit reason of a process whose module wants more memory to begin with than the
// process may have. For more than there is, it is [vm.ReasonNodeFull]. Later on, memory.grow fails (W-06).
const ReasonMemory = "memory_limit"

// pageBytes is the size of a page of linear memory.
const pageBytes = 1 << 16

// instanceBytes stands for what an instance takes beside its linear memory and its tables: the stacks of
// its process, and what the runtime and the machine know of it.
const instanceBytes = 20 << 10

// budget is what all guests together may have of something, such as open files.
type budget struct {
	most uint64
	used atomic.Uint64
}

func (b *budget) take(n uint64) bool {
	if b.used.Add(n) <= b.most {
		return true
	}
	b.used.Add(^(n - 1))
	return false
}

func (b *budget) release(n uint64) { b.used.Add(^(n - 1)) }

// takeMemory takes from the memory of the node, for which instances at rest and modules that nobody uses make room.
func (e *Engine) takeMemory(n uint64) bool {
	if e.memory.Take(n) {
		return true
	}
	e.modules.rest()
	for !e.memory.Take(n) {
		if !e.modules.yield() {
			return false
		}
	}
	return true
}

// MakeRoom gives back memory that no process uses: instances at rest and, until it is enough, modules that
// take much of it.
func (e *Engine) MakeRoom(enough func() bool) {
	e.modules.rest()
	for !enough() && e.modules.yield() {
	}
}

// linearMemory is the memory of one instance, within what its process and all guests may have.
type linearMemory struct {
	engine  *Engine
	code    *code        // whose instance has it
	process *vm.Process  // whose memory it is at the time, nil while the instance rests
	begin   *image.Image // what it is going to be set to at first; nil when nobody knows yet
	most    uint64
	space   *image.Space // nil before the first pages
	buffer  []byte       // the beginning of space
	used    uint64       // the largest that buffer was since the space was set to an image
	taken   uint64       // of the memory of the node
	// exactly is a size that Reallocate gives in place of the one that is asked for; nil for none.
	exactly *uint64
	refused bool // the process could not have as much as it asked for
	short   bool // because the node does not have it
}

// Reallocate gives the memory with another size, nil when it may not be so large.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if m.exactly != nil {
		size = *m.exactly
	}
	if size > m.most || size > m.taken && !m.take(size) {
		return m.refuse()
	}
	if m.space == nil || size > m.space.Room() {
		m.move(size)
	}
	m.buffer = m.space.Bytes(size)
	m.used = max(m.used, size)
	if m.process != nil {
		m.process.SetMemory(size)
	}
	return m.buffer
}

// take takes from the memory of the node until it has so much.
func (m *linearMemory) take(size uint64) bool {
	if !m.code.take(size - m.taken) {
		m.short = true
		return false
	}
	m.taken = size
	return true
}

// move makes room for at least so many bytes. It makes more when a memory has grown, which it often does again.
func (m *linearMemory) move(size uint64) {
	switch {
	case m.space != nil:
		m.space = m.space.Move(uint64(len(m.buffer)), min(m.most, size+size/4), m.most)
		return
	case m.begin != nil && m.begin.Size() >= size:
		m.space = m.engine.arena.ShowImage(m.begin)
	}
	if m.space == nil {
		m.space = m.engine.arena.NewSpace(size, m.most)
	}
}

// refuse fails. Without the first pages there can be no instance.
func (m *linearMemory) refuse() []byte {
	if m.space == nil {
		panic(errMemory)
	}
	m.refused = true
	return nil
}

// set sets the memory, which is as large as the image's, to an image. What it has taken beyond that it gives back.
func (m *linearMemory) set(i *image.Image) {
	m.space.Set(i, m.used)
	m.code.give(m.taken - i.Size())
	m.used, m.taken = i.Size(), i.Size()
}

// Free gives back what the memory has taken.
func (m *linearMemory) Free() {
	if m.space != nil {
		m.space.Free()
	}
	m.code.give(m.taken)
	m.space, m.buffer, m.taken = nil, nil, 0
}

// memoryFor is the memory that an instance of a process may have, in bytes.
func (e *Engine) memoryFor(p *vm.Process) uint64 {
	most := uint64(e.opts.MemoryPages) * pageBytes
	if limit := p.Rights().Limits.Memory; limit != 0 {
		most = min(most, limit)
	}
	return most
}
