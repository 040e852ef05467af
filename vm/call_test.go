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

// ask makes a question of a message that has the pid to answer to.
func ask(to abi.Pid, replyTo *abi.Pid) func(abi.Pid, abi.Ref) abi.Signal {
	return func(caller abi.Pid, ref abi.Ref) abi.Signal {
		*replyTo = caller
		return abi.Signal{
			Kind: abi.SignalMessage, From: caller, To: to, Data: term.MustEncode(list{"question", caller, ref}),
		}
	}
}

// result is how a call ended.
type result struct {
	answer abi.Signal
	err    error
}

// call asks on a goroutine of its own.
func call(ctx context.Context, sys *vm.System, to abi.Pid, replyTo *abi.Pid) <-chan result {
	ended := make(chan result, 1)
	question := ask(to, replyTo)
	go func() {
		answer, err := sys.Call(ctx, question)
		ended <- result{answer, err}
	}()
	return ended
}

func TestCallAnswered(t *testing.T) {
	for name, remote := range map[string]bool{"local": false, "remote": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, one, two := newNetwork(t, vm.Options{})
				home := one
				if remote {
					home = two
				}
				server := newActor(t, home, vm.SpawnOptions{})
				var caller abi.Pid
				ended := call(t.Context(), one, server.pid, &caller)
				synctest.Wait()
				question, _ := server.receive().([]any)
				if len(question) != 3 || question[1] != caller {
					t.Fatalf("question %v", question)
				}
				if info, _ := home.Info(server.pid); len(info.MonitoredBy) != 1 {
					t.Error("a call does not monitor")
				}
				server.send(caller, "answer")
				r := <-ended
				if r.err != nil || r.answer.From != server.pid || !same(term.Raw(r.answer.Data), "answer") {
					t.Errorf("%+v", r)
				}
				server.send(caller, "late") // finds nobody
				synctest.Wait()
				if info, _ := home.Info(server.pid); len(info.MonitoredBy) != 0 {
					t.Error("still monitored")
				}
			})
		})
	}
}

func TestCallFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, one, two := newNetwork(t, vm.Options{})
		local, far := newActor(t, one, vm.SpawnOptions{}), newActor(t, two, vm.SpawnOptions{})
		dead := newActor(t, one, vm.SpawnOptions{})
		dead.exit("done")
		synctest.Wait()
		var caller abi.Pid
		check := func(name string, ended <-chan result, want error) {
			t.Helper()
			if r := <-ended; !errors.Is(r.err, want) {
				t.Errorf("%s: %v, want %v", name, r.err, want)
			}
		}
		check("dead", call(t.Context(), one, dead.pid, &caller), abi.ErrTerminated)

		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("enough"))
		defer cancel()
		ended := call(ctx, one, local.pid, &caller)
		synctest.Wait()
		if r := <-ended; r.err == nil || r.err.Error() != "enough" {
			t.Errorf("ctx: %v", r.err)
		}

		ended = call(t.Context(), one, local.pid, &caller)
		synctest.Wait()
		local.exit("boom")
		check("dies", ended, abi.ErrTerminated)

		ended = call(t.Context(), one, far.pid, &caller)
		synctest.Wait()
		net.disconnect()
		check("connection lost", ended, abi.ErrNotConnected)
		check("not connected", call(t.Context(), one, far.pid, &caller), abi.ErrNotConnected)
	})
}

// Only who is asked can end a call with a DOWN or a spawn reply; other signals it ignores.
func TestCallIsNotFooled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		server := newActor(t, sys, vm.SpawnOptions{})
		var caller abi.Pid
		ended := call(t.Context(), sys, server.pid, &caller)
		synctest.Wait()
		for kind := range abi.SignalKind(20) {
			if kind != abi.SignalMessage {
				sys.Deliver(abi.Signal{Kind: kind, From: abi.Pid{Node: 2, Num: 1}, To: caller, Data: []byte{0xff}})
			}
		}
		synctest.Wait()
		select {
		case r := <-ended:
			t.Fatalf("ended with %+v", r)
		default:
		}
		server.send(caller, "answer")
		if r := <-ended; r.err != nil {
			t.Error(r.err)
		}
	})
}

// Whoever works on an answer can monitor the call, and hears when nobody waits any more.
func TestMonitorOfCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		server := newActor(t, sys, vm.SpawnOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		var caller abi.Pid
		ended := call(ctx, sys, server.pid, &caller)
		synctest.Wait()
		server.receive()
		ref, taken := server.monitor(caller), server.monitor(caller)
		server.do(func(p *vm.Process) { p.Demonitor(taken, true) })
		wantMessages(t, server.drain())
		cancel()
		<-ended
		synctest.Wait()
		wantMessages(t, server.drain(), down(ref, caller, "normal"))
	})
}

// IO-17: a request to a server that has ended, or is the caller itself, fails; what is no term does too.
func TestIORequestFails(t *testing.T) {
	sys := newSystem(t, vm.Options{MaxMessageBytes: 100})
	dead, a := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
	dead.exit("done")
	<-dead.ended
	a.do(func(p *vm.Process) {
		for name, tt := range map[string]struct {
			device  abi.Pid
			request any
			want    error
		}{
			"dead":      {dead.pid, "getopts", abi.ErrTerminated},
			"far":       {abi.Pid{Node: 2, Num: 1}, "getopts", abi.ErrTerminated}, // GL-06
			"itself":    {abi.Pid{}, "getopts", abi.ErrBadArgument},
			"no term":   {dead.pid, make(chan int), abi.ErrBadArgument},
			"bad time":  {dead.pid, term.Tag{Number: 0, Content: 5}, abi.ErrBadArgument},
			"too large": {dead.pid, make([]byte, 101), abi.ErrTooLarge},
		} {
			if _, err := p.IORequest(p.Context(), tt.device, tt.request); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
