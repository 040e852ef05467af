package names

import (
	"hash/maphash"
	"net/netip"
	"time"
)

const (
	// lookupBurst and lookupEvery limit how fast another host may look up names, which is how fast
	// it can guess them. The burst lets the nodes of a big host all connect at the same moment.
	lookupBurst = 64
	lookupEvery = time.Second / 32
	// limiterSlots bounds the memory; sources that fall into the same slot share its tokens.
	limiterSlots = 1024
)

// limiter counts lookups per source: a token bucket for each of a fixed number of slots, chosen by
// a keyed hash so that nobody can aim at the slot of another source.
type limiter struct {
	seed  maphash.Seed
	slots [limiterSlots]time.Time // when the slot's bucket is full again
}

func newLimiter() *limiter { return &limiter{seed: maphash.MakeSeed()} }

// allow takes one token from the bucket of a source and reports whether there was one.
func (l *limiter) allow(from netip.Addr, now time.Time) bool {
	full := &l.slots[maphash.Comparable(l.seed, source(from))%limiterSlots]
	if full.Before(now) {
		*full = now
	}
	next := full.Add(lookupEvery)
	if next.Sub(now) > lookupBurst*lookupEvery {
		return false
	}
	*full = next
	return true
}

// source gives what counts as one source: an IPv4 address, or an IPv6 network of 64 bits, all
// addresses of which usually belong to one host.
func source(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr()
}
