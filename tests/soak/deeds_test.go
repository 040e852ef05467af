//go:build linux

package soak

import (
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
	{1, (*worker).watchEnd},
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
	other := w.somebody()
	if other == nil || other.Name == w.name {
		return
	}
	w.last = other.Name
	at := w.draw.IntN(deedsWeight)
	for _, d := range deeds {
		if at -= d.weight; at < 0 {
			d.do(w, other)
			return
		}
	}
}

// somebody draws whom to do something to, nil for nobody.
func (w *worker) somebody() *contact {
	others := w.program.board.living()
	if dead := w.program.board.dead(); len(dead) > 0 && w.draw.IntN(20) == 0 {
		others = dead
	}
	if len(others) == 0 {
		return nil
	}
	for _, other := range others { // what happens to one process at a time shows what single signals do not
		if other.Name == w.last && w.draw.IntN(4) != 0 {
			return other
		}
	}
	return others[w.draw.IntN(len(others))]
}

func (w *worker) to(other *contact) history.Channel {
	return history.Channel{From: w.name, To: other.Name}
}

// signal sends the next signal on a channel.
func (w *worker) signal(ch history.Channel, s history.Signal, send func(number int) error) {
	w.signalBy("", ch, s, send)
}

// signalBy sends by an alias, or by "", which is none.
func (w *worker) signalBy(alias string, ch history.Channel, s history.Signal, send func(number int) error) {
	w.numbers[ch]++
	number := w.numbers[ch]
	w.note(history.Event{Kind: history.Sending, Channel: ch, Number: number, Signal: s, Target: alias})
	if send(number) == nil {
		w.note(history.Event{Kind: history.Sent, Channel: ch, Number: number})
	}
}

func (w *worker) message(other *contact, m message, size int) {
	w.signal(w.to(other), history.Message, func(number int) error {
		m.Number = number
		return w.p.Send(w.ctx(), other.Pid, encode(m, size))
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
		return w.p.SendNode(w.ctx(), other.Name, other.Pid.Node, encode(message{Number: number}, w.draw.IntN(300)))
	})
}

// tellAtOnce sends only if that takes no waiting.
func (w *worker) tellAtOnce(other *contact) {
	w.signal(w.to(other), history.Message, func(number int) error {
		return w.p.SendWith(w.ctx(), abi.SendNoSuspend|abi.SendNoConnect, other.Pid, encode(message{Number: number}, w.draw.IntN(3000)))
	})
}

func (w *worker) tellByAlias(other *contact) {
	w.signalBy(other.Way, w.to(other), history.Message, func(number int) error {
		return w.p.Send(w.ctx(), abi.Pid(other.Alias), encode(message{Number: number}, w.draw.IntN(300)))
	})
}

func (w *worker) newAlias() (err error) {
	w.way = w.program.label("alias")
	w.alias, err = w.p.Alias(wnode.AliasExplicit)
	return err
}

// renewAlias takes the alias back, by which no message comes any more, and makes another one.
func (w *worker) renewAlias(*contact) {
	old := w.way
	w.note(history.Event{Kind: history.Closing, Target: old})
	w.p.Unalias(w.alias)
	if w.takeAll() != nil {
		return
	}
	w.note(history.Event{Kind: history.Closed, Target: old})
	if w.newAlias() == nil {
		self := *w.self
		self.Alias, self.Way = w.alias, w.way
		w.self = &self
		w.program.board.write(entry{Contact: w.self})
	}
}

func (w *worker) sendExit(other *contact) {
	w.signal(w.to(other), history.Exit, func(number int) error {
		return w.p.ExitProcess(w.ctx(), other.Pid, term.MustEncode([]any{"number", number}))
	})
}

// lead sets the group leader of somebody who has the worker for a sponsor. What comes next tells whether that was done.
func (w *worker) lead(*contact) {
	for _, other := range w.program.board.living() {
		if other.Sponsor != w.name {
			continue
		}
		w.signal(w.to(other), history.Leader, func(number int) error {
			return w.p.SetGroupLeader(w.ctx(), leader(w.p.Pid().Node, number), other.Pid)
		})
		w.tell(other)
		return
	}
}

// makeEnd has another worker end by itself.
func (w *worker) makeEnd(other *contact) { w.message(other, message{Ends: true}, 0) }

// watchEnd has a worker end and is told how, since it asked for that before.
func (w *worker) watchEnd(other *contact) {
	if w.monitor(other); w.ties[linkTo(other.Name)] == nil {
		w.linkOrUnlink(other)
	}
	w.makeEnd(other)
}

func (w *worker) kill(other *contact) {
	w.signal(w.to(other), history.Kill, func(int) error {
		return w.p.ExitProcess(w.ctx(), other.Pid, term.MustEncode(abi.ReasonKill))
	})
}

// settle ties the worker to all others, when it is reminded first, so that many hear of the ends that come. It sends those a
// last message whom it has sent to, if they have not received all.
func (w *worker) settle() {
	for len(w.relays) > 0 {
		w.endRelay(nil)
	}
	reminded := w.program.reminded.Load()
	if reminded == w.reminded {
		return
	}
	w.reminded = reminded
	for _, other := range w.program.board.living() {
		if other.Name == w.name {
			continue
		}
		if reminded == 1 {
			w.monitor(other)
			if w.ties[linkTo(other.Name)] == nil {
				w.linkOrUnlink(other)
			}
		}
		if reminded == 1 || w.program.board.lacks(w.to(other)) {
			w.message(other, message{}, 0)
		}
	}
}
