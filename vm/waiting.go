package vm

import (
	"cmp"
	"container/heap"
	"slices"
	"sync"
	"sync/atomic"
)

// ReasonNodeFull is the exit reason of a process that kept most of what waited on its node when that was
// more than the node may keep.
const ReasonNodeFull = "node_full"

// What waits is counted in units of so many bytes for each family, so that few messages touch the count
// of the node, which all of its processes share.
const waitingUnitBits = 12

// waiting counts what waits for the processes of a node, of all families together. When it is beyond its
// bound, those who keep most have to go: whoever has little there never pays for others. The methods
// may be called concurrently.
type waiting struct {
	most      int64
	used      atomic.Int64 // in bytes
	processes func() int   // how many there are
	relieve   func()       // frees some of it; on a goroutine that runs only while there is too much

	mu      sync.Mutex // guards all below; no other lock is taken under it
	running bool
	again   bool // there was too much while it ran
	closed  bool
	wg      sync.WaitGroup
}

func (w *waiting) init(most uint64, processes func() int, relieve func()) {
	if most == 0 {
		most = MachineMemory() / 4
	}
	w.most, w.processes, w.relieve = int64(min(most, 1<<60)), processes, relieve
}

// moved notes that a family keeps another number of bytes.
func (w *waiting) moved(before, now int64) {
	units := now>>waitingUnitBits - before>>waitingUnitBits
	if units == 0 {
		return
	}
	if w.used.Add(units<<waitingUnitBits) > w.most && units > 0 {
		w.start()
	}
}

// has reports whether a family that keeps some bytes may keep so many more. There is an eighth beyond the
// bound for what comes before there is room again. Who keeps no more than an equal share of the bound is
// let in even then, as it does not pay for others; all of these have no more than the bound once again.
func (w *waiting) has(kept int64, more int) bool {
	return w.used.Load()+int64(more) <= w.most+w.most/8 ||
		kept+int64(more) <= w.share()
}

// share is what a family may keep on a full node.
func (w *waiting) share() int64 { return w.most / int64(max(w.processes(), 1)) }

// excess gives how many bytes are to be freed. It is some more than what is too much, so that there is
// room for a while.
func (w *waiting) excess() int64 { return w.used.Load() - (w.most - w.most/16) }

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

// keeper is a guest, or what is left of one, and what waits for it or on its behalf, in bytes.
type keeper struct {
	process *Process
	bytes   int64
}

// keepers are those of one family that stands by itself, least first, with what the family keeps.
type keepers struct {
	list  []keeper
	bytes int64
}

// relieve ends one guest after the other, each the one that keeps most of the family that keeps most,
// and cancels the timers that it has set, until as much is on its way out as there is too much.
// Processes of Go are the node's own, and stay. If it is they who keep too much, no guest pays that
// keeps no more than its share.
func (s *System) relieve() {
	families, excess := s.keepers()
	share := s.waiting.share()
	ended := map[*Process]bool{}
	for excess > 0 && len(families) > 0 && families[0].bytes > share {
		k := families.next()
		k.process.exit(reasonNodeFull)
		ended[k.process] = true
		excess -= k.bytes
	}
	if len(ended) > 0 {
		s.timers.revoke(ended)
		s.opts.Logger.Warn("more waits on this node than may: the processes that kept most were ended",
			"processes", len(ended), "bytes", s.waiting.most)
	}
}

// keepers gives the guests by family, and how many bytes are to be freed beside what those keep that
// have been told to end already. The timers of these have to be cancelled all the same.
func (s *System) keepers() (families keepersHeap, excess int64) {
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
	excess = s.waiting.excess()
	timers := s.timers.weights()
	for _, p := range s.table.processes() {
		bytes, ending := p.keeps()
		if ending {
			excess -= bytes
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
	return families, excess
}

// keeps gives what the process is charged with but for its timers, and whether it has been told to end.
func (p *Process) keeps() (bytes int64, ending bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.box.weight() + len(p.aliases)*aliasOverhead + len(p.opts.Args)
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
