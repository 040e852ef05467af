package wnode

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/wasmtest"
	"github.com/wnode/wnode/vm/module/wasm"
)

// relay is a guest that passes one message of at most size bytes on to whoever has a name on a node.
func relay(size int64, name, node string) *wasmtest.Module {
	const buffer, nameAt, nodeAt = 1 << 16, 100, 1000
	return wasmtest.Entry(
		wasmtest.I32(size>>16+1), wasmtest.Raw(byte(wasm.OpMemoryGrow), 0), wasmtest.Drop,
		wasmtest.I32(wasmtest.Scratch), wasmtest.Call("wnode.receive", wasmtest.I64(-1), wasmtest.I32(buffer), wasmtest.I32(size)), wasmtest.I32Store,
		wasmtest.Do("wnode.send_node", wasmtest.Region(nameAt, name), wasmtest.Region(nodeAt, node),
			wasmtest.I32(buffer), wasmtest.I32(wasmtest.Scratch), wasmtest.I32Load),
	).Write(nameAt, name).Write(nodeAt, node)
}

// startRelay starts a relay under a name.
func startRelay(tb testing.TB, n *Node, as string, m *wasmtest.Module) {
	tb.Helper()
	fn, err := n.Load(as+".wasm", m.Bytes())
	if err != nil {
		tb.Fatal(err)
	}
	started := make(chan error, 1)
	if _, err := n.Spawn("starter", abi.Pid{}, func(p *Process) Exit {
		pid, _, err := p.SpawnMonitor(p.Context(), n.ID(), SpawnRequest{Function: fn})
		if err == nil {
			err = n.Register(as, pid)
		}
		started <- err
		return Normal
	}); err != nil {
		tb.Fatal(err)
	}
	if err := <-started; err != nil {
		tb.Fatal(err)
	}
}

