package history

import (
	"strings"
	"testing"
)

// script writes a history: two processes, a on the node one and b on the node two, which are connected.
type script []Event

func begin() script { return apart().listed("a").listed("b") }

// apart is the two before they know of each other's nodes.
func apart() script {
	return script{{Kind: Began, Process: "a", Node: "one"}, {Kind: Began, Process: "b", Node: "two"}}
}

var nodeOf = map[string]string{"a": "one", "b": "two", "c": "one"}

// third adds c, on the node of a.
func (s script) third() script { return s.with(Event{Kind: Began, Process: "c", Node: "one"}) }

func (s script) with(e ...Event) script { return append(s[:len(s):len(s)], e...) }

func (s script) sending(signal Signal, from, to string, number int) script {
	return s.with(Event{Kind: Sending, Process: from, Channel: Channel{From: from, To: to}, Number: number, Signal: signal})
}

func (s script) sent(from, to string, number int) script {
	return s.with(Event{Kind: Sent, Process: from, Channel: Channel{From: from, To: to}, Number: number})
}

func (s script) signal(signal Signal, from, to string, number int) script {
	return s.sending(signal, from, to, number).sent(from, to, number)
}

// send sends messages of these numbers.
func (s script) send(from, to string, numbers ...int) script {
	for _, n := range numbers {
		s = s.signal(Message, from, to, n)
	}
	return s
}

func (s script) receive(from, to string, numbers ...int) script {
	for _, n := range numbers {
		s = s.with(Event{Kind: Received, Process: to, Node: nodeOf[from], Channel: Channel{From: from, To: to}, Number: n})
	}
	return s
}

func (s script) led(from, to string, number int) script {
	return s.with(Event{Kind: Led, Process: to, Channel: Channel{From: from, To: to}, Number: number})
}

func (s script) idle(p string) script {
	return s.with(Event{Kind: Idle, Process: p})
}

func (s script) listed(p string) script {
	return s.with(Event{Kind: Listed, Process: p, Node: nodeOf[other(p)]})
}

func (s script) up(p string) script {
	return s.with(Event{Kind: NodeUp, Process: p, Node: nodeOf[other(p)]})
}

func (s script) down(p string) script {
	return s.with(Event{Kind: NodeDown, Process: p, Node: nodeOf[other(p)], Reason: "net_tick_timeout"})
}

func other(p string) string { return map[string]string{"a": "b", "b": "a"}[p] }

// tie makes a link or a monitor as a number, and the process looks at its mailbox after it.
func (s script) tie(signal Signal, p, name string, number int) script {
	target := other(p)
	ch := Channel{From: p, To: target}
	s = s.with(Event{Kind: Tying, Process: p, Tie: name, Target: target, Node: nodeOf[target], Channel: ch, Number: number})
	s = s.signal(signal, p, target, number)
	return s.with(Event{Kind: Tied, Process: p, Tie: name})
}

func (s script) untie(p, name string) script {
	return s.with(Event{Kind: Untying, Process: p, Tie: name}, Event{Kind: Untied, Process: p, Tie: name})
}

func (s script) answer(p, name, reason string) script {
	return s.with(Event{Kind: Answered, Process: p, Tie: name, Reason: reason})
}

func (s script) end(p, reason string) script {
	return s.with(Event{Kind: Ended, Process: p, Reason: reason})
}

func (s script) endBy(p, reason string, number int) script {
	return s.with(Event{Kind: Ended, Process: p, Reason: reason, Channel: Channel{From: other(p), To: p}, Number: number})
}

func (s script) kill(p string) script { return s.with(Event{Kind: Killed, Process: p}) }

// near makes a monitor of a process of the same node.
func (s script) near(p, name, target string) script {
	return s.with(Event{Kind: Tying, Process: p, Tie: name, Target: target, Node: nodeOf[target]}, Event{Kind: Tied, Process: p, Tie: name})
}

// relayed is a message that a sends and a guest sends back.
func (s script) relayed() script {
	ch := Channel{From: "a", To: "a", Way: "guest"}
	return s.with(
		Event{Kind: Sending, Process: "a", Channel: ch, Number: 1}, Event{Kind: Sent, Process: "a", Channel: ch, Number: 1},
		Event{Kind: Received, Process: "a", Node: "two", Channel: ch, Number: 1},
	)
}

