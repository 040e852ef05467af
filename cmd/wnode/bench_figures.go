package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// unit is what a figure is given in.
type unit string

// The units of figures.
const (
	nanoseconds  unit = "ns"
	milliseconds unit = "ms"
	perSecond    unit = "/s"
	octets       unit = "bytes"
	times        unit = "times"
)

// decimals is how many digits of a figure say anything.
func (u unit) decimals() int {
	if u == times {
		return 2
	}
	return 1
}

// figure is what the bench prints. Keys never change their meaning: scripts compare them.
type figure struct {
	key   string
	unit  unit
	about string
}

func one(key string, u unit, about string) []figure { return []figure{{key, u, about}} }

// measurement gives figures. The driver, if there is one, is an export of the module in C, and takes sizes.
type measurement struct {
	figures []figure
	driver  string
	sizes   []int64
	values  func(b *bench, ctx context.Context, m *measurement) ([]float64, error)
}

// localMeasurements have the keys and the sizes that the BEAM is measured with, and some of their own.
var localMeasurements = []measurement{
	{one("spawn_roundtrip_ns", nanoseconds, "spawn a process and wait for its DOWN"), "spawn_roundtrip", []int64{100_000}, (*bench).each},
	{one("spawn_storm_per_s", perSecond, "processes that two others spawn, and that send a message"), "storm", []int64{2, 100_000}, (*bench).rate},
	{one("idle_process_bytes", octets, "resident memory of a process that waits"), idleDriver, []int64{usualIdle}, (*bench).resident},
	{one("pingpong_ns", nanoseconds, "a message of 16 bytes there and back"), "pingpong", []int64{500_000}, (*bench).each},
	{one("ring_hop_ns", nanoseconds, "a message from one process to the next in a ring of 1000"), "ring", []int64{1000, 1000}, (*bench).each},
	{one("fan_in_msgs_per_s", perSecond, "messages that 100 processes send to one"), "fan_in", []int64{100, 10_000}, (*bench).rate},
	{one("fib30_ms", milliseconds, "fib(30)"), "fib", []int64{30}, (*bench).whole},
	{one("host_call_ns", nanoseconds, "a call of the host"), "host_call", []int64{2_000_000}, (*bench).each},
	{one("kill_spinning_ns", nanoseconds, "from the kill of a process that computes without end to its DOWN"), "kill_spinning", []int64{20}, (*bench).each},
	{collectorFigures, "", []int64{50}, (*bench).collector},
	{one("go_spawn_warm_ns", nanoseconds, "a Go program of 4 MB from spawn to DOWN, in an instance that has rested"), "nop", []int64{5000}, (*bench).goSpawn},
	{one("go_spawn_fresh_ns", nanoseconds, "the same, in a new instance from the program's image"), "spend", []int64{500}, (*bench).goSpawn},
	{meteringFigures(), "", []int64{20}, (*bench).metering},
}

// figuresText lists the figures for people.
func figuresText(measurements []measurement) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, m := range measurements {
		for _, f := range m.figures {
			fmt.Fprintf(w, "  %s\t%s\t%s\n", f.key, f.unit, f.about)
		}
	}
	_ = w.Flush() // to memory
	return strings.TrimSuffix(text.String(), "\n")
}

// shrink has the measurement do one part in so many of its work, unless what it does is the figure.
func (m *measurement) shrink(parts int64) {
	m.sizes = append([]int64(nil), m.sizes...)
	if m.driver != "fib" {
		last := &m.sizes[len(m.sizes)-1]
		*last = max(*last/parts, 1)
	}
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
func (b *bench) each(ctx context.Context, m *measurement) ([]float64, error) {
	took, err := b.drive(ctx, m, nil)
	return []float64{float64(took) / m.ops()}, err
}

// rate gives the operations of a second.
func (b *bench) rate(ctx context.Context, m *measurement) ([]float64, error) {
	took, err := b.drive(ctx, m, nil)
	return []float64{m.ops() / took.Seconds()}, err
}

// whole gives the milliseconds of all.
func (b *bench) whole(ctx context.Context, m *measurement) ([]float64, error) {
	took, err := b.drive(ctx, m, nil)
	return []float64{float64(took) / float64(time.Millisecond)}, err
}

// resident gives the bytes that the program has grown by for each process that waits.
func (b *bench) resident(ctx context.Context, m *measurement) ([]float64, error) {
	debug.FreeOSMemory()
	before, bytes, had := residentBytes(), 0.0, len(b.node.Processes())
	_, err := b.drive(ctx, m, func() { bytes = float64(residentBytes()-before) / m.ops() })
	return []float64{bytes}, errors.Join(err, b.settle(ctx, had))
}

// idleDriver spawns the processes that wait.
const idleDriver = "idle"

// settle waits until the node has no more processes than it had: to end 100,000 takes a while, in which nothing else
// can be measured.
func (b *bench) settle(ctx context.Context, had int) error {
	const often = 10 * time.Millisecond
	for len(b.node.Processes()) > had {
		select {
		case <-time.After(often):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// drive runs a driver and gives the time that it has measured. The driver is then given another message, behind what is
// to be done in between.
func (b *bench) drive(ctx context.Context, m *measurement, between func()) (time.Duration, error) {
	fn := b.fn
	fn.Export = m.driver
	pid, ref, err := b.driver.SpawnMonitor(ctx, b.driver.Pid().Node, wnode.SpawnRequest{Function: fn, Args: b.args(m.sizes)})
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

// args gives the arguments of a driver.
func (b *bench) args(sizes []int64) []byte {
	args := []any{b.driver.Pid()}
	if b.there != "" {
		args = append(args, b.there)
	}
	for _, size := range sizes {
		args = append(args, size)
	}
	return term.MustEncode(args)
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
