package vm

import (
	"sync"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// What may wait for a tracer; in its mailbox as many again, up to half of what the mailbox may have.
const (
	maxTraces     = 10_000
	maxTraceBytes = 16 << 20
)

// traceQueue has the events for a tracer on their way into its mailbox. Those who are traced come here
// with locks of their own held, two of them perhaps, so its lock is the last one that anybody takes.
type traceQueue struct {
	largest int // event that the tracer's mailbox ever has room for, in bytes

	mu      sync.Mutex
	queue   []Message
	bytes   int
	dropped uint64 // events that were too much, and of which the tracer does not know
	closed  bool
}

// push adds an event, or drops it when there are too many. It reports false when the tracer has ended.
func (q *traceQueue) push(m Message) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return false
	case len(m.Data) > q.largest || len(q.queue) >= maxTraces || q.bytes+len(m.Data) > maxTraceBytes:
		q.dropped++
		return true
	}
	q.confessLocked()
	q.addLocked(m)
	return true
}

// confessLocked adds what tells of dropped events, at the place where they are missing.
func (q *traceQueue) confessLocked() {
	if q.dropped == 0 {
		return
	}
	q.addLocked(Message{Kind: abi.MessageTrace, Data: term.MustEncode([]any{"trace_dropped", q.dropped})})
	q.dropped = 0
}

func (q *traceQueue) addLocked(m Message) {
	q.queue = append(q.queue, m)
	q.bytes += len(m.Data)
}

// take gives the next event that fits, false when there is none.
func (q *traceQueue) take(fits func(Message) bool) (Message, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) == 0 {
		q.confessLocked()
	}
	if len(q.queue) == 0 || !fits(q.queue[0]) {
		return Message{}, false
	}
	m := q.queue[0]
	q.queue[0] = Message{}
	q.queue = q.queue[1:]
	q.bytes -= len(m.Data)
	return m, true
}

func (q *traceQueue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

func (q *traceQueue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.queue)
}

// close drops everything, for good.
func (q *traceQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue, q.bytes, q.closed = nil, 0, true
}

// traceRoom is how much of the mailbox events may have, so that they do not make it overflow.
func (p *Process) traceRoom() (messages, bytes int) {
	return p.rights.Limits.MailboxMessages / 2, p.rights.Limits.MailboxBytes / 2
}

// takeTracesLocked brings events into the mailbox of a tracer.
func (p *Process) takeTracesLocked() {
	q := p.traces.Load()
	if q == nil {
		return
	}
	messages, bytes := p.traceRoom()
	fits := func(m Message) bool { return p.box.traces < maxTraces && p.box.fits(len(m.Data), messages, bytes) }
	for {
		m, ok := q.take(fits)
		if !ok {
			return
		}
		p.box.push(m, false)
	}
}
