package module

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/wnode/wnode/abi"
)

var errTransfer = errors.New("transfer failed")

func noTransfer(tb testing.TB) func(context.Context) error {
	return func(context.Context) error {
		tb.Error("a transfer that nobody needs")
		return errTransfer
	}
}

func TestFetch(t *testing.T) {
	both(t, Options{}, func(t *testing.T, s *Store) {
		b := content(1, 1000)
		fails := func(context.Context) error { return errTransfer }
		if _, err := s.Fetch(t.Context(), hashOf(b), fails); !errors.Is(err, errTransfer) {
			t.Errorf("failed transfer: %v", err)
		}
		empty := func(context.Context) error { return nil }
		if _, err := s.Fetch(t.Context(), hashOf(b), empty); !errors.Is(err, ErrNotFound) {
			t.Errorf("transfer of nothing: %v", err)
		}
		brings := func(context.Context) error { _, err := s.Put(b); return err }
		for _, transfer := range []func(context.Context) error{brings, noTransfer(t)} {
			if got, err := s.Fetch(t.Context(), hashOf(b), transfer); err != nil || hashOf(got) != hashOf(b) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		}
	})
}

// flightTest runs in a bubble, where Wait tells that all callers wait for the transfer.
func flightTest(t *testing.T, test func(t *testing.T, s *Store)) {
	synctest.Test(t, func(t *testing.T) {
		s, err := NewStore(Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		test(t, s)
	})
}

func TestFetchSharesTransfer(t *testing.T) {
	flightTest(t, func(t *testing.T, s *Store) {
		b := content(1, 1000)
		gate := make(chan struct{})
		var calls atomic.Int32
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				got, err := s.Fetch(t.Context(), hashOf(b), func(context.Context) error {
					calls.Add(1)
					<-gate
					_, err := s.Put(b)
					return err
				})
				if err != nil || hashOf(got) != hashOf(b) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(gate)
		wg.Wait()
		if calls.Load() != 1 {
			t.Errorf("%d transfers", calls.Load())
		}
	})
}

var errLeft = errors.New("the caller has left")

// waiter is a Fetch that runs, with the means to end it.
type waiter struct {
	leave context.CancelCauseFunc
	err   chan error
}

func startFetch(t *testing.T, s *Store, hash abi.Hash, transfer func(context.Context) error) waiter {
	ctx, cancel := context.WithCancelCause(t.Context())
	w := waiter{cancel, make(chan error, 1)}
	go func() {
		_, err := s.Fetch(ctx, hash, transfer)
		w.err <- err
	}()
	synctest.Wait()
	return w
}

// The first caller leaves, the transfer goes on for the second.
func TestFetchFirstLeaves(t *testing.T) {
	flightTest(t, func(t *testing.T, s *Store) {
		b := content(1, 1000)
		gate := make(chan struct{})
		first := startFetch(t, s, hashOf(b), func(ctx context.Context) error {
			select {
			case <-gate:
				_, err := s.Put(b)
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		second := startFetch(t, s, hashOf(b), noTransfer(t))
		first.leave(errLeft)
		if err := <-first.err; !errors.Is(err, errLeft) {
			t.Errorf("who left: %v", err)
		}
		close(gate)
		if err := <-second.err; err != nil {
			t.Errorf("who stayed: %v", err)
		}
		second.leave(nil)
	})
}

// When all have left the transfer is canceled, and who comes then starts another.
func TestFetchAllLeave(t *testing.T) {
	flightTest(t, func(t *testing.T, s *Store) {
		b := content(1, 1000)
		canceled, gate := make(chan struct{}), make(chan struct{})
		slow := func(ctx context.Context) error {
			<-ctx.Done()
			close(canceled)
			<-gate // it takes its time
			return ctx.Err()
		}
		first := startFetch(t, s, hashOf(b), slow)
		second := startFetch(t, s, hashOf(b), noTransfer(t))
		first.leave(errLeft)
		<-first.err
		second.leave(errLeft)
		<-second.err
		<-canceled
		third := startFetch(t, s, hashOf(b), func(context.Context) error { _, err := s.Put(b); return err })
		if err := <-third.err; err != nil {
			t.Errorf("who came after: %v", err)
		}
		third.leave(nil)
		close(gate)
	})
}

// A caller does not suffer from the bad source of another.
func TestFetchFailureOfAnother(t *testing.T) {
	flightTest(t, func(t *testing.T, s *Store) {
		b := content(1, 1000)
		gate := make(chan struct{})
		first := startFetch(t, s, hashOf(b), func(context.Context) error { <-gate; return errTransfer })
		second := startFetch(t, s, hashOf(b), func(context.Context) error { _, err := s.Put(b); return err })
		close(gate)
		if err := <-first.err; !errors.Is(err, errTransfer) {
			t.Errorf("first: %v", err)
		}
		if err := <-second.err; err != nil {
			t.Errorf("second: %v", err)
		}
		first.leave(nil)
		second.leave(nil)
	})
}

// Many who wait for what nobody has cause two transfers, not one each.
func TestFetchFailureIsShared(t *testing.T) {
	flightTest(t, func(t *testing.T, s *Store) {
		var calls atomic.Int32
		gate := make(chan struct{})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				_, err := s.Fetch(t.Context(), abi.Hash{1}, func(context.Context) error {
					calls.Add(1)
					<-gate
					return errTransfer
				})
				if !errors.Is(err, errTransfer) {
					t.Error(err)
				}
			})
		}
		for range 2 {
			synctest.Wait()
			gate <- struct{}{}
		}
		wg.Wait()
		if calls.Load() != 2 {
			t.Errorf("%d transfers", calls.Load())
		}
	})
}

func TestCloseEndsTransfers(t *testing.T) {
	flightTest(t, func(t *testing.T, s *Store) {
		w := startFetch(t, s, abi.Hash{1}, func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		})
		s.Close()
		if err := <-w.err; !errors.Is(err, ErrClosed) {
			t.Errorf("fetch: %v", err)
		}
		if _, err := s.Fetch(t.Context(), abi.Hash{1}, noTransfer(t)); !errors.Is(err, ErrClosed) {
			t.Errorf("fetch after close: %v", err)
		}
		w.leave(nil)
	})
}

func TestFetchHammer(t *testing.T) {
	both(t, Options{MemoryBytes: 3000, DiskBytes: 3000, MaxModuleBytes: 1000}, func(t *testing.T, s *Store) {
		var wg sync.WaitGroup
		for worker := range 8 {
			wg.Go(func() {
				for i := range 50 {
					b := content(byte((worker+i)%5), 500)
					ctx, cancel := context.WithCancelCause(t.Context())
					if i%7 == 0 {
						cancel(errLeft)
					}
					got, err := s.Fetch(ctx, hashOf(b), func(ctx context.Context) error {
						if err := context.Cause(ctx); err != nil {
							return err
						}
						_, err := s.Put(b)
						return err
					})
					cancel(nil)
					evicted := errors.Is(err, ErrNotFound) || errors.Is(err, ErrFull)
					if err != nil && !errors.Is(err, errLeft) && !evicted || err == nil && hashOf(got) != hashOf(b) {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.flights) != 0 {
			t.Errorf("%d flights left", len(s.flights))
		}
	})
}
