// Package history decides whether what processes have noted of each other can have come about on nodes that keep
// their word: signals of a pair of processes arrive in order and once, and none is lost while the connection lives;
// nothing of a connection arrives after its nodedown; every link and every monitor is answered exactly once.
//
// It is pure: [Check] takes a list of events and gives what is wrong with it. Who takes part notes each event in one
// list for all processes, whose order is that of time. What a process whose node is killed saw last is not known: it
// notes nothing more, until somebody else notes that it is gone.
package history

import (
	"fmt"
	"strings"
)

// Kind is what an event tells of.
type Kind uint8

// The kinds of events. Process is who notes it; where a node is told of, it is by its name.
const (
	Began    Kind = iota // the process begins, on Node
	Ended                // it ends, with Reason. If a signal made it end, that is Number on Channel
	Killed               // its node was killed, and it with that, at any time after what it noted last
	Sending              // it is about to send Number on Channel, a Signal, by the alias Target if that is not ""
	Sent                 // and has done so
	Received             // it has taken Number on Channel out of its mailbox, where it came from Node
	Led                  // its group leader is what Number on Channel made it
	Idle                 // its mailbox has been empty since it noted what it noted before this
	Listed               // Node was connected when it asked for news of nodes, before or behind the first
	NodeUp               // it was told that Node is connected
	NodeDown             // it was told that Node is not, for Reason
	Tying                // it is about to make a Tie with Target on Node, as Number on Channel
	Tied                 // and has done so, and has taken what was in its mailbox then
	Untying              // it is about to take the Tie back
	Untied               // and has done so, and has taken what was in its mailbox then
	Answered             // it was told the end of the other side of the Tie, with Reason
	Closing              // it is about to take back Target, an alias
	Closed               // and has done so, and has taken what was in its mailbox then
	Quiet                // of no process: all that was under way has arrived
)

// Signal is a kind of signal on a channel.
type Signal uint8

// The signals. Messages and exits are received; of the others no receipt is noted.
const (
	Message Signal = iota
	Exit
	Kill // an exit that no process receives
	Leader
	Link
	Unlink
	Other // monitors, and what takes them back
)

// received reports whether receipts of such a signal are noted.
func (s Signal) received() bool { return s == Message || s == Exit }

// shows reports whether a process that lives shows that no such signal has come that it has not noted.
func (s Signal) shows() bool { return s.received() || s == Kill }

// Channel is a way from a process to another one on which signals keep their order, whatever they are and by whatever name
// they are sent. From and To are the same for what a process sends and a third one sends back, which Way names.
type Channel struct {
	From, To string
	Way      string `json:",omitempty"`
}

// Event is one entry of a history. Fields that Kind does not speak of are zero.
type Event struct {
	Kind    Kind
	Process string  `json:",omitempty"`
	Node    string  `json:",omitempty"`
	Channel Channel `json:",omitzero"`
	Number  int     `json:",omitempty"` // on the channel, from 1 on
	Signal  Signal  `json:",omitempty"`
	Tie     string  `json:",omitempty"` // names a link or a monitor of the process's
	Target  string  `json:",omitempty"`
	// Reason is that of an end. Of a Tying whose target notes nothing, but ends before all is quiet: those that may
	// come, with | between them.
	Reason string `json:",omitempty"`
}

// Reasons of answers that are no end of a process.
const (
	NoConnection = "noconnection"
	NoProcess    = "noproc"
)

// PassiveTie names the other end of a link that a process has made: the end of who was linked to.
func PassiveTie(by string) string { return "linked by " + by }

var kinds = [...]string{
	"began", "ended", "killed", "sending", "sent", "received", "led", "idle", "listed", "nodeup", "nodedown", "tying", "tied", "untying", "untied", "answered", "closing", "closed", "quiet",
}

var signals = [...]string{"message", "exit", "kill", "group leader", "link", "unlink", "monitor"}

// String gives the event as a line for people.
func (e Event) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-10s %s", e.Process, kinds[e.Kind])
	if e.Channel != (Channel{}) {
		fmt.Fprintf(&b, " %d %s->%s %s", e.Number, e.Channel.From, e.Channel.To, e.Channel.Way)
	}
	if e.Kind == Sending {
		fmt.Fprintf(&b, " %s", signals[e.Signal])
	}
	for _, part := range []string{e.Node, e.Tie, e.Target, e.Reason} {
		if part != "" {
			fmt.Fprintf(&b, " [%s]", part)
		}
	}
	return b.String()
}
