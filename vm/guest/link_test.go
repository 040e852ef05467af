package guest

import (
	"reflect"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// wantTerm compares the next message of a guest, of which any bytes may follow the term.
func (n *testNode) wantTerm(want any) {
	n.t.Helper()
	encoded := term.MustEncode(want)
	got := n.next()
	if len(got) < len(encoded) || string(got[:len(encoded)]) != string(encoded) {
		n.t.Errorf("message %x, want %x", got, encoded)
	}
}

func (n *testNode) idle() abi.Pid {
	return n.native(func(p *vm.Process) vm.Exit { <-p.Context().Done(); return vm.Normal })
}

func (n *testNode) exitWith(pid abi.Pid, reason any) {
	n.system.Deliver(abi.Signal{Kind: abi.SignalExit, From: n.pid, To: pid, Data: term.MustEncode(reason)})
}

// LINK-01, LINK-02, LINK-11, LINK-13: a guest that traps exits hears of its peer's end; unlinked, not.
func TestLinkTrapping(t *testing.T) {
	n := newTestNode(t)
	peer, unlinked := n.idle(), n.idle()
	p := n.start(entry(
		n.report(invoke("wnode.trap_exits", i32c(1))),
		n.report(invoke("wnode.trap_exits", i32c(7))),
		n.report(invoke("wnode.link", pid(peer))),
		n.report(invoke("wnode.link", pid(unlinked))),
		n.report(invoke("wnode.unlink", pid(unlinked))),
		n.report(invoke("wnode.link", pid(abi.Pid{}))),
		invoke("wnode.receive", i64c(-1), i32c(100), i32c(200)), drop,
		n.report(invoke("wnode.message_kind")),
		n.tell(100, 68),
		n.report(invoke("wnode.link", pid(peer))), // LINK-06: dead, and trapping
		invoke("wnode.receive", i64c(0), i32c(100), i32c(200)), drop,
		n.tell(100, 68),
		n.report(invoke("wnode.trap_exits", i32c(0))),
		n.report(invoke("wnode.link", pid(peer))), // LINK-06: dead, and not
	).Bytes())
	n.wantReports(0, 1, 0, 0, 0, errno(abi.ErrBadArgument))
	n.exitWith(unlinked, "boom")
	n.exitWith(peer, []any{"boom", 1})
	n.wantReports(1)
	n.wantTerm([]any{"EXIT", peer, []any{"boom", 1}})
	n.wantReports(0)
	n.wantTerm([]any{"EXIT", peer, "noproc"})
	n.wantReports(1, errno(abi.ErrNoProcess))
	wantReason(t, p.wait(), "normal")
}

// LINK-02, LINK-15: the trap of a guest reaches those linked to it in full, and they die of it.
func TestLinkedTrap(t *testing.T) {
	n := newTestNode(t)
	waiter := n.start(entry(invoke("wnode.receive", i64c(-1), i32c(0), i32c(100)), drop).Bytes())
	ended, watching := make(chan any, 1), make(chan struct{})
	n.native(func(p *vm.Process) vm.Exit {
		p.Monitor(waiter.pid)
		close(watching)
		m, err := p.Receive(p.Context(), vm.Infinity)
		if err == nil {
			down, _ := term.Decode(m.Data)
			ended <- down.([]any)[4]
		}
		return vm.Normal
	})
	<-watching
	crasher := n.start(entry(n.report(invoke("wnode.link", pid(waiter.pid))), unreachable).Bytes())
	n.wantReports(0)
	crash := crasher.wait()
	if atom, _ := trapOf(t, crash); atom != "unreachable" {
		t.Errorf("trap %s", atom)
	}
	waiter.wait()
	if reason := <-ended; !reflect.DeepEqual(reason, decoded(t, crash.Reason)) {
		t.Errorf("it died of %v", reason)
	}
}

// PROC-07, PROC-09: a guest spawns with a link and a monitor, and hears the real reason of both.
func TestSpawnLinkMonitor(t *testing.T) {
	n := newTestNode(t)
	options := term.MustEncode(map[string]any{"export": "missing", "link": true})
	p := n.start(entry(
		invoke("wnode.trap_exits", i32c(1)), drop,
		n.report(invoke("wnode.spawn_monitor", region(1000, string(options)), i32c(0), i32c(16))),
		n.tell(0, 32),
		invoke("wnode.receive", i64c(-1), i32c(100), i32c(300)), drop,
		n.tell(100, 68),
		invoke("wnode.receive", i64c(-1), i32c(100), i32c(300)), drop,
		n.tell(100, 68),
	).Write(1000, string(options)).Bytes())
	n.wantReports(0)
	ids := n.next()
	child, ref := abi.PidFromBytes(ids[:16]), abi.RefFromBytes(ids[16:])
	for _, prefix := range []any{[]any{"EXIT", child}, []any{"DOWN", ref, "process", child}} {
		encoded := term.MustEncode(prefix)
		if got := n.next(); string(got[1:len(encoded)]) != string(encoded[1:]) {
			t.Errorf("message %x, want it to begin with %v", got, prefix)
		}
	}
	wantReason(t, p.wait(), "normal")
}

// ALIAS-01, ALIAS-03, ALIAS-04: a reply comes through an alias while it lasts, and a late one nowhere. RECV: a mark hides what waits.
func TestAliasAndMark(t *testing.T) {
	n := newTestNode(t)
	p := n.start(entry(
		n.report(invoke("wnode.alias", i32c(1), i32c(0))), n.tell(0, 16),
		n.report(invoke("wnode.monitor_alias", pid(n.pid), i32c(3), i32c(16))), n.tell(16, 16),
		n.report(invoke("wnode.alias", i32c(3), i32c(0))),
		n.report(invoke("wnode.monitor_alias", pid(n.pid), i32c(5), i32c(0))),
		n.report(invoke("wnode.wait", i64c(-1))), // "early"
		n.report(invoke("wnode.mark")),
		n.report(invoke("wnode.wait", i64c(0))),
		n.report(invoke("wnode.send", pidAt(0), region(64, "me"))),
		n.report(invoke("wnode.receive", i64c(0), i32c(100), i32c(9))),
		n.report(invoke("wnode.unalias", pidAt(0))),
		n.report(invoke("wnode.unalias", pidAt(0))),
		n.report(invoke("wnode.demonitor", pidAt(16), i32c(1))),
		n.report(invoke("wnode.demonitor", pidAt(16), i32c(1))),
		invoke("wnode.send", pidAt(0), region(64, "me")), drop,
		invoke("wnode.send", pidAt(16), region(64, "me")), drop,
		n.report(invoke("wnode.receive", i64c(0), i32c(100), i32c(9))), // "early" again
		n.report(invoke("wnode.receive", i64c(0), i32c(100), i32c(9))),
	).Write(64, "me").Bytes())
	bad, none := errno(abi.ErrBadArgument), errno(abi.ErrTimedOut)
	n.wantReports(0)
	explicit := abi.PidFromBytes(n.next())
	n.wantReports(0)
	n.next()
	n.wantReports(bad, bad)
	n.message(explicit, "early")
	n.wantReports(5, 0, none, 0, 2, 1, 0, 1, 0, 5, none)
	wantReason(t, p.wait(), "normal")
}

// MON-04, MON-06: DOWN names what was asked for.
func TestMonitorByName(t *testing.T) {
	n := newTestNode(t)
	victim := n.idle()
	if err := n.names.Register("db", victim); err != nil {
		t.Fatal(err)
	}
	receive := seq(invoke("wnode.receive", i64c(-1), i32c(100), i32c(300)), drop, n.tell(100, 100))
	p := n.start(entry(
		n.report(invoke("wnode.monitor_name", region(0, "db"), region(0, ""), i32c(16))), n.tell(16, 16), receive,
		n.report(invoke("wnode.monitor_name", region(0, "db"), region(40, "far@away"), i32c(16))), n.tell(16, 16), receive,
		n.report(invoke("wnode.monitor_name", region(0, ""), region(0, ""), i32c(16))),
	).Write(0, "db").Write(40, "far@away").Bytes())
	n.wantReports(0)
	ref := abi.RefFromBytes(n.next())
	n.exitWith(victim, "boom")
	n.wantTerm([]any{"DOWN", ref, "process", []any{"db", n.nodes.Name()}, "boom"})
	n.wantReports(0)
	ref = abi.RefFromBytes(n.next())
	n.wantTerm([]any{"DOWN", ref, "process", []any{"db", "far@away"}, "noconnection"})
	n.wantReports(errno(abi.ErrBadArgument))
	wantReason(t, p.wait(), "normal")
}

// TMR-01, TMR-03, TMR-04: timers of a guest, and what there is to know of them.
func TestTimers(t *testing.T) {
	n := newTestNode(t)
	const hour = int64(3600e9)
	positive := func(left op) op { return seq(left, i64c(0), raw(0x55)) }                    // i64.gt_s
	missing := func(left op) op { return seq(left, i64c(int64(abi.ErrNoTimer)), raw(0x51)) } // i64.eq
	p := n.start(entry(
		n.report(invoke("wnode.send_after", i64c(1), pid(n.pid), region(64, "now"), i32c(0))),
		n.report(invoke("wnode.send_after", i64c(hour), pid(n.pid), region(64, "now"), i32c(0))),
		n.report(positive(invoke("wnode.read_timer", pidAt(0)))),
		n.report(positive(invoke("wnode.cancel_timer", pidAt(0)))),
		n.report(missing(invoke("wnode.cancel_timer", pidAt(0)))),
		n.report(missing(invoke("wnode.read_timer", pidAt(0)))),
		n.report(invoke("wnode.send_name_after", i64c(hour), region(64, "now"), region(64, "now"), i32c(0))),
		n.report(invoke("wnode.send_after", i64c(-1), pid(n.pid), region(64, "now"), i32c(0))),
		n.report(invoke("wnode.start_timer", i64c(0), pid(n.pid), region(64, "now"), i32c(0))), // no term
		invoke("wnode.self", i32c(32)), drop,
		n.report(invoke("wnode.start_timer", i64c(1), pidAt(32), region(80, "\x05"), i32c(0))), n.tell(0, 16),
		invoke("wnode.receive", i64c(-1), i32c(100), i32c(300)), drop, n.tell(100, 100),
	).Write(64, "now").Write(80, "\x05").Bytes())
	got := map[string]int{}
	next := func() []byte {
		for {
			m := n.next()
			if string(m) != "now" {
				return m
			}
			got["now"]++
		}
	}
	bad := errno(abi.ErrBadArgument)
	for i, want := range []int32{0, 0, 1, 1, 1, 1, 0, bad, bad, 0} {
		if m := next(); abi.Errno(int32(uint32(m[0])|uint32(m[1])<<8|uint32(m[2])<<16|uint32(m[3])<<24)) != abi.Errno(want) {
			t.Errorf("report %d = %x, want %d", i, m, want)
		}
	}
	ref := abi.RefFromBytes(next())
	want := term.MustEncode([]any{"timeout", ref, 5})
	if m := next(); string(m[:len(want)]) != string(want) {
		t.Errorf("timeout %x, want %x", m, want)
	}
	wantReason(t, p.wait(), "normal")
	if got["now"] == 0 {
		if m := n.next(); string(m) != "now" {
			t.Errorf("message %x", m)
		}
	}
}

// PROC-15: what a process says of itself.
func TestLabelAndInfo(t *testing.T) {
	n := newTestNode(t)
	p := n.start(entry(
		n.report(invoke("wnode.set_label", region(0, "worker 7"))),
		n.report(invoke("wnode.set_label", region(20, "\xff"))),
		n.report(invoke("wnode.set_label", region(0, string(make([]byte, 256))))),
		invoke("wnode.trap_exits", i32c(1)), drop,
		invoke("wnode.link", pid(n.pid)), drop,
		n.report(i32c(0)),
		invoke("wnode.receive", i64c(-1), i32c(100), i32c(300)), drop,
		invoke("wnode.unlink", pid(n.pid)), drop,
	).Write(0, "worker 7").Write(20, "\xff").Bytes())
	bad := errno(abi.ErrBadArgument)
	n.wantReports(0, bad, bad, 0)
	info, _ := n.system.Info(p.pid)
	if info.Label != "worker 7" || !info.TrapExit || len(info.Links) != 1 || info.Links[0] != n.pid {
		t.Errorf("%+v", info)
	}
	n.message(p.pid, "end")
	p.wait()
}
