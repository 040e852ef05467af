package guest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// write puts a text into memory and gives the two values that stand for it.
// message delivers a message from the native process.
func (n *testNode) message(to abi.Pid, data string) {
	n.system.Deliver(abi.Signal{Kind: abi.SignalMessage, From: n.pid, To: to, Data: []byte(data)})
}

func errno(e abi.Errno) int32 { return int32(e) }

func TestSelfAndHash(t *testing.T) {
	n := newTestNode(t)
	p := n.start(entry(
		invoke("wnode.self", i32c(0)), drop, n.tell(0, 16),
		invoke("wnode.module_hash", i32c(0)), drop, n.tell(0, 32),
		n.report(invoke("wnode.module_exists", i32c(0))),
		n.report(invoke("wnode.module_exists", i32c(1000))),
	).Bytes())
	if got := abi.PidFromBytes(n.next()); got != p.pid {
		t.Errorf("self %v, want %v", got, p.pid)
	}
	hash := n.next()
	if !n.modules.Has(abi.Hash(hash)) {
		t.Errorf("hash %x", hash)
	}
	n.wantReports(1, 0)
	p.wait()
}

func TestArgs(t *testing.T) {
	n := newTestNode(t)
	m := entry(n.report(invoke("wnode.args", i32c(0), i32c(2))), n.tell(0, 2), // too small: nothing written
		n.report(invoke("wnode.args", i32c(0), i32c(100))), n.tell(0, 3)).Bytes()
	n.start(m, withArgs("a"))
	n.wantReports(3)
	if got := n.next(); !bytes.Equal(got, []byte{0, 0}) {
		t.Errorf("too small a buffer has %x", got)
	}
	n.wantReports(3)
	if got := n.next(); !bytes.Equal(got, term.MustEncode([]any{"a"})) {
		t.Errorf("args %x", got)
	}
	n.start(m)
	n.wantReports(1)
	if got := n.next(); !bytes.Equal(got, []byte{0x80, 0}) {
		t.Errorf("no args %x", got)
	}
}

// RECV-02, RECV-03, RECV-05: selective receive, sizes, and what there is to know of a message.
func TestMailbox(t *testing.T) {
	n := newTestNode(t)
	receive := func(size int64) op { return invoke("wnode.receive", i64c(-1), i32c(0), i32c(size)) }
	p := n.start(entry(
		n.report(invoke("wnode.message_kind")),            // none yet
		n.report(invoke("wnode.message_sender", i32c(0))), //
		n.report(invoke("wnode.read", i32c(0), i32c(9))),  //
		n.report(invoke("wnode.take")),                    //
		n.report(invoke("wnode.skip")),                    //
		n.report(invoke("wnode.wait", i64c(-1))),          // "one"
		n.report(invoke("wnode.message_kind")),            //
		n.report(invoke("wnode.read", i32c(0), i32c(9))),  //
		n.tell(0, 3),                   //
		n.report(invoke("wnode.skip")), //
		n.report(invoke("wnode.read", i32c(0), i32c(9))), // skipped: none is current
		n.report(receive(2)),                             // "three!" does not fit
		n.report(invoke("wnode.read", i32c(0), i32c(9))), // and is current
		n.report(receive(6)), n.tell(0, 6),               //
		n.report(invoke("wnode.message_sender", i32c(100))), // of the one just received
		n.tell(100, 16), //
		n.report(invoke("wnode.read", i32c(0), i32c(9))),             // but it is gone
		n.report(invoke("wnode.wait", i64c(0))),                      // back at "one"
		n.report(invoke("wnode.take")),                               //
		n.report(invoke("wnode.receive", i64c(0), i32c(0), i32c(9))), // empty
		n.report(invoke("wnode.receive", i64c(1000), i32c(0), i32c(9))),
		n.report(invoke("wnode.receive", i64c(-2), i32c(0), i32c(9))),
		n.report(invoke("wnode.rewind")),
	).Bytes())
	bad, late := errno(abi.ErrBadArgument), errno(abi.ErrTimedOut)
	n.wantReports(bad, bad, bad, bad, bad)
	n.message(p.pid, "one")
	n.message(p.pid, "three!")
	n.wantReports(3, 0, 3)
	if got := n.next(); string(got) != "one" {
		t.Errorf("read %q", got)
	}
	n.wantReports(0, bad, 6, 6, 6)
	if got := n.next(); string(got) != "three!" {
		t.Errorf("received %q", got)
	}
	n.wantReports(0)
	if got := abi.PidFromBytes(n.next()); got != n.pid {
		t.Errorf("sender %v", got)
	}
	n.wantReports(bad, 3, 0, late, late, bad, 0)
	wantReason(t, p.wait(), "normal")
}

