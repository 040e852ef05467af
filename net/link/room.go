package link

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Memory is where links count what they hold in one direction. Its methods may be called concurrently.
type Memory interface {
	// Take takes so many bytes, or none when there is no room for them.
	Take(bytes uint64) bool
	// Force takes so many bytes, whether there is room or not.
	Force(bytes uint64)
	// Release gives back what was taken.
	Release(bytes uint64)
}

// noBound is a memory without end.
type noBound struct{}

func (noBound) Take(uint64) bool { return true }
func (noBound) Force(uint64)     {}
func (noBound) Release(uint64)   {}

// roomPatience is how long large signals wait for memory until a link has to go.
const roomPatience = 30 * time.Second

// room is the memory for the large signals of all links of an endpoint in one direction. The oldest claim always gets what
// it asks for, whatever is taken: so signals of which each has come in part never wait for each other, and one that is larger than
// all that there is gets through, alone. Beyond what there is, the room never has more than that claim asks for.
type room struct {
	memory Memory

	mu      sync.Mutex    // guards what follows, and the claims; no other lock is taken under it
	claims  []*claim      // those that hold something or have asked for it, the oldest first
	freed   chan struct{} // closed when those who wait may try again; nil when nobody does
	evicted time.Time     // when a link had to go last
}

func newRoom(m Memory) *room {
	if m == nil {
		m = noBound{}
	}
	return &room{memory: m}
}

// holder is whose a claim is.
type holder interface {
	// evict ends the link, which holds so many bytes: more than all others do, of whom one has waited for too long.
	evict(held uint64)
}

// claim is what one large signal holds that is to be sent, or what has come of those of a lane.
type claim struct {
	room   *room
	holder holder

	held     uint64      // guarded by the room's lock, as is
	standing bool        // among the claims
	timer    *time.Timer // runs while the claim waits, else nil; its owner's alone
}

// take takes bytes, or gives what to wait for, by pause, until they are asked for again.
func (c *claim) take(bytes uint64) (wait <-chan struct{}) {
	r := c.room
	r.mu.Lock()
	defer r.mu.Unlock()
	c.standLocked()
	if !r.memory.Take(bytes) {
		if r.claims[0] != c {
			if c.timer == nil {
				c.timer = time.NewTimer(roomPatience)
			}
			return awaitLocked(&r.freed)
		}
		r.memory.Force(bytes)
	}
	c.held += bytes
	c.stopTimer()
	return nil
}

// force takes bytes for what cannot wait.
func (c *claim) force(bytes uint64) {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	c.standLocked()
	c.room.memory.Force(bytes)
	c.held += bytes
}

func (c *claim) standLocked() {
	if !c.standing {
		c.standing = true
		c.room.claims = append(c.room.claims, c)
	}
}

// release gives bytes back. A claim that holds nothing is not old any more.
func (c *claim) release(bytes uint64) {
	r := c.room
	r.mu.Lock()
	defer r.mu.Unlock()
	r.memory.Release(bytes)
	c.held -= bytes
	if c.held == 0 && c.standing {
		c.standing = false
		i := slices.Index(r.claims, c)
		r.claims = slices.Delete(r.claims, i, i+1)
	}
	releaseLocked(&r.freed)
}

// drop gives back all that a claim holds, nil for none, and asks for nothing more.
func (c *claim) drop() {
	if c == nil {
		return
	}
	c.stopTimer()
	c.release(c.held)
}

func (c *claim) stopTimer() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// pause waits for what take gave, or for something else if the claim is nil or waits for no memory. It returns nil when it is
// worth to try again, and else the cause of ctx.
func (c *claim) pause(ctx context.Context, wait <-chan struct{}) error {
	var late <-chan time.Time
	if c != nil && c.timer != nil {
		late = c.timer.C
	}
	select {
	case <-wait:
		return nil
	case <-late:
		c.timer.Reset(roomPatience)
		c.room.relieve()
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// relieve ends the link that holds most, unless one has been ended for the same reason a moment ago.
func (r *room) relieve() {
	if h, held := r.most(); h != nil {
		h.evict(held)
	}
}

// most gives the holder whose claims hold most together, nil when it is too soon to ask or nothing is held.
func (r *room) most() (most holder, held uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.evicted.IsZero() && time.Since(r.evicted) < roomPatience {
		return nil, 0
	}
	all := map[holder]uint64{}
	for _, c := range r.claims {
		if all[c.holder] += c.held; all[c.holder] > held {
			most, held = c.holder, all[c.holder]
		}
	}
	if most != nil {
		r.evicted = time.Now()
	}
	return most, held
}

// count counts what is held without a claim: what it is, or with a negative number is no more.
func (r *room) count(bytes int) {
	if bytes > 0 {
		r.memory.Force(uint64(bytes))
		return
	}
	r.memory.Release(uint64(-bytes))
	r.mu.Lock()
	defer r.mu.Unlock()
	releaseLocked(&r.freed)
}
