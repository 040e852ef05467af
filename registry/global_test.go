package registry

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
)

// world is some nodes and what they have said to each other that has not arrived. Messages of one
// node to another arrive in order; nothing else is promised.
type world struct {
	nodes  map[abi.NodeID]*Global
	alive  map[abi.Pid]bool
	queues map[[2]abi.NodeID][]message
}

// message is what the writer of an entry tells another node.
type message struct {
	remove bool
	entry  Entry
}

func newWorld(ids ...abi.NodeID) *world {
	w := &world{nodes: map[abi.NodeID]*Global{}, alive: map[abi.Pid]bool{}, queues: map[[2]abi.NodeID][]message{}}
	for _, id := range ids {
		w.nodes[id] = NewGlobal(id)
	}
	return w
}

func (w *world) announce(from abi.NodeID, m message) {
	for _, to := range w.nodes[from].Members() {
		link := [2]abi.NodeID{from, to}
		w.queues[link] = append(w.queues[link], m)
	}
}

// connect lets two nodes meet: each is sent what the other is the writer of.
func (w *world) connect(a, b abi.NodeID) {
	for _, link := range [][2]abi.NodeID{{a, b}, {b, a}} {
		for _, e := range w.nodes[link[0]].NodeUp(link[1]) {
			w.queues[link] = append(w.queues[link], message{entry: e})
		}
	}
}

func (w *world) disconnect(a, b abi.NodeID) {
	for _, link := range [][2]abi.NodeID{{a, b}, {b, a}} {
		w.nodes[link[0]].NodeDown(link[1])
		delete(w.queues, link)
	}
}

func (w *world) kill(p abi.Pid) {
	if !w.alive[p] {
		return
	}
	w.alive[p] = false
	g := w.nodes[p.Node]
	if name := g.NameOf(p); name != "" {
		g.Remove(name, p)
		w.announce(p.Node, message{remove: true, entry: Entry{Name: name, Pid: p}})
	}
}

// step delivers the oldest message of a link.
func (w *world) step(link [2]abi.NodeID) {
	m := w.queues[link][0]
	if w.queues[link] = w.queues[link][1:]; len(w.queues[link]) == 0 {
		delete(w.queues, link)
	}
	g := w.nodes[link[1]]
	if m.remove {
		g.Remove(m.entry.Name, m.entry.Pid)
		return
	}
	c, err := g.Commit(m.entry)
	if err != nil {
		panic(err) // nodes that agree say nothing that another refuses
	}
	for _, loser := range c.Losers {
		if loser.Node == link[1] {
			w.kill(loser)
		}
	}
}

// register does what a node does for its own process. The reservation is one atomic step: of two at
// a time the arbiter lets one through.
func (w *world) register(name string, p abi.Pid) error {
	g := w.nodes[p.Node]
	arbiter := w.nodes[g.Arbiter()]
	if err := arbiter.Reserve(name, p); err != nil {
		return err
	}
	if c, err := g.Commit(Entry{Name: name, Pid: p}); err != nil || len(c.Losers) > 0 {
		g.Remove(name, p)
		arbiter.Cancel(name, p.Node)
		return abi.ErrNameTaken
	}
	w.announce(p.Node, message{entry: Entry{Name: name, Pid: p}})
	return nil
}

func (w *world) links() (links [][2]abi.NodeID) {
	for link := range w.queues {
		links = append(links, link)
	}
	return links
}

// GLOB-11, GLOB-12: whatever the order in which nodes meet, part, register and lose processes, once
// all are connected and all messages have arrived they agree, and every name is of a live process.
func TestGlobalConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := []abi.NodeID{1, 2, 3, 4}
		w := newWorld(ids...)
		node := rapid.SampledFrom(ids)
		next := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"connect": func(t *rapid.T) {
				a, b := node.Draw(t, "a"), node.Draw(t, "b")
				if a != b && !w.nodes[a].members[b] {
					w.connect(a, b)
				}
			},
			"disconnect": func(t *rapid.T) {
				a, b := node.Draw(t, "a"), node.Draw(t, "b")
				if a != b && w.nodes[a].members[b] {
					w.disconnect(a, b)
				}
			},
			"register": func(t *rapid.T) {
				next++
				p := abi.Pid{Node: node.Draw(t, "node"), Num: next}
				w.alive[p] = true
				err := w.register(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"), p)
				if err != nil && !errors.Is(err, abi.ErrNameTaken) {
					t.Fatal(err)
				}
			},
			"kill": func(t *rapid.T) {
				if next > 0 {
					num := rapid.Uint64Range(1, next).Draw(t, "num")
					for p := range w.alive {
						if p.Num == num {
							w.kill(p)
							break
						}
					}
				}
			},
			"deliver": func(t *rapid.T) {
				if links := w.links(); len(links) > 0 {
					w.step(links[rapid.IntRange(0, len(links)-1).Draw(t, "link")])
				}
			},
		})
		w.settle(ids)
		w.check(t, ids)
	})
}

