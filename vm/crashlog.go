package vm

import (
	"sync"
	"time"
)

// What may be told of crashes: a burst of them and so many each second from then on, of one family and of
// all guests of the node. A guest can crash, or have children that do, as fast as it can spawn.
const (
	crashBurst     = 50
	crashPerSecond = 10
	crashBurstAll  = 500
	crashPerSecAll = 100

	// crashPause is how long crashes are counted that are not told of before a line says how many.
	crashPause = time.Second
)

// crashLog decides which crashes are told of.
type crashLog struct {
	all  LogRate
	tell func(dropped uint64, last *Process)

	mu      sync.Mutex // guards all below
	dropped uint64     // since it was told last how many
	last    *Process   // of those
	pause   *time.Timer
	closed  bool
	wg      sync.WaitGroup
}

func (c *crashLog) init(tell func(dropped uint64, last *Process)) {
	c.all.Burst, c.all.PerSecond, c.tell = crashBurstAll, crashPerSecAll, tell
}

// take reports whether the crash of a process is to be told of. One that is not is counted. Those of
// processes of Go, which are the node's own, always are.
func (c *crashLog) take(p *Process) bool {
	if p.below == nil {
		return true
	}
	now := time.Now()
	if _, ok := p.below.top().crashes.Take(now); ok {
		if _, ok := c.all.Take(now); ok {
			return true
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped++
	c.last = p
	if c.pause == nil && !c.closed {
		c.wg.Add(1)
		c.pause = time.AfterFunc(crashPause, c.flush)
	}
	return false
}

// flush says how many crashes were not told of.
func (c *crashLog) flush() {
	defer c.wg.Done()
	c.mu.Lock()
	dropped, last := c.dropped, c.last
	c.dropped, c.last, c.pause = 0, nil, nil
	c.mu.Unlock()
	c.tell(dropped, last)
}

// close says what is left to say.
func (c *crashLog) close() {
	c.mu.Lock()
	c.closed = true
	early := c.pause != nil && c.pause.Stop()
	c.mu.Unlock()
	if early {
		c.flush()
	}
	c.wg.Wait()
}
