package guest

import (
	"bufio"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/wnode/wnode/vm"
)

// ReasonMemory is the exit reason of a process whose module wants more memory to begin with than the
// process may have, or than there is. Later on, memory.grow fails (W-06).
const ReasonMemory = "memory_limit"

// pageBytes is the size of a page of linear memory.
const pageBytes = 1 << 16

// memoryBudget is the linear memory of all guests together.
type memoryBudget struct {
	most uint64
	used atomic.Uint64
}

func (b *memoryBudget) take(n uint64) bool {
	if b.used.Add(n) <= b.most {
		return true
	}
	b.used.Add(^(n - 1))
	return false
}

func (b *memoryBudget) release(n uint64) { b.used.Add(^(n - 1)) }

// takeMemory takes from the memory of all guests, which those that are at rest make room for.
func (e *Engine) takeMemory(n uint64) bool {
	if e.memory.take(n) {
		return true
	}
	e.modules.rest()
	return e.memory.take(n)
}

// linearMemory is the memory of one instance, within what its process and all guests may have.
type linearMemory struct {
	engine *Engine
	most   uint64
	buffer []byte
	// exactly is a size that Reallocate gives in place of the one that is asked for; 0 stands for none.
	exactly uint64
}

// Reallocate gives the memory with another size, nil when it may not be so large. Some more than is
// asked for is set aside, as whoever grows a memory often does so again.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if m.exactly != 0 {
		size = m.exactly
	}
	have := uint64(cap(m.buffer))
	if size > have {
		if size > m.most {
			return m.refuse()
		}
		want := min(m.most, max(size, have+have/4))
		if !m.engine.takeMemory(want - have) {
			return m.refuse()
		}
		grown := make([]byte, size, want)
		copy(grown, m.buffer)
		m.buffer = grown
	}
	m.buffer = m.buffer[:size]
	return m.buffer
}

// refuse fails. Without the first pages there can be no instance.
func (m *linearMemory) refuse() []byte {
	if m.buffer == nil {
		panic(errMemory)
	}
	return nil
}

// Free gives back what the memory took of the budget.
func (m *linearMemory) Free() {
	m.engine.memory.release(uint64(cap(m.buffer)))
	m.buffer = nil
}

// memoryFor is the memory that an instance of a process may have, in bytes.
func (e *Engine) memoryFor(p *vm.Process) uint64 {
	most := uint64(e.opts.MemoryPages) * pageBytes
	if limit := p.Rights().Limits.Memory; limit != 0 {
		most = min(most, limit)
	}
	return most
}

// fallbackMemory is what guests may have together where the size of the machine is not known.
const fallbackMemory = 4 << 30

// halfOfMachine is half of the machine's memory.
func halfOfMachine() uint64 {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return fallbackMemory
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var kib uint64
		if n, _ := fmt.Sscanf(lines.Text(), "MemTotal: %d kB", &kib); n == 1 && kib > 0 {
			return kib << 10 / 2
		}
	}
	return fallbackMemory
}
