package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"

	"github.com/spf13/cobra"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
)

//go:embed bench/bench.wasm
var benchModule []byte

func benchCommand() *cobra.Command {
	b := &bench{}
	c := &cobra.Command{
		Use:   "bench [local|remote]",
		Short: "Measure what a node does here: spawns, messages, memory, kills",
		Long: `Measures a node with guests that are written in C and in Go: who spawns, sends and
receives are WebAssembly processes. The node is one of its own, and takes most of this
machine for a minute. With "remote" it has another program beside it with a second node,
and what is measured goes over the link of the two. The figures, and the keys that --json
has for them:

` + figuresText(localMeasurements) + `

With "remote":

` + figuresText(remoteMeasurements),
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"local", "remote"},
		RunE: func(c *cobra.Command, args []string) error {
			b.remote = len(args) > 0 && args[0] == "remote"
			ctx, cancel := untilSignal(c.Context(), os.Interrupt)
			defer cancel()
			return b.run(ctx)
		},
	}
	c.Flags().BoolVar(&b.json, "json", false, "print one JSON object, with nothing else")
	c.Flags().StringVar(&b.only, "only", "", "measure those figures only whose keys match this regular expression")
	c.Flags().IntVar(&b.idle, "idle", usualIdle, "how many processes wait for idle_process_bytes; each takes some 24 kB")
	c.Flags().IntVar(&b.shrink, "shrink", 1, "do one part in so many of the work, for a quick look that says less")
	return c
}

// bench measures a node.
type bench struct {
	json   bool
	shrink int
	idle   int // processes that wait
	only   string
	remote bool

	family
	node   *wnode.Node
	there  string // the name of the other node, "" for none
	fn     abi.Function
	driver *wnode.Process // the native process that the results go to
	wanted *regexp.Regexp // of keys
}

func (b *bench) run(ctx context.Context) (err error) {
	if b.shrink < 1 {
		return errors.New("--shrink: give a number from 1 on")
	}
	if b.idle < 1 || b.idle > mostIdle {
		return fmt.Errorf("--idle: give a number from 1 to %d", mostIdle)
	}
	if b.wanted, err = regexp.Compile(b.only); err != nil {
		return fmt.Errorf("--only: %w", err)
	}
	if b.family, err = newFamily(); err != nil {
		return err
	}
	log := (&nodeFlags{logLevel: slog.LevelWarn}).logger(os.Stderr)
	b.node, err = wnode.Start(ctx, wnode.Options{
		Name: benchHere, Memory: b.memory(), Cookie: b.cookie, Listen: anyLoopback, WellKnownPort: b.port, Logger: log,
		Rights: wnode.Rights{Limits: wnode.Limits{Children: mostIdle + 1}},
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
	if b.remote {
		return b.withOther(ctx, b.within)
	}
	return b.within(ctx)
}

// How many processes wait for idle_process_bytes.
const (
	usualIdle = 100_000
	mostIdle  = 1<<20 - 1<<10 // a node has no more than that and those of the bench
)

// memory is what the node may keep: what is usual, unless so many processes are to wait that they count for more. A process
// that waits counts for all the memory that it may touch, 64 KiB and what the node needs for it.
func (b *bench) memory() uint64 {
	if b.idle <= usualIdle {
		return 0
	}
	return uint64(b.idle) * (128 << 10)
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

// all makes the measurements and prints their figures, each when it is there unless they are one object.
func (b *bench) all(ctx context.Context) error {
	out := newOutput()
	results := map[string]float64{}
	measurements := localMeasurements
	if b.remote {
		measurements = remoteMeasurements
	}
	for _, m := range measurements {
		if !slices.ContainsFunc(m.figures, b.wants) {
			continue
		}
		if m.driver == idleDriver {
			m.sizes = []int64{int64(b.idle)}
		}
		m.shrink(int64(b.shrink))
		values, err := m.values(b, ctx, &m)
		if err != nil {
			return fmt.Errorf("%s: %w", m.figures[0].key, err)
		}
		for i, f := range m.figures {
			if !b.wants(f) {
				continue
			}
			if results[f.key] = values[i]; b.json {
				continue
			}
			if err := out.println(fmt.Sprintf("%-22s %14.*f %-6s  %s", f.key, f.unit.decimals(), values[i], f.unit, f.about)); err != nil {
				return err
			}
		}
	}
	if len(results) == 0 {
		return fmt.Errorf("--only: no key matches %q; wnode bench --help lists them", b.only)
	}
	if !b.json {
		return nil
	}
	return out.printJSON(results)
}

func (b *bench) wants(f figure) bool { return b.wanted.MatchString(f.key) }
