package vm

import (
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
)

// ReasonMailboxFull is the exit reason of a process that let its mailbox fill up.
const ReasonMailboxFull = "mailbox_full"

// mailbox is a queue with a cursor for selective receive: messages before the cursor have been
// looked at and left. It is guarded by its process's lock.
type mailbox struct {
	queue  []Message
	cursor int
	bytes  int
}

// push appends a message unless that would go beyond a limit.
func (b *mailbox) push(m Message, maxMessages, maxBytes int) bool {
	if len(b.queue) >= maxMessages || b.bytes+len(m.Data) > maxBytes {
		return false
	}
	b.queue = append(b.queue, m)
	b.bytes += len(m.Data)
	return true
}

// current gives the message at the cursor, nil when every message has been looked at.
func (b *mailbox) current() *Message {
	if b.cursor >= len(b.queue) {
		return nil
	}
	return &b.queue[b.cursor]
}

// take removes the message at the cursor and goes back to the start. The messages that were
// skipped move up by one place: they are few, the rest of the queue may be long.
func (b *mailbox) take() Message {
	m := b.queue[b.cursor]
	copy(b.queue[1:b.cursor+1], b.queue[:b.cursor])
	b.queue[0] = Message{}
	b.queue = b.queue[1:]
	b.cursor = 0
	b.bytes -= len(m.Data)
	if len(b.queue) == 0 {
		b.queue = nil
	}
	return m
}

// removeDown removes the DOWN message of a monitor, wherever it is.
func (b *mailbox) removeDown(ref abi.Ref) {
	i := slices.IndexFunc(b.queue, func(m Message) bool { return m.Kind == abi.MessageDown && m.Ref == ref })
	if i < 0 {
		return
	}
	b.bytes -= len(b.queue[i].Data)
	b.queue = slices.Delete(b.queue, i, i+1)
	if i < b.cursor {
		b.cursor--
	}
}
