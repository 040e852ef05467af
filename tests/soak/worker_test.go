//go:build linux

package soak

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"time"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/tests/soak/history"
)

// worker is a process that does to others what processes can do to each other, at random, and notes what it does
// and what comes of it. All but its beginning is for its own stack.
type worker struct {
	program *program
	name    string
	draw    *rand.Rand
	p       *wnode.Process
	self    *contact
	entered chan struct{} // closed when the others know it

	numbers  map[history.Channel]int // the last of each
	ties     map[string]*ownTie
	refs     map[abi.Ref]string // ties that are monitors
	guests   map[abi.Pid]string // ties that are links with guests
	relays   map[string]*ownTie // guests that send back, by the way to them
	relayed  map[string]abi.Pid // those and those that have ended
	alias    abi.Ref
	way      string
	reminded int32          // how often it has sent a last message
	last     string         // to whom something was done
	end      *history.Event // the signal that it ends by
}

// ownTie is a link or a monitor that a worker has made.
type ownTie struct {
	name, target string
	node         string
	pid          abi.Pid
	ref          abi.Ref // zero for a link
}

func newWorker(p *program) *worker {
	return &worker{
		program: p, name: p.label("w"), draw: p.drawn(), entered: make(chan struct{}),
		numbers: map[history.Channel]int{}, ties: map[string]*ownTie{}, refs: map[abi.Ref]string{},
		guests: map[abi.Pid]string{}, relays: map[string]*ownTie{}, relayed: map[string]abi.Pid{},
	}
}

// live is the body of the process.
func (w *worker) live(p *wnode.Process) wnode.Exit {
	w.p = p
	w.note(history.Event{Kind: history.Began, Node: w.program.Node})
	p.TrapExits(true)
	if err := errors.Join(p.MonitorNodes(), w.newAlias(), w.program.node.Register(w.name, p.Pid())); err != nil && !p.Told() {
		w.program.board.fail("%s: %v", w.name, err)
	}
	for _, node := range w.program.node.Nodes() {
		w.note(history.Event{Kind: history.Listed, Node: node})
	}
	w.enter()
	err := w.work()
	last := history.Event{Kind: history.Ended}
	if w.end != nil {
		last.Channel, last.Number = w.end.Channel, w.end.Number
	}
	if told, ok := errors.AsType[*wnode.ExitError](err); ok {
		last.Reason = reasonText(told.Reason)
		w.note(last)
		return wnode.Normal // which is not heard
	}
	reason := "done " + w.name
	last.Reason = reason + "|killed|shutdown" // what may still come before it has ended
	w.note(last)
	return wnode.Exit{Reason: reason}
}

// enter makes the worker known to the others, among whom one is to be its sponsor.
func (w *worker) enter() {
	w.self = &contact{Name: w.name, Pid: w.p.Pid(), Node: w.program.Node, Alias: w.alias, Way: w.way}
	if others := w.program.board.living(); len(others) > 0 {
		w.self.Sponsor = others[w.draw.IntN(len(others))].Name
	}
	w.program.board.write(entry{Contact: w.self})
	close(w.entered)
}

func (w *worker) note(e history.Event) {
	e.Process = w.name
	w.program.board.note(e)
}

// work goes on until the worker is told to end.
func (w *worker) work() error {
	for {
		if err := w.takeAll(); err != nil {
			return err
		}
		switch {
		case w.end != nil || w.program.toEnd(w.name):
			return nil
		case w.program.settling.Load():
			w.settle()
		default:
			w.act()
		}
		m, err := w.p.Receive(w.p.Context(), time.Duration(w.draw.IntN(15))*time.Millisecond)
		switch {
		case err == nil:
			w.take(m)
		case !errors.Is(err, abi.ErrTimedOut):
			return err
		}
	}
}

// takeAll takes what is in the mailbox.
func (w *worker) takeAll() error {
	for {
		m, err := w.p.Receive(w.p.Context(), 0)
		switch {
		case err == nil:
			w.take(m)
		case errors.Is(err, abi.ErrTimedOut):
			w.note(history.Event{Kind: history.Idle})
			return nil
		default:
			return err
		}
	}
}

// message is what workers send.
type message struct {
	Way    string `cbor:"1,keyasint,omitempty"`
	Number int    `cbor:"2,keyasint"`
	Ends   bool   `cbor:"3,keyasint,omitempty"` // the receiver is to end
	Sum    uint32 `cbor:"4,keyasint"`
	Bytes  []byte `cbor:"5,keyasint"`
}