// guest makes a monitor of a process that notes nothing.
func (s script) guest(p, name string) script {
	return s.with(Event{Kind: Tying, Process: p, Tie: name, Target: "guest", Node: "two", Reason: "normal|killed"}, Event{Kind: Tied, Process: p, Tie: name})
}

// alias sends a message by an alias.
func (s script) alias(from, to string, number int) script {
	s = s.sending(Message, from, to, number)
	s[len(s)-1].Target = "alias"
	return s.sent(from, to, number)
}

func (s script) closing(p string) script {
	return s.with(Event{Kind: Closing, Process: p, Target: "alias"})
}

func (s script) closed(p string) script {
	return s.with(Event{Kind: Closed, Process: p, Target: "alias"})
}

func (s script) quiet() script { return s.with(Event{Kind: Quiet}) }

// Histories that can have come about.
func TestRight(t *testing.T) {
	for name, s := range map[string]script{
		"in order":                         begin().send("a", "b", 1, 2, 3).receive("a", "b", 1, 2, 3).quiet(),
		"both ways":                        begin().send("a", "b", 1).send("b", "a", 1).receive("b", "a", 1).receive("a", "b", 1).quiet(),
		"seen before it has left":          begin().sending(Message, "a", "b", 1).receive("a", "b", 1).sent("a", "b", 1).quiet(),
		"not sent":                         begin().sending(Message, "a", "b", 1).send("a", "b", 2).receive("a", "b", 2).quiet(),
		"lost with the connection":         begin().send("a", "b", 1, 2, 3).receive("a", "b", 1).down("b").up("b").receive("a", "b", 3).quiet(),
		"lost before the first":            begin().send("a", "b", 1, 2).up("b").receive("a", "b", 2).quiet(),
		"unreceived by the dead":           begin().send("a", "b", 1, 2).receive("a", "b", 1).end("b", "killed").quiet(),
		"exits are received":               begin().signal(Exit, "a", "b", 1).send("a", "b", 2).receive("a", "b", 1, 2).quiet(),
		"monitors are not":                 begin().signal(Other, "a", "b", 1).send("a", "b", 2).receive("a", "b", 2).quiet(),
		"sent late, over the next":         begin().idle("b").send("a", "b", 1).down("b").up("b").receive("a", "b", 1).quiet(),
		"led":                              begin().signal(Leader, "a", "b", 1).send("a", "b", 2).receive("a", "b", 2).led("a", "b", 1).quiet(),
		"led by what came after":           begin().send("a", "b", 1).signal(Leader, "a", "b", 2).receive("a", "b", 1).led("a", "b", 2).quiet(),
		"leader lost":                      begin().send("a", "b", 1).signal(Leader, "a", "b", 2).receive("a", "b", 1).down("b").up("b").send("a", "b", 3).receive("a", "b", 3).led("a", "b", 0).quiet(),
		"monitor":                          begin().tie(Other, "a", "m", 1).end("b", "boom").answer("a", "m", "boom").quiet(),
		"one of two reasons":               begin().tie(Other, "a", "m", 1).end("b", "done|killed").answer("a", "m", "killed").quiet(),
		"monitor of the dead":              begin().end("b", "boom").tie(Other, "a", "m", 1).answer("a", "m", "noproc").quiet(),
		"connection lost":                  begin().up("a").tie(Other, "a", "m", 1).answer("a", "m", "noconnection").down("a").quiet(),
		"listed, then told":                begin().listed("a").up("a").down("a").up("a").quiet(),
		"listed, then lost":                begin().listed("a").tie(Other, "a", "m", 1).answer("a", "m", "noconnection").down("a").up("a").quiet(),
		"no connection":                    apart().tie(Other, "a", "m", 1).answer("a", "m", "noconnection").quiet(),
		"taken back when the node is lost": begin().tie(Other, "a", "m", 1).with(Event{Kind: Untying, Process: "a", Tie: "m"}).down("a").with(Event{Kind: Untied, Process: "a", Tie: "m"}).quiet(),
		"answered as it is taken back":     begin().tie(Other, "a", "m", 1).with(Event{Kind: Untying, Process: "a", Tie: "m"}).end("b", "x").answer("a", "m", "x").untie("a", "m").quiet(),
		"taken back":                       begin().tie(Other, "a", "m", 1).untie("a", "m").end("b", "boom").quiet(),
		"link, again":                      begin().tie(Link, "a", "l", 1).untie("a", "l").tie(Link, "a", "l", 2).end("b", "x").answer("a", "l", "x").quiet(),
		"linked":                           begin().tie(Link, "a", "l", 1).end("a", "x").answer("b", PassiveTie("a"), "x").quiet(),
		"linked and lost": begin().send("a", "b", 1).tie(Link, "a", "l", 2).send("a", "b", 3).receive("a", "b", 1, 3).
			answer("b", PassiveTie("a"), "noconnection").down("b").quiet(),
		"link lost on its way":        begin().send("a", "b", 1).tie(Link, "a", "l", 2).receive("a", "b", 1).down("b").quiet(),
		"to an alias that is no more": begin().alias("a", "b", 1).send("a", "b", 2).closing("b").receive("a", "b", 2).closed("b").quiet(),
		"by an alias":                 begin().alias("a", "b", 1).send("a", "b", 2).receive("a", "b", 1, 2).closing("b").closed("b").quiet(),
		"perhaps unlinked": begin().send("a", "b", 1).tie(Link, "a", "l", 2).send("a", "b", 3).receive("a", "b", 1, 3).
			signal(Unlink, "a", "b", 4).untie("a", "l").down("b").quiet(),
		"linked, lost, linked again": begin().up("b").tie(Link, "a", "l", 1).send("a", "b", 2).receive("a", "b", 2).answer("b", PassiveTie("a"), "noconnection").down("b").
			answer("a", "l", "noconnection").up("b").tie(Link, "a", "l", 3).end("a", "x").answer("b", PassiveTie("a"), "x").quiet(),
		"unlinked, linked again": begin().tie(Link, "a", "l", 1).signal(Unlink, "a", "b", 2).untie("a", "l").tie(Link, "a", "l", 3).send("a", "b", 4).receive("a", "b", 4).
			end("a", "x").answer("b", PassiveTie("a"), "x").quiet(),
		"killed":                       begin().up("a").tie(Other, "a", "m", 1).send("b", "a", 1).kill("b").answer("a", "m", "noconnection").down("a").quiet(),
		"killed, and known to be dead": begin().kill("b").up("a").tie(Other, "a", "m", 1).answer("a", "m", "noproc").quiet(),
		"dies of a kill":               begin().signal(Kill, "a", "b", 1).send("a", "b", 2).end("b", "killed").quiet(),
		"kill lost":                    begin().signal(Kill, "a", "b", 1).down("b").up("b").send("a", "b", 2).receive("a", "b", 2).quiet(),
		"guest":                        begin().guest("a", "m").answer("a", "m", "normal").quiet(),
		"lost before the node was heard": begin().third().up("b").send("a", "b", 1, 2).
			send("c", "b", 1).receive("c", "b", 1).receive("a", "b", 2).quiet(),
	} {
		if got := Check(s); len(got) != 0 {
			t.Errorf("%s: %v\n%s", name, got, Excerpt(s, got[0], 20))
		}
	}
}

