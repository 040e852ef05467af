package sched

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newTest makes a scheduler that ends with the test, whose tasks have to end before.
func newTest(t *testing.T, processors int) *Scheduler {
	s := New(processors)
	t.Cleanup(s.Close)
	return s
}

// tasks starts tasks on behalf of another one, or of none, and waits for all.
type tasks struct {
	s  *Scheduler
	wg sync.WaitGroup
}

func (ts *tasks) start(by *Task, run func(*Task)) *Task {
	task := new(Task)
	ts.wg.Add(1)
	ts.s.Start(task, bodyFunc(func() {
		defer ts.wg.Done()
		run(task)
	}), by)
	return task
}

// yieldUntil runs on until something has happened.
func yieldUntil(task *Task, happened func() bool) {
	for !happened() {
		task.Yield()
	}
}

func TestOneAfterTheOther(t *testing.T) {
	ts := tasks{s: newTest(t, 1)}
	var order []int
	ts.start(nil, func(first *Task) {
		for i := range 5 {
			ts.start(first, func(*Task) { order = append(order, i) })
		}
		first.Yield()
		order = append(order, 5)
	})
	ts.wg.Wait()
	if !slices.Equal(order, []int{1, 2, 3, 4, 0, 5}) { // the first is the next, unless the time for that is over
		t.Errorf("order %v", order)
	}
}

// A call that comes before the task waits is not lost, and one is as good as many.
func TestReadyBeforePark(t *testing.T) {
	ts := tasks{s: newTest(t, 1)}
	parked := 0
	task := ts.start(nil, func(task *Task) {
		task.Ready(task)
		task.Ready(nil)
		task.Park()
		parked++
		for parked < 3 {
			task.Park()
			parked++
		}
	})
	for parked := make(chan bool); ; {
		ts.start(nil, func(*Task) { parked <- task.state.Load() == ended })
		task.Ready(nil)
		if <-parked {
			break
		}
	}
	ts.wg.Wait()
	task.Ready(nil) // of one that has ended is nothing
}

// Whoever blocks does not keep others from running, and goes on when it can.
func TestBlock(t *testing.T) {
	for _, processors := range []int{1, 2} {
		ts := tasks{s: newTest(t, processors)}
		const many = 100
		var blocked sync.WaitGroup
		open := make(chan struct{})
		var after atomic.Int32
		ts.start(nil, func(first *Task) {
			for range many {
				blocked.Add(1)
				ts.start(first, func(task *Task) {
					task.Block()
					blocked.Done()
					<-open
					task.Unblock()
					task.Yield()
					after.Add(1)
				})
			}
			first.Block()
			blocked.Wait()
			close(open)
			first.Unblock()
			yieldUntil(first, func() bool { return after.Load() == many })
		})
		ts.wg.Wait()
	}
}

// A task that runs on the stack of the one that made it ready does not hold that one up when it blocks, and has
// its own turns from then on.
func TestHostedBlocks(t *testing.T) {
	ts := tasks{s: newTest(t, 1)}
	ts.start(nil, func(first *Task) {
		var went atomic.Bool
		open := make(chan struct{})
		second := ts.start(first, func(second *Task) {
			if !second.worker.hosting {
				t.Error("it has no host")
			}
			first.Ready(second)
			second.Block()
			<-open
			second.Unblock()
			for !went.Load() {
				second.Park()
			}
		})
		first.Park()
		close(open)
		went.Store(true)
		second.Ready(first)
	})
	ts.wg.Wait()
}

// A host goes on when the task on its stack has used a slice up.
func TestHostedComputes(t *testing.T) {
	ts := tasks{s: newTest(t, 1)}
	ts.start(nil, func(first *Task) {
		var went atomic.Bool
		ts.start(first, func(second *Task) {
			first.Ready(nil)
			yieldUntil(second, went.Load)
		})
		first.Park()
		went.Store(true)
	})
	ts.wg.Wait()
}

// A processor without work is woken for a task beyond the one that comes next anyway, while the task that has
// made it ready computes without end.
func TestStealing(t *testing.T) {
	ts := tasks{s: newTest(t, 2)}
	ts.start(nil, func(first *Task) {
		var ran atomic.Int32
		ts.start(first, func(*Task) { ran.Add(1) })
		ts.start(first, func(*Task) { ran.Add(1) })
		for ran.Load() == 0 {
			runtime.Gosched() // no turn of the scheduler's
		}
	})
	ts.wg.Wait()
}