// encode makes a message with so many bytes, which tell if they are not those that were sent.
func encode(m message, size int) []byte {
	m.Bytes = make([]byte, size)
	for i := range m.Bytes {
		m.Bytes[i] = byte(m.Number + i>>3)
	}
	m.Sum = crc32.ChecksumIEEE(m.Bytes)
	return term.MustEncode(m)
}

// take notes what a message of the mailbox says.
func (w *worker) take(m wnode.Message) {
	if m.Kind == abi.MessageUser {
		w.takeMessage(m)
		return
	}
	t, err := term.Decode(m.Data)
	list, ok := t.([]any)
	if err != nil || !ok {
		w.program.board.fail("%s: message of kind %d: %x", w.name, m.Kind, m.Data)
		return
	}
	switch m.Kind {
	case abi.MessageExit:
		w.takeExit(list[1].(abi.Pid), list[2])
	case abi.MessageDown:
		name, known := w.refs[m.Ref]
		if !known {
			name = fmt.Sprintf("unknown monitor %v", m.Ref)
		}
		w.answered(name, text(list[4]))
	case abi.MessageNode:
		e := history.Event{Kind: history.NodeUp, Node: list[1].(string)}
		if list[0] == "nodedown" {
			e.Kind, e.Reason = history.NodeDown, text(list[2].(map[any]any)["nodedown_reason"])
		}
		w.note(e)
	}
}

func (w *worker) answered(tie, reason string) {
	delete(w.ties, tie)
	w.note(history.Event{Kind: history.Answered, Tie: tie, Reason: reason})
}

func (w *worker) takeMessage(m wnode.Message) {
	var got message
	if err := term.DecodeInto(m.Data, &got); err != nil || crc32.ChecksumIEEE(got.Bytes) != got.Sum {
		w.program.board.fail("%s: a message of %d bytes is not what was sent: %v", w.name, len(m.Data), err)
		return
	}
	ch := history.Channel{From: w.name, To: w.name, Way: got.Way}
	if name, ok := w.program.board.nameOf(m.From); ok {
		ch.From = name
	} else if got.Way == "" || m.From != w.relayed[got.Way] {
		w.program.board.fail("%s: a message from %v, who is nobody", w.name, m.From)
		return
	}
	w.receive(ch, got.Number, m.From)
	if got.Ends {
		w.end = &history.Event{Channel: ch, Number: got.Number}
	}
}

// receive notes a receipt, and how far the sender is with setting the group leader if it may do that.
func (w *worker) receive(ch history.Channel, number int, from abi.Pid) {
	node, ok := w.program.node.NodeName(from.Node)
	if !ok {
		w.program.board.fail("%s: %v of %s is from %v, of an unknown node", w.name, number, ch.From, from)
	}
	w.note(history.Event{Kind: history.Received, Node: node, Channel: ch, Number: number})
	if ch.From == w.self.Sponsor && ch.Way == "" {
		w.note(history.Event{Kind: history.Led, Channel: ch, Number: leaderNumber(w.p.GroupLeader(), from.Node)})
	}
}

// takeExit tells exits that were sent, which have a number for a reason, from those of links.
func (w *worker) takeExit(from abi.Pid, reason any) {
	name, isWorker := w.program.board.nameOf(from)
	if list, ok := reason.([]any); ok && len(list) == 2 && list[0] == "number" && isWorker {
		w.receive(history.Channel{From: name, To: w.name}, int(list[1].(int64)), from)
		return
	}
	tie, isGuest := w.guests[from]
	switch {
	case isGuest:
	case isWorker && w.links(name):
		tie = linkTo(name)
	case isWorker:
		tie = history.PassiveTie(name)
	default:
		tie = fmt.Sprintf("unknown link with %v", from)
	}
	w.answered(tie, text(reason))
}

// links reports whether it is this worker that makes the links with another one. Of each two it is one.
func (w *worker) links(other string) bool { return w.name < other }

func linkTo(name string) string { return "link to " + name }

// leaderMark tells pids that are numbers from those of processes.
const leaderMark = 1 << 48

// leader gives a group leader that stands for a number.
func leader(node abi.NodeID, number int) abi.Pid {
	return abi.Pid{Node: node, Num: leaderMark | uint64(number)}
}

func leaderNumber(leader abi.Pid, node abi.NodeID) int {
	if leader.Node != node || leader.Num < leaderMark {
		return 0
	}
	return int(leader.Num &^ leaderMark)
}

// text gives a reason as histories have it.
func text(reason any) string {
	if s, ok := reason.(string); ok {
		return s
	}
	return term.Format(reason, nil)
}

func reasonText(encoded []byte) string {
	t, err := term.Decode(encoded)
	if err != nil {
		return err.Error()
	}
	return text(t)
}

// context of all that the worker does.
func (w *worker) ctx() context.Context { return w.p.Context() }
