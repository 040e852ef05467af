package guest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// SIG-03, SIG-04, SIG-05, SIG-06, REG-02, REG-05, W-08: errors are numbers; a process names another one.
func TestSendToNames(t *testing.T) {
	n := newTestNode(t)
	const page2 = 65536
	large := int64(vm.DefaultMaxMessageBytes + 1)
	n.globals.byName["world"] = n.pid
	m := entry(
		n.report(invoke("wnode.send", i64c(7), i64c(7), i32c(0), i32c(1))),
		n.report(invoke("wnode.send", pid(n.pid), i32c(0), i32c(large))),
		n.report(invoke("wnode.send_name", region(0, "me"), region(100, "x"))),
		n.report(invoke("wnode.send_name", i32c(0), i32c(0), region(100, "x"))),
		n.report(invoke("wnode.send_name", i32c(page2), i32c(256), region(100, "x"))),
		n.report(invoke("wnode.send_name", region(200, "\xff"), region(100, "x"))),
		n.report(invoke("wnode.register", region(0, "me"), pid(n.pid))),
		n.report(invoke("wnode.send_name", region(0, "me"), region(100, "N"))),
		n.report(invoke("wnode.send_node", region(0, "me"), region(300, "here@host"), region(100, "N"))),
		n.report(invoke("wnode.send_node", region(0, "me"), region(400, "there@host"), region(100, "N"))),
		n.report(invoke("wnode.send_node", region(0, "me"), region(600, "no node name"), region(100, "N"))),
		n.report(invoke("wnode.send_global", region(500, "world"), region(100, "N"))),
		n.report(invoke("wnode.send_global", region(0, "me"), region(100, "N"))),
	).Write(0, "me").Write(100, "N").Write(200, "\xff").Write(300, "here@host").Write(400, "there@host").
		Write(500, "world").Write(600, "no node name").Write(page2, strings.Repeat("n", 256))
	m.Pages = 300
	n.nodes.down = true
	p := n.start(m.Bytes())
	bad, none := errno(abi.ErrBadArgument), errno(abi.ErrNoName)
	n.wantReports(0, errno(abi.ErrTooLarge), none, bad, bad, bad, 0)
	wantNext := func(want string) {
		t.Helper()
		if got := n.next(); string(got) != want {
			t.Errorf("message %q, want %q", got, want)
		}
	}
	wantNext("N")
	n.wantReports(0)
	wantNext("N")
	n.wantReports(0, 0, bad)
	wantNext("N")
	n.wantReports(0, none)
	p.wait()
}

// SIG-08: who sends where the way is congested waits, until it is not.
func TestSendWaits(t *testing.T) {
	n := newTestNode(t)
	far := abi.Pid{Node: slow, Num: 1}
	p := n.start(entry(
		n.report(invoke("wnode.send_with", pid(far), i32c(int64(abi.SendNoSuspend)), region(0, "x"))), // SIG-07
		n.report(invoke("wnode.send", pid(far), region(0, "xy"))),
	).Write(0, "xy").Bytes())
	n.wantReports(errno(abi.ErrWouldWait))
	if sig := <-n.way.waiting; string(sig.Data) != "xy" || sig.To != far || len(n.inbox) > 0 {
		t.Errorf("%q is sent to %v, %d messages", sig.Data, sig.To, len(n.inbox))
	}
	close(n.way.let)
	n.wantReports(0)
	p.wait()
}

