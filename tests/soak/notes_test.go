//go:build linux

package soak

import (
	"sync"

	"github.com/wnode/wnode/tests/soak/history"
)

// notes are the history of a round in the making. The methods may be called concurrently.
type notes struct {
	mu     sync.Mutex // guards what follows
	events []history.Event
	ways   map[history.Channel]*progress
	ties   map[tieName]string // those that are not answered, with their targets
	ended  map[string]bool
}

type tieName struct{ process, tie string }

// progress is how far a channel is.
type progress struct{ sent, received int }

func newNotes() *notes {
	return &notes{ways: map[history.Channel]*progress{}, ties: map[tieName]string{}, ended: map[string]bool{}}
}

// note puts an event at the end of the history.
func (n *notes) note(e history.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, e)
	tie := tieName{e.Process, e.Tie}
	switch e.Kind {
	case history.Sending:
		if e.Signal == history.Message {
			n.progressLocked(e.Channel).sent = e.Number
		}
	case history.Received:
		n.progressLocked(e.Channel).received = e.Number
	case history.Tying:
		n.ties[tie] = e.Target
	case history.Untied, history.Answered:
		delete(n.ties, tie)
	case history.Ended:
		n.ended[e.Process] = true
	}
}

func (n *notes) progressLocked(ch history.Channel) *progress {
	p := n.ways[ch]
	if p == nil {
		p = &progress{}
		n.ways[ch] = p
	}
	return p
}

// count gives how many events there are.
func (n *notes) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.events)
}

// all gives the history. No more may be noted.
func (n *notes) all() []history.Event {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.events
}

// behind gives a channel between two processes that live on which not all has arrived.
func (n *notes) behind() (ch history.Channel, found bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for ch, p := range n.ways {
		if p.received < p.sent && ch.Way == "" && !n.ended[ch.From] && !n.ended[ch.To] {
			return ch, true
		}
	}
	return ch, false
}

// lacks reports whether not all that was sent on a channel has arrived.
func (n *notes) lacks(ch history.Channel) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.ways[ch]
	return p != nil && p.received < p.sent
}

// unanswered gives a tie of a process that lives with one that has ended.
func (n *notes) unanswered() (tie tieName, found bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for tie, target := range n.ties {
		if n.ended[target] && !n.ended[tie.process] {
			return tie, true
		}
	}
	return tie, false
}
