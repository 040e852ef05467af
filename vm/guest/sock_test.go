package guest

import (
	"io"
	"net"
	"testing"

	"github.com/wnode/wnode/vm"
)

const (
	wasiNotSock   = 57
	wasiNotCalled = 58 // ENOTSUP
	wasiWouldWait = 6
	wasiInval     = 28
)

// withListener gives the guest a listener, which has descriptor 3.
func withListener(t *testing.T) (*Listener, func(*vm.SpawnOptions)) {
	t.Helper()
	l, err := OpenListener("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, withRights(vm.Rights{Reach: &vm.Reach{Listeners: []vm.Listener{l}}})
}

func dial(t *testing.T, l *Listener) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", l.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.TCPConn)
}

// The connection's descriptor is put at 300; the buffer is 7 bytes at 100, with counts at 208.
var (
	accept   = invoke("wasi.sock_accept", i32c(3), i32c(0), i32c(300))
	accepted = seq(i32c(300), i32Load)
	recv     = func(flags int64) op {
		return invoke("wasi.sock_recv", accepted, i32c(200), i32c(1), i32c(flags), i32c(208), i32c(212))
	}
	send  = invoke("wasi.sock_send", accepted, i32c(200), i32c(1), i32c(0), i32c(208))
	count = seq(i32c(208), i32Load)
)

func socketGuest(body ...op) *wasmModule { return entry(body...).Iovec(200, 100, 7) }

