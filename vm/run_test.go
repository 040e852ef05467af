package vm_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// scheduled is a body that the machine's scheduler runs.
type scheduled func(p *vm.Process)

func (s scheduled) Run(p *vm.Process) vm.Exit {
	s(p)
	return vm.Normal
}

func (scheduled) Scheduled() {}

// spawnScheduled starts a process and gives its pid and what is closed at its end.
func spawnScheduled(t *testing.T, sys *vm.System, opts vm.SpawnOptions, body scheduled) (abi.Pid, <-chan struct{}) {
	t.Helper()
	ended := make(chan struct{})
	opts.Body = scheduled(func(p *vm.Process) {
		defer close(ended)
		body(p)
	})
	pid, err := sys.Spawn(opts)
	if err != nil {
		t.Fatal(err)
	}
	return pid, ended
}

// withScheduler runs a test whose time is its own, with a system.
func withScheduler(t *testing.T, test func(t *testing.T, sys *vm.System)) {
	synctest.Test(t, func(t *testing.T) {
		sys := vm.New(vm.Options{Node: 1})
		test(t, sys)
		if err := sys.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// RECV-02, RECV-04: a scheduled process waits as long as it said, by the clock and not by its messages.
func TestScheduledWait(t *testing.T) {
	withScheduler(t, func(t *testing.T, sys *vm.System) {
		start := time.Now()
		pid, ended := spawnScheduled(t, sys, vm.SpawnOptions{}, func(p *vm.Process) {
			if err := p.Sleep(time.Minute); err != nil || time.Since(start) != time.Minute {
				t.Errorf("sleep: %v after %v", err, time.Since(start))
			}
			if a, err := p.ReceiveInto(vm.Infinity, make([]byte, 8)); err != nil || a.Size != 5 {
				t.Errorf("%+v, %v", a, err)
			}
			for range 2 {
				if _, err := p.WaitArrival(time.Hour); err == nil {
					p.Skip()
				} else if !errors.Is(err, abi.ErrTimedOut) || time.Since(start) != 2*time.Minute+time.Hour {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			}
		})
		time.Sleep(2 * time.Minute)
		sys.Deliver(abi.Signal{Kind: abi.SignalMessage, To: pid, Data: []byte("first")})
		sys.Deliver(abi.Signal{Kind: abi.SignalMessage, To: pid, Data: []byte("to be skipped")})
		<-ended
	})
}

// SIG-11, W-07: the end of a scheduled process ends all that it waits for, and so does the end of the context that it
// waits with.
func TestScheduledWaitEnds(t *testing.T) {
	for name, wait := range map[string]func(*vm.Process) error{
		"message": func(p *vm.Process) error { _, err := p.Wait(p.Context(), vm.Infinity); return err },
		"sleep":   func(p *vm.Process) error { return p.Sleep(-1) },
		"await":   func(p *vm.Process) error { return p.Await(func() bool { return false }) },
		"other context": func(p *vm.Process) error {
			ctx, cancel := context.WithTimeout(p.Context(), time.Hour)
			defer cancel()
			_, err := p.Wait(ctx, vm.Infinity)
			return err
		},
		"not the machine": func(p *vm.Process) error {
			p.StandStill()
			defer p.GoOn()
			<-p.Context().Done()
			return p.Context().Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			withScheduler(t, func(t *testing.T, sys *vm.System) {
				var err error
				pid, ended := spawnScheduled(t, sys, vm.SpawnOptions{}, func(p *vm.Process) { err = wait(p) })
				synctest.Wait()
				if info, ok := sys.Info(pid); !ok || info.Status != "waiting" {
					t.Errorf("status %q", info.Status)
				}
				sys.Deliver(abi.Signal{Kind: abi.SignalExit, To: pid, Data: []byte("\x64kill")})
				<-ended
				var exit *vm.ExitError
				if !errors.As(err, &exit) || !errors.Is(err, context.Canceled) || string(exit.Reason) != "\x66killed" {
					t.Errorf("ends with %v", err)
				}
			})
		})
	}
	t.Run("time", func(t *testing.T) {
		withScheduler(t, func(t *testing.T, sys *vm.System) {
			_, ended := spawnScheduled(t, sys, vm.SpawnOptions{}, func(p *vm.Process) {
				ctx, cancel := context.WithTimeout(p.Context(), time.Hour)
				defer cancel()
				if _, err := p.Wait(ctx, vm.Infinity); !errors.Is(err, context.DeadlineExceeded) || p.Told() {
					t.Errorf("ends with %v", err)
				}
			})
			<-ended
		})
	})
}

// What a context of a process is to others: it ends once, and tells who waits, however they do.
func TestProcessContext(t *testing.T) {
	withScheduler(t, func(t *testing.T, sys *vm.System) {
		var ctx context.Context
		pid, ended := spawnScheduled(t, sys, vm.SpawnOptions{}, func(p *vm.Process) {
			ctx = p.Context()
			_ = p.Sleep(-1)
		})
		synctest.Wait()
		child, cancel := context.WithCancel(ctx)
		defer cancel()
		var called sync.WaitGroup
		called.Add(1)
		context.AfterFunc(ctx, called.Done)
		stopped := context.AfterFunc(ctx, func() { t.Error("called though stopped") })
		if _, has := ctx.Deadline(); has || ctx.Err() != nil || !stopped() || stopped() {
			t.Error("the context has ended, or a function cannot be stopped once")
		}
		sys.Deliver(abi.Signal{Kind: abi.SignalExit, To: pid, Data: []byte("\x63why")})
		<-ctx.Done()
		<-child.Done()
		called.Wait()
		<-ended
		var exit *vm.ExitError
		if err := context.Cause(child); !errors.As(err, &exit) || string(exit.Reason) != "\x63why" {
			t.Errorf("cause %v", err)
		}
		late := make(chan struct{})
		context.AfterFunc(ctx, func() { close(late) })
		<-late
	})
}

// A sender that waits for room leaves its processor to others: many of them are more than there are processors.
func TestScheduledSendersBlock(t *testing.T) {
	withScheduler(t, func(t *testing.T, sys *vm.System) {
		const senders = 20
		full := vm.SpawnOptions{Overflow: vm.BlockSenders, Rights: vm.Rights{Limits: vm.Limits{MailboxMessages: 1}}}
		var taker sync.WaitGroup
		begin := make(chan struct{})
		taker.Add(1)
		to, _ := spawnScheduled(t, sys, full, func(p *vm.Process) {
			defer taker.Done()
			p.StandStill()
			<-begin
			p.GoOn()
			for range 2 * senders {
				if _, err := p.Receive(p.Context(), vm.Infinity); err != nil {
					t.Error(err)
				}
			}
		})
		for range senders {
			spawnScheduled(t, sys, vm.SpawnOptions{}, func(p *vm.Process) {
				for range 2 {
					if err := p.SendCopy(p.Context(), to, []byte("message")); err != nil {
						t.Error(err)
					}
				}
			})
		}
		synctest.Wait() // all but one of the senders wait
		close(begin)
		taker.Wait()
	})
}
