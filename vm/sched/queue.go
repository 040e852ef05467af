package sched

import (
	"sync"
	"sync/atomic"
)

// queue holds tasks that are ready to run, first in, first out. Safe for concurrent use.
type queue struct {
	length atomic.Int32 // changed under mu

	mu         sync.Mutex
	head, tail *Task
}

// push appends a task and gives how many there are now.
func (q *queue) push(t *Task) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	t.next = nil
	if q.tail == nil {
		q.head = t
	} else {
		q.tail.next = t
	}
	q.tail = t
	return int(q.length.Add(1))
}

// pop takes the first task, nil when there is none.
func (q *queue) pop() *Task {
	if q.length.Load() == 0 {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.popLocked()
}

func (q *queue) popLocked() *Task {
	t := q.head
	if t == nil {
		return nil
	}
	if q.head = t.next; q.head == nil {
		q.tail = nil
	}
	t.next = nil
	q.length.Add(-1)
	return t
}

// maxStolen bounds what is taken from a queue at once.
const maxStolen = 64

// stealInto moves the older half of the tasks to another queue, which nobody else moves tasks into, and reports
// whether there were any.
func (q *queue) stealInto(to *queue) bool {
	if q.length.Load() == 0 {
		return false
	}
	var taken [maxStolen]*Task
	q.mu.Lock()
	n := min((int(q.length.Load())+1)/2, maxStolen)
	for i := range n {
		taken[i] = q.popLocked()
	}
	q.mu.Unlock()
	for _, t := range taken[:n] {
		to.push(t)
	}
	return n > 0
}
