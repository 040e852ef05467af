package guest

import (
	"bytes"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// Error numbers of WASI preview 1.
const (
	wasiOK    = 0
	wasiBadF  = 8
	wasiFault = 21
	wasiIO    = 29
)

func fdWrite(fd, iov int64) op {
	return invoke("wasi.fd_write", i32c(fd), i32c(iov), i32c(1), i32c(200))
}

func fdRead(iov int64) op {
	return invoke("wasi.fd_read", i32c(0), i32c(iov), i32c(1), i32c(200))
}

func loadCount(m op) op { return seq(m, drop, i32c(200), i32Load) }

// W-10, GL-01
func TestStandardOutput(t *testing.T) {
	n := newTestNode(t)
	server := newIOServer(n)
	p := n.start(entry(
		n.report(fdWrite(1, 0)),
		n.report(loadCount(fdWrite(2, 8))),
		n.report(fdWrite(0, 0)),
	).Iovec(0, 100, 6).Iovec(8, 106, 2).Write(100, "håll\n\xff\xfe").Bytes(), withLeader(server.pid))
	n.wantReports(wasiOK, 2, wasiBadF)
	server.wantWritten(t, "put_chars", "håll\n")
	server.wantWritten(t, "put_error", []byte{0xff, 0xfe})
	p.wait()
}

// The buffers of one fd_write are one request, and the next write is another.
func TestStandardOutputOfSeveralBuffers(t *testing.T) {
	n := newTestNode(t)
	server := newIOServer(n)
	several := invoke("wasi.fd_write", i32c(1), i32c(0), i32c(3), i32c(200))
	bad := invoke("wasi.fd_write", i32c(1), i32c(0), i32c(4), i32c(200))
	p := n.start(entry(
		n.report(loadCount(several)),
		n.report(bad),
		n.report(loadCount(fdWrite(1, 8))),
	).Iovec(0, 100, 5).Iovec(8, 105, 1).Iovec(16, 0, 0).At(24, []byte{0xff, 0xff, 0xff, 0xff, 4, 0, 0, 0}).
		Write(100, "hello\n").Bytes(), withLeader(server.pid))
	n.wantReports(6, wasiFault, 1)
	server.wantWritten(t, "put_chars", "hello\n", "\n")
	p.wait()
}

// W-10: a leader that has gone is an input/output error, and the guest goes on.
func TestStandardStreamsWithoutLeader(t *testing.T) {
	n := newTestNode(t)
	gone := n.native(func(*vm.Process) vm.Exit { return vm.Normal })
	p := n.start(entry(
		n.report(fdWrite(1, 0)),
		n.report(fdRead(0)),
		n.report(invoke("wnode.io_write", i64c(0), i64c(0), i32c(0), i32c(1))),
		n.report(invoke("wnode.io_read", i64c(0), i64c(0), i32c(0), i32c(1))),
		n.report(invoke("wnode.io_read_line", i64c(0), i64c(0), i32c(0), i32c(0), i32c(0), i32c(1))),
	).Iovec(0, 100, 1).Bytes(), withLeader(gone))
	terminated := errno(abi.ErrTerminated)
	n.wantReports(wasiIO, wasiIO, terminated, terminated, terminated)
	p.wait()
}

func TestStandardInput(t *testing.T) {
	n := newTestNode(t)
	server := newIOServer(n, []byte("hello\n"), []any{"error", "x"}, "text\n", vm.EndOfFile)
	p := n.start(entry(
		n.report(loadCount(fdRead(0))), n.tell(100, 4), // "hell"
		n.report(loadCount(fdRead(0))), n.tell(100, 2), // "o\n"
		n.report(fdRead(0)),
		n.report(loadCount(fdRead(8))), n.tell(100, 5),
		n.report(fdRead(0)), // end of file
		n.report(invoke("wasi.fd_read", i32c(0), i32c(page), i32c(1), i32c(200))),
	).Iovec(0, 100, 4).Iovec(8, 100, 50).Bytes(), withLeader(server.pid))
	for _, want := range []string{"hell", "o\n"} {
		n.wantReports(int32(len(want)))
		if got := n.next(); string(got) != want {
			t.Errorf("read %q, want %q", got, want)
		}
	}
	n.wantReports(wasiIO, 5)
	if got := n.next(); string(got) != "text\n" {
		t.Errorf("read %q", got)
	}
	n.wantReports(wasiOK, wasiFault)
	p.wait()
}

// io_read_line keeps what does not fit, for whichever read is next.
func TestReadLine(t *testing.T) {
	n := newTestNode(t)
	server := newIOServer(n, "one\n", []byte("two\n"), []byte("three\n"), vm.EndOfFile, vm.EndOfFile)
	line := func(size int64) op {
		return invoke("wnode.io_read_line", i64c(0), i64c(0), region(300, "> "), i32c(100), i32c(size))
	}
	read := func(size int64) op {
		return invoke("wnode.io_read", pid(server.pid), i32c(100), i32c(size))
	}
	p := n.start(entry(
		n.report(line(100)), n.tell(100, 4),
		n.report(line(3)), n.report(line(2)), n.report(line(4)), n.tell(100, 4),
		n.report(line(0)), n.report(read(0)), n.report(read(3)), n.tell(100, 3), n.report(read(9)), n.tell(100, 3),
		n.report(line(9)), n.report(read(9)),
		n.report(invoke("wnode.io_read_line", i64c(0), i64c(0), region(400, "\xff"), i32c(100), i32c(9))),
		n.report(invoke("wnode.io_write", i64c(0), i64c(0), region(300, "> "))),
		n.report(invoke("wnode.group_leader", i32c(0))), n.tell(0, 16),
	).Write(300, "> ").Write(400, "\xff").Bytes(), withLeader(server.pid))
	end := errno(abi.ErrEndOfFile)
	steps := []struct {
		reports []int32
		data    string
	}{{[]int32{4}, "one\n"}, {[]int32{4, 4, 4}, "two\n"}, {[]int32{6, 0, 3}, "thr"}, {[]int32{3}, "ee\n"}}
	for _, step := range steps {
		n.wantReports(step.reports...)
		if got := n.next(); string(got) != step.data {
			t.Errorf("read %q, want %q", got, step.data)
		}
	}
	n.wantReports(end, end, errno(abi.ErrBadArgument), 0, 0)
	if got := abi.PidFromBytes(n.next()); got != server.pid {
		t.Errorf("group leader %v, want %v", got, server.pid)
	}
	if request := server.next(t); request[0] != "get_line" || request[2] != "> " {
		t.Errorf("request %v", request)
	}
	p.wait()
}

// GL-03
func TestSetGroupLeader(t *testing.T) {
	n := newTestNode(t)
	server := newIOServer(n)
	p := n.start(entry(
		invoke("wnode.self", i32c(0)), drop,
		n.report(invoke("wnode.set_group_leader", pid(server.pid), pidAt(0))),
		n.report(invoke("wnode.io_write", i64c(0), i64c(0), region(100, "hi"))),
		n.report(invoke("wnode.set_group_leader", pid(server.pid), pid(abi.Pid{Node: n.system.Node(), Num: 1 << 40}))),
	).Write(100, "hi").Bytes(), withLeader(n.pid))
	n.wantReports(0, 0, errno(abi.ErrNoProcess))
	server.wantWritten(t, "put_chars", "hi")
	p.wait()
}

func TestCommandLine(t *testing.T) {
	n := newTestNode(t)
	p := n.start(entry(
		invoke("wasi.args_sizes_get", i32c(0), i32c(4)), drop,
		n.report(seq(i32c(0), i32Load)),
		invoke("wasi.args_get", i32c(8), i32c(100)), drop,
		n.tell(100, 40),
		invoke("wasi.environ_sizes_get", i32c(0), i32c(4)), drop,
		n.report(seq(i32c(0), i32Load)),
		n.report(invoke("wasi.fd_prestat_get", i32c(3), i32c(0))),
	).Bytes(), withArgs("a b", -5, true, "x\x00y", []any{"l"}))
	n.wantReports(6)
	want := "test.wasm\x00a b\x00-5\x00true\x00x\ufffdy\x00[\"l\"]\x00"
	if got := n.next(); string(bytes.TrimRight(got, "\x00"))+"\x00" != want {
		t.Errorf("arguments %q, want %q", got, want)
	}
	n.wantReports(0, wasiBadF)
	p.wait()
}

// Real randomness and clocks, and a sleep that ends.
func TestWASIBasics(t *testing.T) {
	n := newTestNode(t)
	module := pollClock(entry(
		n.report(invoke("wasi.random_get", i32c(100), i32c(16))), n.tell(100, 16),
		n.report(invoke("wasi.clock_time_get", i32c(0), i64c(0), i32c(120))), n.tell(120, 8),
		n.report(invoke("wasi.poll_oneoff", i32c(0), i32c(200), i32c(1), i32c(300))),
		n.report(invoke("wasi.sched_yield")),
	), 1000).Bytes()
	var random [2][]byte
	for i := range random {
		p := n.start(module)
		n.wantReports(0)
		random[i] = n.next()
		n.wantReports(0)
		if clock := n.next(); bytes.Equal(clock, make([]byte, 8)) {
			t.Error("the clock stands at 1970")
		}
		n.wantReports(0, 0)
		p.wait()
	}
	if bytes.Equal(random[0], random[1]) {
		t.Errorf("two guests drew %x", random[0])
	}
}

// Numbers that make no sense are refused, whatever they would overflow.
func TestHostileWASI(t *testing.T) {
	n := newTestNode(t)
	const invalid = 28
	poll := func(in, out, count, result int64) op {
		return n.report(invoke("wasi.poll_oneoff", i32c(in), i32c(out), i32c(count), i32c(result)))
	}
	p := n.start(entry(
		poll(0, 0, 0, 300), poll(0, 0, 1<<30, 300), poll(0, 0, -1, 300), // sizes that overflow 32 bits
		poll(page, 0, 1, 300), poll(0, page-31, 1, 300), poll(0, 0, 1, page-3), poll(0, 0, 2000, 300),
		poll(400, 0, 1, 300),
	).At(408, []byte{9}).Bytes())
	n.wantReports(invalid, invalid, invalid, wasiFault, wasiFault, wasiFault, wasiFault, invalid)
	wantReason(t, p.wait(), "normal")
	noMemory := (&wasmModule{}).Fn("_start", invoke("wasi.poll_oneoff", i32c(0), i32c(0), i32c(1), i32c(0)), drop)
	wantReason(t, n.run(noMemory), "normal")
}

// A poll gives what has happened: times that are over, absolute ones too, files, which are always ready, and
// what is wrong with a subscription; not a time that is yet to come.
func TestPoll(t *testing.T) {
	n := newTestNode(t)
	const absolute = 1
	kinds := []struct{ kind, clock, flags byte }{
		{0, 0, absolute}, {0, 1, absolute}, {0, 2, 0}, {0, 0, 2}, // in 1970, at the node's start, no such clock, no such flag
		{1, 0, 0}, {2, 1, 0}, {1, 99, 0}, // standard input and output, no such descriptor
		{0, 0, 0}, // in some days
	}
	m := entry(
		n.report(invoke("wasi.poll_oneoff", i32c(0), i32c(1000), i32c(int64(len(kinds))), i32c(2000))),
		n.report(seq(i32c(2000), i32Load)), n.tell(1000, 32*int64(len(kinds))),
	)
	for i, k := range kinds {
		at := int64(48 * i)
		m.At(at, []byte{byte(i)}).At(at+8, []byte{k.kind}).At(at+16, []byte{k.clock}).At(at+40, []byte{k.flags})
	}
	m.At(48*int64(len(kinds)-1)+24, []byte{0, 0, 0, 0, 0, 0, 1, 0})
	p := n.start(m.Bytes())
	n.wantReports(wasiOK, 7)
	events := n.next()
	for i, wantErrno := range []byte{wasiOK, wasiOK, wasiInval, wasiInval, wasiOK, wasiOK, wasiBadF} {
		if e := events[32*i:]; e[0] != byte(i) || e[8] != wantErrno || e[10] != kinds[i].kind {
			t.Errorf("event %d: %v", i, e[:16])
		}
	}
	wantReason(t, p.wait(), "normal")
}
