package main

import (
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

//go:embed bench/bench.wasm
var benchModule []byte

func benchCommand() *cobra.Command {
	b := &bench{}
	c := &cobra.Command{
		Use:   "bench [local]",
		Short: "Measure what a node does here: spawns, messages, memory, kills",
		Long: `Measures a node with guests that are written in C: who spawns, sends and receives are
all WebAssembly processes. The node is one of its own, and takes most of this machine
for half a minute.`,
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"local"},
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := untilSignal(c.Context(), os.Interrupt)
			defer cancel()
			return b.run(ctx)
		},
	}
	c.Flags().BoolVar(&b.json, "json", false, "print one JSON object, with nothing else")
	c.Flags().IntVar(&b.shrink, "shrink", 1, "do one part in so many of the work, for a quick look that says less")
	return c
}

// bench measures a node.
type bench struct {
	json   bool
	shrink int

	node   *wnode.Node
	fn     abi.Function
	driver *wnode.Process // the native process that the results go to
}

// measurement is one figure. The driver is an export of the module, and takes sizes.
type measurement struct {
	key    string
	about  string
	driver string
	sizes  []int64
	value  func(b *bench, ctx context.Context, m *measurement) (float64, error)
}

// measurements have the keys and the sizes that the BEAM is measured with, and some of their own.
var measurements = []measurement{
	{"spawn_roundtrip_ns", "spawn a process and wait for its DOWN", "spawn_roundtrip", []int64{100_000}, (*bench).each},
	{"spawn_storm_per_s", "processes that two others spawn, and that send a message", "storm", []int64{2, 100_000}, (*bench).perSecond},
	{"idle_process_bytes", "resident memory of a process that waits", "idle", []int64{100_000}, (*bench).resident},
	{"pingpong_ns", "a message of 16 bytes there and back", "pingpong", []int64{500_000}, (*bench).each},
	{"ring_hop_ns", "a message from one process to the next in a ring of 1000", "ring", []int64{1000, 1000}, (*bench).each},
	{"fan_in_msgs_per_s", "messages that 100 processes send to one", "fan_in", []int64{100, 10_000}, (*bench).perSecond},
	{"fib30_ms", "fib(30)", "fib", []int64{30}, (*bench).milliseconds},
	{"host_call_ns", "a call of the host", "host_call", []int64{2_000_000}, (*bench).each},
	{"kill_spinning_ns", "from the kill of a process that computes without end to its DOWN", "kill_spinning", []int64{20}, (*bench).each},
}

func (b *bench) run(ctx context.Context) (err error) {
	if b.shrink < 1 {
		return errors.New("--shrink: give a number from 1 on")
	}
	secret, err := wnode.RandomCookie()
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	log := (&nodeFlags{logLevel: slog.LevelWarn}).logger(os.Stderr)
	b.node, err = wnode.Start(ctx, wnode.Options{
		Cookie: secret, Listen: demoListen, WellKnownPort: uint16(port), Logger: log,
		Rights: wnode.Rights{Limits: wnode.Limits{Children: 1 << 20}},
	})
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		err = errors.Join(err, b.node.Close(closing))
	}()
	if b.fn, err = b.node.Load("bench.wasm", benchModule); err != nil {
		return err
	}
	return b.within(ctx)
}

// within runs the measurements on a native process.
func (b *bench) within(ctx context.Context) error {
	leader, err := b.node.StartStream(wnode.Streams{Output: os.Stderr})
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	_, err = b.node.Spawn("bench", leader, func(p *wnode.Process) wnode.Exit {
		b.driver = p
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(p.Context(), cancel)()
		done <- b.all(ctx)
		return wnode.Normal
	})
	if err != nil {
		return err
	}
	return <-done
}

// all makes the measurements and prints them, each when it is there unless they are one object.
func (b *bench) all(ctx context.Context) error {
	out := newOutput()
	results := map[string]float64{}
	for i := range measurements {
		m := measurements[i]
		m.sizes = append([]int64(nil), m.sizes...)
		if m.driver != "fib" {
			m.sizes[len(m.sizes)-1] = max(m.sizes[len(m.sizes)-1]/int64(b.shrink), 1)
		}
		value, err := m.value(b, ctx, &m)
		if err != nil {
			return fmt.Errorf("%s: %w", m.key, err)
		}
		if results[m.key] = value; b.json {
			continue
		}
		if err := out.println(fmt.Sprintf("%-20s %14.1f   %s", m.key, value, m.about)); err != nil {
			return err
		}
	}
	if !b.json {
		return nil
	}
	text, err := json.Marshal(results)
	if err != nil {
		return err
	}
	return out.println(string(text))
}

// ops is how often the driver does what it does.
func (m *measurement) ops() float64 {
	ops := 1.0
	for _, size := range m.sizes {
		ops *= float64(size)
	}
	return ops
}

// each gives the nanoseconds of one operation.
func (b *bench) each(ctx context.Context, m *measurement) (float64, error) {
	took, err := b.drive(ctx, m, nil)
	return float64(took) / m.ops(), err
}

func (b *bench) perSecond(ctx context.Context, m *measurement) (float64, error) {
	took, err := b.drive(ctx, m, nil)
	return m.ops() / took.Seconds(), err
}

func (b *bench) milliseconds(ctx context.Context, m *measurement) (float64, error) {
	took, err := b.drive(ctx, m, nil)
	return float64(took) / float64(time.Millisecond), err
}

// resident gives the bytes that the program has grown by for each process that waits.
func (b *bench) resident(ctx context.Context, m *measurement) (bytes float64, err error) {
	debug.FreeOSMemory()
	before := residentBytes()
	_, err = b.drive(ctx, m, func() { bytes = float64(residentBytes()-before) / m.ops() })
	return bytes, err
}

// drive runs a driver and gives the time that it has measured. The driver is then given another message, behind what is
// to be done in between.
func (b *bench) drive(ctx context.Context, m *measurement, between func()) (time.Duration, error) {
	args := []any{b.driver.Pid()}
	for _, size := range m.sizes {
		args = append(args, size)
	}
	fn := b.fn
	fn.Export = m.driver
	pid, ref, err := b.driver.SpawnMonitor(ctx, b.driver.Pid().Node, wnode.SpawnRequest{Function: fn, Args: term.MustEncode(args)})
	if err != nil {
		return 0, err
	}
	message, err := b.driver.Receive(ctx, wnode.Infinity)
	switch {
	case err != nil:
		return 0, err
	case message.Kind == abi.MessageDown:
		return 0, errors.New("the driver has ended before it measured anything")
	}
	if between != nil {
		between()
	}
	if err := b.driver.Send(ctx, pid, nil); err != nil {
		return 0, err
	}
	_, err = b.driver.ReceiveDown(ctx, ref)
	return time.Duration(binary.LittleEndian.Uint64(message.Data)), err
}

// residentBytes is the memory that this program takes, as far as the system says.
func residentBytes() uint64 {
	var total, resident uint64
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		if _, err := fmt.Sscan(string(statm), &total, &resident); err == nil {
			return resident * uint64(os.Getpagesize())
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Sys - stats.HeapReleased
}
