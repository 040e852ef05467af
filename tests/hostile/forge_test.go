package hostile

import (
	"bytes"
	"sync"
	"testing"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/buffertest"
)

// Pids that a guest has made up, of this node and of others, are those of nobody.
func TestForgedPids(t *testing.T) {
	n := start(t)
	message := term.MustEncode([]any{"sync", 1})
	reason := term.MustEncode("boo")
	nobodyLeads := func(r *wnode.SpawnRequest) { r.Leader = abi.Pid{Node: n.ID(), Num: 1 << 50} }
	for name, p := range map[string]abi.Pid{
		"nothing":                 {},
		"the node itself":         {Node: n.ID()},
		"a process to come":       {Node: n.ID(), Num: 1 << 50},
		"a call's":                {Node: n.ID(), Num: 1<<63 | 5},
		"another node itself":     {Node: 7},
		"another node's process":  {Node: 7, Num: 7},
		"the largest numbers":     {Node: 1<<64 - 1, Num: 1<<64 - 1},
		"this number, no node":    {Num: n.witness.pid.Num},
		"this number, other node": {Node: n.ID() + 1, Num: n.witness.pid.Num},
	} {
		t.Run(name, func(t *testing.T) {
			n := n.in(t)
			to := pid(p)
			forger := n.load(guest(
				do("wnode.trap_exits", num(1)),
				do("wnode.send", to, text(0, string(message))),
				do("wnode.exit_process", to, text(100, string(reason))),
				do("wnode.link", to), do("wnode.unlink", to),
				do("wnode.monitor", to, num(1000)), do("wnode.demonitor", to, num(1)),
				do("wnode.monitor_alias", to, num(4), num(1000)), do("wnode.unalias", to),
				do("wnode.is_alive", to), do("wnode.process_info", to, num(1000), num(1000)),
				do("wnode.cancel_timer", to), do("wnode.read_timer", to), do("wnode.set_group_leader", to, to),
				do("wnode.register", text(100, "boo"), to),
				do("wnode.send_after", long(0), to, text(0, string(message)), num(1000)),
				do("wnode.set_group_leader", to, pid(n.reports)),
				n.report(call("wnode.io_write", to, num(0), num(1))),
			).At(0, message).At(100, reason))
			n.witness.during(name, func() { n.want(n.spawn(forger, nobodyLeads).wait(), abi.ReasonNormal) })
			want := abi.ErrTerminated
			if p.Num == abi.NodeProcess && p.Node != 0 {
				want = abi.ErrBadArgument
			}
			n.wantReports(errno(want))
			if !n.Alive(n.witness.pid) || !n.Alive(n.reports) || len(n.Registered()) != 0 || len(n.Nodes()) != 0 {
				t.Error("it had an effect")
			}
		})
	}
}

// A message of a process is a message of that process, whatever it looks like.
func TestForgedSystemMessages(t *testing.T) {
	n := start(t)
	ref := abi.Ref{Node: n.ID(), Num: 5}
	forged := map[string]any{
		"DOWN":        []any{"DOWN", ref, "process", n.witness.pid, "killed"},
		"EXIT":        []any{"EXIT", n.witness.pid, "kill"},
		"io_reply":    []any{"io_reply", ref, "ok"},
		"spawn_reply": []any{"ok", n.witness.pid},
		"timeout":     []any{"timeout", ref, "x"},
	}
	for name, v := range forged {
		b := term.MustEncode(v)
		a := n.spawn(n.load(guest(n.tell(0, int64(len(b)))).At(0, b)))
		m := n.next()
		if m.Kind != abi.MessageUser || m.From != a.pid || m.Ref != (abi.Ref{}) || !bytes.Equal(m.Data, b) {
			t.Errorf("%s: %+v", name, m)
		}
		// A guest that receives it hears the same, and lives on.
		victim := n.spawn(n.load(guest(
			n.report(call("wnode.receive", long(-1), num(0), num(200))), n.report(call("wnode.message_kind")),
			do("wnode.message_sender", num(500)), n.tell(500, abi.IDSize),
		)))
		forger := n.spawn(n.load(guest(do("wnode.send", pid(victim.pid), num(0), num(int64(len(b))))).At(0, b)))
		n.wantReports(int32(len(b)), int32(abi.MessageUser))
		if got := abi.PidFromBytes(n.next().Data); got != forger.pid {
			t.Errorf("%s: from %v, want %v", name, got, forger.pid)
		}
		n.want(victim.wait(), abi.ReasonNormal)
	}
}

