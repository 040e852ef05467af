package sched

// core is what one processor has to do. But for its queue, it belongs to the worker that has it, and to the task that
// runs there.
type core struct {
	queue   queue // those that were made ready
	spent   queue // those that have used a slice up: they come when there are no others, and now and then
	soon    *Task // was made ready by the task that had its turn last, and comes before the queue; nil for none
	ahead   int   // turns that were taken in this way since the queue was looked at
	passed  int   // turns since one of the spent had its
	brought uint  // times that the core took what others brought
	turns   uint  // that tasks had
}

// overfull reports whether a core has more than it will come to soon.
func overfull(c *core) bool { return c.queue.length.Load() > 0 || c.spent.length.Load() > 0 }

// maxAhead is how many turns may be taken ahead of the queue: two tasks that wake each other would have all.
const maxAhead = 16

// maxPassed is how many turns those may wait that have used a slice up. Theirs are long, and the others' short: who computes
// has the processor for most of the time all the same, and who answers others has it at once.
const maxPassed = 8

// next gives the task whose turn it is of those that the core has, nil when there is none.
func (c *core) next() *Task {
	if c.passed++; c.passed > maxPassed {
		c.passed = 0
		if t := c.spent.pop(); t != nil {
			return t
		}
	}
	if t := c.takeSoon(); t != nil {
		return t
	}
	c.ahead = 0
	if t := c.queue.pop(); t != nil {
		return t
	}
	c.passed = 0
	return c.spent.pop()
}

// takeSoon gives the task that was made ready last, nil when there is none or it is not its turn.
func (c *core) takeSoon() *Task {
	t := c.soon
	if t != nil && (c.ahead < maxAhead || c.queue.length.Load() == 0) {
		c.soon = nil
		c.ahead++
		return t
	}
	return nil
}

// steal takes tasks from another core, and reports whether there were any.
func (c *core) steal(from *core) bool {
	return c != from && (from.queue.stealInto(&c.queue) || from.spent.stealInto(&c.spent))
}
