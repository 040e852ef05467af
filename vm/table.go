package vm

import (
	"cmp"
	"slices"
	"sync"

	"github.com/wnode/wnode/abi"
)

// receiver is what a process number stands for: a process, an alias of one, or a call that waits
// for its answer.
type receiver interface {
	// signal takes a signal in, on the stack of a process or, by being nil, anywhere else. It reports false when
	// the receiver has just ended.
	signal(sig abi.Signal, by *Process) bool
}

// table finds receivers by number. Numbers are never used twice, so a lookup needs no more than the map.
type table struct {
	mu     sync.RWMutex
	byNum  map[uint64]receiver
	live   int // processes among them
	max    int
	closed bool
}

func (t *table) init(max int) {
	t.byNum = map[uint64]receiver{}
	t.max = max
}

func (t *table) get(num uint64) receiver {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byNum[num]
}

// addProcess enters p, unless the table is full or closed. started runs before anyone can find p.
func (t *table) addProcess(p *Process, started func()) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return abi.ErrTerminated
	}
	if t.live >= t.max {
		return abi.ErrLimit
	}
	started()
	t.live++
	t.byNum[p.pid.Num] = p
	return nil
}

func (t *table) removeProcess(p *Process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live--
	delete(t.byNum, p.pid.Num)
}

// add enters what is no process.
func (t *table) add(num uint64, r receiver) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byNum[num] = r
}

func (t *table) remove(num uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byNum, num)
}

func (t *table) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}

func (t *table) count() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.live
}

// processes lists the processes in the order of their numbers, which is that of their start.
func (t *table) processes() []*Process {
	t.mu.RLock()
	list := make([]*Process, 0, t.live)
	for _, r := range t.byNum {
		if p, ok := r.(*Process); ok {
			list = append(list, p)
		}
	}
	t.mu.RUnlock()
	slices.SortFunc(list, func(a, b *Process) int { return cmp.Compare(a.pid.Num, b.pid.Num) })
	return list
}
