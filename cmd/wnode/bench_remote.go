package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// The nodes of the bench.
const (
	benchHere  = "bench_one@127.0.0.1"
	benchThere = "bench_two@127.0.0.1"
)

// remoteMeasurements are those of two nodes, likewise.
var remoteMeasurements = []measurement{
	{one("remote_pingpong_ns", nanoseconds, "a message of 16 bytes to the other node and back"), "remote_pingpong", []int64{20_000}, (*bench).each},
	{one("remote_msgs_per_s", perSecond, "messages of 100 bytes from one process to one of the other node"), "remote_blast", []int64{100, 300_000}, (*bench).messages},
	{one("remote_bytes_per_s", perSecond, "bytes in such messages of 1 MiB"), "remote_blast", []int64{1 << 20, 300}, (*bench).rate},
	{one("bare_quic_bytes_per_s", perSecond, "bytes in a stream of QUIC between two programs, written 1 MiB at a time"), "", []int64{1 << 20, 300}, (*bench).bareStream},
	{one("remote_spawn_ns", nanoseconds, "spawn a process on the other node, which has its module, and wait for its DOWN"), "remote_spawn", []int64{5000}, (*bench).each},
	{one("remote_small_p99_ns", nanoseconds, "a message of 16 bytes to the other node and back while another process sends messages of 16 MiB, 99th percentile"), "remote_latency", []int64{10_000}, (*bench).besideMessages},
	{one("remote_small_beside_module_p99_ns", nanoseconds, "the same while a module of 56 MiB goes to the other node"), "remote_latency", []int64{1 << 20, 56 << 20}, (*bench).besideModule},
}

// withOther does what it is to do while the other node runs, in a program of its own that keeps nothing, and is connected.
func (b *bench) withOther(ctx context.Context, do func(context.Context) error) (err error) {
	home, err := os.MkdirTemp("", "wnode-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(home)) }()
	for _, variable := range []string{"HOME", "XDG_CACHE_HOME", "LocalAppData"} { // where systems have caches
		b.env = append(b.env, variable+"="+home)
	}
	other, err := b.startNode(ctx, benchThere, unlisted{os.Stderr}, "--log-level", "warn")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, other.stop()) }()
	if _, err := other.waitFor(ctx, listening); err != nil {
		return err
	}
	if err := b.node.Connect(ctx, benchThere); err != nil {
		return err
	}
	b.there = benchThere
	return do(ctx)
}

// unlisted writes lines but for those by which programs say that they can be reached.
type unlisted struct{ w io.Writer }

// Write writes p, which is one line.
func (u unlisted) Write(p []byte) (int, error) {
	if strings.Contains(string(p), " listening on ") {
		return len(p), nil
	}
	return fmt.Fprintf(u.w, "%s\n", p)
}

// messages gives the messages of a second; the first size is that of one.
func (b *bench) messages(ctx context.Context, m *measurement) ([]float64, error) {
	took, err := b.drive(ctx, m, nil)
	return []float64{float64(m.sizes[1]) / took.Seconds()}, err
}

// besideMessages gives the 99th percentile of round trips beside large messages.
func (b *bench) besideMessages(ctx context.Context, m *measurement) ([]float64, error) {
	const large = 16 << 20 // as much as nodes take
	flood, floodEnd, err := b.begin(ctx, "remote_flood", large)
	if err != nil {
		return nil, err
	}
	value, err := b.latency(ctx, m, nil)
	err = errors.Join(err, b.driver.ExitProcess(ctx, flood, term.MustEncode(abi.ReasonKill)))
	_, downErr := b.driver.ReceiveDown(ctx, floodEnd)
	return []float64{value}, errors.Join(err, downErr)
}

// besideModule gives the 99th percentile of round trips until a module that the other node lacks has run there.
func (b *bench) besideModule(ctx context.Context, m *measurement) ([]float64, error) {
	fn, err := b.node.Load("ballast.wasm", ballast(int(m.sizes[1])))
	if err != nil {
		return nil, err
	}
	value, err := b.latency(ctx, m, func() error {
		there, err := b.node.Resolve(ctx, benchThere)
		if err != nil {
			return err
		}
		_, ref, err := b.driver.SpawnMonitor(ctx, there, wnode.SpawnRequest{Function: fn})
		if err != nil {
			return err
		}
		if reason, err := b.driver.ReceiveDown(ctx, ref); err != nil || reason != abi.ReasonNormal {
			return errors.Join(err, fmt.Errorf("the module ended: %v", reason))
		}
		return nil
	})
	return []float64{value}, err
}

