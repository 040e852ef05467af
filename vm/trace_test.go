package vm_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

func mustTrace(t *testing.T, sys *vm.System, target, tracer abi.Pid, flags vm.TraceFlags) {
	t.Helper()
	if err := sys.Trace(target, tracer, flags); err != nil {
		t.Fatal(err)
	}
}

// event is what a tracer gets.
func event(pid abi.Pid, what ...any) []any { return append([]any{"trace", pid}, what...) }

// What a process does, and what is done to it, comes to its tracer in order, on one node and between two.
func TestTraceEvents(t *testing.T) {
	onBothNodes(t, vm.Options{Loader: &loader{}}, func(t *testing.T, _ *network, here, there *vm.System) {
		tracer, p := newActor(t, here, vm.SpawnOptions{}), newActor(t, here, vm.SpawnOptions{})
		other := newActor(t, there, vm.SpawnOptions{})
		mustTrace(t, here, p.pid, tracer.pid, vm.TraceSend|vm.TraceReceive|vm.TraceProcs)

		p.send(other.pid, "hello")
		other.send(p.pid, []any{"answer", 1})
		synctest.Wait()
		p.receive()
		wantMessages(t, tracer.drain(), event(p.pid, "send", "hello", other.pid), event(p.pid, "receive", []any{"answer", 1}))

		p.do(func(p *vm.Process) { _ = p.Link(p.Context(), other.pid) })
		p.do(func(p *vm.Process) { p.Unlink(other.pid) })
		synctest.Wait()
		other.do(func(o *vm.Process) { _ = o.Link(o.Context(), p.pid) })
		synctest.Wait()
		other.do(func(o *vm.Process) { o.Unlink(p.pid) })
		synctest.Wait()
		wantMessages(t, tracer.drain(),
			event(p.pid, "link", other.pid), event(p.pid, "unlink", other.pid),
			event(p.pid, "getting_linked", other.pid), event(p.pid, "getting_unlinked", other.pid))

		var child abi.Pid
		p.do(func(p *vm.Process) {
			child, _ = p.SpawnFunction(p.Context(), there.Node(), vm.SpawnRequest{Function: function("f")})
		})
		p.exit([]any{"my", "reason"})
		synctest.Wait()
		wantMessages(t, tracer.drain(), event(p.pid, "spawn", child, function("f")), event(p.pid, "exit", []any{"my", "reason"}))
	})
}

// What a process spawns is traced too if that was asked for, from its first moment on.
func TestTraceSetOnSpawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		tracer, p := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
		mustTrace(t, sys, p.pid, tracer.pid, vm.TraceProcs|vm.TraceSetOnSpawn)
		child := newActor(t, sys, vm.SpawnOptions{Parent: p.pid, Link: true, Function: function("f")})
		grandchild := newActor(t, sys, vm.SpawnOptions{Parent: child.pid})
		wantMessages(t, tracer.drain(),
			event(p.pid, "spawn", child.pid, function("f")), event(child.pid, "spawned", p.pid, function("f")),
			event(p.pid, "link", child.pid), event(child.pid, "getting_linked", p.pid),
			event(child.pid, "spawn", grandchild.pid, nil), event(grandchild.pid, "spawned", child.pid, nil))
	})
}

// A process has one tracer, which is another process of its node and lives.
func TestWhoTraces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, one, two := newNetwork(t, vm.Options{})
		p, a, b := newActor(t, one, vm.SpawnOptions{}), newActor(t, one, vm.SpawnOptions{}), newActor(t, one, vm.SpawnOptions{})
		far := newActor(t, two, vm.SpawnOptions{})
		mustTrace(t, one, p.pid, a.pid, vm.TraceSend)
		for name, tt := range map[string]struct {
			target, tracer abi.Pid
			flags          vm.TraceFlags
			want           error
		}{
			"another tracer":     {p.pid, b.pid, vm.TraceSend, abi.ErrBadArgument},
			"itself":             {b.pid, b.pid, vm.TraceSend, abi.ErrBadArgument},
			"unknown flags":      {p.pid, a.pid, vm.AllTraceFlags + 1, abi.ErrBadArgument},
			"of another node":    {far.pid, a.pid, vm.TraceSend, abi.ErrNoProcess},
			"by another node":    {b.pid, far.pid, vm.TraceSend, abi.ErrNoProcess},
			"what is not there":  {abi.Pid{Node: 1, Num: 999}, a.pid, vm.TraceSend, abi.ErrNoProcess},
			"by whom is no more": {b.pid, abi.Pid{Node: 1, Num: 999}, vm.TraceSend, abi.ErrNoProcess},
		} {
			if err := one.Trace(tt.target, tt.tracer, tt.flags); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		mustTrace(t, one, p.pid, a.pid, vm.TraceReceive) // in place of what was traced before
		p.send(b.pid, "not seen")
		wantMessages(t, a.drain())
		mustTrace(t, one, p.pid, abi.Pid{}, 0)
		mustTrace(t, one, p.pid, b.pid, vm.TraceSend)
		b.exit("normal")
		synctest.Wait()
		mustTrace(t, one, p.pid, a.pid, vm.TraceSend) // b is no tracer any more
		p.send(far.pid, "seen")
		wantMessages(t, a.drain(), event(p.pid, "send", "seen", far.pid))
	})
}

