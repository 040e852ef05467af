//go:build linux

package soak

import (
	"errors"
	"slices"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/tests/soak/history"
)

// deed is something that a worker does, as often as its weight says.
type deed struct {
	weight int
	do     func(w *worker, other *contact)
}

var deeds = []deed{
	{40, (*worker).tell},
	{4, (*worker).tellMuch},
	{4, (*worker).tellOften},
	{8, (*worker).tellByName},
	{8, (*worker).tellByAlias},
	{4, (*worker).tellAtOnce},
	{8, (*worker).sendExit},
	{6, (*worker).lead},
	{14, (*worker).linkOrUnlink},
	{10, (*worker).monitor},
	{4, (*worker).monitorByName},
	{8, (*worker).demonitor},
	{1, (*worker).renewAlias},
	{3, (*worker).spawnMayfly},
	{2, (*worker).spawnRelay},
	{10, (*worker).tellRelay},
	{1, (*worker).endRelay},
	{1, (*worker).makeEnd},
	{1, (*worker).kill},
}

var deedsWeight = func() (sum int) {
	for _, d := range deeds {
		sum += d.weight
	}
	return sum
}()

// act does something to somebody.
func (w *worker) act() {
	others := w.c.living()
	if len(others) < 2 {
		return
	}
	other := others[w.draw.IntN(len(others))]
	for _, o := range others { // what happens to one process at a time shows what single signals do not
		if o.name == w.last && w.draw.IntN(4) != 0 {
			other = o
		}
	}
	if other.name == w.name {
		return
	}
	w.last = other.name
	at := w.draw.IntN(deedsWeight)
	for _, d := range deeds {
		if at -= d.weight; at < 0 {
			d.do(w, other)
			return
		}
	}
}

func (w *worker) to(other *contact) history.Channel {
	return history.Channel{From: w.name, To: other.name}
}

// signal sends the next signal on a channel.
func (w *worker) signal(ch history.Channel, s history.Signal, send func(number int) error) {
	w.numbers[ch]++
	number := w.numbers[ch]
	w.note(history.Event{Kind: history.Sending, Channel: ch, Number: number, Signal: s})
	if send(number) == nil {
		w.note(history.Event{Kind: history.Sent, Channel: ch, Number: number})
	}
}

func (w *worker) message(other *contact, m message, size int) {
	w.signal(w.to(other), history.Message, func(number int) error {
		m.Number = number
		return w.p.Send(w.ctx(), other.pid, encode(m, size))
	})
}

func (w *worker) tell(other *contact) { w.message(other, message{}, w.draw.IntN(300)) }

func (w *worker) tellMuch(other *contact) {
	size := 100 << 10
	if w.draw.IntN(4) == 0 {
		size = 2 << 20
	}
	w.message(other, message{}, w.draw.IntN(size))
}

func (w *worker) tellOften(other *contact) {
	for range w.draw.IntN(40) {
		w.tell(other)
	}
}

func (w *worker) tellByName(other *contact) {
	w.signal(w.to(other), history.Message, func(number int) error {
		return w.p.SendNode(w.ctx(), other.name, other.pid.Node, encode(message{Number: number}, w.draw.IntN(300)))
	})
}

// tellAtOnce sends only if that takes no waiting.
func (w *worker) tellAtOnce(other *contact) {
	w.signal(w.to(other), history.Message, func(number int) error {
		return w.p.SendWith(w.ctx(), abi.SendNoSuspend|abi.SendNoConnect, other.pid, encode(message{Number: number}, w.draw.IntN(3000)))
	})
}

func (w *worker) tellByAlias(other *contact) {
	ch := history.Channel{From: w.name, To: other.name, Way: other.way}
	w.signal(ch, history.Message, func(number int) error {
		return w.p.Send(w.ctx(), abi.Pid(other.alias), encode(message{Way: other.way, Number: number}, w.draw.IntN(300)))
	})
}

func (w *worker) newAlias() (err error) {
	w.way = w.c.label("alias")
	w.alias, err = w.p.Alias(wnode.AliasExplicit)
	return err
}

