package processors

import "time"

// How often what the program does is looked at, and how often when it does next to nothing on one processor.
const (
	lookEvery = 100 * time.Millisecond
	lookIdle  = time.Second
)

// When the number changes. To change it stops the world, which is short when there is little to do.
const (
	much        = 0.85        // of one processor is more than the program should do on one
	little      = 0.7         // of one processor can be done on one
	nothing     = 0.05        // of one processor is next to nothing
	minPatience = 2           // looks with little to do before the program keeps to one processor
	maxPatience = 50          // the same, for one that has come back from it soon each time
	soon        = time.Second // which is what soon is
	forgiven    = 10 * time.Second
)

// observation is what the program and the machine have done up to a time.
type observation struct {
	at     time.Time
	used   time.Duration        // of processors, by the program; waiting awake is no use
	idle   func() time.Duration // of the machine's processors; it takes a moment to find that out
	wanted bool                 // somebody had more to do than one processor should
}

// policy decides when a program keeps to one processor. Its zero value is one that has all of them, and looks for the first time.
type policy struct {
	single   bool
	last     observation
	idle     time.Duration // at the last look, if the program did much then
	much     bool
	share    float64   // of one processor that the program has used between the last two looks
	calm     int       // looks in a row at which the program had little to do
	patience int       // as many are enough
	since    time.Time // that it keeps to one
}

// look judges what was done since the last look.
func (p *policy) look(o observation) {
	defer func() { p.last = o }()
	if p.last.at.IsZero() {
		return
	}
	p.share = float64(o.used-p.last.used) / float64(max(o.at.Sub(p.last.at), 1))
	if p.single {
		if p.crowded(o) {
			p.spread(o.at)
		}
		return
	}
	if p.calm++; o.wanted || p.share > little {
		p.calm = 0
	}
	if p.calm >= max(p.patience, minPatience) {
		p.single, p.since, p.much = true, o.at, false
	}
}

// next is when to look again: a program that does nothing is not to be woken for that all the time.
func (p *policy) next() time.Duration {
	if p.single && p.share < nothing {
		return lookIdle
	}
	return lookEvery
}

// crowded reports whether one processor is too little for the program, and another one of the machine has nothing to do: where
// none has, more threads would only take turns.
func (p *policy) crowded(o observation) bool {
	was, idle := p.much, p.idle
	if p.much = p.share > much; !p.much {
		return false
	}
	p.idle = o.idle()
	return was && p.idle-idle > o.at.Sub(p.last.at)/2
}

// spread gives the program all processors. One that had just given them up keeps them for longer from now on.
func (p *policy) spread(now time.Time) {
	if !p.single {
		return
	}
	p.single, p.calm = false, 0
	switch kept := now.Sub(p.since); {
	case kept < soon:
		p.patience = min(max(p.patience, minPatience)*2, maxPatience)
	case kept > forgiven:
		p.patience = minPatience
	}
}
