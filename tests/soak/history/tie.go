package history

import (
	"slices"
	"strings"
)

// tying takes in that a link or a monitor is being made.
func (c *checker) tying(p *process, e Event) {
	if p.ties[e.Tie] != nil {
		c.wrong("%s of %s is made twice", e.Tie, p.name)
	}
	p.ties[e.Tie] = &tie{Event: e}
}

// answered checks the answer to a link or a monitor.
func (c *checker) answered(p *process, e Event) {
	if by, passive := strings.CutPrefix(e.Tie, PassiveTie("")); passive {
		c.answeredPassive(p, by, e)
		return
	}
	t := p.ties[e.Tie]
	if t == nil {
		c.wrong("%s of %s is answered, and is not made, taken back, or answered already", e.Tie, p.name)
		return
	}
	delete(p.ties, e.Tie)
	target := c.process(t.Target)
	v := p.view(t.Node)
	if e.Reason == NoConnection {
		if t.Node == p.node && target.began && !target.ended { // or it was of a node before this one, of the same name
			c.wrong("%s of %s is answered noconnection: %s is on the same node", e.Tie, p.name, t.Target)
		}
		if t.settled && v.up() { // or the connection may never have come about
			v.promise = c.at
		}
		return
	}
	if !v.up() && t.Node != p.node {
		c.wrong("%s of %s is answered %s when %s is not up", e.Tie, p.name, e.Reason, t.Node)
	}
	if e.Reason != NoProcess {
		c.answeredEnd(p, t, target, e.Reason)
		return
	}
	if target.began && !target.ended || t.Reason != "" {
		c.wrong("%s of %s is answered noproc: %s lives", e.Tie, p.name, t.Target)
	}
	if target.ended && target.number > t.Number && t.Number > 0 && target.cause == t.Channel {
		c.wrong("%s of %s is answered noproc: it was made by %d, and %s ended by %d", e.Tie, p.name, t.Number, t.Target, target.number)
	}
}

// answeredEnd checks an answer that tells how the other process ended.
func (c *checker) answeredEnd(p *process, t *tie, target *process, reason string) {
	switch {
	case target.began:
		c.endedSo(p, target, reason)
	case !slices.Contains(strings.Split(t.Reason, "|"), reason):
		c.wrong("%s of %s is answered %s, not %s", t.Tie, p.name, reason, t.Reason)
	}
}

// endedSo checks that a process of which another one is told so has ended, with one of the reasons that its note of it
// stands for, and that all that it sent before has arrived (MON-11).
func (c *checker) endedSo(p, target *process, reason string) {
	switch {
	case !target.ended:
		c.wrong("%s is said to have ended with %s, and lives", target.name, reason)
	case !slices.Contains(strings.Split(target.reason, "|"), reason):
		c.wrong("%s ended with %s, not %s", target.name, target.reason, reason)
	}
	ch := c.channel(Channel{From: target.name, To: p.name})
	if number := ch.missing(p, ch.end()); number > 0 {
		c.wrong("%d from %s to %s is lost: its end is received", number, ch.From, ch.To)
	}
}

// answeredPassive checks the answer to a link that the other process had made.
func (c *checker) answeredPassive(p *process, by string, e Event) {
	ch := c.channel(Channel{From: by, To: p.name})
	v := p.view(ch.node)
	number := ch.standing()
	if number == 0 {
		c.wrong("%s is told of a link that %s has not made, or has taken back, or twice", p.name, by)
	}
	if !v.up() && ch.node != p.node {
		c.wrong("%s is told of a link that %s has made, when %s is not up", p.name, by, ch.node)
	}
	ch.over = max(ch.over, number)
	ch.endLinks()
	switch {
	case e.Reason != NoConnection:
		c.endedSo(p, c.process(by), e.Reason)
		ch.over = ch.end()
	case v.up():
		v.promise = c.at
	}
	delete(p.linked, by)
}
