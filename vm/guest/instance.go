package guest

import (
	"context"
	"errors"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/module/image"
)

// instance is an instance of a module, with at hand what is needed to run it and to set it back. It
// belongs to one process at a time, on whose goroutine all of this is used.
type instance struct {
	engine *Engine
	code   *code
	module api.Module

	memory  linearMemory
	largest uint64 // that the module lets it become, in bytes

	left  api.MutableGlobal // what is left of the budget
	stack api.MutableGlobal // what is left of the stack, in bytes
	// globals are the mutable ones, functions those that were called before, each with a stack of its own.
	globals   []api.MutableGlobal
	functions []exported
	deep      bool // a stack has become large

	guest *guest // that uses the instance; WASI's streams are its
	ready bool   // it has been initialised
	apart bool   // it was made for its process alone
	spent bool   // it has state that cannot be set back: descriptors
}

// exported is a function that can be called by name.
type exported struct {
	name     string
	function api.Function
}

// errMemory is what the allocator panics with when the first pages cannot be had: the runtime has no
// other way to say so. errNodeFull says that it is not the process that may not have them.
var (
	errMemory   = errors.New("memory limit")
	errNodeFull = errors.New("no memory left on the node")
)

// instance gives the guest an instance: one that has rested, or a new one that is set to the image
// too. A process that reaches something of the host has one to itself, which is initialised with that, and so has
// one that may have less memory than the others begin with. The error is errMemory when the process may not
// have its memory, and errNodeFull when there is none left.
func (g *guest) instance() (i *instance, err error) {
	most := g.engine.memoryFor(g.process)
	if !g.reaches() {
		i = g.code.pool.take(most)
	}
	if i == nil {
		if i, err = g.newInstance(most); err != nil {
			return nil, err
		}
	}
	i.guest, i.memory.most, i.memory.process = g, min(most, i.largest), g.process
	g.process.SetMemory(uint64(len(i.memory.buffer)))
	g.of, g.left = i, i.left
	return i, nil
}

// newInstance makes an instance that is set to the image.
func (g *guest) newInstance(most uint64) (*instance, error) {
	i, err := g.engine.instantiate(g, most)
	if err != nil {
		return nil, err
	}
	i.apart = g.reaches()
	img, ready, err := g.code.pool.begin(i, most)
	if err == nil && !i.resize(img.Size()) {
		err = errNodeFull
	}
	if err != nil {
		i.close()
		return nil, err
	}
	i.memory.used = 0 // nothing has: what is not touched takes no memory
	i.set(img, ready)
	return i, nil
}

// instantiate makes an instance in which nothing has run and whose memory is empty.
func (e *Engine) instantiate(g *guest, most uint64) (i *instance, err error) {
	c := g.code
	if !c.take(c.weight) {
		return nil, errNodeFull
	}
	i = &instance{engine: e, code: c}
	i.memory = linearMemory{engine: e, code: c, most: most}
	if img, _ := c.pool.current(); img != nil && img.Size() <= most && !g.reaches() {
		i.memory.begin = img
	}
	made, memory := false, &i.memory
	defer func() {
		if !made {
			memory.Free() // which the runtime does with an instance only
			c.give(c.weight)
		}
		if r := recover(); r == error(errMemory) {
			i, err = nil, errMemory
			if memory.short {
				err = errNodeFull
			}
		} else if r != nil {
			panic(r)
		}
	}()
	allocate := experimental.MemoryAllocatorFunc(func(_, largest uint64) experimental.LinearMemory {
		i.largest = largest
		return &i.memory
	})
	i.module, err = e.runtime.InstantiateModule(experimental.WithMemoryAllocator(g, allocate), c.compiled, i.config(g))
	if err != nil {
		return nil, err
	}
	made = true
	i.left, i.stack = i.global(c.left), i.global(c.bounds.stack)
	for _, name := range c.pool.state.Globals {
		i.globals = append(i.globals, i.global(name))
	}
	return i, nil
}

