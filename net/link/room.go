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

// How long large signals wait for memory until a link has to go: one whose own have not moved for as long, or in the end
// any, so that nobody waits for ever for those who send a byte now and then.
const (
	roomPatience = 30 * time.Second
	patienceEnds = 4 * roomPatience
)

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
	// evict ends the link, which holds so many bytes for which others have waited too long.
	evict(held uint64)
}

// claim is what one large signal holds that is to be sent, or what has come of those of a lane.
type claim struct {
	room   *room
	holder holder

	held     uint64    // guarded by the room's lock, as are the next two
	standing bool      // among the claims
	moved    time.Time // when more of it came or went last

	timer *time.Timer // runs while the claim waits, else nil; its owner's alone, as is
	asked time.Time   // when it began to
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
				c.timer, c.asked = time.NewTimer(roomPatience), time.Now()
			}
			return awaitLocked(&r.freed)
		}
		r.memory.Force(bytes)
	}
	c.held += bytes
	c.moved = time.Now()
	c.stopTimer()
	return nil
}

// move notes that some of what is held has been sent.
func (c *claim) move() {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	c.moved = time.Now()
}

// force takes bytes for what cannot wait.
func (c *claim) force(bytes uint64) {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	c.standLocked()
	c.room.memory.Force(bytes)
	c.held += bytes
	c.moved = time.Now()
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
	c.moved = time.Now()
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
		c.timer.Reset(c.room.relieve(time.Since(c.asked) >= patienceEnds))
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// relieve ends the link whose signals have not moved for longest, if that is too long; or, where one has to go anyway, that of the oldest claim. It
// gives the time after which to ask again.
func (r *room) relieve(anyway bool) (again time.Duration) {
	h, held, again := r.stuck(anyway)
	if h != nil {
		h.evict(held)
	}
	return again
}

// leastPause is between two looks for who is stuck.
const leastPause = time.Second

// stuck gives the holder that has to go, and how much it holds; nil when there is none yet, or one had to a moment ago.
func (r *room) stuck(anyway bool) (stuck holder, held uint64, again time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if !r.evicted.IsZero() && now.Sub(r.evicted) < roomPatience {
		return nil, 0, roomPatience
	}
	all, moved := map[holder]uint64{}, map[holder]time.Time{}
	for _, c := range r.claims {
		if c.held == 0 {
			continue
		}
		if stuck == nil {
			stuck = c.holder // of the oldest
		}
		all[c.holder] += c.held
		if c.moved.After(moved[c.holder]) {
			moved[c.holder] = c.moved
		}
	}
	for h, since := range moved {
		if !anyway && since.Before(moved[stuck]) {
			stuck = h
		}
	}
	if still := now.Sub(moved[stuck]); stuck == nil || !anyway && still < roomPatience {
		return nil, 0, max(roomPatience-still, leastPause)
	}
	r.evicted = now
	return stuck, all[stuck], roomPatience
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
