//go:build linux

package soak

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/cookie"
	"github.com/wnode/wnode/internal/nodetest"
	"github.com/wnode/wnode/tests/soak/history"
)

// phase is what the workers are to do.
type phase int32

const (
	working  phase = iota
	settling       // nothing new, but a last message to everybody until all has arrived
)

// cluster is the nodes of a round and who works on them.
type cluster struct {
	t       *testing.T
	router  *router
	notes   *notes
	members []*member
	phase   atomic.Int32
	fins    atomic.Int32 // how often those who work have been asked for a last message
	next    atomic.Int64 // number of the last worker, guest or alias

	mu       sync.Mutex // guards what follows
	draw     *rand.Rand
	contacts map[string]*contact // workers that live
	names    map[abi.Pid]string  // of all workers that there have been
	ending   map[string]bool     // workers that are to end
	guests   map[abi.Pid]bool    // that somebody was told of
	unheard  map[abi.NodeID]int  // spawns on a node without an answer from there
}

// member is a node, and those that take its place.
type member struct {
	index int
	mu    sync.Mutex // guards what follows
	node  *wnode.Node
}

// contact is what workers know of each other. It is not changed.
type contact struct {
	name    string // it is registered under that, too
	pid     abi.Pid
	node    string
	sponsor string // who may set its group leader
	alias   abi.Ref
	way     string // of the alias
}

const members = 3

func newCluster(t *testing.T, seed uint64) *cluster {
	c := &cluster{
		t: t, notes: newNotes(), draw: rand.New(rand.NewPCG(seed, 1)), contacts: map[string]*contact{}, names: map[abi.Pid]string{},
		ending: map[string]bool{}, guests: map[abi.Pid]bool{}, unheard: map[abi.NodeID]int{},
	}
	c.router = newRouter(t, members, rand.New(rand.NewPCG(seed, 2)))
	t.Cleanup(c.close)
	for i := range members {
		c.members = append(c.members, &member{index: i})
		c.start(c.members[i])
	}
	return c
}

// start starts a node in the place of the one before.
func (c *cluster) start(m *member) {
	secret, err := cookie.NewSecret("the cookie of the soak")
	if err != nil {
		c.t.Fatal(err)
	}
	opts := wnode.Options{
		Name: c.router.nodeName(m.index), Cookie: secret, Listen: c.router.real(m.index).String(), WellKnownPort: c.router.port, IdleTimeout: deadAfter,
	}
	if *logFlag {
		opts.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", opts.Name)
	}
	n, err := wnode.Start(context.Background(), opts)
	if err != nil {
		c.t.Errorf("start %s: %v", opts.Name, err)
		return
	}
	for i := range members {
		if err := n.KeepConnected(c.router.nodeName(i)); err != nil {
			c.t.Error(err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.node = n
}

// running gives the node, nil while there is none.
func (m *member) running() *wnode.Node {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.node
}

// stop stops the node in good order, or as far as it comes in a time.
func (c *cluster) stop(m *member, time time.Duration) {
	m.mu.Lock()
	n := m.node
	m.node = nil
	m.mu.Unlock()
	if n == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		c.t.Errorf("stop %s: %v", n.Name(), err)
	}
}

func (c *cluster) close() {
	var wg sync.WaitGroup
	for _, m := range c.members {
		wg.Go(func() { c.stop(m, patience) })
	}
	wg.Wait()
}

// drawn gives what f draws.
func drawn[V any](c *cluster, f func(*rand.Rand) V) V {
	c.mu.Lock()
	defer c.mu.Unlock()
	return f(c.draw)
}

// populate starts as many workers as a node lacks.
func (c *cluster) populate(m *member) {
	n := m.running()
	if n == nil {
		return
	}
	c.mu.Lock()
	missing := *workersFlag
	for _, other := range c.contacts {
		if other.pid.Node == n.ID() {
			missing--
		}
	}
	c.mu.Unlock()
	for range missing {
		w := c.newWorker(n)
		if _, err := n.Spawn(w.name, abi.Pid{}, w.live); err != nil {
			return // the node is being stopped
		}
	}
}

// enter makes a worker known to the others, among whom one is to be its sponsor.
func (c *cluster) enter(w *worker) *contact {
	c.mu.Lock()
	defer c.mu.Unlock()
	self := &contact{name: w.name, pid: w.p.Pid(), node: w.node.Name(), alias: w.alias, way: w.way}
	if others := c.livingLocked(); len(others) > 0 {
		self.sponsor = others[c.draw.IntN(len(others))].name
	}
	c.contacts[w.name], c.names[self.pid] = self, w.name
	return self
}

// change makes a changed contact known.
func (c *cluster) change(self *contact) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.contacts[self.name] = self
}

func (c *cluster) leave(w *worker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.contacts, w.name)
}

// living gives the workers, in the order of their names.
func (c *cluster) living() []*contact {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.livingLocked()
}

func (c *cluster) livingLocked() []*contact {
	var all []*contact
	for _, other := range c.contacts {
		all = append(all, other)
	}
	slices.SortFunc(all, func(a, b *contact) int { return strings.Compare(a.name, b.name) })
	return all
}

// nameOf gives the name of a worker, dead or alive, by its pid.
func (c *cluster) nameOf(pid abi.Pid) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name, ok := c.names[pid]
	return name, ok
}

// knowGuest notes a guest that a worker was told of.
func (c *cluster) knowGuest(pid abi.Pid) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.guests[pid] = true
}

// unheardOf notes a spawn without an answer from the node: the guest may run there all the same.
func (c *cluster) unheardOf(node abi.NodeID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unheard[node]++
}

// toEnd reports whether a worker is to end.
func (c *cluster) toEnd(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending[name]
}

// end asks workers to end, and waits until they have.
func (c *cluster) end(some []*contact) {
	c.mu.Lock()
	for _, other := range some {
		c.ending[other.name] = true
	}
	c.mu.Unlock()
	c.until("those who are to end have ended", func() bool {
		return !slices.ContainsFunc(c.living(), func(other *contact) bool { return c.toEnd(other.name) })
	})
}

// label makes a name that nothing else has.
func (c *cluster) label(kind string) string { return fmt.Sprintf("%s%d", kind, c.next.Add(1)) }

// until waits for a state that no message tells of. What does not come about is an error, and the history tells more.
func (c *cluster) until(what string, ok func() bool) {
	c.t.Helper()
	if !nodetest.Within(patience, ok) {
		c.t.Errorf("%s: does not come about", what)
	}
}

func (c *cluster) note(e history.Event) { c.notes.note(e) }
