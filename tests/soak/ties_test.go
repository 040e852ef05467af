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
	w.note(history.Event{Kind: history.Untying, Tie: t.name})
	w.signal(history.Channel{From: w.name, To: t.target}, s, func(int) error { undo(); return nil })
	if !flushed && w.takeAll() != nil {
		return
	}
	delete(w.ties, t.name)
	w.note(history.Event{Kind: history.Untied, Tie: t.name})
}

func (w *worker) linkOrUnlink(other *contact) {
	if !w.links(other.Name) {
		return
	}
	if t := w.ties[linkTo(other.Name)]; t != nil {
		w.untie(t, history.Unlink, false, func() { w.p.Unlink(t.pid) })
		return
	}
	t := &ownTie{name: linkTo(other.Name), target: other.Name, node: other.Node, pid: other.Pid}
	w.tie(t, history.Link, func() error { return w.p.Link(w.ctx(), t.pid) })
}

func (w *worker) monitor(other *contact) {
	w.monitorBy(other, func() abi.Ref { return w.p.Monitor(other.Pid) })
}

func (w *worker) monitorByName(other *contact) {
	w.monitorBy(other, func() abi.Ref { return w.p.MonitorName(other.Name, other.Pid.Node, other.Node) })
}

func (w *worker) monitorBy(other *contact, monitor func() abi.Ref) {
	t := &ownTie{name: w.program.label("monitor"), target: other.Name, node: other.Node, pid: other.Pid}
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
	fn, err := w.program.node.Load(kind, module)
	if err != nil {
		w.program.board.fail("%s: load %s: %v", w.name, kind, err)
		return nil
	}
	req := wnode.SpawnRequest{Function: fn, Link: w.draw.IntN(2) == 0}
	name := w.program.label(kind)
	watched := &ownTie{name: "monitor of " + name, target: name, node: other.Node}
	w.program.board.write(entry{Spawn: &spawn{Node: other.Pid.Node}})
	if !req.Link || w.draw.IntN(2) == 0 {
		watched.pid, watched.ref, err = w.p.SpawnMonitor(w.ctx(), other.Pid.Node, req)
	} else {
		watched.pid, err = w.p.SpawnFunction(w.ctx(), other.Pid.Node, req)
	}
	if err != nil {
		if !w.p.Told() && !errors.Is(err, abi.ErrTerminated) && !errors.Is(err, abi.ErrLimit) {
			w.program.board.fail("%s: spawn %s: %v", w.name, kind, err)
		}
		return nil
	}
	if watched.pid.Node == other.Pid.Node { // or it is no process
		w.program.board.write(entry{Spawn: &spawn{watched.pid.Node, watched.pid}})
	}
	var ties []*ownTie
	if req.Link {
		t := &ownTie{name: linkTo(name), target: name, node: other.Node, pid: watched.pid}
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
		way := w.program.label("by relay")
		w.relays[way], w.relayed[way] = guest, guest.pid
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
