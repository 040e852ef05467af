package history

// channel is what has been sent and received on a channel so far.
type channel struct {
	Channel
	node    string // from where it was received last
	sends   []send // by number, from 1 on
	last    int    // the greatest number received
	changes int    // of the node, as the receiver had been told when it received that
	leader  int    // the greatest number by which the receiver was led
	links   int    // that the sender has made and the receiver has not been told the end of
}

type send struct {
	signal   Signal
	done     int // index of its Sent; 0 while there is none
	received bool
	excused  bool // the connection was lost about that time, so it may have been
}

func (c *checker) channel(name Channel) *channel {
	ch := c.channels[name]
	if ch == nil {
		ch = &channel{Channel: name, sends: make([]send, 1)}
		c.channels[name] = ch
	}
	return ch
}

func (ch *channel) sending(e Event) {
	for len(ch.sends) <= e.Number {
		ch.sends = append(ch.sends, send{signal: Other})
	}
	ch.sends[e.Number].signal = e.Signal
	if e.Signal == Link {
		ch.links++
	}
}

func (ch *channel) sent(number, at int) {
	if number < len(ch.sends) {
		ch.sends[number].done = at
	}
}

func (ch *channel) end() int { return len(ch.sends) }

// missing gives the first number between two that was sent and should have been received, 0 for none.
func (ch *channel) missing(after, before int) int {
	for n := after + 1; n < before; n++ {
		if s := ch.sends[n]; s.signal.visible() && s.done > 0 && !s.received {
			return n
		}
	}
	return 0
}

// pending reports whether a signal has been sent after the last that was received.
func (ch *channel) pending(signal Signal) bool {
	for _, s := range ch.sends[ch.last+1:] {
		if s.signal == signal {
			return true
		}
	}
	return false
}

// unlinked reports whether the last link that has been made was taken back before something that was received.
func (ch *channel) unlinked() bool {
	for n := ch.end() - 1; n > 0; n-- {
		switch ch.sends[n].signal {
		case Link:
			return false
		case Unlink:
			return n < ch.last
		}
	}
	return false
}

// changed reports whether the receiver has been told of a change of the connection since it last received.
func (ch *channel) changed(to *process) bool {
	if ch.node == "" { // it has received nothing, and whence it would is not known
		for _, v := range to.nodes {
			if v.changes > 0 {
				return true
			}
		}
		return false
	}
	return to.node(ch.node).changes != ch.changes
}

// received checks a receipt: of what was sent, once, in order, without a gap while the connection lives, and over
// a connection that lives.
func (c *checker) received(p *process, e Event) {
	ch := c.channel(e.Channel)
	v := p.node(e.Node)
	if e.Number <= 0 || e.Number >= ch.end() || !ch.sends[e.Number].signal.visible() {
		c.wrong("%d was never sent from %s to %s", e.Number, ch.From, ch.To)
		return
	}
	s := &ch.sends[e.Number]
	switch {
	case s.received:
		c.wrong("%d from %s to %s is received twice", e.Number, ch.From, ch.To)
	case e.Number < ch.last:
		c.wrong("%d from %s to %s is received after %d", e.Number, ch.From, ch.To, ch.last)
	}
	if p.closed[ch.Way] {
		c.wrong("%d from %s to %s is received by %s, which had been taken back", e.Number, ch.From, ch.To, ch.Way)
	}
	if v.state == NodeDown {
		c.wrong("%d from %s to %s is received when %s is down", e.Number, ch.From, ch.To, e.Node)
	}
	if s.done > 0 && s.done < v.idle && ch.From != ch.To {
		c.wrong("%d from %s to %s is of a connection before the last nodedown of %s", e.Number, ch.From, ch.To, e.Node)
	}
	changed := v.changes != ch.changes
	if number := ch.missing(ch.last, e.Number); number > 0 && !changed {
		c.wrong("%d from %s to %s is lost: %d is received", number, ch.From, ch.To, e.Number)
	}
	c.between(p, ch, e.Number, changed)
	s.received = true
	ch.last, ch.changes, ch.node = max(ch.last, e.Number), v.changes, e.Node
}

// between takes in what was sent between two signals that were received: it has arrived if the connection has not
// changed, and may have been lost otherwise.
func (c *checker) between(p *process, ch *channel, number int, changed bool) {
	for n := ch.last + 1; n < number; n++ {
		s := &ch.sends[n]
		switch {
		case changed || s.done == 0:
			s.excused = true
		case s.signal == Link:
			p.linked[ch.From] = true
		}
		if s.signal == Unlink {
			delete(p.linked, ch.From)
		}
	}
}

// led checks the group leader that a process has after a receipt: what was sent before that has been done.
func (c *checker) led(e Event) {
	ch := c.channel(e.Channel)
	if e.Number < ch.leader {
		c.wrong("%s is led by %d from %s after %d", e.Process, e.Number, ch.From, ch.leader)
	}
	if e.Number != 0 && (e.Number >= ch.end() || ch.sends[e.Number].signal != Leader) {
		c.wrong("%s is led by %d from %s, which was never sent", e.Process, e.Number, ch.From)
	}
	ch.leader = max(ch.leader, e.Number)
	for n := ch.leader + 1; n < ch.last; n++ {
		if s := ch.sends[n]; s.signal == Leader && s.done > 0 && !s.excused {
			c.wrong("group leader %d from %s to %s is lost: %d is received", n, ch.From, ch.To, ch.last)
		}
	}
}
