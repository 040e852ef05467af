package processors

import "time"

// lookEvery is how often what the program does is looked at.
const lookEvery = 100 * time.Millisecond

// When the number changes. To change it stops the world, which is short when there is little to do.
const (
	much        = 0.85        // of one processor is more than the program should do on one
	little      = 0.7         // of one processor can be done on one
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
	share := float64(o.used-p.last.used) / float64(max(o.at.Sub(p.last.at), 1))
	if p.single {
		if p.crowded(share, o) {
			p.spread(o.at)
		}
		return
	}
	if p.calm++; o.wanted || share > little {
		p.calm = 0
	}
	if p.calm >= max(p.patience, minPatience) {
		p.single, p.since, p.much = true, o.at, false
	}
}

// crowded reports whether one processor is too little for the program, and another one of the machine has nothing to do: where
// none has, more threads would only take turns.
func (p *policy) crowded(share float64, o observation) bool {
	was, idle := p.much, p.idle
	if p.much = share > much; !p.much {
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
