package history

import (
	"fmt"
	"slices"
	"strings"
)

// Violation is something that cannot have come about.
type Violation struct {
	At   int // index of the event that shows it
	What string
	// What it is about, for [Excerpt]. Empty where it is about none.
	Process, Node, Tie string
	Channel            Channel
}

// Check gives what is wrong with a history, in its order.
func Check(events []Event) []Violation { return read(events).violations }

// read takes in a whole history.
func read(events []Event) *checker {
	c := &checker{processes: map[string]*process{}, channels: map[Channel]*channel{}}
	for i, e := range events {
		c.at, c.event = i, e
		c.take(e)
	}
	return c
}

type checker struct {
	at         int
	event      Event
	processes  map[string]*process
	channels   map[Channel]*channel
	violations []Violation
}

// process is what has been noted by a process so far.
type process struct {
	name   string
	node   string
	began  bool
	ended  bool
	reason string
	cause  Channel // of the signal that made it end
	number int
	noted  int // index of what it noted last
	idle   int // index since when its mailbox was empty when it looked last
	nodes  map[string]*view
	ties   map[string]*tie
	linked map[string]bool // by whom, as far as is certain
	// Aliases that it takes back and that it has taken back.
	closing, closed map[string]bool
}

// view is what a process knows of a node.
type view struct {
	state   Kind // Listed, NodeUp, NodeDown; zero: it has been told nothing yet
	changes int
	first   int // index of the first receipt over the present connection; 0 for none
	idle    int // at the last nodedown: what had been sent before is of an old connection
	promise int // index of an answer that a nodedown has to follow; 0 for none
}

// tie is a link or a monitor that is to be answered.
type tie struct {
	Event
	settled bool // what its making may have met has been taken, and it is not being taken back
}

func (c *checker) process(name string) *process {
	p := c.processes[name]
	if p == nil {
		p = &process{
			name: name, nodes: map[string]*view{}, ties: map[string]*tie{}, linked: map[string]bool{}, closing: map[string]bool{}, closed: map[string]bool{},
		}
		c.processes[name] = p
	}
	return p
}

// view gives what the process knows of a node.
func (p *process) view(node string) *view {
	v := p.nodes[node]
	if v == nil {
		v = &view{}
		p.nodes[node] = v
	}
	return v
}

// up reports whether the node is connected as far as the process knows, as it is whenever a signal of that comes (MON-15).
func (v *view) up() bool { return v.state == Listed || v.state == NodeUp }

// change takes in that the process was told of a node.
func (v *view) change(state Kind) {
	v.state, v.first, v.promise = state, 0, 0
	v.changes++
}

// about says what the violations found at the present event are about, where that is not the event itself.
func (c *checker) about(e Event) *checker {
	c.event = e
	return c
}

// wrong notes a violation at the present event.
func (c *checker) wrong(format string, args ...any) {
	c.violations = append(c.violations, Violation{
		At: c.at, What: fmt.Sprintf(format, args...), Process: c.event.Process, Node: c.event.Node, Tie: c.event.Tie, Channel: c.event.Channel,
	})
}

func (c *checker) take(e Event) {
	p := c.process(e.Process)
	if p.ended && e.Kind != Quiet {
		c.wrong("%s goes on after its end", p.name)
	}
	switch e.Kind {
	case Began:
		p.began, p.node = true, e.Node
	case Ended, Killed:
		p.ended, p.reason, p.cause, p.number = true, e.Reason, e.Channel, e.Number
	case Sending:
		c.sending(e)
	case Sent:
		c.sent(e)
	case Received:
		c.received(p, e)
	case Led:
		c.led(e)
	case Idle:
		p.idle = p.noted
	case Listed:
		p.view(e.Node).state = Listed
	case NodeUp:
		c.nodeUp(p, e.Node)
	case NodeDown:
		c.nodeDown(p, e)
	case Tying:
		c.tying(p, e)
	case Tied, Untying:
		if t := p.ties[e.Tie]; t != nil {
			t.settled = e.Kind == Tied
		}
	case Untied:
		delete(p.ties, e.Tie)
	case Answered:
		c.answered(p, e)
	case Closing:
		p.closing[e.Target] = true
	case Closed:
		p.closed[e.Target] = true
	case Quiet:
		c.quiet()
	}
	p.noted = c.at
}

