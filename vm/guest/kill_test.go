package guest

import (
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/internal/wasmtest"
	"github.com/wnode/wnode/vm"
)

// pollClock fills in a subscription of poll_oneoff at address 0: a clock, and the time in ns.
func pollClock(m *wasmModule, ns uint64) *wasmModule {
	subscription := make([]byte, 48)
	binary.LittleEndian.PutUint64(subscription[24:], ns)
	return m.At(0, subscription)
}

// W-07: whatever a guest does, it ends when its process is told to, and runs nothing more.
func TestKill(t *testing.T) {
	n := newTestNode(t)
	silent := newIOServer(n) // answers no read
	// An unresponsive leader: it takes requests and answers none.
	deaf := n.native(func(p *vm.Process) vm.Exit { <-p.Context().Done(); return vm.Normal })
	const hour = int64(3600e9)
	iov := func(m *wasmModule) *wasmModule { return m.At(0, []byte{64, 0, 0, 0, 1, 0, 0, 0}) }
	blocked := func(o ...op) *wasmModule {
		return entry(n.tell(0, 0), seq(o...), n.tell(0, 1))
	}
	tree := (&wasmModule{Pages: 1}).Add(wasmFunc{Name: "tree", Params: values{i32}, Body: seq(
		raw(0x20, 0, 0x04, 0x40), // if the parameter is not 0
		invoke("tree", raw(0x20, 0), i32c(1), raw(0x6b)),
		invoke("tree", raw(0x20, 0), i32c(1), raw(0x6b)),
		raw(0x0b),
	)}).Fn("_start", n.tell(0, 0), invoke("tree", i32c(100)))
	start := startSection(seq(n.tell(0, 0), forever))
	tests := map[string]struct {
		module *wasmModule
		leader abi.Pid
	}{
		"endless loop":         {module: blocked(forever)},
		"loop of host calls":   {module: blocked(repeat(invoke("wnode.self", i32c(0)), drop))},
		"loop of clock reads":  {module: blocked(repeat(invoke("wasi.clock_time_get", i32c(0), i64c(0), i32c(0)), drop))},
		"tree of calls":        {module: tree},
		"tail calls":           {module: blocked(wasmtest.TailCall("one")).Fn("one", wasmtest.TailCall("two")).Fn("two", wasmtest.TailCall("one"))},
		"loop by br_table":     {module: blocked(raw(0x03, 0x40, 0x41, 0, 0x0e, 1, 0, 1, 0x0b))},
		"loop of memory.fill":  {module: blocked(repeat(i32c(0), i32c(0), i32c(65536), raw(0xfc, 0x0b, 0)))},
		"start section":        {module: start},
		"receive":              {module: blocked(invoke("wnode.receive", i64c(-1), i32c(0), i32c(100)), drop)},
		"receive with timeout": {module: blocked(invoke("wnode.receive", i64c(hour), i32c(0), i32c(100)), drop)},
		"send to a slow node":  {module: blocked(invoke("wnode.send", pid(abi.Pid{Node: slow, Num: 1}), i32c(0), i32c(1)), drop)},
		"wait":                 {module: blocked(invoke("wnode.wait", i64c(-1)), drop)},
		"sleep":                {module: blocked(invoke("wnode.sleep", i64c(hour)), drop)},
		"sleep for ever":       {module: blocked(invoke("wnode.sleep", i64c(-1)), drop)},
		"poll_oneoff":          {module: pollClock(blocked(invoke("wasi.poll_oneoff", i32c(0), i32c(100), i32c(1), i32c(200)), drop), uint64(hour))},
		"read of stdin":        {module: iov(blocked(invoke("wasi.fd_read", i32c(0), i32c(0), i32c(1), i32c(100)), drop)), leader: silent.pid},
		"write of stdout":      {module: iov(blocked(invoke("wasi.fd_write", i32c(1), i32c(0), i32c(1), i32c(100)), drop)), leader: deaf},
		"io_read_line":         {module: blocked(invoke("wnode.io_read_line", i64c(0), i64c(0), i32c(0), i32c(0), i32c(0), i32c(9)), drop), leader: silent.pid},
		"io_read":              {module: blocked(invoke("wnode.io_read", i64c(0), i64c(0), i32c(0), i32c(9)), drop), leader: silent.pid},
		"io_write":             {module: blocked(invoke("wnode.io_write", i64c(0), i64c(0), i32c(0), i32c(9)), drop), leader: deaf},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := n.start(tt.module.Bytes(), withLeader(tt.leader))
			n.next() // it runs
			n.waitForBlock(p.pid, name)
			n.kill(p.pid)
			p.wait()
			n.wantNoMessage()
		})
	}
}

// waitForBlock waits until a guest that is to block in a receive does.
func (n *testNode) waitForBlock(pid abi.Pid, name string) {
	for name == "receive" || name == "wait" {
		if info, _ := n.system.Info(pid); info.Status == "waiting" {
			return
		}
		runtime.Gosched()
	}
}

// A guest that kills itself runs no further either.
func TestKillOneself(t *testing.T) {
	n := newTestNode(t)
	m := entry(
		invoke("wnode.self", i32c(100)), drop,
		invoke("wnode.exit_process", pidAt(100), i32c(0), i32c(5)), drop,
		n.tell(0, 1),
	).At(0, text("kill"))
	n.run(m)
	n.wantNoMessage()
}

// A process that waits for its code can be killed as well.
func TestKillWhileLoading(t *testing.T) {
	n := newTestNode(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	n.modules.fetch = func(abi.Hash, abi.NodeID) ([]byte, error) {
		close(asked)
		<-answer
		return nil, abi.ErrNoModule
	}
	p := n.startFunction(abi.Function{Module: abi.Hash{1}})
	<-asked
	n.kill(p.pid)
	p.wait()
	close(answer)
}