// ballast makes a module that does nothing, of a size, that nothing makes smaller.
func ballast(size int) []byte {
	module := []byte("\x00asm\x01\x00\x00\x00" +
		"\x01\x04\x01\x60\x00\x00" + // a type, without parameters
		"\x03\x02\x01\x00" + // a function of it
		"\x07\x0a\x01\x06_start\x00\x00" +
		"\x0a\x04\x01\x02\x00\x0b" + // its code, which is empty
		"\x00") // a section for whoever knows it
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data) // which does not fail
	module = binary.AppendUvarint(module, uint64(size+1))
	return append(append(module, 0), data...) // behind the section's name, which is empty
}

// begin starts a driver and waits until it says that it has begun.
func (b *bench) begin(ctx context.Context, export string, sizes ...int64) (abi.Pid, abi.Ref, error) {
	fn := b.fn
	fn.Export = export
	pid, ref, err := b.driver.SpawnMonitor(ctx, b.driver.Pid().Node, wnode.SpawnRequest{Function: fn, Args: b.args(sizes)})
	if err != nil {
		return pid, ref, err
	}
	message, err := b.driver.Receive(ctx, wnode.Infinity)
	if err == nil && message.Kind == abi.MessageDown {
		err = errors.New("the driver has ended before it measured anything")
	}
	return pid, ref, err
}

// longestLatency is how long round trips are measured at most.
const longestLatency = 10 * time.Second

// latency measures round trips, and gives their 99th percentile in nanoseconds. What is to be done meanwhile ends it, if
// there is anything; else it ends by itself.
func (b *bench) latency(ctx context.Context, m *measurement, meanwhile func() error) (float64, error) {
	pid, ref, err := b.begin(ctx, m.driver, m.sizes[0], int64(longestLatency))
	if err != nil {
		return 0, err
	}
	if meanwhile != nil {
		err := meanwhile()
		if err := errors.Join(err, b.driver.Send(ctx, pid, nil)); err != nil {
			return 0, err
		}
	}
	message, err := b.driver.Receive(ctx, wnode.Infinity)
	if err != nil {
		return 0, err
	}
	if message.Kind == abi.MessageDown || len(message.Data) < 8 {
		return 0, errors.New("the driver has ended before it measured anything")
	}
	_, err = b.driver.ReceiveDown(ctx, ref)
	var took []uint64
	for data := message.Data; len(data) >= 8; data = data[8:] {
		took = append(took, binary.LittleEndian.Uint64(data))
	}
	slices.Sort(took)
	return float64(took[(len(took)-1)*99/100]), err
}

// bareStream gives the bytes of a second in a stream of QUIC with nothing of a node, to another program.
func (b *bench) bareStream(ctx context.Context, m *measurement) ([]float64, error) {
	other, err := b.start(ctx, unlisted{os.Stderr}, bareStream)
	if err != nil {
		return nil, err
	}
	line, err := other.waitFor(ctx, bareListening)
	if err != nil {
		return nil, errors.Join(err, other.stop())
	}
	addr := bareListening.FindStringSubmatch(line)[1]
	took, err := wnode.MeasureBareStream(ctx, b.cookie, addr, int(m.sizes[0]), int(m.sizes[1]))
	if err != nil {
		return nil, errors.Join(err, other.stop())
	}
	return []float64{m.ops() / took.Seconds()}, other.wait()
}

// bareStream is the command that is the other end of a bare stream.
const bareStream = "bench-stream"

var bareListening = regexp.MustCompile(`^stream listening on (.*)`)

// bareStreamCommand is for the bench alone.
func bareStreamCommand() *cobra.Command {
	return &cobra.Command{
		Use:    bareStream,
		Short:  "Be the other end of what `wnode bench remote` compares a link with",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := untilSignal(c.Context(), os.Interrupt)
			defer cancel()
			secret, err := wnode.ResolveCookie(wnode.CookieSources{})
			if err != nil {
				return err
			}
			return wnode.ServeBareStream(ctx, secret, anyLoopback, func(addr string) {
				fmt.Fprintf(os.Stderr, "stream listening on %s\n", addr)
			})
		},
	}
}
