package vm_test

import (
	"cmp"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

func (a *actor) sendAfter(delay time.Duration, to vm.TimerTarget, message any) (ref abi.Ref) {
	a.do(func(p *vm.Process) {
		var err error
		if ref, err = p.SendAfter(delay, to, term.MustEncode(message)); err != nil {
			a.t.Error(err)
		}
	})
	return ref
}

// TMR-01, TMR-05: never early, in the order of the times, and of the setting at one time.
func TestTimersFireInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		a, target := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
		to := vm.TimerTarget{Pid: target.pid}
		a.sendAfter(30*time.Millisecond, to, 3)
		a.sendAfter(10*time.Millisecond, to, 1)
		a.sendAfter(20*time.Millisecond, to, list{2, "a"})
		a.sendAfter(20*time.Millisecond, to, list{2, "b"})
		a.sendAfter(0, to, 0)
		synctest.Wait()
		wantMessages(t, target.drain(), 0)
		time.Sleep(10*time.Millisecond - 1)
		synctest.Wait()
		wantMessages(t, target.drain())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		wantMessages(t, target.drain(), 1)
		time.Sleep(time.Hour)
		synctest.Wait()
		wantMessages(t, target.drain(), list{2, "a"}, list{2, "b"}, 3)
	})
}

// TMR-01: start_timer wraps its message with its ref.
func TestStartTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		a := newActor(t, sys, vm.SpawnOptions{})
		var ref abi.Ref
		a.do(func(p *vm.Process) {
			var err error
			if ref, err = p.StartTimer(time.Second, vm.TimerTarget{Pid: p.Pid()}, term.MustEncode("tick")); err != nil {
				t.Error(err)
			}
			if _, err := p.StartTimer(time.Second, vm.TimerTarget{Pid: p.Pid()}, []byte{0xff}); !errors.Is(err, abi.ErrBadArgument) {
				t.Error(err)
			}
		})
		time.Sleep(time.Second)
		synctest.Wait()
		wantMessages(t, a.drain(), list{"timeout", ref, "tick"})
	})
}

// TMR-03, TMR-04: what is left of a timer, and false once it is over.
func TestCancelAndReadTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		a := newActor(t, sys, vm.SpawnOptions{})
		to := vm.TimerTarget{Pid: a.pid}
		fires, cancelled := a.sendAfter(5*time.Second, to, "fires"), a.sendAfter(5*time.Second, to, "never")
		time.Sleep(2 * time.Second)
		if left, ok := sys.ReadTimer(fires); !ok || left != 3*time.Second {
			t.Errorf("%v, %v", left, ok)
		}
		if left, ok := sys.CancelTimer(cancelled); !ok || left != 3*time.Second {
			t.Errorf("%v, %v", left, ok)
		}
		if _, ok := sys.CancelTimer(cancelled); ok {
			t.Error("cancelled twice")
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		wantMessages(t, a.drain(), "fires")
		if _, ok := sys.ReadTimer(fires); ok {
			t.Error("it has fired")
		}
		if _, ok := sys.CancelTimer(abi.Ref{Node: 1, Num: 1 << 40}); ok {
			t.Error("an unknown timer")
		}
	})
}

// TMR-02: a name is resolved when the time has come; the end of a target cancels, that of a setter does not.
func TestTimerTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := newNames()
		sys := newSystem(t, vm.Options{Names: names})
		setter, first, second := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
		names.register("it", first.pid)
		setter.sendAfter(time.Second, vm.TimerTarget{Name: "it"}, "by name")
		setter.sendAfter(time.Second, vm.TimerTarget{Name: "nobody"}, "lost")
		dead := setter.sendAfter(time.Second, vm.TimerTarget{Pid: first.pid}, "to the dead")
		names.register("it", second.pid)
		first.exit("normal")
		setter.exit("normal")
		synctest.Wait()
		if _, ok := sys.ReadTimer(dead); ok {
			t.Error("its target has ended")
		}
		late := newActor(t, sys, vm.SpawnOptions{})
		if _, ok := sys.ReadTimer(late.sendAfter(time.Second, vm.TimerTarget{Pid: first.pid}, "")); ok {
			t.Error("its target had ended")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		wantMessages(t, second.drain(), "by name")
	})
}