func (c *checker) nodeUp(p *process, node string) {
	v := p.view(node)
	if v.state == NodeUp {
		c.wrong("%s is told twice that %s is up", p.name, node)
	}
	if v.promise > 0 {
		c.wrong("noconnection at %d, and no nodedown of %s came", v.promise, node)
	}
	v.change(NodeUp)
}

// downReasons are the words for the loss of a node that keeps to the protocol (MON-14).
var downReasons = []string{"connection_closed", "disconnect", "net_tick_timeout"}

func (c *checker) nodeDown(p *process, e Event) {
	v := p.view(e.Node)
	if v.state == NodeDown {
		c.wrong("%s is told twice that %s is down", p.name, e.Node)
	}
	if !slices.Contains(downReasons, e.Reason) {
		c.wrong("%s is told that %s is down for %q", p.name, e.Node, e.Reason)
	}
	for _, name := range sorted(p.ties) {
		if t := p.ties[name]; t.Node == e.Node && t.settled {
			c.about(t.Event).wrong("%s of %s is not answered when its node %s is down", name, p.name, e.Node)
		}
	}
	for _, by := range sorted(p.linked) {
		ch := c.channel(Channel{From: by, To: p.name})
		if ch.node != e.Node {
			continue
		}
		if !ch.pending(Unlink) {
			c.about(Event{Process: p.name, Channel: ch.Channel}).wrong("%s is not told by the link that %s has made, when its node %s is down", p.name, by, e.Node)
		}
		delete(p.linked, by)
	}
	for _, ch := range c.channels {
		if ch.To == p.name && ch.node == e.Node {
			ch.endLinks()
		}
	}
	v.idle = p.idle
	v.change(NodeDown)
}

// quiet looks at what should have happened by the end.
func (c *checker) quiet() {
	for _, name := range sorted(c.processes) {
		if p := c.processes[name]; p.began && !p.ended {
			c.quietProcess(p)
		}
	}
	for _, ch := range c.channels { // but those by way of a third process, which may have ended
		to := c.process(ch.To)
		if ch.From == ch.To || to.ended {
			continue
		}
		if number := ch.missing(to, ch.end()); number > 0 {
			c.about(Event{Process: ch.To, Channel: ch.Channel}).wrong("%d from %s to %s is lost", number, ch.From, ch.To)
		}
	}
}

func (c *checker) quietProcess(p *process) {
	for _, name := range sorted(p.ties) {
		t := p.ties[name]
		if target := c.processes[t.Target]; t.Reason != "" || target != nil && target.ended {
			c.about(t.Event).wrong("%s of %s is never answered: %s has ended", name, p.name, t.Target)
		}
	}
	for _, by := range sorted(p.linked) {
		ch := c.channel(Channel{From: by, To: p.name})
		if c.process(by).ended && !ch.pending(Unlink) {
			c.about(Event{Process: p.name, Channel: ch.Channel}).wrong("%s is never told by the link that %s has made, which has ended", p.name, by)
		}
	}
	for _, node := range sorted(p.nodes) {
		if at := p.nodes[node].promise; at > 0 {
			c.about(Event{Process: p.name, Node: node}).wrong("noconnection of %s at %d, and no nodedown of %s came", p.name, at, node)
		}
	}
}

// Excerpt gives the events that a violation is about, the last so many of them.
func Excerpt(events []Event, v Violation, most int) string {
	var lines []string
	for i := v.At; i >= 0 && len(lines) < most; i-- {
		if concerns(events[i], v) {
			lines = append(lines, fmt.Sprintf("%8d %s", i, events[i]))
		}
	}
	slices.Reverse(lines)
	return strings.Join(lines, "\n")
}

func concerns(e Event, v Violation) bool {
	switch e.Kind {
	case Idle:
		return false
	case Listed, NodeUp, NodeDown:
		return e.Process == v.Process && (v.Node == "" || e.Node == v.Node)
	case Tying, Tied, Untying, Untied, Answered:
		return v.Tie == "" && e.Process == v.Process || e.Tie == v.Tie && (e.Process == v.Process || e.Target == v.Process)
	case Began, Ended, Killed, Closing, Closed:
		return e.Process == v.Process || e.Process == v.Channel.From || e.Process == v.Channel.To
	case Quiet:
		return true
	}
	return e.Channel == v.Channel
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