// Each thing that must not be is found, and nothing besides it.
func TestWrong(t *testing.T) {
	for name, test := range map[string]struct {
		script
		what string
	}{
		"lost":                      {begin().send("a", "b", 1, 2, 3).receive("a", "b", 1, 3), "2 from a to b is lost: 3 is received"},
		"first lost":                {begin().send("a", "b", 1, 2).receive("a", "b", 2), "1 from a to b is lost: 2 is received"},
		"last lost":                 {begin().send("a", "b", 1, 2).receive("a", "b", 1).quiet(), "2 from a to b is lost"},
		"all lost":                  {begin().send("a", "b", 1).quiet(), "1 from a to b is lost"},
		"lost at the end":           {begin().tie(Other, "a", "m", 1).send("b", "a", 1).end("b", "x").answer("a", "m", "x"), "1 from b to a is lost: its end is received"},
		"exit lost":                 {begin().signal(Exit, "a", "b", 1).send("a", "b", 2).receive("a", "b", 2), "1 from a to b is lost: 2 is received"},
		"twice":                     {begin().send("a", "b", 1).receive("a", "b", 1, 1), "1 from a to b is received twice"},
		"twice, later":              {begin().send("a", "b", 1).receive("a", "b", 1).down("b").up("b").receive("a", "b", 1), "1 from a to b is received twice"},
		"reordered":                 {begin().send("a", "b", 1, 2, 3).receive("a", "b", 1).down("b").up("b").receive("a", "b", 3, 2), "2 from a to b is received after 3"},
		"invented":                  {begin().send("a", "b", 1).receive("a", "b", 2), "2 was never sent"},
		"after nodedown":            {begin().send("a", "b", 1).down("b").receive("a", "b", 1), "1 from a to b is received when one is not up"},
		"old connection":            {begin().send("a", "b", 1).idle("b").idle("b").down("b").up("b").receive("a", "b", 1), "1 from a to b is of a connection before the last nodedown of one"},
		"down twice":                {begin().down("a").down("a"), "a is told twice that two is down"},
		"before the nodeup":         {apart().send("a", "b", 1).receive("a", "b", 1), "1 from a to b is received when one is not up"},
		"answer before the nodeup":  {apart().tie(Other, "a", "m", 1).end("b", "x").answer("a", "m", "x"), "m of a is answered x when two is not up"},
		"link before the nodeup":    {apart().tie(Link, "a", "l", 1).end("a", "x").answer("b", PassiveTie("a"), "x"), "b is told of a link that a has made, when one is not up"},
		"noconnection of one's own": {begin().third().near("a", "m", "c").answer("a", "m", "noconnection"), "m of a is answered noconnection: c is on the same node"},
		"listed, up twice":          {begin().listed("a").up("a").up("a"), "a is told twice that two is up"},
		"up twice":                  {begin().up("a").up("a"), "a is told twice that two is up"},
		"leader lost":               {begin().signal(Leader, "a", "b", 1).send("a", "b", 2).receive("a", "b", 2).led("a", "b", 0), "group leader 1 from a to b is lost: 2 is received"},
		"leader reordered":          {begin().signal(Leader, "a", "b", 1).signal(Leader, "a", "b", 2).led("a", "b", 2).led("a", "b", 1), "b is led by 1 from a after 2"},
		"leader invented":           {begin().send("a", "b", 1).receive("a", "b", 1).led("a", "b", 9), "b is led by 9 from a, which was never sent"},
		"answered twice": {
			begin().tie(Link, "a", "l", 1).end("b", "x").answer("a", "l", "x").answer("a", "l", "x"),
			"l of a is answered, and is not made, taken back, or answered already",
		},
		"answered when taken back": {
			begin().tie(Other, "a", "m", 1).untie("a", "m").end("b", "x").answer("a", "m", "x"),
			"m of a is answered, and is not made, taken back, or answered already",
		},
		"never answered": {begin().tie(Other, "a", "m", 1).end("b", "x").quiet(), "m of a is never answered: b has ended"},
		"not answered when the node is down": {
			begin().up("a").tie(Other, "a", "m", 1).down("a"), "m of a is not answered when its node two is down",
		},
		"noconnection for nothing, of a node that was there": {
			begin().listed("a").tie(Other, "a", "m", 1).answer("a", "m", "noconnection").quiet(), "and no nodedown of two came",
		},
		"noconnection for nothing": {
			begin().up("a").tie(Other, "a", "m", 1).answer("a", "m", "noconnection").quiet(), "and no nodedown of two came",
		},
		"noproc of the living": {begin().tie(Other, "a", "m", 1).answer("a", "m", "noproc"), "m of a is answered noproc: b lives"},
		"noproc of who ended later": {
			begin().tie(Other, "a", "m", 1).send("a", "b", 2).receive("a", "b", 2).endBy("b", "x", 2).answer("a", "m", "noproc"),
			"m of a is answered noproc: it was made by 1, and b ended by 2",
		},
		"end of the living": {begin().tie(Other, "a", "m", 1).answer("a", "m", "x"), "b is said to have ended with x, and lives"},
		"another reason":    {begin().tie(Other, "a", "m", 1).end("b", "x").answer("a", "m", "y"), "b ended with x, not y"},
		"linked by nobody":  {begin().end("a", "x").answer("b", PassiveTie("a"), "x"), "b is told of a link that a has not made"},
		"linked no more": {
			begin().tie(Link, "a", "l", 1).signal(Unlink, "a", "b", 2).untie("a", "l").send("a", "b", 3).receive("a", "b", 3).
				end("a", "x").answer("b", PassiveTie("a"), "x"),
			"b is told of a link that a has not made, or has taken back",
		},
		"linked, told twice": {
			begin().tie(Link, "a", "l", 1).end("a", "x").answer("b", PassiveTie("a"), "x").answer("b", PassiveTie("a"), "x"),
			"b is told of a link that a has not made, or has taken back, or twice",
		},
		"linked twice, told twice": {
			begin().tie(Link, "a", "l", 1).signal(Unlink, "a", "b", 2).untie("a", "l").tie(Link, "a", "l", 3).end("a", "x").
				answer("b", PassiveTie("a"), "x").answer("b", PassiveTie("a"), "x"),
			"b is told of a link that a has not made, or has taken back, or twice",
		},
		"linked, told of two connections": {
			begin().up("b").tie(Link, "a", "l", 1).send("a", "b", 2).receive("a", "b", 2).answer("b", PassiveTie("a"), "noconnection").down("b").up("b").
				answer("b", PassiveTie("a"), "noconnection").down("b"),
			"b is told of a link that a has not made, or has taken back, or twice",
		},
		"linked, told after the nodedown": {
			begin().up("b").tie(Link, "a", "l", 1).down("b").answer("b", PassiveTie("a"), "noconnection").up("b"),
			"b is told of a link that a has made, when one is not up",
		},
		"linked, noconnection for nothing": {
			begin().up("b").tie(Link, "a", "l", 1).answer("b", PassiveTie("a"), "noconnection").quiet(), "and no nodedown of one came",
		},
		"linked, lost at the end": {
			begin().send("a", "b", 1).tie(Link, "a", "l", 2).end("a", "x").answer("b", PassiveTie("a"), "x"), "1 from a to b is lost: its end is received",
		},
		"sent by the dead, lost": {begin().send("a", "b", 1).end("a", "x").quiet(), "1 from a to b is lost"},
		"lost after the node was heard": {
			begin().third().up("b").send("c", "b", 1).receive("c", "b", 1).send("a", "b", 1, 2).receive("a", "b", 2), "1 from a to b is lost: 2 is received",
		},
		"lost after the node was heard, at the end": {
			begin().third().up("b").send("c", "b", 1).receive("c", "b", 1).send("a", "b", 1).quiet(), "1 from a to b is lost",
		},
		"from another node":    {begin().third().send("a", "b", 1).with(Event{Kind: Received, Process: "b", Node: "two", Channel: Channel{From: "a", To: "b"}, Number: 1}), "1 from a to b is received from two, not from one"},
		"survives a kill":      {begin().signal(Kill, "a", "b", 1).send("a", "b", 2).receive("a", "b", 2), "1 from a to b is lost: 2 is received"},
		"survives the last":    {begin().signal(Kill, "a", "b", 1).quiet(), "1 from a to b is lost"},
		"killed, with a word":  {begin().up("a").tie(Other, "a", "m", 1).kill("b").answer("a", "m", "boom"), "b ended with , not boom"},
		"killed, and no word":  {begin().up("a").tie(Other, "a", "m", 1).kill("b").quiet(), "m of a is never answered: b has ended"},
		"killed, and goes on":  {begin().kill("b").idle("b"), "b goes on after its end"},
		"end after nodedown":   {begin().down("a").tie(Other, "a", "m", 1).end("b", "x").answer("a", "m", "x"), "m of a is answered x when two is not up"},
		"noproc of a guest":    {begin().guest("a", "m").answer("a", "m", "noproc"), "m of a is answered noproc: guest lives"},
		"guest never answered": {begin().guest("a", "m").quiet(), "m of a is never answered: guest has ended"},
		"down for no reason":   {begin().with(Event{Kind: NodeDown, Process: "a", Node: "two"}), `a is told that two is down for ""`},
		"numbers left out":     {begin().sending(Message, "a", "b", 2), "2 follows 0 from a to b"},
		"sent, not begun":      {begin().sent("a", "b", 1), "1 from a to b has been sent, and nobody was about to"},
		"linked, not told": {
			begin().send("a", "b", 1).tie(Link, "a", "l", 2).send("a", "b", 3).receive("a", "b", 1, 3).end("a", "x").quiet(),
			"b is never told by the link that a has made, which has ended",
		},
		"linked, not told of the connection": {
			begin().send("a", "b", 1).tie(Link, "a", "l", 2).send("a", "b", 3).receive("a", "b", 1, 3).down("b"),
			"b is not told by the link that a has made, when its node one is down",
		},
		"by an alias that is no more": {
			begin().closing("b").closed("b").alias("a", "b", 1).receive("a", "b", 1),
			"1 from a to b is received by alias, which had been taken back",
		},
		"lost by an alias":      {begin().alias("a", "b", 1).send("a", "b", 2).receive("a", "b", 2), "1 from a to b is lost: 2 is received"},
		"an alias is overtaken": {begin().alias("a", "b", 1).send("a", "b", 2).down("b").up("b").receive("a", "b", 2, 1), "1 from a to b is received after 2"},
		"made twice":            {begin().tie(Other, "a", "m", 1).tie(Other, "a", "m", 2), "m of a is made twice"},
		"after death":           {begin().send("a", "b", 1).end("b", "x").receive("a", "b", 1), "b goes on after its end"},
		"another end of who notes nothing": {
			begin().with(Event{Kind: Tying, Process: "a", Tie: "m", Target: "guest", Node: "two", Reason: "normal|killed"}).answer("a", "m", "x"),
			"m of a is answered x, not normal|killed",
		},
	} {
		got := Check(test.script)
		if len(got) != 1 || !strings.Contains(got[0].What, test.what) {
			t.Errorf("%s: %v, want %q", name, got, test.what)
			continue
		}
		if text := Excerpt(test.script, got[0], 3); text == "" || strings.Count(text, "\n") > 2 {
			t.Errorf("%s: excerpt %q", name, text)
		}
	}
}