// A guest accepts a connection, reads, peeks, writes and sees the end of it.
func TestListener(t *testing.T) {
	n := newTestNode(t)
	l, option := withListener(t)
	p := n.start(socketGuest(
		n.report(accept), n.report(accepted),
		n.report(invoke("wasi.fd_fdstat_get", accepted, i32c(320))), n.report(seq(i32c(320), raw(0x2d, 0, 0))), // load8_u
		n.report(recv(1)), n.report(count), n.report(recv(0)), n.tell(100, 7),
		n.report(send), n.report(count),
		n.report(invoke("wasi.fd_read", accepted, i32c(200), i32c(1), i32c(208))), n.tell(100, 2),
		n.report(recv(0)), n.report(count), // the end
		n.report(invoke("wasi.sock_shutdown", accepted, i32c(2))),
		n.report(invoke("wasi.fd_close", accepted)), n.report(recv(0)),
	).Bytes(), option)
	conn := dial(t, l)
	write := func(s string) {
		if _, err := io.WriteString(conn, s); err != nil {
			t.Fatal(err)
		}
	}
	write("request")
	n.wantReports(wasiOK, 4, wasiOK, 6, wasiOK, 7, wasiOK)
	if got := string(n.next()); got != "request" {
		t.Errorf("received %q", got)
	}
	n.wantReports(wasiOK, 7)
	write("ok")
	n.wantReports(wasiOK)
	if got := string(n.next()); got != "ok" {
		t.Errorf("read %q", got)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	n.wantReports(wasiOK, 0, wasiOK, wasiOK, wasiBadF)
	if got, err := io.ReadAll(conn); err != nil || string(got) != "request" {
		t.Errorf("the guest sent %q, %v", got, err)
	}
	wantReason(t, p.wait(), "normal")
}

// What waits for the network ends with its process (W-07), and leaves the listener to the next one.
func TestKillWaitingForNetwork(t *testing.T) {
	n := newTestNode(t)
	l, option := withListener(t)
	large := func(call string) op { // more and more that nobody reads
		return repeat(invoke(call, accepted, i32c(220), i32c(1), i32c(0), i32c(208)), drop)
	}
	poll := invoke("wasi.poll_oneoff", i32c(400), i32c(500), i32c(1), i32c(600))
	for name, c := range map[string]struct {
		waits   op
		connect bool
	}{
		"sock_accept": {seq(accept, drop), false},
		"sock_recv":   {seq(recv(0), drop), true},
		"waitall":     {seq(recv(2), drop), true},
		"fd_read":     {seq(invoke("wasi.fd_read", accepted, i32c(200), i32c(1), i32c(208)), drop), true},
		"sock_send":   {large("wasi.sock_send"), true},
		"poll":        {seq(poll, drop), false},
	} {
		t.Run(name, func(t *testing.T) {
			begin := seq()
			if c.connect {
				begin = seq(accept, drop)
			}
			m := socketGuest(begin, n.report(i32c(1)), c.waits, n.report(i32c(2))).
				At(220, []byte{0, 0, 0, 0, 0, 0, 1, 0}).At(408, []byte{1}).At(416, []byte{3})
			m.Pages = 2
			p := n.start(m.Bytes(), option)
			if c.connect {
				conn := dial(t, l)
				if name == "sock_send" {
					if _, err := conn.Read(make([]byte, 1)); err != nil {
						t.Fatal(err)
					}
				}
			}
			n.wantReports(1)
			n.kill(p.pid)
			p.wait()
			n.wantNoMessage()
			if used := n.engine.files.used.Load(); used != 0 {
				t.Errorf("%d descriptors are still open", used)
			}
		})
	}
}

// Sockets that are not to block say so, and a poll waits for them or for a time.
func TestPollSockets(t *testing.T) {
	n := newTestNode(t)
	l, option := withListener(t)
	both := invoke("wasi.poll_oneoff", i32c(400), i32c(600), i32c(2), i32c(700))
	event := func(i int64) op { return n.report(seq(i32c(600+32*i+8), i32Load)) } // error and type
	p := n.start(socketGuest(
		n.report(invoke("wasi.fd_fdstat_set_flags", i32c(3), i32c(4))),
		n.report(accept),
		n.report(both), n.report(seq(i32c(700), i32Load)), event(0), // the clock alone
		i32c(424), i64c(1<<60), i64Store, // from now on the clock is far away
		n.report(i32c(77)),
		n.report(both), n.report(seq(i32c(700), i32Load)), event(0),
		n.report(accept), n.report(recv(0)),
		n.report(invoke("wasi.sock_accept", i32c(3), i32c(4), i32c(300))),
	).At(424, []byte{1}).At(456, []byte{eventFdRead}).At(464, []byte{3}).Bytes(), option)
	n.wantReports(wasiOK, wasiWouldWait, wasiOK, 1, 0, 77)
	conn := dial(t, l)
	n.wantReports(wasiOK, 1, 1<<16, wasiOK) // bytes 8 and 9 are the error, 10 the type
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	n.wantReports(wasiOK, wasiWouldWait)
	wantReason(t, p.wait(), "normal")
}

// What is no socket, or no memory, is an error number; connections are counted as files are.
func TestBadSockets(t *testing.T) {
	n := newTestNode(t)
	l, _ := withListener(t)
	option := withRights(vm.Rights{Limits: vm.Limits{Files: 1}, Reach: &vm.Reach{Listeners: []vm.Listener{l}}})
	call := func(name string, args ...int64) op {
		ops := make([]op, len(args))
		for i, a := range args {
			ops[i] = i32c(a)
		}
		return n.report(invoke("wasi."+name, ops...))
	}
	p := n.start(socketGuest(
		call("sock_accept", 9, 0, 0), call("sock_accept", 1, 0, 0), call("sock_accept", 3, 0, page-3),
		call("sock_recv", 9, 200, 1, 0, 0, 0), call("sock_recv", 3, 200, 1, 0, 0, 0), call("sock_shutdown", 3, 1),
		n.report(accept), n.report(accept),
		call("sock_recv", 4, 200, 1, 8, 208, 212), call("sock_recv", 4, page-4, 1, 0, 208, 212), call("sock_recv", 4, 200, 1<<29, 0, 208, 212),
		call("sock_send", 4, 200, 1, 1, 208), call("sock_send", 4, 240, 1, 0, 208), call("sock_shutdown", 4, 0), call("sock_shutdown", 4, 8),
	).At(240, []byte{0xff, 0xff, 0xff, 0xff, 9, 0, 0, 0}).Bytes(), option)
	dial(t, l)
	dial(t, l)
	n.wantReports(wasiBadF, wasiNotSock, wasiFault, wasiBadF, wasiNotSock, wasiNotSock,
		wasiOK, wasiTooMany,
		wasiNotCalled, wasiFault, wasiFault, wasiNotCalled, wasiFault, wasiInval, wasiInval)
	wantReason(t, p.wait(), "normal")
}

// A child does not have its parent's listener, and a process that is denied the network has none.
func TestListenerIsForOne(t *testing.T) {
	n := newTestNode(t)
	l, option := withListener(t)
	spawnChild := "\xa1\x66export\x65child" // {"export": "child"}
	p := n.start(entry(
		invoke("wnode.spawn", region(1000, spawnChild), i32c(0)), drop, n.report(accept),
	).Write(1000, spawnChild).Fn("child", n.report(accept)).Bytes(), option)
	n.wantReports(wasiBadF) // the child's
	dial(t, l)
	n.wantReports(wasiOK)
	p.wait()
	denied := withRights(vm.Rights{Denied: vm.PermitNetwork, Reach: &vm.Reach{Listeners: []vm.Listener{l}}})
	n.start(entry(n.report(accept)).Bytes(), denied).wait()
	n.wantReports(wasiBadF)
}

// TestDescriptors fails when the runtime's table is no longer where descriptorsOf looks for it.
func TestDescriptors(t *testing.T) {
	n := newTestNode(t)
	compiled, err := n.engine.runtime.CompileModule(t.Context(), entry().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	instance, err := n.engine.runtime.InstantiateModule(t.Context(), compiled, n.engine.config)
	if err != nil {
		t.Fatal(err)
	}
	defer instance.Close(t.Context())
	table := descriptorsOf(instance)
	stdin, _ := table.file(0)
	descriptor, errno := table.add(stdin)
	if file, open := table.file(descriptor); errno != 0 || descriptor != 3 || !open || file != stdin {
		t.Errorf("descriptor %d, %v, open %v", descriptor, errno, open)
	}
	for _, bad := range []int32{-1, 4, 1 << 30} {
		if _, open := table.file(bad); open {
			t.Errorf("descriptor %d is open", bad)
		}
	}
}