// The task that comes next is given to another processor when the one before it goes on and on.
func TestYieldGivesAway(t *testing.T) {
	ts := tasks{s: newTest(t, 2)}
	ts.start(nil, func(first *Task) {
		var ran atomic.Bool
		ts.start(first, func(*Task) { ran.Store(true) })
		yieldUntil(first, ran.Load)
	})
	ts.wg.Wait()
}

// Two tasks that wake each other do not keep a third one from its turn, nor what comes from elsewhere.
func TestFairness(t *testing.T) {
	ts := tasks{s: newTest(t, 1)}
	var third, fromElsewhere atomic.Bool
	started := make(chan struct{})
	over := func() bool { return third.Load() && fromElsewhere.Load() }
	ts.start(nil, func(ping *Task) {
		pong := ts.start(ping, func(pong *Task) {
			for !over() {
				ping.Ready(pong)
				pong.Park()
			}
			ping.Ready(pong)
		})
		ts.start(ping, func(*Task) { third.Store(true) })
		close(started)
		for !over() {
			pong.Ready(ping)
			ping.Park()
		}
		pong.Ready(ping)
	})
	<-started
	ts.start(nil, func(*Task) { fromElsewhere.Store(true) })
	ts.wg.Wait()
}

// Tasks that block again and again do not keep a new one from beginning, nor one that computes from going on.
func TestFairnessToNew(t *testing.T) {
	ts := tasks{s: newTest(t, 1)}
	var begun, computed atomic.Bool
	over := func() bool { return begun.Load() && computed.Load() }
	var blocking sync.WaitGroup
	for range 4 {
		blocking.Add(1)
		ts.start(nil, func(task *Task) {
			for i := 0; !over(); i++ {
				task.Block()
				if i == 0 {
					blocking.Done()
				}
				task.Unblock()
			}
		})
	}
	blocking.Wait()
	ts.start(nil, func(*Task) { begun.Store(true) })
	ts.start(nil, func(task *Task) {
		for range 100 {
			task.Yield()
		}
		computed.Store(true)
	})
	ts.wg.Wait()
}

// No call is lost, whoever calls and whatever the task does at that moment: each of many tokens goes from task
// to task, or to a goroutine and back, so many times.
func TestTokens(t *testing.T) {
	const many, tokens, hops = 50, 20, 200
	ts := tasks{s: newTest(t, 4)}
	left := atomic.Int32{}
	left.Store(tokens)
	nodes := make([]*node, many)
	for i := range nodes {
		nodes[i] = &node{all: nodes, left: &left, rnd: rand.New(rand.NewPCG(uint64(i), 1))}
	}
	var ready sync.WaitGroup
	ready.Add(many)
	for _, n := range nodes {
		ts.start(nil, func(task *Task) { n.task = task; ready.Done(); n.run() })
	}
	ready.Wait()
	for i := range tokens {
		nodes[i].give(hops, nil)
	}
	ts.wg.Wait()
	for _, n := range nodes {
		n.helpers.Wait()
	}
}

// node is a task that hands tokens on.
type node struct {
	task    *Task
	all     []*node
	left    *atomic.Int32 // tokens on their way
	rnd     *rand.Rand
	helpers sync.WaitGroup

	mu  sync.Mutex
	has []int // for each token, how far it has to go
}

func (n *node) give(hops int, by *Task) {
	n.mu.Lock()
	n.has = append(n.has, hops)
	n.mu.Unlock()
	n.task.Ready(by)
}

func (n *node) take() (hops int, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.has) == 0 {
		return 0, false
	}
	hops = n.has[0]
	n.has = n.has[1:]
	return hops, true
}

func (n *node) run() {
	for n.left.Load() > 0 {
		hops, ok := n.take()
		if !ok {
			n.task.Park()
			continue
		}
		if hops == 0 {
			if n.left.Add(-1) == 0 {
				for _, other := range n.all {
					other.task.Ready(n.task)
				}
			}
			continue
		}
		n.handOn(hops - 1)
	}
}

// handOn gives a token to another node in one of several ways.
func (n *node) handOn(hops int) {
	to := n.all[n.rnd.IntN(len(n.all))]
	switch n.rnd.IntN(4) {
	case 0:
		n.helpers.Go(func() { to.give(hops, nil) })
	case 1:
		n.task.Block()
		to.give(hops, n.task)
		n.task.Unblock()
	case 2:
		to.give(hops, n.task)
		n.task.Yield()
	default:
		to.give(hops, n.task)
	}
}
