package cookie

import (
	"container/list"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// LimiterOptions are the bounds of a Limiter. The zero value gives the defaults.
type LimiterOptions struct {
	// Free is how many failures an address has before it must wait. 0 means 5;
	// negative means none.
	Free int
	// Base is the wait after the first failure that is not free; each further one doubles
	// it. 0 means 250 ms; negative is an error.
	Base time.Duration
	// Cap is the longest wait. 0 means 10 s; less than Base is an error.
	Cap time.Duration
	// Forget is how long after its last failure an address counts as new.
	// 0 means 10 min; less than Cap is an error.
	Forget time.Duration
	// Parallel is how many attempts of an address run at a time while it has no more than
	// Free failures; after that it is one. 0 means 64; negative is an error.
	Parallel int
	// Entries is how many addresses are remembered. 0 means 4096; negative is an error.
	Entries int
	// Now is the clock. nil means time.Now.
	Now func() time.Time
}

func (o LimiterOptions) withDefaults() (LimiterOptions, error) {
	orDefault(&o.Free, 5)
	orDefault(&o.Base, 250*time.Millisecond)
	orDefault(&o.Cap, 10*time.Second)
	orDefault(&o.Forget, 10*time.Minute)
	orDefault(&o.Parallel, 64)
	orDefault(&o.Entries, 4096)
	if o.Now == nil {
		o.Now = time.Now
	}
	switch {
	case o.Base < 0, o.Cap < o.Base, o.Forget < o.Cap:
		return o, fmt.Errorf("cookie: limiter needs 0 < Base <= Cap <= Forget, has %v, %v, %v", o.Base, o.Cap, o.Forget)
	case o.Parallel < 0 || o.Entries < 0:
		return o, fmt.Errorf("cookie: limiter has negative bounds: Parallel %d, Entries %d", o.Parallel, o.Entries)
	}
	o.Free = max(0, o.Free)
	return o, nil
}

func orDefault[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}

// A Limiter makes guessing slow: an address from which handshakes fail must wait
// longer and longer before the next one. An IPv4 address counts alone, an IPv6
// address as its /64 network, of which one host can have every address. It
// starts no timers and no goroutines, and is safe for concurrent use.
//
// Memory is bounded: when a new address does not fit, the one that has been quiet longest
// is forgotten.
type Limiter struct {
	options LimiterOptions

	mu      sync.Mutex
	entries map[netip.Prefix]*list.Element
	recent  *list.List // of *limiterEntry, the quietest in front
}

type limiterEntry struct {
	key      netip.Prefix
	failures int
	running  int
	failed   time.Time // when the last failure was
	until    time.Time // no attempt before this
}

// NewLimiter makes a Limiter that knows no address. It fails if the options
// contradict each other.
func NewLimiter(o LimiterOptions) (*Limiter, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Limiter{options: o, entries: make(map[netip.Prefix]*list.Element), recent: list.New()}, nil
}

// Begin asks whether a handshake with addr may begin. 0 means yes, and End must be called
// once for it; otherwise it is how long the address has to wait, and the
// handshake must be refused. Attempts that run at the same time count, so that nobody
// gains guesses by making them all at once.
func (l *Limiter) Begin(addr netip.Addr) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.options.Now()
	e := l.entryLocked(limiterKey(addr))
	if e == nil {
		return l.options.Base
	}
	if e.failures > 0 && e.running == 0 && now.Sub(e.failed) >= l.options.Forget {
		e.failures, e.until = 0, time.Time{}
	}
	if wait := e.until.Sub(now); wait > 0 {
		return wait
	}
	parallel := l.options.Parallel
	if e.failures > l.options.Free {
		parallel = 1
	}
	if e.running >= parallel {
		return l.options.Base
	}
	e.running++
	return 0
}

// End reports how a handshake ended that Begin had permitted. After a success
// the address counts as new; after a failure it waits, once it has had its free ones.
// An attempt that ended for another reason than the peer's proof, such as a lost
// connection, is best reported as a failure too: it is what a guesser would make of it.
func (l *Limiter) End(addr netip.Addr, success bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	element := l.entries[limiterKey(addr)]
	if element == nil {
		return
	}
	e := element.Value.(*limiterEntry)
	e.running = max(0, e.running-1)
	l.recent.MoveToBack(element)
	switch {
	case !success:
		e.failures++
		e.failed = l.options.Now()
		e.until = e.failed.Add(l.backOff(e.failures - l.options.Free))
	case e.running == 0:
		l.removeLocked(element)
	default:
		e.failures, e.until = 0, time.Time{}
	}
}

// backOff is the wait after the nth failure that was not free.
func (l *Limiter) backOff(n int) time.Duration {
	if n <= 0 {
		return 0
	}
	wait := l.options.Base
	for ; n > 1 && wait < l.options.Cap; n-- {
		// Halving the cap instead of doubling the wait cannot overflow.
		if wait > l.options.Cap/2 {
			return l.options.Cap
		}
		wait *= 2
	}
	return min(wait, l.options.Cap)
}

// entryLocked finds or makes the entry of key. It is nil if every entry
// belongs to an attempt that still runs.
func (l *Limiter) entryLocked(key netip.Prefix) *limiterEntry {
	if element := l.entries[key]; element != nil {
		return element.Value.(*limiterEntry)
	}
	if len(l.entries) >= l.options.Entries && !l.evictLocked() {
		return nil
	}
	e := &limiterEntry{key: key}
	l.entries[key] = l.recent.PushBack(e)
	return e
}

// evictLocked forgets the quietest address that has no attempt running.
func (l *Limiter) evictLocked() bool {
	for element := l.recent.Front(); element != nil; element = element.Next() {
		if element.Value.(*limiterEntry).running == 0 {
			l.removeLocked(element)
			return true
		}
	}
	return false
}

func (l *Limiter) removeLocked(element *list.Element) {
	delete(l.entries, element.Value.(*limiterEntry).key)
	l.recent.Remove(element)
}

// limiterKey is the network that counts as one address. The zero Addr gives
// the zero Prefix, an address like any other.
func limiterKey(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	key, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return key
}
