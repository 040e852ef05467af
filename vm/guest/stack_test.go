package guest

import (
	"context"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/wasmtest"
	"github.com/wnode/wnode/vm"
)

// nested makes a module whose _start calls outer, which calls inner, which does the body.
func nested(body ...op) *wasmModule {
	m := entry(invoke("outer")).Fn("outer", invoke("inner")).Fn("inner", body...)
	m.Names = true
	return m
}

// below are the calls of a guest of nested, below what inner calls.
var below = []vm.Frame{called("test.wasm", "inner", 0), called("test.wasm", "outer", 0), called("test.wasm", "_start", 0)}

func called(module, function string, arity int) vm.Frame {
	return vm.Frame{Module: module, Function: function, Arity: arity}
}

// wantStack asks for the stack of a process until it is the one wanted, and gives up when it ends.
func (n *testNode) wantStack(pid abi.Pid, want []vm.Frame) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	var got []vm.Frame
	for ctx.Err() == nil && n.system.Alive(pid) {
		if got = n.system.Stack(ctx, pid); reflect.DeepEqual(got, want) {
			return
		}
	}
	n.t.Errorf("stack %v, want %v", got, want)
}

// PROC-15: where a guest is, whether it computes or waits, for messages or for anything else.
func TestStack(t *testing.T) {
	n := newTestNode(t)
	silent := newIOServer(n)
	for name, tt := range map[string]struct {
		body op
		top  []vm.Frame
	}{
		"computes":       {forever, nil},
		"in receive":     {seq(invoke("wnode.receive", i64c(-1), i32c(0), i32c(9)), drop), []vm.Frame{called(abi.ImportModule, "receive", 3)}},
		"in wait":        {seq(invoke("wnode.wait", i64c(-1)), drop), []vm.Frame{called(abi.ImportModule, "wait", 1)}},
		"waits for long": {seq(invoke("wnode.wait", i64c(int64(time.Hour))), drop), []vm.Frame{called(abi.ImportModule, "wait", 1)}},
		"sleeps":         {seq(invoke("wnode.sleep", i64c(-1)), drop), []vm.Frame{called(abi.ImportModule, "sleep", 1)}},
		"reads": {
			seq(invoke("wnode.io_read_line", pid(abi.Pid{}), i32c(0), i32c(0), i32c(0), i32c(9)), drop),
			[]vm.Frame{called(abi.ImportModule, "io_read_line", 6)},
		},
		"reads as WASI does": {
			seq(invoke("wasi.fd_read", i32c(0), i32c(0), i32c(1), i32c(100)), drop),
			[]vm.Frame{called("wasi_snapshot_preview1", "fd_read", 4)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := nested(tt.body).At(0, []byte{8, 0, 0, 0, 9})
			p := n.start(m.Bytes(), withLeader(silent.pid))
			n.wantStack(p.pid, append(tt.top, below...))
			n.wantStack(p.pid, append(tt.top, below...)) // once more of the same call
			n.kill(p.pid)
			p.wait()
			if got := n.system.Stack(t.Context(), p.pid); got != nil {
				t.Errorf("stack of the dead %v", got)
			}
		})
	}
	if got := n.system.Stack(t.Context(), n.pid); got != nil {
		t.Errorf("stack of a native process %v", got)
	}
}

// Who is asked where it waits goes on as if nothing had been: nothing is sent twice, what comes is taken, and the time that it waits
// is not longer.
func TestAskedWhoWaits(t *testing.T) {
	const far = int64(time.Hour)
	n := newTestNode(t)
	for name, tt := range map[string]struct {
		wait  func(timeout int64) op
		top   vm.Frame
		sends bool
	}{
		"receive": {func(timeout int64) op { return invoke("wnode.receive", i64c(timeout), i32c(100), i32c(16)) }, called(abi.ImportModule, "receive", 3), false},
		"wait":    {func(timeout int64) op { return invoke("wnode.wait", i64c(timeout)) }, called(abi.ImportModule, "wait", 1), false},
		"ask": {func(timeout int64) op {
			return invoke("wnode.ask", pid(n.pid), region(1000, "what"), i64c(timeout), i32c(100), i32c(16), i32c(200))
		}, called(abi.ImportModule, "ask", 8), true},
		"send_receive": {func(timeout int64) op {
			return invoke("wnode.send_receive", pid(n.pid), region(1000, "what"), i64c(timeout), i32c(100), i32c(16))
		}, called(abi.ImportModule, "send_receive", 7), true},
	} {
		t.Run(name, func(t *testing.T) {
			calls := append([]vm.Frame{tt.top}, below...)
			sent := func() {
				if tt.sends && string(n.next()) != "what" {
					t.Error("another message")
				}
			}
			m := nested(n.report(tt.wait(far)), n.report(invoke("wnode.rewind")), n.report(tt.wait(-1)), n.report(tt.wait(int64(50*time.Millisecond))))
			p := n.start(m.Write(1000, "what").Bytes())
			sent()
			for range 3 {
				n.wantStack(p.pid, calls)
			}
			n.message(p.pid, "answer")
			n.wantReports(6, 0)
			if name == "wait" || name == "ask" { // which leave the message where it is
				sent()
				n.wantReports(6)
				sent()
				n.wantReports(6)
				return
			}
			sent()
			n.wantStack(p.pid, calls)
			n.message(p.pid, "again")
			n.wantReports(5)
			sent()
			for asked := true; asked; { // until its time is over
				asked = n.system.Alive(p.pid) && n.system.Stack(t.Context(), p.pid) != nil
			}
			n.wantReports(errno(abi.ErrTimedOut))
			wantReason(t, p.wait(), "normal")
		})
	}
}

