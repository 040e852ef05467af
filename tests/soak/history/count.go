package history

import (
	"fmt"
	"strings"
)

// Counts say how often what a history can tell of has happened in it.
type Counts map[string]int

// counted are what is counted, in the order in which people read it.
var counted = []string{
	"processes", "killed with their nodes", "nodeups", "nodedowns", "by disconnect", "by connection_closed", "by net_tick_timeout", "messages", "through aliases", "through guests", "aliases taken back", "exits", "kills sent", "group leaders",
	"lost with connections", "ties made", "taken back", "answered", "by noconnection", "by noproc", "of guests", "of who was linked to",
}

// Count counts what has happened.
func Count(events []Event) Counts {
	n := Counts{}
	c := read(events)
	guests := map[string]bool{}
	for _, e := range events {
		switch e.Kind {
		case Began:
			n["processes"]++
		case Killed:
			n["killed with their nodes"]++
		case NodeUp:
			n["nodeups"]++
		case NodeDown:
			n["nodedowns"]++
			n["by "+e.Reason]++
		case Received:
			n.received(c.channels[e.Channel], e)
		case Closed:
			n["aliases taken back"]++
		case Led:
			if e.Number > 0 {
				n["group leaders"]++
			}
		case Tying:
			n["ties made"]++
			guests[e.Tie] = e.Reason != ""
		case Untied:
			n["taken back"]++
		case Answered:
			n.answered(e, guests[e.Tie])
		}
	}
	for _, ch := range c.channels {
		n.sent(ch)
	}
	return n
}

func (n Counts) received(ch *channel, e Event) {
	if e.Number >= ch.end() {
		return // which is wrong
	}
	switch s := ch.sends[e.Number]; {
	case s.signal == Exit:
		n["exits"]++
	case s.alias != "":
		n["through aliases"]++
	case ch.Way != "":
		n["through guests"]++
	default:
		n["messages"]++
	}
}

func (n Counts) answered(e Event, guest bool) {
	n["answered"]++
	switch e.Reason {
	case NoConnection:
		n["by noconnection"]++
	case NoProcess:
		n["by noproc"]++
	}
	if guest {
		n["of guests"]++
	}
	if strings.HasPrefix(e.Tie, PassiveTie("")) {
		n["of who was linked to"]++
	}
}

// sent counts the kills, and what did not arrive although something later did.
func (n Counts) sent(ch *channel) {
	for number, s := range ch.sends {
		switch {
		case s.signal == Kill:
			n["kills sent"]++
		case s.signal.received() && s.done > 0 && !s.received && number < ch.last:
			n["lost with connections"]++
		}
	}
}

// Add adds what others count.
func (n Counts) Add(others Counts) {
	for what, count := range others {
		n[what] += count
	}
}

// Missing gives what has not happened.
func (n Counts) Missing() (never []string) {
	for _, what := range counted {
		if n[what] == 0 {
			never = append(never, what)
		}
	}
	return never
}

// String gives them for people.
func (n Counts) String() string {
	var parts []string
	for _, what := range counted {
		parts = append(parts, fmt.Sprintf("%d %s", n[what], what))
	}
	return strings.Join(parts, ", ")
}
