package vm_test

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wnode/wnode/internal/buffertest"
	"github.com/wnode/wnode/vm"
)

// LOG-01: a guest whose children crash without end is told of for a while, and then one line a second says
// how often it was not. Others are told of as ever.
func TestCrashesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, told := new(buffertest.Buffer), new(atomic.Int64)
		sys := newSystem(t, vm.Options{
			Logger:  slog.New(slog.NewTextHandler(log, nil)),
			Crashed: func(vm.Crash) { told.Add(1) },
		})
		head := func() *actor { return newActor(t, sys, vm.SpawnOptions{Function: function("f")}) }
		crash := func(n int, opts vm.SpawnOptions) {
			opts.Body = vm.Func(func(*vm.Process) vm.Exit { return vm.Exit{Reason: "boom", Crash: true} })
			for range n {
				if _, err := sys.Spawn(opts); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
		}
		wantTold := func(want int64, said ...string) {
			t.Helper()
			if got := told.Swap(0); got != want {
				t.Errorf("%d crashes are told of, want %d", got, want)
			}
			text := log.Take()
			if lines := strings.Count(text, "\n"); lines != len(said) {
				t.Errorf("the log says %q", text)
			}
			for _, s := range said {
				if !strings.Contains(text, s) {
					t.Errorf("the log says %q, want %q", text, s)
				}
			}
		}
		child := func(of *actor) vm.SpawnOptions { return vm.SpawnOptions{Parent: of.pid, Function: function("f")} }
		loud, quiet := head(), head()
		crash(200, child(loud))
		wantTold(50)
		crash(20, child(quiet))
		crash(700, vm.SpawnOptions{}) // processes of Go
		wantTold(720)
		time.Sleep(time.Second)
		synctest.Wait()
		wantTold(0, "crashes=150")
		crash(20, child(loud))
		wantTold(10)
		time.Sleep(time.Second)
		synctest.Wait()
		wantTold(0, "crashes=10")

		// All guests together are bounded too, and what is left to say is said at the end.
		time.Sleep(time.Minute)
		for range 11 {
			crash(50, child(head()))
		}
		wantTold(500)
		closeSystem(t, sys)
		wantTold(0, "crashes=50")
	})
}

// The exits are not touched by what is told of them.
func TestCrashesThatAreNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{Crashed: func(vm.Crash) {}})
		watcher := newActor(t, sys, vm.SpawnOptions{})
		head := newActor(t, sys, vm.SpawnOptions{Function: function("f")})
		var want []any
		for range 100 {
			a := newActor(t, sys, vm.SpawnOptions{Parent: head.pid, Function: function("f")})
			ref := watcher.monitor(a.pid)
			a.steps <- func(*vm.Process) *vm.Exit { return &vm.Exit{Reason: "boom", Crash: true} }
			synctest.Wait()
			want = append(want, down(ref, a.pid, "boom"))
		}
		wantMessages(t, watcher.drain(), want...)
	})
}
