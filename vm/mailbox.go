package vm

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/wnode/wnode/abi"
)

// Message is one entry of a mailbox. The node writes Kind and From; nobody can forge them.
type Message struct {
	Kind abi.MessageKind
	From abi.Pid
	Ref  abi.Ref // of the monitor, for [abi.MessageDown]
	Data []byte  // the term; owned by whoever takes the message
}

// Overflow says what happens when a mailbox is full.
type Overflow uint8

// The answers to a full mailbox.
const (
	KillReceiver Overflow = iota // the process ends with reason [ReasonMailboxFull]
	DropNewest                   // the message that does not fit is lost
	BlockSenders                 // senders of this node wait; what another node sends kills as above
)

// overflowNames are in the order of the values.
var overflowNames = [...]string{"kill", "drop", "block"}

// ParseOverflow gives the answer of a name: kill, drop or block.
func ParseOverflow(name string) (Overflow, error) {
	i := slices.Index(overflowNames[:], name)
	if i < 0 {
		return 0, fmt.Errorf("overflow %q: it is one of %v: %w", name, overflowNames, abi.ErrBadArgument)
	}
	return Overflow(i), nil
}

// ReasonMailboxFull is the exit reason of a process that let its mailbox fill up.
const ReasonMailboxFull = "mailbox_full"

// The room that a mailbox has for EXIT and DOWN messages beyond its limits: enough for the end of as
// many processes as most supervisors have.
const (
	systemMessages = 1 << 16
	systemBytes    = 32 << 20
)

// maxSmall is the length of a message that has its place in the mailbox itself, in bytes: to send one and to take it
// allocates nothing.
const maxSmall = 48

// entry is a place in a mailbox.
type entry struct {
	Message // without its data when that is small
	small   [maxSmall]byte
	length  int // of the data
}

// data gives the data, which is the entry's own when it is small.
func (e *entry) data() []byte {
	if e.Data == nil {
		return e.small[:e.length]
	}
	return e.Data
}

// message gives the message with data that is the caller's.
func (e *entry) message() Message {
	m := e.Message
	if m.Data == nil {
		m.Data = bytes.Clone(e.small[:e.length])
	}
	return m
}

// mailbox is a queue with a cursor for selective receive: messages before the cursor have been
// looked at and left. It is guarded by its process's lock.
type mailbox struct {
	queue  entries
	cursor int
	bytes  int

	account *family // is charged for what waits
	charged int32   // to account, in units
	downs   int32   // messages of monitors that fired
	traces  int32   // messages of those that the process traces
}

// What waits is charged in units of so many bytes, so that a message that is taken soon, as most are, touches no count
// that others have a part in.
const chargeUnitBits = 10

// fits reports whether a message of some length would stay within the limits.
func (b *mailbox) fits(length, maxMessages, maxBytes int) bool {
	if b.queue.length >= maxMessages || b.bytes+length > maxBytes {
		return false
	}
	more := (b.weight()+length+messageOverhead)>>chargeUnitBits - int(b.charged)
	return more <= 0 || b.account.has(more<<chargeUnitBits)
}

// push appends a message. Its data is copied when it is small, or lent: somebody else's.
func (b *mailbox) push(m Message, lent bool) {
	e := b.queue.push()
	e.Message, e.length = m, len(m.Data)
	switch {
	case len(m.Data) <= maxSmall:
		copy(e.small[:], m.Data)
		e.Data = nil
	case lent:
		e.Data = bytes.Clone(m.Data)
	}
	b.bytes += e.length
	b.settle()
	b.count(m.Kind, 1)
}

// settle charges what waits now.
func (b *mailbox) settle() {
	units := int32(b.weight() >> chargeUnitBits)
	if units != b.charged {
		b.account.charge(int(units-b.charged) << chargeUnitBits)
		b.charged = units
	}
}

// count keeps count of the messages that the machine itself sends.
func (b *mailbox) count(kind abi.MessageKind, n int32) {
	switch kind {
	case abi.MessageDown:
		b.downs += n
	case abi.MessageTrace:
		b.traces += n
	}
}

// weight is what all that waits weighs.
func (b *mailbox) weight() int { return b.bytes + b.queue.length*messageOverhead }

// drop forgets everything.
func (b *mailbox) drop() {
	b.account.charge(-int(b.charged) << chargeUnitBits)
	*b = mailbox{}
}

// current gives the message at the cursor, nil when every message has been looked at.
func (b *mailbox) current() *entry {
	if b.cursor >= b.queue.length {
		return nil
	}
	return b.queue.at(b.cursor)
}

// take removes the message at the cursor and goes back to the start.
func (b *mailbox) take() {
	b.removeAt(b.cursor)
	b.cursor = 0
}

// removeAt takes a message out.
func (b *mailbox) removeAt(i int) {
	e := b.queue.at(i)
	b.bytes -= e.length
	b.count(e.Kind, -1)
	b.queue.remove(i)
	b.settle()
}

// removeDown removes the DOWN message of a monitor, wherever it is. Where there is none of any, as
// when the call that the monitor was for has been answered, it costs nothing.
func (b *mailbox) removeDown(ref abi.Ref) {
	if b.downs == 0 {
		return
	}
	for i := range b.queue.length {
		if e := b.queue.at(i); e.Kind == abi.MessageDown && e.Ref == ref {
			b.removeAt(i)
			if i < b.cursor {
				b.cursor--
			}
			return
		}
	}
}
