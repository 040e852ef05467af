//go:build linux

package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/goleak"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/cookie"
	"github.com/wnode/wnode/internal/nodetest"
)

// life is what this program is told, as JSON in an environment variable, when it is to be a node, and no test.
type life struct {
	Label   string // which all that lives there has in front of its name
	Node    string
	Peers   []string
	Listen  string
	Port    uint16
	Board   string // the file
	Cache   string
	Workers int
	Silence time.Duration // after which another node is given up
	Seed    uint64
	Log     bool
}

const lifeVariable = "WNODE_SOAK_LIFE"

// order is what a node is told to do, on its standard input. The end of that has it stop in good order.
type order struct {
	Disconnect string        // from a node,
	Within     time.Duration // as far as it comes by then,
	Keep       bool          // and to be kept connected with it again, or else until somebody sends
	Settle     bool          // to begin nothing new, and connect to all
	Remind     bool          // to ask the workers for a last message
	End        []string      // to end workers, as far as they are its own
	EndGuests  bool
}

// program is a node, and who works there.
type program struct {
	life
	board    *board
	node     *wnode.Node
	next     atomic.Int64 // number of the last worker, guest or alias
	settling atomic.Bool
	reminded atomic.Int32 // how often a last message has been asked for

	mu     sync.Mutex // guards what follows
	draw   *rand.Rand
	ending map[string]bool // workers that are to end
}

// runLife is what the program does in place of tests. It gives the exit code.
func runLife(text string) (code int) {
	p := &program{ending: map[string]bool{}}
	err := json.Unmarshal([]byte(text), &p.life)
	if err == nil {
		err = p.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// run starts the node, obeys until there are no more orders, and stops it.
func (p *program) run() (err error) {
	if p.board, err = openBoard(p.Board); err != nil {
		return err
	}
	defer p.board.close()
	p.draw = rand.New(rand.NewPCG(p.Seed, 3))
	if err := p.start(); err != nil {
		return err
	}
	orders := make(chan order)
	go readOrders(os.Stdin, orders)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ended := false; !ended; {
		p.populate()
		select {
		case o, ok := <-orders:
			if ended = !ok; ok {
				p.obey(o)
			}
		case <-tick.C:
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return errors.Join(p.node.Close(ctx), goleak.Find())
}

// readOrders ends with the input.
func readOrders(in io.Reader, orders chan<- order) {
	defer close(orders)
	for d := json.NewDecoder(in); ; {
		var o order
		if d.Decode(&o) != nil {
			return
		}
		orders <- o
	}
}

func (p *program) start() error {
	secret, err := cookie.NewSecret("the cookie of the soak")
	if err != nil {
		return err
	}
	opts := wnode.Options{
		Name: p.Node, Cookie: secret, Listen: p.Listen, WellKnownPort: p.Port, IdleTimeout: p.Silence, CacheDir: p.Cache,
	}
	if p.Log {
		opts.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if p.node, err = wnode.Start(context.Background(), opts); err != nil {
		return err
	}
	for _, peer := range p.Peers {
		if err := p.node.KeepConnected(peer); err != nil {
			return err
		}
	}
	return nil
}

// populate starts as many workers as the node lacks, and waits until they are known.
func (p *program) populate() {
	if p.settling.Load() {
		return
	}
	seen, release := p.board.now()
	missing := p.Workers
	for name := range seen.alive {
		if strings.HasPrefix(name, p.Label+"-") {
			missing--
		}
	}
	release()
	for range missing {
		w := newWorker(p)
		if _, err := p.node.Spawn(w.name, abi.Pid{}, w.live); err != nil {
			p.board.fail("%s: spawn: %v", w.name, err)
			return
		}
		<-w.entered
	}
}

func (p *program) obey(o order) {
	if o.Disconnect != "" {
		ctx, cancel := context.WithTimeout(context.Background(), o.Within)
		p.node.Disconnect(ctx, o.Disconnect)
		cancel()
		if o.Keep {
			_ = p.node.KeepConnected(o.Disconnect)
		}
	}
	if o.Settle {
		p.settling.Store(true)
		p.connectAll()
	}
	if o.Remind {
		p.reminded.Add(1)
	}
	p.mu.Lock()
	for _, name := range o.End {
		p.ending[name] = true
	}
	p.mu.Unlock()
	if o.EndGuests {
		p.endGuests()
	}
}

// connectAll connects to all other nodes.
func (p *program) connectAll() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	if !nodetest.Within(patience, func() bool {
		err = nil
		for _, peer := range p.Peers {
			err = errors.Join(err, p.node.Connect(ctx, peer))
		}
		return len(p.node.Nodes()) == len(p.Peers)
	}) {
		p.board.fail("%s is connected to %v only: %v", p.Label, p.node.Nodes(), err)
		return
	}
	p.board.write(entry{Joined: p.Label})
}

// endGuests kills the guests that are left. There must be none of which nobody knows, but those of spawns whose answer
// was lost, or never read by who asked.
func (p *program) endGuests() {
	left := p.node.Processes()
	if unknown, most := p.unknown(left); unknown > most {
		p.board.fail("%s: %d processes are left of which nobody knows, %d spawns were not answered", p.Label, unknown, most)
	}
	_, err := p.node.Spawn("end", abi.Pid{}, func(self *wnode.Process) wnode.Exit {
		for _, pid := range left {
			_ = self.ExitProcess(self.Context(), pid, term.MustEncode(abi.ReasonKill))
		}
		return wnode.Normal
	})
	if err != nil || !nodetest.Within(patience, func() bool { return len(p.node.Processes()) == 0 }) {
		p.board.fail("%s: processes do not end: %v", p.Label, err)
	}
}

// unknown counts the processes of the node that nobody was told of, and how many there may be.
func (p *program) unknown(pids []abi.Pid) (count, most int) {
	seen, release := p.board.now()
	defer release()
	for _, pid := range pids {
		if !seen.guests[pid] {
			count++
		}
	}
	return count, seen.unheard[p.node.ID()]
}

// toEnd reports whether a worker is to end.
func (p *program) toEnd(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ending[name]
}

// drawn gives a source for draws.
func (p *program) drawn() *rand.Rand {
	p.mu.Lock()
	defer p.mu.Unlock()
	return rand.New(rand.NewPCG(p.draw.Uint64(), 4))
}

// label makes a name that nothing else has.
func (p *program) label(kind string) string {
	return fmt.Sprintf("%s-%s%d", p.Label, kind, p.next.Add(1))
}