// MON-01, MON-09
func TestMonitor(t *testing.T) {
	n := newTestNode(t)
	victim := n.native(func(p *vm.Process) vm.Exit { <-p.Context().Done(); return vm.Normal })
	p := n.start(entry(
		invoke("wnode.monitor", pid(victim), i32c(0)), drop, n.tell(0, 16),
		invoke("wnode.monitor", pid(victim), i32c(32)), drop,
		n.report(invoke("wnode.demonitor", pidAt(32), i32c(1))),
		n.report(invoke("wnode.exit_process", pid(victim), region(64, "\x63bye"))),
		invoke("wnode.receive", i64c(-1), i32c(100), i32c(200)), drop,
		n.report(invoke("wnode.message_kind")),
		n.tell(100, 68),
		n.report(invoke("wnode.is_alive", pid(victim))),
		n.report(invoke("wnode.is_alive", pid(n.pid))),
		n.report(invoke("wnode.is_alive", pid(abi.Pid{Node: 1, Num: 1}))),
		n.report(invoke("wnode.exit_process", pid(victim), region(64, "\x63b"))), // no term
		n.report(invoke("wnode.receive", i64c(0), i32c(0), i32c(9))),
		// A DOWN that is current and flushed is current no more.
		invoke("wnode.monitor", pid(victim), i32c(32)), drop,
		invoke("wnode.wait", i64c(-1)), drop,
		invoke("wnode.demonitor", pidAt(32), i32c(1)), drop,
		n.report(invoke("wnode.message_kind")),
	).Write(64, "\x63bye").Bytes())
	ref := abi.RefFromBytes(n.next())
	n.wantReports(1, 0, 2)
	down, err := term.Decode(bytes.TrimRight(n.next(), "\x00"))
	if want := []any{"DOWN", ref, "process", victim, "bye"}; err != nil || !reflect.DeepEqual(down, want) {
		t.Errorf("message %v, %v, want %v", down, err, want)
	}
	bad := errno(abi.ErrBadArgument)
	n.wantReports(0, 1, bad, bad, errno(abi.ErrTimedOut), bad)
	p.wait()
}