// What a guest has computed that waits is counted, whether its slice was over or not; but for what the
// function that waits has, which the counter learns of when it returns.
func TestReductionsOfWhoWaits(t *testing.T) {
	n := newTestNode(t)
	m := entry(spinning(1000), invoke("rest")).Fn("rest", invoke("wnode.receive", i64c(-1), i32c(0), i32c(9)), drop)
	m.Names = true
	p := n.start(m.Bytes())
	n.wantStack(p.pid, []vm.Frame{called(abi.ImportModule, "receive", 3), called("test.wasm", "rest", 0), called("test.wasm", "_start", 0)})
	if info, _ := n.system.Info(p.pid); info.Reductions < 1000 || info.Reductions > 3000 || info.Memory != pageBytes {
		t.Errorf("%d reductions, %d bytes", info.Reductions, info.Memory)
	}
	n.message(p.pid, "end")
	p.wait()
}

// Who never answers is not waited for longer than the one who asks likes.
func TestStackIsNotWaitedFor(t *testing.T) {
	n := newTestNode(t)
	began, end := make(chan struct{}), make(chan struct{})
	stuck := n.native(func(p *vm.Process) vm.Exit {
		p.SetInspector(inspector{&guest{}})
		close(began)
		<-end
		return vm.Normal
	})
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := n.system.Stack(ctx, stuck); got != nil {
		t.Errorf("stack %v", got)
	}
	answer := make(chan []vm.Frame)
	go func() { answer <- n.system.Stack(context.Background(), stuck) }()
	close(end)
	if got := <-answer; got != nil {
		t.Errorf("stack %v of a process that has ended", got)
	}
}

// Guests can be looked at whatever they are at, by many at once.
func TestStack_hammer(t *testing.T) {
	n := newTestNode(t)
	receive := seq(invoke("wnode.receive", i64c(-1), i32c(100), i32c(32)), drop)
	pong := n.start(entry(repeat(
		receive, invoke("wnode.message_sender", i32c(0)), drop, invoke("wnode.send", pidAt(0), i32c(100), i32c(32)), drop,
	)).Bytes())
	ping := n.start(countdown(2000, seq(invoke("wnode.send", pid(pong.pid), i32c(100), i32c(32)), drop, receive)).Bytes())
	n.message(ping.pid, "go")
	var wg sync.WaitGroup
	for _, of := range []abi.Pid{ping.pid, pong.pid, ping.pid, pong.pid} {
		wg.Go(func() {
			for n.system.Alive(ping.pid) {
				stack := n.system.Stack(t.Context(), of)
				if len(stack) > 0 && stack[len(stack)-1].Module != "test.wasm" {
					t.Errorf("stack %v", stack)
				}
				n.system.Info(of)
			}
		})
	}
	wantReason(t, ping.wait(), "normal")
	wg.Wait()
	n.kill(pong.pid)
	pong.wait()
}

// Two guests that ask about each other do not wait for each other, and a guest sees itself.
func TestProcessInfoOfGuests(t *testing.T) {
	n := newTestNode(t)
	asks := func(of op) op {
		return seq(i32c(wasmtest.Scratch), invoke("wnode.process_info", of, i32c(0), i32c(4096)), i32Store, n.tell(0, 4096))
	}
	itself := nested(invoke("wnode.self", i32c(5000)), drop, asks(pidAt(5000)))
	n.run(itself)
	facts := infoIn(t, n.next())
	frames, _ := facts["current_stacktrace"].([]any)
	if len(frames) != 4 || !reflect.DeepEqual(facts["current_function"], decoded(t, []any{"wnode", "process_info", 4})) ||
		!reflect.DeepEqual(frames[1], decoded(t, []any{"test.wasm", "inner", 0})) {
		t.Errorf("current function %v, stack %v", facts["current_function"], frames)
	}
	if facts["memory"] != int64(65536) || facts["priority"] != "normal" {
		t.Errorf("memory %v, priority %v", facts["memory"], facts["priority"])
	}
	spin := n.start(nested(forever).Bytes())
	n.wantStack(spin.pid, below)
	n.run(entry(asks(pid(spin.pid))))
	if facts = infoIn(t, n.next()); !reflect.DeepEqual(facts["current_function"], decoded(t, []any{"test.wasm", "inner", 0})) {
		t.Errorf("current function %v", facts["current_function"])
	}
	n.run(entry(asks(pid(n.pid))))
	if facts = infoIn(t, n.next()); facts["current_function"] != nil || facts["memory"] != nil {
		t.Errorf("of a native process: %v, %v", facts["current_function"], facts["memory"])
	}
	n.kill(spin.pid)
	spin.wait()
}

// infoIn reads the map at the beginning of a guest's memory.
func infoIn(t *testing.T, memory []byte) map[any]any {
	t.Helper()
	for n := len(memory); n > 0; n-- {
		if v, err := term.Decode(memory[:n]); err == nil {
			facts, _ := v.(map[any]any)
			return facts
		}
	}
	t.Fatal("no term")
	return nil
}