// global gives a global that the rewriter has exported.
func (i *instance) global(name string) api.MutableGlobal {
	return i.module.ExportedGlobal(name).(api.MutableGlobal)
}

// config adds to what all instances have in common what WASI gives to this one, which is made for a guest.
func (i *instance) config(g *guest) wazero.ModuleConfig {
	if !i.code.wasi {
		return i.engine.config
	}
	streams := stdio{i}
	return g.reach(i.engine.config).
		WithStdin(streams).WithStdout(streams).WithStderr(stderr{streams})
}

// maxFunctions bounds the functions that an instance keeps: initialisation, and what most of its processes run.
const maxFunctions = 4

// call calls an exported function.
func (i *instance) call(ctx context.Context, export string) error {
	for _, f := range i.functions {
		if f.name == export {
			_, err := f.function.Call(ctx)
			return err
		}
	}
	if len(i.functions) == maxFunctions {
		i.functions = nil
	}
	f := i.module.ExportedFunction(export)
	i.functions = append(i.functions, exported{export, f})
	_, err := f.Call(ctx)
	return err
}

// restore sets the instance, which is at rest, to the image of its module. It reports false when that
// cannot be done.
func (i *instance) restore() bool {
	img, ready := i.code.pool.current()
	if !i.resize(img.Size()) {
		return false
	}
	i.set(img, ready)
	if i.deep {
		i.functions, i.deep = nil, false
	}
	return true
}

// set sets the instance, whose memory has the image's size, to an image.
func (i *instance) set(img *image.Image, ready bool) {
	if i.memory.space != nil {
		i.memory.set(img)
	}
	img.SetGlobals(i.globals)
	i.left.Set(uint64(firstBudget))
	i.ready = ready
}

// resize makes the memory as large as it is to be, which may be smaller than it is: the runtime takes
// from [linearMemory.Reallocate] what it gets. It does not ask when the memory is as large as it can ever become: such
// an instance cannot be made smaller.
func (i *instance) resize(size uint64) bool {
	if uint64(len(i.memory.buffer)) == size {
		return true
	}
	exactly := size
	i.memory.exactly = &exactly
	_, ok := i.module.Memory().Grow(1)
	i.memory.exactly = nil
	return ok && uint64(len(i.memory.buffer)) == size
}

// initialize calls what is to be called before anything else, unless the instance is from an image of
// one where that was done.
func (g *guest) initialize(i *instance) error {
	if i.ready {
		return nil
	}
	var used string
	g.first, i.memory.refused = &used, false
	defer func() { g.first = nil }()
	if start := g.code.bounds.start; start != "" {
		if err := i.call(g, start); err != nil {
			return err
		}
	}
	if _, ok := g.code.exports[initializeExport]; ok {
		if err := i.call(g, initializeExport); err != nil {
			return err
		}
	}
	i.ready = true
	if !i.apart && !i.memory.refused { // which would not have happened to others
		g.code.pool.initialized(i, used)
	}
	return nil
}

// shares reports whether the instance is being initialised for other processes too, as the module wants.
func (g *guest) shares() bool { return g.first != nil && g.code.pool.shared }

// differs notes that the instance is made different from others of its module by what it calls.
func (g *guest) differs(function string) {
	if g.first != nil && *g.first == "" {
		*g.first = function
	}
}

// leave lets the instance rest for another process, or closes it. One that has trapped or whose process
// was told to end was left in the middle of something.
func (g *guest) leave(i *instance, exit vm.Exit) {
	g.process.SetInspector(nil) // which looks into the instance
	i.guest, i.memory.process = nil, nil
	g.process.SetMemory(0)
	if exit.Crash || g.Err() != nil || i.apart || i.spent || g.code.pool.state.Hidden != "" || !i.restore() || !g.code.pool.put(i) {
		i.close()
		return
	}
	g.engine.hasPooled()
}

// close frees the instance.
func (i *instance) close() {
	if err := i.module.Close(context.Background()); err != nil {
		i.engine.opts.Logger.Warn("instance not closed", "err", err)
	}
	i.code.give(i.code.weight)
}
