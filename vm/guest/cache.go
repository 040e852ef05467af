package guest

import (
	"container/list"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/module/rewrite"
)

// code is a module that is ready to be instantiated.
type code struct {
	hash     abi.Hash
	compiled wazero.CompiledModule
	exports  map[string]api.FunctionDefinition
	wasi     bool   // imports WASI
	inner    string // what its name section calls it
	layout   rewrite.Layout
	offsets  rewrite.Offsets
	debug    int    // bytes of debug information in the module as it was
	left     string // export with what is left of the budget
	weight   uint64 // what an instance takes beside its linear memory, in bytes
	bounds   instanceBounds
	pool     pool
	engine   *Engine
	size     uint64        // an estimate of what the code takes, in bytes
	taken    atomic.Uint64 // of the memory of the node, by its instances, in bytes

	users int           // instances that may exist
	idle  *list.Element // place among the unused ones, nil while there are users
}

// take takes memory for an instance, or none when there is not so much.
func (c *code) take(n uint64) bool {
	if !c.engine.takeMemory(n) {
		return false
	}
	c.taken.Add(n)
	return true
}

// give gives back what was taken for an instance.
func (c *code) give(n uint64) {
	c.taken.Add(^(n - 1))
	c.engine.memory.Release(n)
}

// loadError says that the bytes of a module could not be had.
type loadError struct{ err error }

func (e *loadError) Error() string { return "load module: " + e.err.Error() }
func (e *loadError) Unwrap() error { return e.err }

// compileError says that bytes are no module that this node can run.
type compileError struct{ what string }

func (e *compileError) Error() string { return "compile module: " + e.what }

// cache holds compiled modules by hash. One that is in use is never closed; of the others the most
// recently used stay.
type cache struct {
	engine  *Engine
	maxIdle int

	mu      sync.Mutex
	loaded  map[abi.Hash]*code
	idle    *list.List // of *code without users, least recently used first
	loading map[abi.Hash]*load
	queue   queue
}

// load is a module on its way, for all who wait for it.
type load struct {
	hash   abi.Hash
	origin abi.NodeID
	turn   chan struct{} // closed when it has a compiler
	done   chan struct{} // closed when err is set
	err    error

	// What the lock of the cache guards.
	waiting map[*vm.Process]struct{}
	lines   map[*line]bool // in which it is wanted
	fetched bool           // it waits for a compiler, or has one
	served  *line          // the line whose turn it had
}

func (c *cache) init(e *Engine, maxIdle int) {
	c.engine, c.maxIdle = e, maxIdle
	c.queue.init()
	c.loaded, c.loading = map[abi.Hash]*code{}, map[abi.Hash]*load{}
	c.idle = list.New()
}

// acquire gives a process a module for use until release. It loads the
// module when it must, once for all who ask, and ends with the process. Someone whose own origin was not tried
// yet tries that as well. The errors are [*loadError], [*compileError], [*linkError] and the cause of the process's context.
func (c *cache) acquire(p *vm.Process, hash abi.Hash, origin abi.NodeID) (*code, error) {
	for {
		found, l, err := c.find(hash, origin, p)
		if found != nil || err != nil {
			return found, err
		}
		if err := p.Await(l.isDone); err != nil {
			c.leave(l, p)
			return nil, err
		}
		var missing *loadError
		if l.err != nil && (l.origin == origin || !errors.As(l.err, &missing)) {
			return nil, l.err
		}
	}
}

// leave notes that a process waits for a load no longer.
func (c *cache) leave(l *load, p *vm.Process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(l.waiting, p)
}