// startEnd starts a process under a name that hands on what it is sent.
func startEnd(tb testing.TB, n *Node, as string) <-chan []byte {
	tb.Helper()
	got := make(chan []byte, 1)
	pid, err := n.Spawn(as, abi.Pid{}, func(p *Process) Exit {
		for {
			m, err := p.Receive(p.Context(), Infinity)
			if err != nil {
				return Normal
			}
			got <- m.Data
		}
	})
	if err == nil {
		err = n.Register(as, pid)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

// largePair is two nodes for messages of so many bytes, which are connected.
func (c *cluster) largePair(size int) (one, two *Node) {
	c.t.Helper()
	start := func(name string) *Node {
		opts := c.options(name, "x1")
		opts.MaxMessageBytes = size
		opts.Rights.Limits = Limits{Memory: uint64(size) + 1<<20, MailboxBytes: 2 * size}
		return c.startWith(opts)
	}
	one, two = start("one"), start("two")
	if err := one.Connect(c.t.Context(), two.Name()); err != nil {
		c.t.Fatal(err)
	}
	return one, two
}

// SIG-01, SIG-08: a large message comes whole from a process to a guest of its node, from that to a guest of another node, and from that to a
// process there. Nothing of it is counted on the links then.
func TestLargeMessageBetweenGuests(t *testing.T) {
	const size = 20<<20 + 12345
	c := newCluster(t)
	one, two := c.largePair(size)
	startRelay(t, one, "near", relay(size, "far", two.Name()))
	startRelay(t, two, "far", relay(size, "end", two.Name()))
	got := startEnd(t, two, "end")
	want := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(want)
	do(t, one, func(p *Process) {
		if err := p.SendName(p.Context(), "near", bytes.Clone(want)); err != nil {
			t.Error(err)
		}
	})
	if data := <-got; !bytes.Equal(data, want) {
		t.Errorf("%d bytes have arrived, not those that were sent", len(data))
	}
	for _, n := range []*Node{one, two} {
		if m := n.Memory(); m.Links >= 1<<20 {
			t.Errorf("%s: the links hold %d bytes", n.Name(), m.Links)
		}
	}
}

// A guest has more than 256 MiB of memory where all processes of its node may.
func TestLargeGuest(t *testing.T) {
	const size = 300 << 20
	grows := wasmtest.Entry(
		wasmtest.I32(size>>16), wasmtest.Raw(byte(wasm.OpMemoryGrow), 0), wasmtest.I32(-1), wasmtest.Raw(0x46), // i32.eq
		wasmtest.Raw(byte(wasm.OpIf), wasmtest.EmptyBlock), wasmtest.Unreachable, wasmtest.Raw(byte(wasm.OpEnd)),
	)
	for name, c := range map[string]struct {
		limit uint64
		fits  bool
	}{"no limit": {0, false}, "less": {size, false}, "enough": {size + 1<<20, true}, "more than there can be": {1 << 40, true}} {
		t.Run(name, func(t *testing.T) {
			cl := newCluster(t)
			opts := cl.options("one", "x1")
			opts.Memory, opts.Rights.Limits.Memory = 1<<30, c.limit
			n := cl.startWith(opts)
			fn, err := n.Load("grows.wasm", grows.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			if _, reason := spawnOn(t, n, abi.Pid{}, n.Name(), fn); (reason == "normal") != c.fits {
				t.Errorf("it ended with %v", reason)
			}
		})
	}
}

// BenchmarkBesideLargeMessages is the round trip of a message of 16 bytes between guests of two nodes over loopback while others
// send and receive messages of 1 GiB over the same link, and beside nothing for five seconds. The nodes are in one program, so each has its
// share of the collections of the other one.
func BenchmarkBesideLargeMessages(b *testing.B) {
	const size = 1 << 30
	module, err := os.ReadFile("cmd/wnode/bench/bench.wasm")
	if err != nil {
		b.Fatal(err)
	}
	for _, count := range []int64{0, 3} {
		b.Run(fmt.Sprintf("beside=%dx1G", count), func(b *testing.B) {
			c := newCluster(b)
			one, two := c.largePair(size)
			for b.Loop() {
				took := make(chan []byte, 1)
				if _, err := one.Spawn("driver", abi.Pid{}, func(p *Process) Exit {
					d := driver{p, module, two.Name()}
					took <- d.latency(b, one, size, count)
					return Normal
				}); err != nil {
					b.Fatal(err)
				}
				report(b, <-took)
			}
		})
	}
}

// driver is a process that starts what wnode bench measures with.
type driver struct {
	*Process
	module []byte
	other  string // the name of the other node
}

// latency measures round trips until so many large messages have been taken.
func (d driver) latency(b *testing.B, n *Node, size, count int64) []byte {
	longest := time.Hour
	if count == 0 {
		longest = 5 * time.Second
	}
	pid := d.start(b, n, "remote_latency", 1<<20, int64(longest))
	d.next(b) // it begins
	if count > 0 {
		d.start(b, n, "remote_blast", size, count)
		took := binary.LittleEndian.Uint64(append(d.next(b), make([]byte, 8)...))
		b.ReportMetric(float64(size*count)/(1<<20)/(float64(took)/1e9), "MiB/s")
		if err := d.Send(d.Context(), pid, nil); err != nil {
			b.Error(err)
		}
	}
	return d.next(b)
}

// start starts an export of the module.
func (d driver) start(b *testing.B, n *Node, export string, sizes ...int64) abi.Pid {
	fn, err := n.Load("bench.wasm", d.module)
	if err != nil {
		b.Error(err)
	}
	fn.Export = export
	args := []any{d.Pid(), d.other}
	for _, size := range sizes {
		args = append(args, size)
	}
	pid, _, err := d.SpawnMonitor(d.Context(), n.ID(), SpawnRequest{Function: fn, Args: term.MustEncode(args)})
	if err != nil {
		b.Error(err)
	}
	return pid
}

// next gives what a driver says next. One that ends as it should says nothing.
func (d driver) next(b *testing.B) []byte {
	for {
		m, err := d.Receive(d.Context(), Infinity)
		if err != nil {
			b.Error(err)
			return nil
		}
		if m.Kind == abi.MessageUser {
			return m.Data
		}
		down, err := term.Decode(m.Data)
		if err != nil || down.([]any)[4] != abi.ReasonNormal {
			b.Errorf("a driver has ended: %v, %v", down, err)
			return nil
		}
	}
}

// report reports times, each in 8 bytes of nanoseconds.
func report(b *testing.B, took []byte) {
	var times []uint64
	for ; len(took) >= 8; took = took[8:] {
		times = append(times, binary.LittleEndian.Uint64(took))
	}
	if len(times) == 0 {
		b.Error("nothing was measured")
		return
	}
	slices.Sort(times)
	for _, percent := range []int{50, 99, 100} {
		b.ReportMetric(float64(times[(len(times)-1)*percent/100])/1e6, fmt.Sprintf("ms-p%d", percent))
	}
}
