package history

// channel is what has been sent and received on a channel so far.
type channel struct {
	Channel
	node    string // where its signals come from, "" while that is not known
	sends   []send // by number, from 1 on
	last    int    // the greatest number received
	changes int    // of the node, as the receiver had been told when it received that
	leader  int    // the greatest number by which the receiver was led
	over    int    // links up to this number stand no more at the receiver
}

type send struct {
	signal   Signal
	alias    string // by which it was sent, "" for none
	begun    int    // index of its Sending
	done     int    // index of its Sent; 0 while there is none
	received bool
	excused  bool // the connection was lost about that time, so it may have been
}

func (c *checker) channel(name Channel) *channel {
	ch := c.channels[name]
	if ch == nil {
		ch = &channel{Channel: name, sends: make([]send, 1)}
		if name.From != name.To { // or it is a third process that sends
			ch.node = c.process(name.From).node
		}
		c.channels[name] = ch
	}
	return ch
}

func (c *checker) sending(e Event) {
	ch := c.channel(e.Channel)
	if e.Number != ch.end() {
		c.wrong("%d follows %d from %s to %s", e.Number, ch.end()-1, ch.From, ch.To)
		return
	}
	ch.sends = append(ch.sends, send{signal: e.Signal, alias: e.Target, begun: c.at})
}

func (c *checker) sent(e Event) {
	ch := c.channel(e.Channel)
	if e.Number <= 0 || e.Number >= ch.end() {
		c.wrong("%d from %s to %s has been sent, and nobody was about to", e.Number, ch.From, ch.To)
		return
	}
	ch.sends[e.Number].done = c.at
}

func (ch *channel) end() int { return len(ch.sends) }

// certain reports whether a signal has arrived if one of a later number has, or all has that was under way: either the
// connection is the one over which the last was received, or something else that was sent before has come over it, so
// that the sender's node knew no other one.
func (ch *channel) certain(s send, v *view) bool {
	return s.done > 0 && (v.changes == ch.changes || v.first > 0 && s.begun > v.first)
}

// missing gives the first number from the last received to another one that has arrived for certain and was not seen to,
// 0 for none.
func (ch *channel) missing(to *process, before int) int {
	v := to.view(ch.node)
	for n := ch.last + 1; n < before; n++ {
		if s := ch.sends[n]; s.signal.shows() && !s.received && !to.closing[s.alias] && ch.certain(s, v) {
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

// standing gives the first link that may still stand at the receiver, 0 for none.
func (ch *channel) standing() (number int) {
	for n := ch.over + 1; n < ch.end(); n++ {
		switch s := ch.sends[n].signal; {
		case s == Link && number == 0:
			number = n
		case s == Unlink && n < ch.last:
			number = 0
		}
	}
	return number
}

// endLinks takes in that no link stands any more that had come before the last receipt.
func (ch *channel) endLinks() { ch.over = max(ch.over, ch.last) }

// received checks a receipt: of what was sent, once, in order, without a gap while the connection lives, and over
// a connection that lives.
func (c *checker) received(p *process, e Event) {
	ch := c.channel(e.Channel)
	if ch.node == "" {
		ch.node = e.Node
	}
	v := p.view(ch.node)
	if e.Number <= 0 || e.Number >= ch.end() || !ch.sends[e.Number].signal.received() {
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
	if ch.node != e.Node {
		c.wrong("%d from %s to %s is received from %s, not from %s", e.Number, ch.From, ch.To, e.Node, ch.node)
	}
	if p.closed[s.alias] {
		c.wrong("%d from %s to %s is received by %s, which had been taken back", e.Number, ch.From, ch.To, s.alias)
	}
	if !v.up() && e.Node != p.node {
		c.wrong("%d from %s to %s is received when %s is not up", e.Number, ch.From, ch.To, e.Node)
	}
	if s.done > 0 && s.done < v.idle && ch.From != ch.To {
		c.wrong("%d from %s to %s is of a connection before the last nodedown of %s", e.Number, ch.From, ch.To, e.Node)
	}
	if number := ch.missing(p, e.Number); number > 0 {
		c.wrong("%d from %s to %s is lost: %d is received", number, ch.From, ch.To, e.Number)
	}
	c.between(p, ch, e.Number, v)
	s.received = true
	ch.last, ch.changes = max(ch.last, e.Number), v.changes
	if v.first == 0 {
		v.first = c.at
	}
}

// between takes in what was sent between two signals that were received: it has arrived for certain, or may have been
// lost.
func (c *checker) between(p *process, ch *channel, number int, v *view) {
	for n := ch.last + 1; n < number; n++ {
		s := &ch.sends[n]
		switch {
		case !ch.certain(*s, v):
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
