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
// processes below the first one, and what waits for any of them: messages, those of timers, and the
// arguments of processes. All of it is charged to the families around it as well. So what a guest can
// make a node keep is bounded however many processes it has, and only its own family feels it. The
// methods may be called concurrently, and on nil, which stands for no bounds.
type family struct {
	around    *family
	most      int64
	mostBytes int64
	live      atomic.Int64
	bytes     atomic.Int64
}

func newFamily(around *family, limits Limits) *family {
	return &family{
		around: around, most: int64(limits.Children),
		mostBytes: max(familyMailboxes*int64(limits.MailboxBytes), familyBytes),
	}
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
		if f.bytes.Load()+int64(n) > f.mostBytes {
			return false
		}
	}
	return true
}

// charge counts bytes that are kept, or with a negative number are no more.
func (f *family) charge(n int) {
	for ; f != nil; f = f.around {
		f.bytes.Add(int64(n))
	}
}