// What a violation is not about is not in its excerpt.
func TestExcerpt(t *testing.T) {
	s := begin().send("b", "a", 1).send("a", "b", 1, 2).idle("a").receive("b", "a", 1).receive("a", "b", 2)
	got := Check(s)
	if len(got) != 1 {
		t.Fatal(got)
	}
	want := `       0 a          began [one]
       1 b          began [two]
       3 b          listed [one]
       6 a          sending 1 a->b  message
       7 a          sent 1 a->b 
       8 a          sending 2 a->b  message
       9 a          sent 2 a->b 
      12 b          received 2 a->b  [one]`
	if text := Excerpt(s, got[0], 100); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func TestCount(t *testing.T) {
	s := begin().up("b").send("a", "b", 1, 2, 3).receive("a", "b", 1).down("b").up("b").receive("a", "b", 3).tie(Other, "a", "m", 4).answer("a", "m", "noconnection").
		signal(Exit, "a", "b", 5).receive("a", "b", 5).signal(Leader, "a", "b", 6).led("a", "b", 6).guest("b", "g").answer("b", "g", "normal").
		alias("a", "b", 7).receive("a", "b", 7).relayed()
	got := Count(s)
	for what, want := range map[string]int{
		"processes": 2, "messages": 2, "exits": 1, "through aliases": 1, "through guests": 1, "group leaders": 1, "lost with connections": 1, "answered": 2, "by noconnection": 1,
		"of guests": 1, "nodeups": 2, "nodedowns": 1, "ties made": 2,
	} {
		if got[what] != want {
			t.Errorf("%d %s, want %d", got[what], what, want)
		}
	}
	rest := begin().tie(Link, "a", "l", 1).end("a", "x").answer("b", PassiveTie("a"), "x").closing("b").closed("b").down("b").
		with(Event{Kind: NodeDown, Process: "b", Node: "three", Reason: "disconnect"}, Event{Kind: NodeDown, Process: "b", Node: "four", Reason: "connection_closed"}).
		tie(Other, "b", "m", 1).untie("b", "m").tie(Other, "b", "n", 2).answer("b", "n", "noproc").signal(Kill, "b", "a", 3).kill("b")
	if missing := got.Missing(); len(missing) != 8 {
		t.Errorf("missing are %q", missing)
	}
	got.Add(Count(rest))
	if missing := got.Missing(); len(missing) != 0 {
		t.Errorf("missing are %q", missing)
	}
}
