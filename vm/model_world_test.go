package vm_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// worldNodes are joined in a test of the model.
const worldNodes = 3

func nodeName(node abi.NodeID) string { return fmt.Sprintf("node%d", node) }

// wires join nodes. A signal that has been sent waits, in order, until the test has it arrive; when
// two nodes are cut apart what waits between them is lost.
type wires struct {
	mu     sync.Mutex
	queues map[[2]abi.NodeID][]abi.Signal // from, to
	cut    map[[2]abi.NodeID]bool         // the lesser one first
}

// wireEnd is one node's way to the others. It never connects.
type wireEnd struct {
	wires *wires
	node  abi.NodeID
}

func (e wireEnd) Send(_ context.Context, sig abi.Signal) error          { return e.Post(sig) }
func (e wireEnd) SendConnected(_ context.Context, sig abi.Signal) error { return e.Post(sig) }

func (e wireEnd) Post(sig abi.Signal) error {
	e.wires.mu.Lock()
	defer e.wires.mu.Unlock()
	if e.wires.cut[nodePair(e.node, sig.To.Node)] {
		return abi.ErrNotConnected
	}
	way := [2]abi.NodeID{e.node, sig.To.Node}
	e.wires.queues[way] = append(e.wires.queues[way], sig)
	return nil
}

// next takes the first signal off a way that is not empty.
func (w *wires) next(rnd *rand.Rand) (abi.Signal, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ways [][2]abi.NodeID
	for from := abi.NodeID(1); from <= worldNodes; from++ {
		for to := abi.NodeID(1); to <= worldNodes; to++ {
			if way := [2]abi.NodeID{from, to}; len(w.queues[way]) > 0 {
				ways = append(ways, way)
			}
		}
	}
	if len(ways) == 0 {
		return abi.Signal{}, false
	}
	way := ways[rnd.IntN(len(ways))]
	sig := w.queues[way][0]
	w.queues[way] = w.queues[way][1:]
	return sig, true
}

// failer fails a property from within a bubble, in which rapid cannot run.
type failer struct{}

// failure is why.
type failure string

func (failer) Fatalf(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

// inBubble checks a property of what it draws. The property runs in a bubble of its own, in a world
// that is closed in the end.
func inBubble[T any](t *testing.T, draw *rapid.Generator[T], property func(w *world, drawn T)) {
	rapid.Check(t, func(rt *rapid.T) {
		order, drawn := rapid.Uint64().Draw(rt, "order of signals"), draw.Draw(rt, "drawn")
		var failed failure
		synctest.Test(t, func(*testing.T) {
			w := newWorld(order)
			defer w.close()
			defer func() {
				var is bool
				if r := recover(); r != nil {
					if failed, is = r.(failure); !is {
						panic(r)
					}
				}
			}()
			property(w, drawn)
		})
		if failed != "" {
			rt.Fatal(string(failed))
		}
	})
}

// world is some joined systems and the puppets in them.
type world struct {
	t     failer
	rnd   *rand.Rand // the order in which signals arrive
	wires *wires
	sys   [worldNodes + 1]*vm.System // by node
	names [worldNodes + 1]*names

	mu      sync.Mutex
	puppets map[abi.Pid]*puppet
}

// newWorld makes a world. order decides in which order signals arrive.
func newWorld(order uint64) *world {
	w := &world{
		rnd:     rand.New(rand.NewPCG(order, 0)),
		wires:   &wires{queues: map[[2]abi.NodeID][]abi.Signal{}, cut: map[[2]abi.NodeID]bool{}},
		puppets: map[abi.Pid]*puppet{},
	}
	for node := abi.NodeID(1); node <= worldNodes; node++ {
		w.names[node] = newNames()
		w.sys[node] = vm.New(vm.Options{
			Node: node, Remote: wireEnd{w.wires, node}, Names: w.names[node], Loader: puppetLoader{w},
			Crashed: func(c vm.Crash) { panic("crashed: " + c.Detail) },
		})
	}
	return w
}

// close ends the systems, whatever state they are in.
func (w *world) close() {
	for _, sys := range w.sys[1:] {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		if err := sys.Close(ctx); err != nil {
			panic(err)
		}
		cancel()
	}
}

// puppet is a process that does what it is told.
type puppet struct {
	pid   abi.Pid
	steps chan func(*vm.Process) *vm.Exit
	ended chan struct{}
	cause []byte // why it was told to end, once it has ended
}

func (w *world) newPuppet() (*puppet, vm.Body) {
	x := &puppet{steps: make(chan func(*vm.Process) *vm.Exit), ended: make(chan struct{})}
	return x, vm.Func(func(p *vm.Process) vm.Exit {
		defer close(x.ended)
		w.mu.Lock()
		x.pid = p.Pid()
		w.puppets[x.pid] = x
		w.mu.Unlock()
		for {
			select {
			case <-p.Context().Done():
				if told := new(vm.ExitError); errors.As(context.Cause(p.Context()), &told) {
					x.cause = told.Reason
				}
				return vm.Normal
			case step := <-x.steps:
				if exit := step(p); exit != nil {
					x.cause = term.MustEncode(exit.Reason)
					return *exit
				}
			}
		}
	})
}

// puppetLoader makes a puppet of every function.
type puppetLoader struct{ world *world }

func (l puppetLoader) Body(abi.Function, abi.NodeID) vm.Body {
	_, body := l.world.newPuppet()
	return body
}

func (w *world) puppet(pid abi.Pid) *puppet {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.puppets[pid]
}

// spawn starts a puppet that nothing ties to others.
func (w *world) spawn(node abi.NodeID) abi.Pid {
	_, body := w.newPuppet()
	pid, err := w.sys[node].Spawn(vm.SpawnOptions{Body: body})
	if err != nil {
		w.t.Fatalf("spawn: %v", err)
	}
	synctest.Wait()
	return pid
}

// start has a puppet do something when it comes to it; nothing comes of it when it has ended.
func (w *world) start(pid abi.Pid, f func(p *vm.Process) *vm.Exit) {
	x := w.puppet(pid)
	select {
	case x.steps <- f:
	case <-x.ended:
	}
}

// settle lets everything come to its end that has begun.
func (w *world) settle() {
	for synctest.Wait(); w.arrive(); synctest.Wait() {
	}
}

// arrive brings one signal to its node.
func (w *world) arrive() bool {
	sig, ok := w.wires.next(w.rnd)
	if ok {
		w.sys[sig.To.Node].Deliver(sig)
	}
	return ok
}

// setCut cuts two nodes apart, or joins them again.
func (w *world) setCut(a, b abi.NodeID, cut bool) {
	w.wires.mu.Lock()
	was := w.wires.cut[nodePair(a, b)]
	w.wires.cut[nodePair(a, b)] = cut
	if cut {
		delete(w.wires.queues, [2]abi.NodeID{a, b})
		delete(w.wires.queues, [2]abi.NodeID{b, a})
	}
	w.wires.mu.Unlock()
	if cut && !was {
		w.sys[a].NodeDown(b)
		w.sys[b].NodeDown(a)
	}
}

// register gives a process a name as a node does; it reports whether it got it.
func (w *world) register(name string, pid abi.Pid) bool {
	return w.names[pid.Node].claim(name, pid, w.sys[pid.Node].Alive)
}

// claim gives a name that is free to a process that lives and has none.
func (n *names) claim(name string, pid abi.Pid, alive func(abi.Pid) bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for taken, owner := range n.pids {
		if taken == name || owner == pid {
			return false
		}
	}
	if !alive(pid) { // one that ends after this look releases its names after this lock
		return false
	}
	n.pids[name] = pid
	return true
}
