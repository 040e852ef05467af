package vm

import "sync/atomic"

// linkPart of a [Memory] is for the links in each direction, whatever else is taken: the two together are what guests leave.
// More than that they have only of what nobody else has.
const linkPart = 2 * reservedPart

// LinkMemory is what the links of a node hold of its memory in one direction: messages that have begun to come, or those that
// wait to be sent. Its methods may be called concurrently.
type LinkMemory struct {
	memory *Memory
	held   atomic.Int64
}

// Incoming is what has begun to come from other nodes and is not whole yet.
func (m *Memory) Incoming() *LinkMemory { return &m.incoming }

// Outgoing is what waits to be sent to other nodes.
func (m *Memory) Outgoing() *LinkMemory { return &m.outgoing }

// Links is what links hold in both directions, in bytes.
func (m *Memory) Links() uint64 { return uint64(max(m.onLinks(), 0)) }

func (m *Memory) onLinks() int64 { return m.incoming.held.Load() + m.outgoing.held.Load() }

// Take takes n bytes, or none when there is no room for so many.
func (l *LinkMemory) Take(n uint64) bool {
	m := l.memory
	if n > uint64(m.most) {
		return false
	}
	held := l.held.Add(int64(n))
	heap := m.waiting.Load() + m.onLinks()
	if held <= m.most/linkPart || heap <= m.mostWaiting() && m.guests.Load()+heap <= m.most-m.most/reservedPart {
		return true
	}
	l.held.Add(-int64(n))
	return false
}

// Force takes n bytes, whether there is room or not.
func (l *LinkMemory) Force(n uint64) { l.held.Add(int64(n)) }

// Release gives back what was taken.
func (l *LinkMemory) Release(n uint64) { l.held.Add(-int64(n)) }