// PROC-15; REG-06: a process without a name has null for one.
func TestProcessInfo(t *testing.T) {
	n := newTestNode(t)
	p := n.start(entry(
		invoke("wnode.self", i32c(0)), drop,
		n.report(invoke("wnode.process_info", pid(abi.Pid{Node: 1, Num: 1}), i32c(0), i32c(0))),
		n.report(invoke("wnode.process_info", i32c(0), i64Load, i64c(1<<40), i32c(0), i32c(0))),
		i32c(16), invoke("wnode.process_info", pidAt(0), i32c(100), i32c(2000)), i32Store,
		n.tell(16, 2084),
	).Bytes(), withLeader(n.pid))
	n.wantReports(errno(abi.ErrBadArgument), errno(abi.ErrNoProcess))
	answer := n.next()
	length := binary.LittleEndian.Uint32(answer)
	decoded, err := term.Decode(answer[84 : 84+length])
	if err != nil {
		t.Fatal(err)
	}
	info := decoded.(map[any]any)
	for key, want := range map[string]any{
		"status": "running", "registered_name": nil, "label": "test.wasm", "parent": nil, "group_leader": n.pid,
		"memory": int64(65536), "message_queue_len": int64(0), "monitors": []any{},
	} {
		if got, ok := info[key]; !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
	if fn, ok := info["function"].(abi.Function); !ok || fn.Name != "test.wasm" {
		t.Errorf("function %v", info["function"])
	}
	p.wait()
}

// W-11: instances of one module, and of one after the other, have each a memory of its own.
func TestInstancesShareNothing(t *testing.T) {
	n := newTestNode(t)
	count := seq(i32c(0), seq(i32c(0), i32Load, i32c(1), raw(0x6a)), i32Store) // add one
	m := entry(count, count, n.report(seq(i32c(0), i32Load)),
		invoke("wnode.receive", i64c(-1), i32c(100), i32c(9)), drop, count, n.report(seq(i32c(0), i32Load))).Bytes()
	first, second := n.start(m), n.start(m)
	n.wantReports(2, 2)
	for _, p := range []*program{first, second} {
		n.message(p.pid, "on")
		n.wantReports(3)
		p.wait()
	}
	n.start(m)
	n.wantReports(2)
}

// RECV-06: what the machine says waits among the messages of processes, and can be taken out of turn.
func TestSystemMessagesAreSelectable(t *testing.T) {
	n := newTestNode(t)
	victim := n.idle()
	p := n.start(entry(
		invoke("wnode.monitor", pid(victim), i32c(0)), drop,
		n.report(invoke("wnode.wait", i64c(-1))),
		invoke("wnode.exit_process", pid(victim), region(64, "\x63bye")), drop,
		n.report(invoke("wnode.skip")),
		invoke("wnode.wait", i64c(-1)), drop,
		n.report(invoke("wnode.message_kind")),
		n.report(invoke("wnode.take")),
		n.report(invoke("wnode.receive", i64c(0), i32c(100), i32c(9))), n.tell(100, 5),
	).Write(64, "\x63bye").Bytes())
	n.message(p.pid, "first")
	n.wantReports(5, 0, int32(abi.MessageDown), 0, 5)
	if got := n.next(); string(got) != "first" {
		t.Errorf("message %q", got)
	}
	p.wait()
}

// GL-01, PROC-06, PROC-08, RSP-02, RSP-06
func TestSpawn(t *testing.T) {
	n := newTestNode(t)
	n.nodes.down = true
	// Children wait for a word: their messages would come between those of their parent.
	wait := seq(invoke("wnode.receive", i64c(-1), i32c(0), i32c(9)), drop)
	other, _ := n.modules.Put(entry(wait, n.tell(0, 1)).Bytes())
	spawn := func(options map[string]any) (int32, abi.Pid) {
		t.Helper()
		encoded := string(term.MustEncode(options))
		m := entry(n.report(invoke("wnode.spawn", region(100, encoded), i32c(0))), n.tell(0, 16)).
			Write(100, encoded).
			Fn("child", wait, invoke("wnode.args", i32c(0), i32c(9)), drop, n.tell(0, 4))
		n.run(m, withLeader(n.pid))
		return int32(binary.LittleEndian.Uint32(n.next())), abi.PidFromBytes(n.next())
	}
	status, child := spawn(map[string]any{"export": "child", "args": []any{"me"}})
	if status != 0 || child.Node != n.system.Node() {
		t.Errorf("status %d, pid %v", status, child)
	}
	n.message(child, "go")
	if got := n.next(); !bytes.Equal(got, term.MustEncode([]any{"me"})) {
		t.Errorf("the child's arguments are %x", got)
	}
	status, child = spawn(map[string]any{"function": abi.Function{Module: other, Name: "o"}, "node": "here@host", "group_leader": n.pid})
	if status != 0 {
		t.Errorf("status %d", status)
	}
	n.message(child, "go")
	n.next()
	if status, gone := spawn(map[string]any{"function": abi.Function{Module: abi.Hash{9}}}); status != 0 || gone.IsZero() {
		t.Errorf("missing code: status %d, pid %v", status, gone)
	}
	if status, useless := spawn(map[string]any{"export": "child", "node": "there@host"}); status != 0 || useless.Node != n.system.Node() || n.system.Alive(useless) {
		t.Errorf("unreachable node: status %d, pid %v", status, useless)
	}
	for name, options := range map[string]map[string]any{
		"unknown key":         {"links": true},
		"function and export": {"function": abi.Function{}, "export": "child"},
		"function is text":    {"function": "child"},
		"args are text":       {"args": "me"},
		"args, no UTF-8":      {"args": []any{"\xff"}},
		"leader is text":      {"group_leader": "me"},
		"node":                {"node": "no node name"},
		"long node":           {"node": strings.Repeat("n", 256)},
		"zero in export":      {"export": "a\x00b"},
		"endless export":      {"export": strings.Repeat("e", 2000)},
	} {
		if status, pid := spawn(options); status != errno(abi.ErrBadArgument) || !pid.IsZero() {
			t.Errorf("%s: status %d, pid %v", name, status, pid)
		}
	}
	n.wantNoMessage()
}

// A spawn with no options at all runs the caller's module again.
func TestSpawnSelf(t *testing.T) {
	n := newTestNode(t)
	// The parent has arguments, 3 bytes of CBOR; its child has none, 1 byte.
	m := entry(
		n.report(invoke("wnode.args", i32c(0), i32c(0))),
		invoke("wnode.args", i32c(0), i32c(0)), i32c(1), raw(0x46, 0x04, 0x40), unreachable, raw(0x0b), // one byte: stop
		invoke("wnode.spawn", i32c(0), i32c(0), i32c(0)), drop,
	)
	n.start(m.Bytes(), withArgs("a"))
	n.wantReports(3, 1)
}

func TestSendBetweenGuests(t *testing.T) {
	n := newTestNode(t)
	echo := n.start(entry(repeat(
		i32c(50), invoke("wnode.receive", i64c(-1), i32c(100), i32c(100)), i32Store,
		invoke("wnode.message_sender", i32c(0)), drop,
		invoke("wnode.send", pidAt(0), i32c(100), i32c(50), i32Load), drop,
	)).Bytes())
	p := n.start(entry(
		n.report(invoke("wnode.send", pid(echo.pid), region(0, "hello"))),
		n.report(invoke("wnode.receive", i64c(-1), i32c(100), i32c(100))),
		n.tell(100, 5),
	).Write(0, "hello").Bytes())
	n.wantReports(0, 5)
	if got := n.next(); string(got) != "hello" {
		t.Errorf("echo %q", got)
	}
	p.wait()
}

func TestModuleLoad(t *testing.T) {
	n := newTestNode(t, func(o *Options) { o.MaxModuleBytes = 100 })
	module := string(entry().Bytes())
	p := n.start(entry(
		n.report(invoke("wnode.module_load", region(0, module), i32c(1000))), n.tell(1000, 32),
		n.report(invoke("wnode.module_load", region(1, module[1:]), i32c(1000))),
		n.report(invoke("wnode.module_load", i32c(0), i32c(101), i32c(1000))),
	).Write(0, module).Bytes())
	n.wantReports(0)
	if hash := abi.Hash(n.next()); !bytes.Equal(n.modules.known[hash], []byte(module)) {
		t.Errorf("hash %s", hash)
	}
	n.wantReports(errno(abi.ErrBadArgument), errno(abi.ErrTooLarge))
	p.wait()
}

func TestTime(t *testing.T) {
	n := newTestNode(t)
	p := n.start(entry(
		n.report(invoke("wnode.sleep", i64c(1000))),
		n.report(invoke("wnode.sleep", i64c(0))),
		n.report(invoke("wnode.sleep", i64c(-2))),
		i32c(0), invoke("wnode.monotonic_time"), i64Store,
		i32c(8), invoke("wnode.system_time"), i64Store,
		i32c(16), invoke("wnode.monotonic_time"), i64Store,
		n.tell(0, 24),
	).Bytes())
	n.wantReports(0, 0, errno(abi.ErrBadArgument))
	b := n.next()
	first, now, second := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
	if first == 0 || second < first || now < 1e18 {
		t.Errorf("monotonic %d then %d, system %d", first, second, now)
	}
	p.wait()
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	handler := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})
	n := newTestNode(t, func(o *Options) { o.Logger = slog.New(handler) })
	p := n.start(entry(
		n.report(invoke("wnode.log", i32c(4), region(0, "be\nware"))),
		n.report(invoke("wnode.log", i32c(5), region(0, "be\nware"))),
		n.report(invoke("wnode.log", i32c(0), region(100, "\xff"))),
		n.report(invoke("wnode.log", i32c(0), i32c(0), i32c(maxLogBytes+1))),
	).Write(0, "be\nware").Write(100, "\xff").Bytes())
	bad := errno(abi.ErrBadArgument)
	n.wantReports(0, bad, bad, bad)
	p.wait()
	want := fmt.Sprintf(`level=WARN msg="be ware" pid=%s module=test.wasm`, p.pid.Text(0))
	if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "INFO") {
		t.Errorf("log %s, want %s", &out, want)
	}
}

