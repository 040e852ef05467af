package guest

import (
	"sync"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
	"github.com/wnode/wnode/vm/module/image"
	"github.com/wnode/wnode/vm/module/rewrite"
)

// Bounds of a pool. A module's instances at rest are for its next processes, which are far sooner
// there than with instances of their own.
const (
	maxPooled     = 256
	maxPooledSize = 64 << 20 // of their memories together, in bytes
)

// shrinkPeriod is how long instances may rest: in each such time, those that were never needed are let go.
const shrinkPeriod = 10 * time.Second

// pool has the instances of a module that are at rest, each set to the module's image.
type pool struct {
	code   *code
	memory *vm.Memory    // that images take from
	state  rewrite.State // Data is nil once there is an image
	shared bool          // the module says that processes may share what it has read ([abi.ImageExport])

	mu     sync.Mutex
	first  *image.Image // what instances begin with that have not been initialised; nil before the first
	image  *image.Image // what they begin with now
	ready  bool         // the image is one of an instance that has been initialised
	own    string       // why it is not, "" when it is or nobody knows yet: each instance has to be initialised for itself
	free   []*instance  // the one that was used last comes first again
	size   uint64       // of their memories, in bytes
	unused int          // the fewest that were free since the pool was last looked at
}

func (p *pool) init(c *code, memory *vm.Memory, rewritten *rewrite.Result) {
	p.code, p.memory, p.state = c, memory, rewritten.State
	p.own = rewritten.State.Hidden
	_, p.shared = c.exports[abi.ImageExport]
	_, initialized := c.exports[initializeExport]
	p.ready = rewritten.Start == "" && !initialized
}

// take gives an instance at rest, nil when there is none for a process that may have so much memory.
func (p *pool) take(most uint64) *instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.free) - 1
	if last < 0 || p.free[last].memory.taken > most {
		return nil
	}
	i := p.free[last]
	p.free[last] = nil
	p.free = p.free[:last]
	p.size -= i.memory.taken
	p.unused = min(p.unused, last)
	return i
}

// put lets an instance rest that was set to the image. It reports false when there is no room.
func (p *pool) put(i *instance) bool {
	size := i.memory.taken
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) >= maxPooled || p.size+size > maxPooledSize {
		return false
	}
	p.free = append(p.free, i)
	p.size += size
	return true
}

// begin gives the image for a new instance, with whether that has been initialised, which it has not
// for one that is to stay apart, as one does whose process may have less memory than the others begin with. The first
// instance makes it. The errors are [image.ErrOutOfBounds] and errNodeFull.
func (p *pool) begin(i *instance, most uint64) (img *image.Image, ready bool, err error) {
	if err := p.prepare(i); err != nil {
		return nil, false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	i.apart = i.apart || p.image.Size() > most
	if i.apart {
		return p.first, p.ready && p.image == p.first, nil
	}
	return p.image, p.ready, nil
}

// prepare makes the image for all instances from a new one, unless there is one.
func (p *pool) prepare(i *instance) error {
	p.mu.Lock()
	known, data := p.first != nil, p.state.Data
	p.mu.Unlock()
	if known {
		return nil
	}
	img, err := image.Initial(uint64(len(i.memory.buffer)), data, i.globals)
	if err != nil {
		return err
	}
	if !i.engine.takeMemory(img.Footprint()) {
		return errNodeFull
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.first != nil {
		p.memory.Release(img.Footprint())
		return nil
	}
	p.first, p.image, p.state.Data = img, img, nil
	return nil
}

// current gives the image, with whether it is one of an instance that has been initialised.
func (p *pool) current() (*image.Image, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.image, p.ready
}

// initialized is told of an instance that has just been initialised. Unless it has used what makes it
// different from all others, or there is no memory for an image, it is what instances begin with from now on.
func (p *pool) initialized(i *instance, used string) {
	if !p.wants(used) {
		return
	}
	img := image.Capture(i.memory.buffer, i.globals)
	if !i.engine.takeMemory(img.Footprint()) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ready || p.own != "" {
		p.memory.Release(img.Footprint())
		return
	}
	p.image, p.ready = img, true
}

// wants reports whether an initialised instance is to become an image, which no other one will if it has used
// what makes it different.
func (p *pool) wants(used string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ready || p.own != "" {
		return false
	}
	if used != "" {
		p.own = "its initialisation calls " + used
	}
	return used == ""
}

// close closes all instances and the images. No process may use the module.
func (p *pool) close() {
	p.empty(0)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.memory.Release(p.footprintLocked())
	for _, img := range []*image.Image{p.first, p.image} {
		if img != nil {
			img.Close()
		}
	}
	p.first, p.image = nil, nil
}

// resting is what the instances at rest take of the memory of the node, in bytes.
func (p *pool) resting() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.size + uint64(len(p.free))*p.code.weight
}

// footprint is what the images take of the memory of the node, in bytes.
func (p *pool) footprint() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.footprintLocked()
}

func (p *pool) footprintLocked() (bytes uint64) {
	if p.first != nil {
		bytes = p.first.Footprint()
	}
	if p.image != p.first {
		bytes += p.image.Footprint()
	}
	return bytes
}

// shrink lets those instances go that were not needed since it was called last, and reports whether
// there are others.
func (p *pool) shrink() bool {
	p.mu.Lock()
	keep := len(p.free) - p.unused
	p.mu.Unlock()
	return p.empty(keep)
}

// empty closes all instances but so many, and reports whether it kept any.
func (p *pool) empty(keep int) bool {
	p.mu.Lock()
	keep = min(keep, len(p.free))
	drop := p.free[:len(p.free)-keep] // those that have rested longest
	p.free = append([]*instance(nil), p.free[len(p.free)-keep:]...)
	for _, i := range drop {
		p.size -= i.memory.taken
	}
	p.unused = keep
	p.mu.Unlock()
	for _, i := range drop {
		i.close()
	}
	return keep > 0
}
