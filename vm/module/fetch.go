package module

import (
	"context"
	"errors"

	"github.com/wnode/wnode/abi"
)

// flight is one transfer that any number of callers wait for. Its waiters are guarded by Store.mu; err is
// set before done is closed.
type flight struct {
	done    chan struct{}
	err     error
	waiters int
	cancel  context.CancelFunc
}

// Fetch is Get for a module that may be missing: then transfer is called to bring it into the store, by
// means of Create or Put. Callers who miss the same module share one call; its context lives until
// the last of them has left or the store is closed, whatever becomes of the first. A caller leaves
// when ctx ends, with its cause as the error.
//
// The error of transfer is given to all. Only a caller who has waited for the transfer of somebody else
// tries once more, since its own may know another place to get the module from. Other errors:
// [ErrNotFound] when transfer has returned nil and yet the module is not here, [ErrClosed], those of Get.
func (s *Store) Fetch(ctx context.Context, hash abi.Hash, transfer func(context.Context) error) ([]byte, error) {
	for again := false; ; again = true {
		b, err := s.Get(hash)
		if !errors.Is(err, ErrNotFound) {
			return b, err
		}
		f, own, err := s.join(hash, transfer)
		if err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			s.leave(hash, f)
			return nil, context.Cause(ctx)
		case <-f.done:
		}
		if f.err == nil {
			return s.Get(hash)
		}
		if own || again {
			return nil, f.err
		}
	}
}

// join waits with others for a flight, or starts one of its own.
func (s *Store) join(hash abi.Hash, transfer func(context.Context) error) (f *flight, own bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false, ErrClosed
	}
	if f, ok := s.flights[hash]; ok {
		f.waiters++
		return f, false, nil
	}
	ctx, cancel := context.WithCancel(s.ctx)
	f = &flight{done: make(chan struct{}), waiters: 1, cancel: cancel}
	s.flights[hash] = f
	s.wg.Go(func() {
		defer cancel()
		if !s.Has(hash) { // it may have come between the look and the flight
			f.err = transfer(ctx)
		}
		s.mu.Lock()
		s.forgetLocked(hash, f)
		s.mu.Unlock()
		close(f.done)
	})
	return f, true, nil
}

// leave cancels a flight that nobody waits for any more. Who comes now starts another.
func (s *Store) leave(hash abi.Hash, f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.waiters--
	if f.waiters == 0 {
		s.forgetLocked(hash, f)
		f.cancel()
	}
}

// forgetLocked lets nobody else join f.
func (s *Store) forgetLocked(hash abi.Hash, f *flight) {
	if s.flights[hash] == f {
		delete(s.flights, hash)
	}
}