// isDone reports whether the load has ended. Safe for concurrent use.
func (l *load) isDone() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// find gives the module, or else its load, which it starts unless there is one. The caller runs
// within [Engine.enter].
func (c *cache) find(hash abi.Hash, origin abi.NodeID, p *vm.Process) (*code, *load, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found := c.loaded[hash]; found != nil {
		if found.idle != nil {
			c.idle.Remove(found.idle)
			found.idle = nil
		}
		found.users++
		return found, nil, nil
	}
	l, known := c.loading[hash]
	if !known {
		l = &load{
			hash: hash, origin: origin, turn: make(chan struct{}), done: make(chan struct{}),
			waiting: map[*vm.Process]struct{}{}, lines: map[*line]bool{},
		}
	}
	if err := c.queue.want(l, p.Origin()); err != nil {
		return nil, nil, &loadError{err}
	}
	l.waiting[p] = struct{}{}
	if !known {
		c.loading[hash] = l
		c.engine.wg.Go(func() { c.run(l) })
	}
	return nil, l, nil
}

// release gives back what acquire gave.
func (c *cache) release(used *code) {
	c.mu.Lock()
	defer c.mu.Unlock()
	used.users--
	if used.users == 0 {
		c.retireLocked(used)
	}
}

// retireLocked puts a module without users last in the line, and closes the first if it is too long.
func (c *cache) retireLocked(unused *code) {
	unused.idle = c.idle.PushBack(unused)
	if c.idle.Len() <= c.maxIdle {
		return
	}
	c.closeLocked(c.idle.Front().Value.(*code))
}

// closeLocked closes a module without users.
func (c *cache) closeLocked(unused *code) {
	c.idle.Remove(unused.idle)
	delete(c.loaded, unused.hash)
	unused.close()
}

// largeModule is what a module without users takes that gives way when memory is short, in bytes: others are no great
// help, and would have to be loaded again.
const largeModule = 1 << 20

// yield closes the large module that nobody has used for longest, and reports false when there is none.
func (c *cache) yield() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.idle.Front(); e != nil; e = e.Next() {
		if unused := e.Value.(*code); unused.size+unused.pool.footprint() >= largeModule {
			c.closeLocked(unused)
			return true
		}
	}
	return false
}

// close closes all modules, which nobody uses any more.
func (c *cache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.idle.Len() > 0 {
		c.closeLocked(c.idle.Front().Value.(*code))
	}
}

// rest closes all instances that no process uses.
func (c *cache) rest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, loaded := range c.loaded {
		loaded.pool.empty(0)
	}
}

// shrink lets instances go that nobody needs, and reports whether there are others.
func (c *cache) shrink() (left bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, loaded := range c.loaded {
		if loaded.pool.shrink() {
			left = true
		}
	}
	return left
}

// run loads a module and tells those who wait.
func (c *cache) run(l *load) {
	loaded, err := c.load(l)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loading[l.hash] == l {
		delete(c.loading, l.hash)
	}
	c.queue.done(l)
	if err == nil {
		c.loaded[l.hash] = loaded
		c.retireLocked(loaded)
	}
	l.err = err
	close(l.done)
	for p := range l.waiting {
		p.Wake()
	}
}

func (c *cache) load(l *load) (*code, error) {
	// The module is fetched before there is a compiler for it, and let go of again: many may wait.
	ctx, modules := c.engine.ctx, c.engine.opts.Modules
	if _, err := modules.Module(ctx, l.hash, l.origin); err != nil {
		return nil, &loadError{err}
	}
	if !c.awaitTurn(l) {
		return nil, &loadError{errClosed}
	}
	content, err := modules.Module(ctx, l.hash, l.origin)
	if err != nil {
		return nil, &loadError{err}
	}
	return c.engine.compile(l.hash, content)
}

// awaitTurn waits for a compiler, and reports false when the engine is closed or nobody waits any more
// for what it would make.
func (c *cache) awaitTurn(l *load) bool {
	c.mu.Lock()
	c.queue.fetched(l)
	c.mu.Unlock()
	select {
	case <-l.turn:
	case <-c.engine.ctx.Done():
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(l.waiting) == 0 {
		delete(c.loading, l.hash) // so that nobody begins to
	}
	return len(l.waiting) > 0
}