// renewAlias takes the alias back, by which no message comes any more, and makes another one.
func (w *worker) renewAlias(*contact) {
	old := w.way
	w.p.Unalias(w.alias)
	if w.takeAll() != nil {
		return
	}
	w.note(history.Event{Kind: history.Closed, Channel: history.Channel{Way: old}})
	if w.newAlias() == nil {
		self := *w.self
		self.alias, self.way = w.alias, w.way
		w.self = &self
		w.c.change(w.self)
	}
}

func (w *worker) sendExit(other *contact) {
	w.signal(w.to(other), history.Exit, func(number int) error {
		return w.p.ExitProcess(w.ctx(), other.pid, term.MustEncode([]any{"number", number}))
	})
}

func (w *worker) lead(other *contact) {
	if other.sponsor != w.name {
		w.tell(other)
		return
	}
	w.signal(w.to(other), history.Leader, func(number int) error {
		return w.p.SetGroupLeader(w.ctx(), leader(w.p.Pid().Node, number), other.pid)
	})
}

// makeEnd has another worker end by itself.
func (w *worker) makeEnd(other *contact) { w.message(other, message{Ends: true}, 0) }

func (w *worker) kill(other *contact) {
	w.signal(w.to(other), history.Other, func(int) error {
		return w.p.ExitProcess(w.ctx(), other.pid, term.MustEncode(abi.ReasonKill))
	})
}

// tie makes a link or a monitor.
func (w *worker) tie(t *ownTie, s history.Signal, make func() error) {
	w.tying(t, "")
	w.signal(history.Channel{From: w.name, To: t.target}, s, func(int) error { return make() })
	w.tied(t)
}

func (w *worker) tying(t *ownTie, ends string) {
	ch := history.Channel{From: w.name, To: t.target}
	w.ties[t.name] = t
	w.note(history.Event{
		Kind: history.Tying, Tie: t.name, Target: t.target, Node: t.node, Channel: ch, Number: w.numbers[ch] + 1, Reason: ends,
	})
}

// tied takes what is in the mailbox once links and monitors are made: all that comes later is of a time when they stood.
func (w *worker) tied(ties ...*ownTie) {
	if w.takeAll() != nil {
		return
	}
	for _, t := range ties {
		w.note(history.Event{Kind: history.Tied, Tie: t.name})
	}
}

// untie takes a tie back. With flushed nothing of it is left in the mailbox.
func (w *worker) untie(t *ownTie, s history.Signal, flushed bool, undo func()) {
	w.signal(history.Channel{From: w.name, To: t.target}, s, func(int) error { undo(); return nil })
	if !flushed && w.takeAll() != nil {
		return
	}
	delete(w.ties, t.name)
	w.note(history.Event{Kind: history.Untied, Tie: t.name})
}

func (w *worker) linkOrUnlink(other *contact) {
	if !w.links(other.name) {
		return
	}
	if t := w.ties[linkTo(other.name)]; t != nil {
		w.untie(t, history.Unlink, false, func() { w.p.Unlink(t.pid) })
		return
	}
	t := &ownTie{name: linkTo(other.name), target: other.name, node: other.node, pid: other.pid}
	w.tie(t, history.Link, func() error { return w.p.Link(w.ctx(), t.pid) })
}

func (w *worker) monitor(other *contact) {
	w.monitorBy(other, func() abi.Ref { return w.p.Monitor(other.pid) })
}

func (w *worker) monitorByName(other *contact) {
	w.monitorBy(other, func() abi.Ref { return w.p.MonitorName(other.name, other.pid.Node, other.node) })
}

func (w *worker) monitorBy(other *contact, monitor func() abi.Ref) {
	t := &ownTie{name: w.c.label("monitor"), target: other.name, node: other.node, pid: other.pid}
	w.tie(t, history.Other, func() error {
		t.ref = monitor()
		w.refs[t.ref] = t.name
		return nil
	})
}

