package guest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wnode/wnode/vm"
)

// ReasonMemory is the exit reason of a process whose module wants more memory to begin with than the
// process may have, or than there is. Later on, memory.grow fails (W-06).
const ReasonMemory = "memory_limit"

// pageBytes is the size of a page of linear memory.
const pageBytes = 1 << 16

// errMemory is what the allocator panics with when the first pages cannot be had: the runtime has no
// other way to say so.
var errMemory = errors.New("memory limit")

// budget is what all guests together may have of something: of bytes of linear memory, of open files.
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

// linearMemory is the memory of one instance, within what its process and all guests may have.
type linearMemory struct {
	budget *budget
	most   uint64
	buffer []byte
}

// Reallocate gives the memory with another size, nil when it may not be so large. Some more than is
// asked for is set aside, as whoever grows a memory often does so again.
func (m *linearMemory) Reallocate(size uint64) []byte {
	have := uint64(cap(m.buffer))
	if size > have {
		if size > m.most {
			return m.refuse()
		}
		want := min(m.most, max(size, have+have/4))
		if !m.budget.take(want - have) {
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
	m.budget.release(uint64(cap(m.buffer)))
	m.buffer = nil
}

// withMemory gives the context in which the instances of a process are made.
func (e *Engine) withMemory(p *vm.Process) context.Context {
	most := uint64(e.opts.MemoryPages) * pageBytes
	if limit := p.Rights().Limits.Memory; limit != 0 {
		most = min(most, limit)
	}
	allocate := experimental.MemoryAllocatorFunc(func(_, largest uint64) experimental.LinearMemory {
		return &linearMemory{budget: &e.memory, most: min(most, largest)}
	})
	return experimental.WithMemoryAllocator(p.Context(), allocate)
}

// instantiate makes the guest's instance. The error is errMemory when it may not have its memory.
func (g *guest) instantiate(config wazero.ModuleConfig) (instance api.Module, err error) {
	defer func() {
		if r := recover(); r == error(errMemory) {
			err = errMemory
		} else if r != nil {
			panic(r)
		}
	}()
	return g.engine.runtime.InstantiateModule(g, g.code.compiled, config)
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
