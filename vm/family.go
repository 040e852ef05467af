package vm

import (
	"fmt"
	"sync/atomic"

	"github.com/wnode/wnode/abi"
)

// A family may hold so many times what the mailbox of its first process may, and so much at least.
const (
	familyMailboxes = 4
	familyBytes     = 64 << 20
)

// messageOverhead stands for what a message takes beside its data, in bytes.
const messageOverhead = 80

// family is a process that has a limit on its children, and all that come of it. It counts the live
// processes below the first one, and what waits for any of them: messages, those of timers, aliases, and
// the arguments of processes. All of it is charged to the families around it as well, and to the node. So
// what a guest can make a node keep is bounded however many processes it has, and only its own family
// feels it. The methods may be called concurrently, and on nil, which stands for no bounds.
type family struct {
	head      abi.Pid // its first process, or the node that has asked for that
	around    *family
	node      *waiting // where there is none around
	ours      bool     // it is of the node's own: it counts, and is never refused
	most      int64
	mostBytes int64
	live      atomic.Int64
	bytes     atomic.Int64
	crashes   *LogRate // where there is none around: those that are told of
}

func newFamily(head abi.Pid, around *family, limits Limits, node *waiting) *family {
	f := &family{
		head: head, around: around, node: node, most: int64(limits.Children),
		mostBytes: max(familyMailboxes*int64(limits.MailboxBytes), familyBytes),
	}
	if around == nil {
		f.crashes = &LogRate{Allowance: Allowance{Burst: crashBurst, PerSecond: crashPerSecond}}
	}
	return f
}

// top gives the family that stands by itself.
func (f *family) top() *family {
	for f.around != nil {
		f = f.around
	}
	return f
}

// join charges one process to f and all around it, or to none: [abi.ErrLimit].
func (f *family) join() error {
	for g := f; g != nil; g = g.around {
		if g.live.Add(1) > g.most {
			for undo := f; undo != g.around; undo = undo.around {
				undo.live.Add(-1)
			}
			return fmt.Errorf("%d processes below one: %w", g.most, abi.ErrLimit)
		}
	}
	return nil
}

func (f *family) leave() {
	for ; f != nil; f = f.around {
		f.live.Add(-1)
	}
}

// has reports whether there is room for so many bytes. What is charged at the same time may go beyond
// it by that much.
func (f *family) has(n int) bool {
	for ; f != nil; f = f.around {
		if f.ours {
			continue
		}
		kept := f.bytes.Load()
		if kept+int64(n) > f.mostBytes || f.around == nil && !f.node.has(kept, n) {
			return false
		}
	}
	return true
}

// charge counts bytes that are kept, or with a negative number are no more.
func (f *family) charge(n int) {
	for ; f != nil; f = f.around {
		now := f.bytes.Add(int64(n))
		if f.around == nil {
			f.node.moved(now-int64(n), now)
		}
	}
}
