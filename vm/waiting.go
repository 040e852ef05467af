package vm

import (
	"cmp"
	"container/heap"
	"slices"
	"sync"
)

// ReasonNodeFull is the exit reason of a process that kept most on its node when that was more than the node
// may keep, or that found no memory there to begin with.
const ReasonNodeFull = "node_full"

// What waits is counted in units of so many bytes for each family, so that few messages touch the count
// of the node, which all of its processes share.
const waitingUnitBits = 12

// waiting counts what waits for the processes of a node, of all families together. When that, or all that the
// node's memory is taken by, is beyond its bound, those who keep most have to go: whoever has little there never pays
// for others. The methods may be called concurrently.
type waiting struct {
	memory    *Memory
	processes func() int // how many there are
	relieve   func()     // frees some of it; on a goroutine that runs only while there is too much

	mu      sync.Mutex // guards all below; no other lock is taken under it
	running bool
	again   bool // there was too much while it ran
	closed  bool
	wg      sync.WaitGroup
}

func (w *waiting) init(memory *Memory, processes func() int, relieve func()) {
	w.memory, w.processes, w.relieve = memory, processes, relieve
}

// moved notes that a family keeps another number of bytes.
func (w *waiting) moved(before, now int64) {
	units := now>>waitingUnitBits - before>>waitingUnitBits
	if units == 0 {
		return
	}
	w.memory.waiting.Add(units << waitingUnitBits)
	if units > 0 && w.memory.crowded() {
		w.start()
	}
}

// has reports whether a family that keeps some bytes may keep so many more. There is an eighth beyond the
// bounds for what comes before there is room again. Who keeps no more than an equal share of what may wait is
// let in even then, as it does not pay for others; all of these have no more than that once again.
func (w *waiting) has(kept int64, more int) bool {
	m, n := w.memory, int64(more)
	return m.waiting.Load()+n <= m.mostWaiting()/8*9 && m.used()+n <= m.most/8*9 ||
		kept+n <= w.share(m.mostWaiting())
}

// share is what a family may keep on a full node, of so much in all.
func (w *waiting) share(most int64) int64 { return most / int64(max(w.processes(), 1)) }

func (w *waiting) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.again = true
	if !w.running && !w.closed {
		w.running = true
		w.wg.Go(w.run)
	}
}

func (w *waiting) run() {
	for w.next() {
		w.relieve()
	}
}

// next reports whether there is anything to do, and false once and for all to the goroutine that asks.
func (w *waiting) next() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = w.again && !w.closed
	w.again = false
	return w.running
}

// close waits for the goroutine.
func (w *waiting) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.wg.Wait()
}

// keeper is a guest, or what is left of one, and what it keeps or what waits on its behalf, in bytes.
type keeper struct {
	process *Process
	bytes   int64
}

// keepers are those of one family that stands by itself, least first, with what the family keeps.
type keepers struct {
	list  []keeper
	bytes int64
}

// relieve makes room: first in what waits, then in all that the node's memory is taken by, where the memory that
// no process uses goes first.
func (s *System) relieve() {
	m := s.opts.Memory
	if most := m.mostWaiting(); m.waiting.Load() > most {
		s.endMost(m.waiting.Load(), most, false)
	}
	if m.used() > m.most {
		s.opts.MakeRoom(func() bool { return m.used() <= m.most })
	}
	if m.used() > m.most {
		s.endMost(m.used(), m.most, true)
	}
}

// endMost ends one guest after the other, each the one that keeps most of the family that keeps most,
// and cancels the timers that it has set, until as much is on its way out as there is too much, and some more, so that
// there is room for a while. Linear memory counts as kept or not.
// Processes of Go are the node's own, and stay. If it is they who keep too much, no guest pays that
// keeps no more than its share.
func (s *System) endMost(kept, most int64, memory bool) {
	excess := kept - (most - most/16)
	families, ending := s.keepers(memory)
	share := s.waiting.share(most)
	ended := map[*Process]bool{}
	var first keeper
	for excess -= ending; excess > 0 && len(families) > 0 && families[0].bytes > share; {
		k := families.next()
		k.process.exit(reasonNodeFull)
		if first.process == nil {
			first = k
		}
		ended[k.process] = true
		excess -= k.bytes
	}
	if len(ended) > 0 {
		s.timers.revoke(ended)
		s.opts.Logger.Warn("the memory of the node is used up: the processes that kept most were ended",
			"processes", len(ended), "kept", kept, "most", most,
			"first", first.process.pid.Text(0), "function", first.process.function.String(), "bytes", first.bytes)
	}
}

// keepers gives the guests by family, and how many bytes those keep that have been told to end already. The timers of
// these have to be cancelled all the same.
func (s *System) keepers(memory bool) (families keepersHeap, ending int64) {
	byFamily := map[*family]*keepers{}
	add := func(p *Process, bytes int64) {
		if bytes == 0 || p.below == nil {
			return
		}
		top := p.below.top()
		if byFamily[top] == nil {
			byFamily[top] = &keepers{}
		}
		byFamily[top].list = append(byFamily[top].list, keeper{p, bytes})
		byFamily[top].bytes += bytes
	}
	timers := s.timers.weights()
	for _, p := range s.table.processes() {
		bytes, ends := p.keeps()
		if memory {
			bytes += int64(p.memory.Load())
		}
		if ends {
			ending += bytes
			continue
		}
		add(p, bytes+timers[p])
		delete(timers, p)
	}
	for p, bytes := range timers {
		add(p, bytes)
	}
	for _, k := range byFamily {
		slices.SortFunc(k.list, func(a, b keeper) int { return cmp.Compare(a.bytes, b.bytes) })
		families = append(families, k)
	}
	heap.Init(&families)
	return families, ending
}

// keeps gives what the process is charged with but for its timers, and whether it has been told to end.
func (p *Process) keeps() (bytes int64, ending bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.box.weight() + len(p.aliases)*aliasOverhead + len(p.args)
	return int64(kept), p.reason != nil
}

// next takes out who keeps most of the family that keeps most.
func (h *keepersHeap) next() keeper {
	family := (*h)[0]
	last := len(family.list) - 1
	k := family.list[last]
	family.list, family.bytes = family.list[:last], family.bytes-k.bytes
	if last == 0 {
		heap.Pop(h)
	} else {
		heap.Fix(h, 0)
	}
	return k
}

// keepersHeap has the family that keeps most first.
type keepersHeap []*keepers

func (h keepersHeap) Len() int           { return len(h) }
func (h keepersHeap) Less(i, j int) bool { return h[i].bytes > h[j].bytes }
func (h keepersHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push and Pop are for container/heap.
func (h *keepersHeap) Push(x any) { *h = append(*h, x.(*keepers)) }

func (h *keepersHeap) Pop() any {
	last := len(*h) - 1
	k := (*h)[last]
	*h = (*h)[:last]
	return k
}
