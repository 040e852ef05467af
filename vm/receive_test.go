package vm_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// selective takes the first message that is one of the wanted, and leaves the others (RECV-05).
func selective(p *vm.Process, timeout time.Duration, wanted ...any) (any, error) {
	defer p.Rewind()
	deadline := time.Now().Add(timeout)
	for {
		m, err := p.Wait(p.Context(), timeout)
		if err != nil {
			return nil, err
		}
		message, _ := term.Decode(m.Data)
		for _, w := range wanted {
			if same(message, w) {
				p.Take()
				return message, nil
			}
		}
		p.Skip()
		if timeout > 0 {
			timeout = max(0, time.Until(deadline))
		}
	}
}

// RECV-01: the oldest message that matches any clause is taken, the others stay in order.
func TestSelectiveReceive(t *testing.T) {
	sys := newSystem(t, vm.Options{})
	a := newActor(t, sys, vm.SpawnOptions{})
	for _, m := range []any{"a", "b", "c", "d"} {
		a.send(a.pid, m)
	}
	a.do(func(p *vm.Process) {
		if got, err := selective(p, 0, "c", "b"); got != "b" {
			t.Errorf("%v, %v", got, err)
		}
		if got, err := selective(p, 0, "z"); !errors.Is(err, abi.ErrTimedOut) {
			t.Errorf("%v, %v", got, err)
		}
		if got, err := selective(p, 0, "d"); got != "d" {
			t.Errorf("%v, %v", got, err)
		}
	})
	wantMessages(t, a.drain(), "a", "c")
	a.do(func(p *vm.Process) {
		_, current := p.CopyCurrent(nil)
		_, taken := p.Take()
		if current || taken || p.Skip() {
			t.Error("something in an empty mailbox")
		}
	})
}

// RECV-02: a timeout of 0 looks once; RECV-03: infinity waits.
func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		a, sender := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
		begin := time.Now()
		a.do(func(p *vm.Process) {
			if _, err := p.Receive(p.Context(), 0); !errors.Is(err, abi.ErrTimedOut) || time.Since(begin) != 0 {
				t.Errorf("%v after %v", err, time.Since(begin))
			}
			if _, err := p.Receive(p.Context(), time.Minute); !errors.Is(err, abi.ErrTimedOut) || time.Since(begin) != time.Minute {
				t.Errorf("%v after %v", err, time.Since(begin))
			}
		})
		go func() {
			time.Sleep(1000 * time.Hour)
			sender.send(a.pid, "at last")
		}()
		wantMessages(t, []any{a.receive()}, "at last")
	})
}

// RECV-04: messages that do not match do not restart the timer, and it never fires early.
func TestTimerIsNotRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		a, sender := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			for range 15 {
				time.Sleep(100 * time.Millisecond)
				sender.send(a.pid, "other")
			}
		}()
		begin := time.Now()
		a.do(func(p *vm.Process) {
			if _, err := selective(p, time.Second, "wanted"); !errors.Is(err, abi.ErrTimedOut) || time.Since(begin) != time.Second {
				t.Errorf("%v after %v", err, time.Since(begin))
			}
		})
		<-stop
	})
}

// W-07: a wait ends when the process is told to end, and no message comes out of it then.
func TestReceiveEndsWithProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		a := newActor(t, sys, vm.SpawnOptions{})
		a.do(func(p *vm.Process) {
			go func() {
				synctest.Wait()
				sys.Deliver(abi.Signal{Kind: abi.SignalExit, To: a.pid, Data: term.MustEncode("boom")})
				sys.Deliver(abi.Signal{Kind: abi.SignalMessage, To: a.pid, Data: term.MustEncode("too late")})
			}()
			var cause *vm.ExitError
			for range 2 {
				if m, err := p.Receive(p.Context(), vm.Infinity); !errors.As(err, &cause) {
					t.Errorf("%v, %v", m, err)
				}
			}
		})
	})
}

// A wait ends with its own context too, and the process goes on.
func TestReceiveEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		a := newActor(t, sys, vm.SpawnOptions{})
		a.do(func(p *vm.Process) {
			ctx, cancel := context.WithTimeout(p.Context(), time.Second)
			defer cancel()
			if _, err := p.Receive(ctx, vm.Infinity); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
		a.send(a.pid, "still here")
		wantMessages(t, a.drain(), "still here")
	})
}

// A mailbox is bounded in messages and bytes. Beyond that its process ends, or loses what comes.
func TestFullMailbox(t *testing.T) {
	for name, opts := range map[string]vm.Options{
		"messages": {Rights: vm.Rights{Limits: vm.Limits{MailboxMessages: 3}}},
		"bytes":    {Rights: vm.Rights{Limits: vm.Limits{MailboxBytes: 3}}}, // each message is one byte
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sys := newSystem(t, opts)
				sender := newActor(t, sys, vm.SpawnOptions{})
				dropper := newActor(t, sys, vm.SpawnOptions{Overflow: vm.DropNewest})
				for i := range 5 {
					sender.send(dropper.pid, i)
				}
				synctest.Wait()
				wantMessages(t, dropper.drain(), 0, 1, 2)
				sender.send(dropper.pid, 9)
				wantMessages(t, dropper.drain(), 9)
			})
		})
	}
	t.Run("kill", func(t *testing.T) {
		sys := newSystem(t, vm.Options{Rights: vm.Rights{Limits: vm.Limits{MailboxMessages: 3}}})
		sender, victim := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
		ref := sender.monitor(victim.pid)
		for i := range 4 {
			sender.send(victim.pid, i)
		}
		wantMessages(t, []any{sender.receive()}, down(ref, victim.pid, vm.ReasonMailboxFull))
	})
}