// Two processes that trace each other do not trace the tracing.
func TestTraceInCircles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		a, b := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
		mustTrace(t, sys, a.pid, b.pid, vm.TraceSend|vm.TraceReceive)
		mustTrace(t, sys, b.pid, a.pid, vm.TraceSend|vm.TraceReceive)
		a.send(b.pid, "hello")
		wantMessages(t, a.drain(), event(b.pid, "receive", "hello"))
		wantMessages(t, b.drain(), "hello", event(a.pid, "send", "hello", b.pid))
	})
}

// Messages that are no terms are traced as their bytes, and large ones as their size.
func TestTraceOfAnyMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		tracer, p := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
		mustTrace(t, sys, p.pid, tracer.pid, vm.TraceSend)
		nobody := abi.Pid{Node: 1, Num: 999}
		p.do(func(p *vm.Process) {
			for _, message := range [][]byte{{0xff}, make([]byte, 100_000)} {
				if err := p.Send(p.Context(), nobody, message); err != nil {
					t.Error(err)
				}
			}
		})
		wantMessages(t, tracer.drain(), event(p.pid, "send", []byte{0xff}, nobody), event(p.pid, "send", []any{"large", 100_000}, nobody))
		p.send(nobody, 1)
		for _, m := range tracer.drainRaw() {
			if m.Kind != abi.MessageTrace || m.From != p.pid {
				t.Errorf("kind %d, from %s", m.Kind, m.From.Text(0))
			}
		}
	})
}

// lateNames has something happen while the name of a process that ends is freed.
type lateNames struct {
	*names
	late func(abi.Pid)
}

func (n lateNames) Release(pid abi.Pid) {
	n.late(pid)
	n.names.Release(pid)
}

// Nothing comes after the end of a process, whatever happens to it on its way out; its name is told even so.
func TestTraceEndsWithTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := lateNames{names: newNames()}
		var sys *vm.System
		registry.late = func(pid abi.Pid) {
			sys.Deliver(abi.Signal{Kind: abi.SignalMessage, To: pid, Data: term.MustEncode("late")})
		}
		sys = newSystem(t, vm.Options{Names: &registry})
		tracer, p := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
		registry.register("anna", p.pid)
		mustTrace(t, sys, p.pid, tracer.pid, vm.TraceReceive|vm.TraceProcs)
		p.exit("done")
		synctest.Wait()
		wantMessages(t, tracer.drain(),
			event(p.pid, "receive", "late"), event(p.pid, "exit", "done"), event(p.pid, "unregister", "anna"))
	})
}

// What a tracer with a small mailbox can never take does not keep from it what comes after.
func TestTraceLargerThanTheMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		tracer := newActor(t, sys, vm.SpawnOptions{Rights: vm.Rights{Limits: vm.Limits{MailboxBytes: 1000}}})
		p := newActor(t, sys, vm.SpawnOptions{})
		mustTrace(t, sys, p.pid, tracer.pid, vm.TraceSend)
		nobody := abi.Pid{Node: 1, Num: 999}
		p.send(nobody, 1)
		p.send(nobody, strings.Repeat("x", 800))
		p.send(nobody, 2)
		wantMessages(t, tracer.drain(), event(p.pid, "send", 1, nobody), []any{"trace_dropped", 1}, event(p.pid, "send", 2, nobody))
	})
}

// A flood neither holds up who is traced nor ends the tracer: events are lost, and all of them accounted for.
func TestTraceFlood(t *testing.T) {
	const messages = 30_000
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		tracer := newActor(t, sys, vm.SpawnOptions{Rights: vm.Rights{Limits: vm.Limits{MailboxMessages: 10}}})
		p := newActor(t, sys, vm.SpawnOptions{})
		mustTrace(t, sys, p.pid, tracer.pid, vm.TraceSend)
		nobody := abi.Pid{Node: 1, Num: 999}
		flood := func() {
			p.do(func(p *vm.Process) {
				for i := range messages {
					_ = p.Send(p.Context(), nobody, term.MustEncode(i))
				}
			})
		}
		flood()
		tracer.do(func(p *vm.Process) { _, _ = p.Wait(p.Context(), 0) }) // brings some into the mailbox
		for range 5 {
			p.send(tracer.pid, "there is room")
		}
		flood()
		events, lost, backwards, last := 0, 0, 0, int64(-1)
		for _, m := range tracer.drain() {
			list, ok := m.([]any)
			switch {
			case !ok:
			case list[0] == "trace_dropped":
				lost += int(list[1].(int64))
			default:
				events++
				if i, ok := list[3].(int64); ok {
					if i <= last {
						backwards++
					}
					last = i
				}
			}
		}
		if backwards > 1 { // where the second flood begins
			t.Errorf("%d events come before earlier ones", backwards)
		}
		if events+lost != 2*messages+5 || lost < messages || events < 10_000 {
			t.Errorf("%d events, %d lost, of %d", events, lost, 2*messages+5)
		}
	})
}
