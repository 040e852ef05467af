package vm_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// PROC-02: numbers go up and are not used again.
func TestPidsAreNotReused(t *testing.T) {
	sys := newSystem(t, vm.Options{})
	var last uint64
	for range 100 {
		a := newActor(t, sys, vm.SpawnOptions{})
		if a.pid.Node != 1 || a.pid.Num <= last {
			t.Fatalf("pid %v after %d", a.pid, last)
		}
		last = a.pid.Num
		a.exit("done")
		<-a.ended
	}
}

// PROC-13, PROC-15
func TestInfo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := newNames()
		sys := newSystem(t, vm.Options{Names: registry})
		parent := newActor(t, sys, vm.SpawnOptions{})
		a := newActor(t, sys, vm.SpawnOptions{Label: "a", Parent: parent.pid, Leader: parent.pid})
		registry.register("anna", a.pid)
		parent.send(a.pid, "xyz")
		parent.monitor(a.pid)
		a.monitor(parent.pid)
		info, ok := sys.Info(a.pid)
		if !ok || info.Name != "anna" || info.Label != "a" || info.Status != "running" || info.MessageQueue != 1 ||
			info.MessageBytes != 4 || info.GroupLeader != parent.pid || info.Parent != parent.pid ||
			!slices.Equal(info.Monitors, []abi.Pid{parent.pid}) || !slices.Equal(info.MonitoredBy, []abi.Pid{parent.pid}) {
			t.Errorf("%+v, %v", info, ok)
		}
		if info, _ := sys.Info(parent.pid); info.GroupLeader != parent.pid { // GL-08
			t.Errorf("the leader of a process without one is %v", info.GroupLeader)
		}
		if got := sys.Processes(); !slices.Equal(got, []abi.Pid{parent.pid, a.pid}) {
			t.Errorf("processes %v", got)
		}
		a.exit("done")
		synctest.Wait()
		for _, pid := range []abi.Pid{a.pid, {}, {Node: 1}, {Node: 2, Num: parent.pid.Num}} {
			if _, ok := sys.Info(pid); ok || sys.Alive(pid) {
				t.Errorf("%v is there", pid)
			}
		}
	})
}

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		status := func(pid abi.Pid) string { info, _ := sys.Info(pid); return info.Status }
		release := make(chan struct{})
		pid, err := sys.Spawn(vm.SpawnOptions{Body: vm.Func(func(p *vm.Process) vm.Exit {
			ctx, cancel := context.WithTimeout(p.Context(), time.Second)
			defer cancel()
			_, _ = p.Receive(ctx, vm.Infinity)
			if got := status(p.Pid()); got != "running" {
				t.Errorf("after a wait that was broken off: %q", got)
			}
			_, _ = p.Receive(p.Context(), vm.Infinity)
			if got := status(p.Pid()); got != "exiting" {
				t.Errorf("after the kill: %q", got)
			}
			<-release
			return vm.Normal
		})})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := status(pid); got != "waiting" {
			t.Errorf("in a receive: %q", got)
		}
		time.Sleep(time.Minute) // the bubble's time: the first wait is over
		sys.Deliver(abi.Signal{Kind: abi.SignalExit, To: pid, Data: term.MustEncode("kill")})
		if sys.Alive(pid) { // PROC-14
			t.Error("alive after its kill")
		}
		close(release)
	})
}

// PROC-16: a parent's end does not touch its children.
func TestParentEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t, vm.Options{})
		parent := newActor(t, sys, vm.SpawnOptions{})
		child := newActor(t, sys, vm.SpawnOptions{Parent: parent.pid, Leader: parent.pid})
		parent.exit("boom")
		synctest.Wait()
		if info, _ := sys.Info(child.pid); info.Status != "running" || info.GroupLeader != parent.pid { // GL-05
			t.Errorf("%+v", info)
		}
	})
}

// PROC-17: whoever sees the DOWN finds the name free.
func TestNameIsFreeBeforeDown(t *testing.T) {
	registry := newNames()
	sys := newSystem(t, vm.Options{Names: registry})
	a, watcher := newActor(t, sys, vm.SpawnOptions{}), newActor(t, sys, vm.SpawnOptions{})
	registry.register("anna", a.pid)
	ref := watcher.monitor(a.pid)
	a.exit("done")
	wantMessages(t, []any{watcher.receive()}, down(ref, a.pid, "done"))
	if pid, taken := registry.Whereis("anna"); taken {
		t.Errorf("anna is still %v", pid)
	}
}