// TMR-01: what is no time, or nobody that a timer may send to.
func TestBadTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{MaxTimers: 2, MaxMessageBytes: 10})
		a := newActor(t, sys, vm.SpawnOptions{})
		here := vm.TimerTarget{Pid: a.pid}
		for _, tt := range []struct {
			delay time.Duration
			to    vm.TimerTarget
			size  int
			want  error
		}{
			{-1, here, 1, abi.ErrBadArgument},
			{vm.MaxTimerDelay + 1, here, 1, abi.ErrBadArgument},
			{1, vm.TimerTarget{Pid: abi.Pid{Node: 2, Num: 1}}, 1, abi.ErrBadArgument},
			{1, vm.TimerTarget{}, 1, abi.ErrBadArgument},
			{1, vm.TimerTarget{Pid: a.pid, Name: "x"}, 1, abi.ErrBadArgument},
			{1, here, 11, abi.ErrTooLarge},
			{time.Hour, here, 1, nil},
			{vm.MaxTimerDelay, here, 1, nil},
			{time.Hour, here, 1, abi.ErrLimit},
		} {
			a.do(func(p *vm.Process) {
				if _, err := p.SendAfter(tt.delay, tt.to, make([]byte, tt.size)); !errors.Is(err, tt.want) {
					t.Errorf("%+v: %v", tt, err)
				}
			})
		}
	})
}

// Whatever is set and cancelled in between, each timer fires once, at its time, in order.
func TestTimerModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			sys := newSystem(t, vm.Options{})
			a := newActor(t, sys, vm.SpawnOptions{})
			type entry struct {
				ref abi.Ref
				due time.Time
				n   int
			}
			var model []entry
			for n := range rapid.IntRange(1, 60).Draw(r, "steps") {
				switch rapid.IntRange(0, 3).Draw(r, "step") {
				case 0, 1:
					delay := time.Duration(rapid.IntRange(0, 20).Draw(r, "delay")) * time.Millisecond
					model = append(model, entry{a.sendAfter(delay, vm.TimerTarget{Pid: a.pid}, n), time.Now().Add(delay), n})
				case 2:
					if len(model) > 0 {
						i := rapid.IntRange(0, len(model)-1).Draw(r, "cancel")
						if _, ok := sys.CancelTimer(model[i].ref); !ok && model[i].due.After(time.Now()) {
							r.Fatal("not there to be cancelled")
						} else if ok {
							model = slices.Delete(model, i, i+1)
						}
					}
				case 3:
					time.Sleep(time.Duration(rapid.IntRange(0, 9).Draw(r, "sleep")) * time.Millisecond)
					synctest.Wait()
				}
			}
			time.Sleep(time.Second)
			synctest.Wait()
			slices.SortStableFunc(model, func(a, b entry) int { return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.n, b.n)) })
			var want []any
			for _, e := range model {
				want = append(want, e.n)
			}
			wantMessages(t, a.drain(), want...)
		})
	})
}

// Setting a timer and cancelling it among a million others.
func BenchmarkTimer(b *testing.B) {
	sys := newSystem(b, vm.Options{Rights: vm.Rights{Limits: vm.Limits{Timers: 1 << 20}}})
	a := newActor(b, sys, vm.SpawnOptions{})
	a.do(func(p *vm.Process) {
		to, message := vm.TimerTarget{Pid: p.Pid()}, []byte{0}
		for i := range 1_000_000 - 1 {
			if _, err := p.SendAfter(time.Hour+time.Duration(i), to, message); err != nil {
				b.Fatal(err)
			}
		}
		for b.Loop() {
			ref, err := p.SendAfter(30*time.Minute, to, message)
			if err != nil {
				b.Fatal(err)
			}
			sys.CancelTimer(ref)
		}
	})
}