// A process that waits for its I/O server is answered by nobody else, who may know all but the secret
// address that the answer goes to.
func TestForgedIOReply(t *testing.T) {
	n := start(t)
	asked := make(chan []any, 1)
	var answer sync.WaitGroup
	answer.Add(1)
	device := n.native(func(p *wnode.Process) {
		m, err := p.Receive(p.Context(), wnode.Infinity)
		if err != nil {
			return
		}
		request, _ := term.Decode(m.Data)
		asked <- request.([]any) // ["io_request", from, reply_as, request]
		answer.Wait()
		list := request.([]any)
		_ = p.Send(p.Context(), list[1].(abi.Pid), term.MustEncode([]any{"io_reply", list[2], "ok"}))
	})
	victim := n.spawn(n.load(guest(n.report(call("wnode.io_write", pid(device), num(0), num(1))))))
	request := <-asked
	if request[1] == victim.pid {
		t.Error("the answer goes to the process itself, whom everybody knows")
	}
	forged := term.MustEncode([]any{"io_reply", request[2], []any{"error", "boo"}})
	ref := request[2].(abi.Ref)
	send := func(to abi.Pid) code { return do("wnode.send", pid(to), num(0), num(int64(len(forged)))) }
	n.want(n.run(guest(
		send(victim.pid), send(abi.Pid(ref)), send(abi.Pid{Node: n.ID(), Num: 1<<63 | ref.Num}),
	).At(0, forged)), abi.ReasonNormal)
	if info, _ := n.Info(victim.pid); len(n.inbox) != 0 || info.MessageQueue != 1 {
		t.Errorf("%d reports, %d messages", len(n.inbox), info.MessageQueue)
	}
	answer.Done()
	n.wantReports(0)
	n.want(victim.wait(), abi.ReasonNormal)
}

// A reason that is no term, or a very large one, ends only who gave it.
func TestBadReasons(t *testing.T) {
	n := start(t)
	deep := append(bytes.Repeat([]byte{0x81}, 10_000), 0x01)
	large := term.MustEncode(string(make([]byte, 100_000)))
	for name, reason := range map[string][]byte{
		"nothing": nil, "no term": {0xff}, "cut off": {0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"two terms": {1, 1}, "too deep": deep, "too large": large,
	} {
		t.Run(name, func(t *testing.T) {
			n := n.in(t)
			at := func(body ...code) *program {
				p := guest(body...).At(1000, reason)
				p.Pages = 3
				return p
			}
			size := int64(len(reason))
			n.want(n.run(at(call("wnode.exit", num(1000), num(size)))), "badarg")
			other := n.spawn(n.load(guest(wait)))
			n.want(n.run(at(n.report(call("wnode.exit_process", pid(other.pid), num(1000), num(size))))), abi.ReasonNormal)
			n.wantReports(errno(abi.ErrBadArgument))
			other.kill()
		})
	}
}

// Whoever closes its standard streams closes its own.
func TestClosingOfDescriptors(t *testing.T) {
	n := start(t)
	var out buffertest.Buffer
	leader, err := n.StartStream(wnode.Streams{Output: &out})
	if err != nil {
		t.Fatal(err)
	}
	withLeader := func(r *wnode.SpawnRequest) { r.Leader = leader }
	const badf = 8 // errno of WASI
	write := func(fd int64) code { return call("wasi.fd_write", num(fd), num(0), num(1), num(100)) }
	hello := []byte{64, 0, 0, 0, 5, 0, 0, 0}
	closer := guest(
		n.report(call("wasi.fd_close", num(0))), n.report(call("wasi.fd_close", num(1))), n.report(call("wasi.fd_close", num(2))),
		n.report(write(1)), n.report(write(2)), n.report(call("wasi.fd_read", num(0), num(0), num(1), num(100))),
		n.report(call("wasi.fd_close", num(1))), n.report(call("wasi.fd_close", num(-1))), n.report(call("wasi.fd_close", num(1<<31-1))),
		n.report(call("wnode.io_write", pid(abi.Pid{}), num(64), num(5))),
	).At(0, hello).At(64, []byte("still"))
	n.want(n.run(closer, withLeader), abi.ReasonNormal)
	n.wantReports(0, 0, 0, badf, badf, badf, badf, badf, badf, 0)
	n.want(n.run(guest(n.report(write(1))).At(0, hello).At(64, []byte(" here")), withLeader), abi.ReasonNormal)
	n.wantReports(0)
	if got := out.String(); got != "still here" {
		t.Errorf("output %q", got)
	}
}
