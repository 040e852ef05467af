package vm

import (
	"fmt"
	"sync/atomic"

	"github.com/wnode/wnode/abi"
)

// Memory is what a node may keep for its processes, and the count of it: what guests take (their instances and what
// these are made of, which whoever runs guests takes and releases), what waits for all processes, which a [System]
// counts by itself, and what links hold of messages on their way. Its methods may be called concurrently.
type Memory struct {
	most     int64
	guests   atomic.Int64
	waiting  atomic.Int64
	incoming LinkMemory
	outgoing LinkMemory
}

// The parts of a [Memory].
const (
	// reservedPart of it is for what waits and what links hold: guests never take that, so that their messages do not push
	// one of them out when all together have taken what there is.
	reservedPart = 8
	// waitingPart of it is the most that may wait. It is on Go's heap, which can take twice as much.
	waitingPart = 3
)

// leastGuest is what a guest needs to begin with, in bytes: a page of memory, and what an instance takes beside it.
const leastGuest = 64<<10 + 20<<10

// NewMemory makes a memory of so many bytes, of which nothing is taken. 0: three quarters of [MachineMemory].
func NewMemory(most uint64) *Memory {
	if most == 0 {
		most = MachineMemory() / 4 * 3
	}
	m := &Memory{most: int64(min(most, 1<<60))}
	m.incoming.memory, m.outgoing.memory = m, m
	return m
}

// Most is how much there is, in bytes.
func (m *Memory) Most() uint64 { return uint64(m.most) }

// Guests is what guests have taken, in bytes.
func (m *Memory) Guests() uint64 { return uint64(m.guests.Load()) }

// Waiting is what waits for all processes, to a few KiB for each family of them, in bytes.
func (m *Memory) Waiting() uint64 { return uint64(max(m.waiting.Load(), 0)) }

// Take takes n bytes for guests, or none when there are not so many left.
func (m *Memory) Take(n uint64) bool {
	if n > uint64(m.most) {
		return false
	}
	if m.guests.Add(int64(n)) <= m.forGuests() {
		return true
	}
	m.guests.Add(-int64(n))
	return false
}

// Release gives back what was taken.
func (m *Memory) Release(n uint64) { m.guests.Add(-int64(n)) }

// forGuests is what guests may have taken at the moment, in bytes.
func (m *Memory) forGuests() int64 {
	return m.most - max(m.waiting.Load()+m.onLinks(), m.most/reservedPart)
}

// full reports whether there is too little left for another guest.
func (m *Memory) full() bool { return m.guests.Load()+leastGuest > m.forGuests() }

// used is all that is taken or waits, in bytes. What links hold is not in it: that waits for room, and makes nobody end.
func (m *Memory) used() int64 { return m.guests.Load() + m.waiting.Load() }

// mostWaiting is how much may wait, in bytes.
func (m *Memory) mostWaiting() int64 { return m.most / waitingPart }

// crowded reports whether more is kept than may be.
func (m *Memory) crowded() bool {
	return m.waiting.Load() > m.mostWaiting() || m.used() > m.most
}

// MemoryError says that the memory of a node is used up. It is an [abi.ErrLimit].
type MemoryError struct {
	// Most is how much there is in all, Guests what guests have of it, and Waiting what waits or is on its way, in bytes.
	Most, Guests, Waiting uint64
}

// Full gives the error for who finds no memory.
func (m *Memory) Full() *MemoryError {
	return &MemoryError{m.Most(), m.Guests(), m.Waiting() + m.Links()}
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("the memory of the node is used up: of %s, guests have %s and messages %s (--memory gives it more)",
		mebibytes(e.Most), mebibytes(e.Guests), mebibytes(e.Waiting))
}

// Unwrap says what kind of error it is.
func (e *MemoryError) Unwrap() error { return abi.ErrLimit }

func mebibytes(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