// RECV-01, SEND-01: a message is sent, and the next one is taken; what is too large for the buffer stays, and what cannot be sent has
// nobody wait.
func TestSendReceive(t *testing.T) {
	n := newTestNode(t)
	exchange := func(timeout, length, capacity int64) op {
		return invoke("wnode.send_receive", pid(n.pid), i32c(1000), i32c(length), i64c(timeout), i32c(100), i32c(capacity))
	}
	p := n.start(entry(
		n.report(exchange(-1, 4, 16)), n.tell(100, 6),
		n.report(invoke("wnode.receive", i64c(0), i32c(100), i32c(16))), // nothing is left
		n.report(exchange(0, 4, 16)),
		n.report(exchange(-1, 4, 2)), n.tell(100, 3),
		n.report(invoke("wnode.receive", i64c(0), i32c(100), i32c(16))), n.tell(100, 6),
		n.report(grow(256)), n.report(exchange(-1, 16<<20+1, 16)),
		n.report(exchange(-2, 4, 16)),
	).Write(1000, "what").Bytes())
	question := func() {
		if got := string(n.next()); got != "what" {
			t.Errorf("question %q", got)
		}
	}
	tells := func(want string) {
		if got := string(n.next()); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	question()
	n.message(p.pid, "answer")
	n.wantReports(6)
	tells("answer")
	n.wantReports(errno(abi.ErrTimedOut))
	question()
	n.wantReports(errno(abi.ErrTimedOut))
	question()
	n.message(p.pid, "ANSWER")
	n.wantReports(6)
	tells("ans")
	n.wantReports(6)
	tells("ANSWER")
	n.wantReports(1, errno(abi.ErrTooLarge), errno(abi.ErrBadArgument))
	wantReason(t, p.wait(), "normal")
}

// RECV-01, RECV-02: a question is sent, and the next message is read and left for take.
func TestAsk(t *testing.T) {
	n := newTestNode(t)
	ask := func(timeout, capacity int64) op {
		return invoke("wnode.ask", pid(n.pid), region(1000, "what"), i64c(timeout), i32c(100), i32c(capacity), i32c(200))
	}
	p := n.start(entry(
		n.report(ask(-1, 16)), n.tell(100, 6), n.tell(200, abi.IDSize), // what came is read, and stays
		n.report(invoke("wnode.read", i32c(100), i32c(16))),
		n.report(invoke("wnode.take")),
		n.report(ask(0, 16)), n.report(invoke("wnode.message_kind")),
		n.report(ask(-1, 2)), n.tell(100, 3), // too small a buffer: nothing is written
		n.report(invoke("wnode.take")),
	).Write(1000, "what").Bytes())
	question := func() {
		if got := string(n.next()); got != "what" {
			t.Errorf("question %q", got)
		}
	}
	question()
	n.message(p.pid, "answer")
	n.wantReports(6)
	if got := string(n.next()); got != "answer" {
		t.Errorf("answer %q", got)
	}
	if got := abi.PidFromBytes(n.next()); got != n.pid {
		t.Errorf("from %v, want %v", got, n.pid)
	}
	n.wantReports(6, 0)
	question()
	n.wantReports(errno(abi.ErrTimedOut), 0)
	question()
	n.message(p.pid, "ANSWER")
	n.wantReports(6)
	if got := string(n.next()); got != "ans" {
		t.Errorf("a buffer that was too small has %q", got)
	}
	n.wantReports(0)
	wantReason(t, p.wait(), "normal")
}
