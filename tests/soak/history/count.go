package history

import "fmt"

// Counts say how much has happened in a history.
type Counts struct {
	Processes, Received, Answered int
	Unconnected                   int // answers that were noconnection
	Lost                          int // signals that were sent to who lived on and never received, as connections were lost
	NodeDowns                     int
}

// Count counts what has happened.
func Count(events []Event) (n Counts) {
	for _, e := range events {
		switch e.Kind {
		case Began:
			n.Processes++
		case Received:
			n.Received++
		case NodeDown:
			n.NodeDowns++
		case Answered:
			n.Answered++
			if e.Reason == NoConnection {
				n.Unconnected++
			}
		}
	}
	for _, ch := range read(events).channels {
		for number := 1; number < ch.last; number++ {
			if s := ch.sends[number]; s.signal.visible() && s.done > 0 && !s.received {
				n.Lost++
			}
		}
	}
	return n
}

// String gives them for people.
func (n Counts) String() string {
	return fmt.Sprintf("%d processes were told %d times that a node is down; they received %d signals, and %d were lost with connections; %d links and monitors were answered, %d of them with noconnection",
		n.Processes, n.NodeDowns, n.Received, n.Lost, n.Answered, n.Unconnected)
}