// SIG-07: what the flags of a send forbid is an error number.
func TestSendWith(t *testing.T) {
	n := newTestNode(t)
	n.nodes.down = true
	full, err := n.system.Spawn(vm.SpawnOptions{
		Body:     vm.Func(func(p *vm.Process) vm.Exit { <-p.Context().Done(); return vm.Normal }),
		Overflow: vm.BlockSenders, Rights: vm.Rights{Limits: vm.Limits{MailboxMessages: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	send := func(to abi.Pid, flags int64) op {
		return n.report(invoke("wnode.send_with", pid(to), i32c(flags), region(100, "N")))
	}
	sendNode := func(node op, flags int64) op {
		return n.report(invoke("wnode.send_node_with", region(100, "N"), node, i32c(flags), region(100, "N")))
	}
	here, there, nowhere := region(300, "here@host"), region(400, "there@host"), region(500, "nowhere")
	p := n.start(entry(
		send(n.pid, 3), send(full, 2), send(full, 2), send(n.pid, 4), send(n.pid, -1),
		send(abi.Pid{Node: peer, Num: 1}, 1), send(abi.Pid{Node: peer, Num: 1}, 2),
		n.report(invoke("wnode.register", region(100, "N"), pid(n.pid))),
		sendNode(here, 3), sendNode(here, 8), sendNode(there, 0), sendNode(there, 2), sendNode(nowhere, 1),
	).Write(100, "N").Write(300, "here@host").Write(400, "there@host").Write(500, "nowhere").Bytes())
	wantNext := func() {
		t.Helper()
		if got := n.next(); string(got) != "N" {
			t.Errorf("message %q", got)
		}
	}
	wantNext()
	bad, far := errno(abi.ErrBadArgument), errno(abi.ErrNotConnected)
	n.wantReports(0, 0, errno(abi.ErrWouldWait), bad, bad, far, 0, 0)
	wantNext()
	n.wantReports(0, bad, 0, 0, far)
	p.wait()
}

func TestNames(t *testing.T) {
	n := newTestNode(t)
	far := abi.Pid{Node: peer, Num: 5}
	p := n.start(entry(
		n.report(invoke("wnode.whereis", region(0, "me"), i32c(100))),
		n.report(invoke("wnode.unregister", region(0, "me"))),
		n.report(invoke("wnode.register", region(0, "me"), pid(n.pid))),
		n.report(invoke("wnode.register", region(0, "me"), pid(n.pid))),
		n.report(invoke("wnode.register", region(0, "m"), pid(far))),
		n.report(invoke("wnode.register", region(0, "m"), pid(abi.Pid{Node: n.system.Node(), Num: 1 << 40}))),
		n.report(invoke("wnode.whereis", region(0, "me"), i32c(100))), n.tell(100, 16),
		n.report(invoke("wnode.unregister", region(0, "me"))),
		n.report(invoke("wnode.global_whereis", region(0, "me"), i32c(100))),
		n.report(invoke("wnode.global_register", region(0, "me"), pid(far))),
		n.report(invoke("wnode.global_register", region(0, "me"), pid(far))),
		n.report(invoke("wnode.global_register", region(0, "m"), i64c(0), i64c(0))),
		n.report(invoke("wnode.global_whereis", region(0, "me"), i32c(100))), n.tell(100, 16),
		n.report(invoke("wnode.global_unregister", region(0, "me"))),
		n.report(invoke("wnode.global_unregister", region(0, "me"))),
		n.report(invoke("wnode.global_unregister", i32c(0), i32c(0))),
	).Write(0, "me").Bytes())
	none, taken, bad := errno(abi.ErrNoName), errno(abi.ErrNameTaken), errno(abi.ErrBadArgument)
	n.wantReports(none, none, 0, taken, bad, errno(abi.ErrNoProcess), 0)
	if got := abi.PidFromBytes(n.next()); got != n.pid {
		t.Errorf("whereis %v", got)
	}
	n.wantReports(0, none, 0, taken, bad, 0)
	if got := abi.PidFromBytes(n.next()); got != far {
		t.Errorf("global whereis %v", got)
	}
	n.wantReports(0, 0, bad)
	p.wait()
}

func TestNodes(t *testing.T) {
	n := newTestNode(t)
	there, nowhere := region(0, "there@host"), region(100, "nowhere")
	module := entry(
		n.report(invoke("wnode.node_name", i32c(200), i32c(100))), n.tell(200, 9),
		n.report(invoke("wnode.node_list", i32c(200), i32c(100))), n.tell(200, 12),
		n.report(invoke("wnode.node_connect", there)),
		n.report(invoke("wnode.node_connect", nowhere)),
		n.report(invoke("wnode.node_ping", there)),
		n.report(invoke("wnode.node_ping", nowhere)),
		n.report(invoke("wnode.node_disconnect", there)),
		n.report(invoke("wnode.node_disconnect", nowhere)),
		n.report(invoke("wnode.node_connect", i32c(0), i32c(0))),
		n.report(invoke("wnode.node_ping", i32c(0), i32c(0))),
		n.report(invoke("wnode.node_disconnect", i32c(0), i32c(0))),
	).Write(0, "there@host").Write(100, "nowhere").Bytes()
	p := n.start(module)
	n.wantReports(9)
	if got := n.next(); string(got) != "here@host" {
		t.Errorf("name %q", got)
	}
	n.wantReports(12)
	if got := n.next(); !bytes.Equal(got, term.MustEncode([]any{"there@host"})) {
		t.Errorf("list %x", got)
	}
	bad := errno(abi.ErrBadArgument)
	n.wantReports(1, errno(abi.ErrNotConnected), 1, 0, 1, 0, bad, bad, bad)
	p.wait()
}

// A node without names and peers.
func TestNodeAlone(t *testing.T) {
	n := newTestNode(t, func(o *Options) { o.Names, o.Globals, o.Nodes = nil, nil, nil })
	name := region(0, "x")
	p := n.start(entry(
		n.report(invoke("wnode.register", name, pid(n.pid))),
		n.report(invoke("wnode.unregister", name)),
		n.report(invoke("wnode.whereis", name, i32c(100))),
		n.report(invoke("wnode.global_register", name, pid(n.pid))),
		n.report(invoke("wnode.global_unregister", name)),
		n.report(invoke("wnode.global_whereis", name, i32c(100))),
		n.report(invoke("wnode.node_name", i32c(100), i32c(0))),
		n.report(invoke("wnode.node_list", i32c(100), i32c(0))),
		n.report(invoke("wnode.node_connect", name)),
		n.report(invoke("wnode.node_disconnect", name)),
		n.report(invoke("wnode.node_ping", name)),
		n.report(invoke("wnode.send_node", name, name, name)),
	).Write(0, "x").Bytes())
	unsupported, none := errno(abi.ErrNotSupported), errno(abi.ErrNoName)
	n.wantReports(unsupported, none, none, unsupported, 0, none, int32(len(nodeAlone)), 1, errno(abi.ErrNotConnected), 0, 0, 0)
	p.wait()
}

// MON-12, MON-13, MON-15: guests hear that nodes come and go, each as often as it has asked.
func TestMonitorNodes(t *testing.T) {
	n := newTestNode(t)
	monitor := func(on int64) op { return n.report(invoke("wnode.monitor_node", region(0, "there@host"), i32c(on))) }
	all := func(on int64) op { return n.report(invoke("wnode.monitor_nodes", i32c(on))) }
	next := seq(
		invoke("wnode.wait", i64c(-1)), drop, n.report(invoke("wnode.message_kind")), invoke("wnode.take"), drop,
	)
	p := n.start(entry(
		monitor(1), monitor(1), monitor(0), all(1), all(1), all(0), all(1), all(0),
		n.report(invoke("wnode.monitor_node", region(100, "nobody@host"), i32c(1))),
		next, // nobody is down at once
		next, next, next, next,
		monitor(0), all(0), all(0),
		n.report(invoke("wnode.monitor_node", i32c(0), i32c(0), i32c(1))),
	).Write(0, "there@host").Write(100, "nobody@host").Bytes())
	const news = int32(abi.MessageNode)
	n.wantReports(0, 0, 1, 0, 0, 1, 0, 1, 0, news)
	n.system.NodeUp("there@host")
	n.system.NodeLost("there@host", "disconnect")
	n.system.NodeLost("elsewhere@host", "disconnect")
	n.wantReports(news, news, news, news, 0, 1, 0, errno(abi.ErrBadArgument))
	p.wait()
}