// demonitor takes back the monitor of a worker that comes first.
func (w *worker) demonitor(*contact) {
	var names []string
	for name, t := range w.ties {
		if t.ref != (abi.Ref{}) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	t, flush := w.ties[names[w.draw.IntN(len(names))]], w.draw.IntN(2) == 0
	w.untie(t, history.Other, flush, func() { w.p.Demonitor(t.ref, flush) })
}

// spawn starts a guest on the node of another worker, with a monitor or a link or both.
func (w *worker) spawn(other *contact, module []byte, kind, ends string) (guest *ownTie) {
	fn, err := w.node.Load(kind, module)
	if err != nil {
		w.c.t.Errorf("%s: load %s: %v", w.name, kind, err)
		return nil
	}
	req := wnode.SpawnRequest{Function: fn, Link: w.draw.IntN(2) == 0}
	name := w.c.label(kind)
	watched := &ownTie{name: "monitor of " + name, target: name, node: other.node}
	if !req.Link || w.draw.IntN(2) == 0 {
		watched.pid, watched.ref, err = w.p.SpawnMonitor(w.ctx(), other.pid.Node, req)
	} else {
		watched.pid, err = w.p.SpawnFunction(w.ctx(), other.pid.Node, req)
	}
	if err != nil || watched.pid.Node != other.pid.Node {
		w.c.unheardOf(other.pid.Node)
	}
	if err != nil {
		if !w.p.Told() && !errors.Is(err, abi.ErrTerminated) && !errors.Is(err, abi.ErrLimit) {
			w.c.t.Errorf("%s: spawn %s: %v", w.name, kind, err)
		}
		return nil
	}
	w.c.knowGuest(watched.pid)
	var ties []*ownTie
	if req.Link {
		t := &ownTie{name: linkTo(name), target: name, node: other.node, pid: watched.pid}
		w.guests[t.pid] = t.name
		ties = append(ties, t)
	}
	if watched.ref != (abi.Ref{}) {
		w.refs[watched.ref] = watched.name
		ties = append(ties, watched)
	}
	for _, t := range ties {
		w.tying(t, ends)
	}
	w.tied(ties...)
	return watched
}

func (w *worker) spawnMayfly(other *contact) { w.spawn(other, mayflyModule, "mayfly", mayflyEnds) }

func (w *worker) spawnRelay(other *contact) {
	if guest := w.spawn(other, relayModule, "relay", relayEnds); guest != nil {
		w.relays[w.c.label("by relay")] = guest
	}
}

// someRelay gives a relay that the worker has, and the way to it.
func (w *worker) someRelay() (way string, guest *ownTie) {
	var ways []string
	for way := range w.relays {
		ways = append(ways, way)
	}
	if len(ways) == 0 {
		return "", nil
	}
	slices.Sort(ways)
	way = ways[w.draw.IntN(len(ways))]
	return way, w.relays[way]
}

func (w *worker) tellRelay(*contact) {
	way, guest := w.someRelay()
	if guest == nil {
		return
	}
	w.signal(history.Channel{From: w.name, To: w.name, Way: way}, history.Message, func(number int) error {
		return w.p.Send(w.ctx(), guest.pid, encode(message{Way: way, Number: number}, w.draw.IntN(maxRelayed/2)))
	})
}

func (w *worker) endRelay(*contact) {
	if way, guest := w.someRelay(); guest != nil {
		delete(w.relays, way)
		_ = w.p.ExitProcess(w.ctx(), guest.pid, term.MustEncode(abi.ReasonKill)) // fails only for who ends
	}
}

// settle sends those a last message whom the worker has sent to, if they have not received all.
func (w *worker) settle() {
	for len(w.relays) > 0 {
		w.endRelay(nil)
	}
	fins := w.c.fins.Load()
	if fins == w.fins {
		return
	}
	w.fins = fins
	for _, other := range w.c.living() {
		if ch := w.to(other); w.numbers[ch] > 0 && (fins == 1 || w.c.notes.lacks(ch)) {
			w.message(other, message{}, 0)
		}
	}
}