// settle connects all nodes, anew where a link may have been lost on the way, and delivers everything.
func (w *world) settle(ids []abi.NodeID) {
	for i, a := range ids {
		for _, b := range ids[i+1:] {
			if !w.nodes[a].members[b] {
				w.connect(a, b)
			}
		}
	}
	for len(w.queues) > 0 {
		w.step(w.links()[0])
	}
}

func (w *world) check(t *rapid.T, ids []abi.NodeID) {
	first := w.nodes[ids[0]]
	for _, id := range ids {
		g := w.nodes[id]
		if got, want := fmt.Sprint(g.byName), fmt.Sprint(first.byName); got != want {
			t.Fatalf("node %d knows %v, node %d %v", id, got, ids[0], want)
		}
		for name, pids := range g.byName {
			if len(pids) != 1 || !w.alive[pids[0]] || g.byPid[pids[0]] != name {
				t.Fatalf("%s is the name of %v", name, pids)
			}
		}
	}
}

// GLOB-02; a reservation keeps others out until it is cancelled or its node is lost.
func TestReservations(t *testing.T) {
	g := NewGlobal(1)
	g.NodeUp(2)
	g.NodeUp(3)
	steps := []struct {
		what string
		do   func() error
		want error
	}{
		{"reserve", func() error { return g.Reserve("a", pid(2, 1)) }, nil},
		{"reserve what is reserved", func() error { return g.Reserve("a", pid(3, 1)) }, abi.ErrNameTaken},
		{"another cannot cancel it", func() error { g.Cancel("a", 3); return g.Reserve("a", pid(3, 1)) }, abi.ErrNameTaken},
		{"cancel", func() error { g.Cancel("a", 2); return g.Reserve("a", pid(3, 1)) }, nil},
		{"lost with its node", func() error { g.NodeDown(3); return g.Reserve("a", pid(2, 1)) }, nil},
		{"commit", func() error { g.Commit(Entry{Name: "a", Pid: pid(2, 1)}); return g.Reserve("a", pid(1, 1)) }, abi.ErrNameTaken},
		{"a second name", func() error { return g.Reserve("b", pid(2, 1)) }, abi.ErrNameTaken},
		{"no name", func() error { return g.Reserve("", pid(2, 2)) }, abi.ErrBadArgument},
		{"free with its node", func() error { g.NodeDown(2); return g.Reserve("a", pid(1, 1)) }, nil},
	}
	for _, s := range steps {
		if err := s.do(); !errors.Is(err, s.want) {
			t.Fatalf("%s: %v, want %v", s.what, err, s.want)
		}
	}
	if _, err := g.Commit(Entry{Name: "c", Pid: pid(9, 1)}); !errors.Is(err, abi.ErrNotConnected) || len(g.Names()) != 0 {
		t.Errorf("an entry of a node that is not connected: %v", err)
	}
	for i := range uint64(MaxNodeNames) {
		if _, err := g.Commit(Entry{Name: fmt.Sprint(i), Pid: pid(1, 100+i)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := g.Commit(Entry{Name: "c", Pid: pid(1, 1)}); !errors.Is(err, abi.ErrLimit) {
		t.Errorf("one name too many: %v", err)
	}
}

// A node that reserves names and never commits them has no more than one that does.
func TestReservationsAreBounded(t *testing.T) {
	g := NewGlobal(1)
	g.NodeUp(2)
	for i := range uint64(MaxNodeNames) {
		if err := g.Reserve(fmt.Sprint("n", i), abi.Pid{Node: 2, Num: i + 1}); err != nil {
			t.Fatal(err)
		}
	}
	another := abi.Pid{Node: 2, Num: 1 << 40}
	if err := g.Reserve("another", another); !errors.Is(err, abi.ErrLimit) {
		t.Errorf("one too many: %v", err)
	}
	if err := g.Reserve("own", abi.Pid{Node: 1, Num: 1}); err != nil {
		t.Errorf("another node's: %v", err)
	}
	g.Cancel("n7", 1) // not its own
	if err := g.Reserve("another", another); !errors.Is(err, abi.ErrLimit) {
		t.Errorf("after another node's word: %v", err)
	}
	g.Cancel("n7", 2)
	g.Cancel("n7", 2)
	if err := g.Reserve("another", another); err != nil {
		t.Errorf("after one was taken back: %v", err)
	}
	if _, err := g.Commit(Entry{Name: "n8", Pid: abi.Pid{Node: 2, Num: 9}}); err != nil {
		t.Errorf("one that was reserved: %v", err)
	}
	g.NodeDown(2)
	if len(g.reserved) != 1 || len(g.pending) != 1 {
		t.Errorf("%d reservations, of %d nodes, after the node has gone", len(g.reserved), len(g.pending))
	}
}
