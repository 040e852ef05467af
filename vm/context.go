package vm

import (
	"context"
	"time"
)

// lifetime is the context of a process: it ends when the process is told to end, or has ended. Its error is an
// [*ExitError], which is a [context.Canceled]. Processes are many, and most wait in ways that need no context: it takes nothing
// beside the process until somebody waits for it.
type lifetime Process

var _ context.Context = (*lifetime)(nil)

// Deadline is none.
func (*lifetime) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value is none.
func (*lifetime) Value(any) any { return nil }

// Err is nil until the end.
func (l *lifetime) Err() error {
	if !l.told.Load() {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return &ExitError{Reason: l.reason}
}

// Done is closed at the end.
func (l *lifetime) Done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done == nil {
		l.done = make(chan struct{})
		if l.reason != nil {
			close(l.done)
		}
	}
	return l.done
}

// AfterFunc calls f on a goroutine of its own once the context has ended, unless stop is called before. Package context uses
// it for the contexts that come of this one, which would need a goroutine each otherwise.
func (l *lifetime) AfterFunc(f func()) (stop func() bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reason != nil {
		go f()
		return func() bool { return false }
	}
	key := new(byte)
	if l.after == nil {
		l.after = map[*byte]func(){}
	}
	l.after[key] = f
	return func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		_, waits := l.after[key]
		delete(l.after, key)
		return waits
	}
}

// endLocked ends the context. The reason is set already.
func (l *lifetime) endLocked() {
	l.told.Store(true)
	if l.done != nil {
		close(l.done)
	}
	for _, f := range l.after {
		go f()
	}
	l.after = nil
}
