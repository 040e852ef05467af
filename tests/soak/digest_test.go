//go:build linux

package soak

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/tests/soak/history"
)

// digest is what the entries of a board come to.
type digest struct {
	events   []history.Event
	failures []string
	torn     int // lines that are not whole
	joined   map[string]bool

	contacts map[string]*contact // workers that live, and have said so
	dead     []*contact          // the last that have ended
	names    map[abi.Pid]string  // of all workers that there have been
	alive    map[string]bool     // workers that have begun, and not ended
	ended    map[string]bool
	guests   map[abi.Pid]bool // that somebody was told of
	unheard  map[abi.NodeID]int

	ways map[history.Channel]*progress
	ties map[tieName]history.Event // the making of those that are not answered
}

type tieName struct{ process, tie string }

// progress is how far a channel is.
type progress struct{ sent, received int }

func newDigest() digest {
	return digest{
		joined: map[string]bool{}, contacts: map[string]*contact{}, names: map[abi.Pid]string{}, alive: map[string]bool{}, ended: map[string]bool{},
		guests: map[abi.Pid]bool{}, unheard: map[abi.NodeID]int{}, ways: map[history.Channel]*progress{}, ties: map[tieName]history.Event{},
	}
}

func (d *digest) takeLine(line []byte) {
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		d.torn++
		return
	}
	switch {
	case e.Event != nil:
		d.takeEvent(*e.Event)
	case e.Contact != nil:
		d.contacts[e.Contact.Name], d.names[e.Contact.Pid] = e.Contact, e.Contact.Name
	case e.Spawn != nil && e.Spawn.Pid.IsZero():
		d.unheard[e.Spawn.Node]++
	case e.Spawn != nil:
		d.guests[e.Spawn.Pid] = true
		d.unheard[e.Spawn.Node]--
	case e.Joined != "":
		d.joined[e.Joined] = true
	default:
		d.failures = append(d.failures, e.Failure)
	}
}

func (d *digest) takeEvent(e history.Event) {
	d.events = append(d.events, e)
	tie := tieName{e.Process, e.Tie}
	switch e.Kind {
	case history.Began:
		d.alive[e.Process] = true
	case history.Ended, history.Killed:
		d.end(e.Process)
	case history.Sending:
		if e.Signal == history.Message {
			d.progress(e.Channel).sent = e.Number
		}
	case history.Received:
		d.progress(e.Channel).received = e.Number
	case history.Tying:
		d.ties[tie] = e
	case history.Untied, history.Answered:
		delete(d.ties, tie)
	}
}

// maxDead is how many of those who have ended somebody may still turn to.
const maxDead = 10

func (d *digest) end(name string) {
	if c := d.contacts[name]; c != nil {
		d.dead = append(d.dead[max(0, len(d.dead)+1-maxDead):], c)
	}
	delete(d.alive, name)
	delete(d.contacts, name)
	d.ended[name] = true
}

func (d *digest) progress(ch history.Channel) *progress {
	p := d.ways[ch]
	if p == nil {
		p = &progress{}
		d.ways[ch] = p
	}
	return p
}

// living gives the workers, in the order of their names.
func (d *digest) living() []*contact {
	var all []*contact
	for _, other := range d.contacts {
		all = append(all, other)
	}
	slices.SortFunc(all, func(a, b *contact) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// behind gives a channel between two processes that live on which not all has arrived.
func (d *digest) behind() (ch history.Channel, found bool) {
	for ch, p := range d.ways {
		if p.received < p.sent && ch.Way == "" && d.alive[ch.From] && d.alive[ch.To] {
			return ch, true
		}
	}
	return ch, false
}

// unanswered gives a tie of a process that lives with one that has ended, or is a guest.
func (d *digest) unanswered() (tie tieName, found bool) {
	for tie, e := range d.ties {
		if (d.ended[e.Target] || e.Reason != "") && d.alive[tie.process] {
			return tie, true
		}
	}
	return tie, false
}