// The node says who sent a message.
func TestSenderIsStamped(t *testing.T) {
	sys := newSystem(t, vm.Options{})
	a, b := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
	a.send(b.pid, list{"DOWN", abi.Ref{}, "process", a.pid, "forged"})
	b.do(func(p *vm.Process) {
		if m, err := p.Receive(p.Context(), 0); err != nil || m.Kind != abi.MessageUser || m.From != a.pid {
			t.Errorf("%+v, %v", m, err)
		}
	})
}

// ReceiveDown drops other messages and other monitors' DOWNs, and ends with its context.
func TestReceiveDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{Node: 5})
		other, target := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
		reasons := make(chan any, 1)
		watcher, err := sys.Spawn(vm.SpawnOptions{Body: vm.Func(func(p *vm.Process) vm.Exit {
			p.Monitor(other.pid)
			ref := p.Monitor(target.pid)
			reason, err := p.ReceiveDown(p.Context(), ref)
			if err != nil {
				t.Error(err)
			}
			reasons <- reason
			_, err = p.ReceiveDown(p.Context(), ref)
			var exit *vm.ExitError
			if !errors.As(err, &exit) {
				t.Errorf("ended by %v, want an exit", err)
			}
			return vm.Normal
		})})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		other.exit("first")
		synctest.Wait()
		target.exit("second")
		if reason := <-reasons; reason != "second" {
			t.Errorf("reason %v", reason)
		}
		newActor(t, sys, vm.SpawnOptions{}).sendExit(watcher, "kill")
	})
}

// SIG-07: a send that may not connect, or not wait, says when it would have to.
func TestSendWith(t *testing.T) {
	const both = abi.SendNoConnect | abi.SendNoSuspend
	synctest.Test(t, func(t *testing.T) {
		net, one, two := newNetwork(t, vm.Options{})
		sender, far := newActor(t, one, vm.SpawnOptions{}), newActor(t, two, vm.SpawnOptions{})
		full := newActor(t, one, vm.SpawnOptions{
			Overflow: vm.BlockSenders, Rights: vm.Rights{Limits: vm.Limits{MailboxMessages: 1}},
		})
		want := func(what string, flags abi.SendFlags, to abi.Pid, want error) {
			t.Helper()
			sender.do(func(p *vm.Process) {
				if err := p.SendWith(p.Context(), flags, to, term.MustEncode(what)); !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", what, err, want)
				}
			})
		}
		want("fits", both, full.pid, nil)
		want("does not fit", abi.SendNoSuspend, full.pid, abi.ErrWouldWait)
		want("no such flag", 4, far.pid, abi.ErrBadArgument)
		want("first", both, far.pid, nil)
		net.set(func() { net.congested = true })
		want("congested", both, far.pid, abi.ErrWouldWait)
		net.set(func() { net.congested = false })
		sender.do(func(p *vm.Process) {
			if err := p.SendNodeWith(p.Context(), both, "nobody", 2, term.MustEncode(1)); err != nil {
				t.Error(err)
			}
		})
		net.disconnect()
		want("cut off", abi.SendNoConnect, far.pid, abi.ErrNotConnected)
		want("lost", abi.SendNoSuspend, far.pid, nil) // SIG-06
		synctest.Wait()
		wantMessages(t, far.drain(), "first")
		wantMessages(t, full.drain(), "fits")
	})
}

// SIG-07: to connect is not to wait.
func TestSendWithConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := new(unconnected)
		sender := newActor(t, newSystem(t, vm.Options{Remote: way}), vm.SpawnOptions{})
		far := abi.Pid{Node: 2, Num: 1}
		sender.do(func(p *vm.Process) {
			if err := p.SendWith(p.Context(), abi.SendNoConnect, far, term.MustEncode(1)); !errors.Is(err, abi.ErrNotConnected) {
				t.Errorf("not to connect: %v", err)
			}
			if err := p.SendWith(p.Context(), abi.SendNoSuspend, far, term.MustEncode(2)); err != nil {
				t.Errorf("to connect: %v", err)
			}
		})
		if got := way.last(abi.SignalMessage); !same(term.Raw(got.Data), 2) {
			t.Errorf("sent %x", got.Data)
		}
	})
}

// unconnected is a way to nodes that have to be connected first.
type unconnected struct{ recorder }

func (*unconnected) SendConnected(context.Context, abi.Signal) error { return abi.ErrNotConnected }