// LOG-01, LOG-02: errors are told of, exits are not; nor is what a process does once it is told to end.
func TestCrashes(t *testing.T) {
	var mu sync.Mutex
	var crashes []vm.Crash
	sys := newSystem(t, vm.Options{Crashed: func(c vm.Crash) {
		mu.Lock()
		defer mu.Unlock()
		crashes = append(crashes, c)
	}})
	watcher := newActor(t, sys, vm.SpawnOptions{})
	for _, tt := range []struct {
		name   string
		body   vm.Func
		reason any
		crash  bool
	}{
		{"exit", func(*vm.Process) vm.Exit { return vm.Exit{Reason: "boom"} }, "boom", false},
		{"trap", func(*vm.Process) vm.Exit {
			return vm.Exit{Reason: list{"unreachable", list{}}, Crash: true, Detail: "here"}
		}, list{"unreachable", list{}}, true},
		{"panic", func(*vm.Process) vm.Exit { panic("ouch\xff") }, list{"host_error", "ouch\ufffd"}, true},
		{"no body", nil, nil, true},
		{"no term", func(*vm.Process) vm.Exit { return vm.Exit{Reason: make(chan int)} }, nil, false},
		{"no text", func(*vm.Process) vm.Exit { return vm.Exit{Reason: "\xff"} }, vm.ReasonMalformed, false},
		{"killed", func(p *vm.Process) vm.Exit {
			_ = p.ExitProcess(p.Context(), p.Pid(), term.MustEncode("kill"))
			panic("in its last moments")
		}, "killed", false},
	} {
		gate := make(chan struct{})
		body := func(p *vm.Process) vm.Exit { <-gate; return tt.body(p) }
		pid, err := sys.Spawn(vm.SpawnOptions{Label: tt.name, Leader: watcher.pid, Body: vm.Func(body)})
		if err != nil {
			t.Fatal(err)
		}
		ref := watcher.monitor(pid)
		close(gate)
		got, _ := watcher.receive().([]any)
		if len(got) != 5 || got[1] != ref || got[3] != pid || tt.reason != nil && !same(got[4], tt.reason) {
			t.Errorf("%s: %s", tt.name, term.Format(got, nil))
		}
	}
	closeSystem(t, sys)
	var told []string
	for _, c := range crashes {
		told = append(told, c.Label)
		if c.Leader != watcher.pid || c.Detail == "" || len(c.Reason) == 0 {
			t.Errorf("crash %+v", c)
		}
	}
	slices.Sort(told) // a crash is told of after its DOWN, so the next may overtake it
	if !slices.Equal(told, []string{"no body", "panic", "trap"}) {
		t.Errorf("told of %q", told)
	}
}

// Without a hook a crash is logged.
func TestCrashIsLogged(t *testing.T) {
	var out strings.Builder
	synctest.Test(t, func(t *testing.T) {
		sys := vm.New(vm.Options{Node: 1, Logger: slog.New(slog.NewTextHandler(&out, nil))})
		if _, err := sys.Spawn(vm.SpawnOptions{Label: "x.wasm", Body: vm.Func(func(*vm.Process) vm.Exit {
			return vm.Exit{Reason: "oops", Crash: true}
		})}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		closeSystem(t, sys)
	})
	if !strings.Contains(out.String(), "x.wasm") || !strings.Contains(out.String(), "oops") {
		t.Error(out.String())
	}
}

func TestMaxProcesses(t *testing.T) {
	sys := newSystem(t, vm.Options{MaxProcesses: 2})
	a := newActor(t, sys, vm.SpawnOptions{})
	b := newActor(t, sys, vm.SpawnOptions{})
	body := vm.Func(func(*vm.Process) vm.Exit { return vm.Normal })
	if _, err := sys.Spawn(vm.SpawnOptions{Body: body}); !errors.Is(err, abi.ErrLimit) {
		t.Errorf("one too many: %v", err)
	}
	ref := a.monitor(b.pid)
	b.exit("done")
	wantMessages(t, []any{a.receive()}, down(ref, b.pid, "done"))
	if _, err := sys.Spawn(vm.SpawnOptions{Body: body}); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
}

// Close ends everything with reason shutdown, and nothing starts any more.
func TestClose(t *testing.T) {
	var mu sync.Mutex
	var causes []string
	sys := newSystem(t, vm.Options{})
	for range 50 {
		if _, err := sys.Spawn(vm.SpawnOptions{Body: vm.Func(func(p *vm.Process) vm.Exit {
			<-p.Context().Done()
			mu.Lock()
			defer mu.Unlock()
			causes = append(causes, context.Cause(p.Context()).Error())
			return vm.Exit{Reason: "something else", Crash: true}
		})}); err != nil {
			t.Fatal(err)
		}
	}
	closeSystem(t, sys)
	closeSystem(t, sys)
	if len(causes) != 50 || len(sys.Processes()) != 0 {
		t.Errorf("%d of 50 ended, %d left", len(causes), len(sys.Processes()))
	}
	for _, cause := range causes {
		if cause != `process exited: "shutdown"` {
			t.Error(cause)
		}
	}
	if _, err := sys.Spawn(vm.SpawnOptions{Body: vm.Func(func(*vm.Process) vm.Exit { return vm.Normal })}); !errors.Is(err, abi.ErrTerminated) {
		t.Errorf("spawn after close: %v", err)
	}
}

// Close gives up on a body that does not end.
func TestCloseIsBounded(t *testing.T) {
	sys := newSystem(t, vm.Options{})
	release := make(chan struct{})
	if _, err := sys.Spawn(vm.SpawnOptions{Body: vm.Func(func(*vm.Process) vm.Exit { <-release; return vm.Normal })}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sys.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(release)
}
