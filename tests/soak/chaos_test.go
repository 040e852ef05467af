//go:build linux

package soak

import (
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/wnode/wnode/internal/badnet"
)

// chaos makes things fail, one after the other, as they are drawn.
type chaos struct {
	c    *cluster
	draw *rand.Rand
	over <-chan struct{}
}

// fault is something that fails, as often as its weight says.
type fault struct {
	weight int
	happen func(x *chaos)
}

// networkFaults are those of what lies between the nodes, programFaults those of the nodes.
var (
	networkFaults = []fault{
		{2, (*chaos).weather},
		{3, (*chaos).cut},
		{1, (*chaos).isolate},
		{1, (*chaos).move},
	}
	programFaults = []fault{
		{3, (*chaos).disconnect},
		{1, (*chaos).restart},
		{2, (*chaos).kill},
		{1, (*chaos).loseHost},
		{2, (*chaos).suspend},
	}
)

// wreak has what lies between nodes and the nodes themselves fail, each as they like, until it is over.
func (c *cluster) wreak(seed uint64, over <-chan struct{}) {
	var network sync.WaitGroup
	defer network.Wait()
	network.Go(func() {
		(&chaos{c: c, draw: rand.New(rand.NewPCG(seed, 5)), over: over}).run(networkFaults, 400*time.Millisecond)
	})
	(&chaos{c: c, draw: rand.New(rand.NewPCG(seed, 6)), over: over}).run(programFaults, time.Second)
}

// run goes on until it is over. Between two faults is some time, rest at most.
func (x *chaos) run(faults []fault, rest time.Duration) {
	var deck []fault
	for _, f := range faults {
		for range f.weight {
			deck = append(deck, f)
		}
	}
	for x.pause(rest/10, rest) {
		deck[x.draw.IntN(len(deck))].happen(x)
	}
}

// pause waits for a time between two, and reports false when it is over.
func (x *chaos) pause(least, most time.Duration) bool {
	timer := time.NewTimer(least + time.Duration(x.draw.Int64N(int64(most-least))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-x.over:
		return false
	}
}

// two draws two nodes.
func (x *chaos) two() (one, other int) {
	one = x.draw.IntN(members)
	return one, (one + 1 + x.draw.IntN(members-1)) % members
}

func (x *chaos) member() *member { return x.c.members[x.draw.IntN(members)] }

// weather makes a way bad until the next time.
func (x *chaos) weather() {
	one, other := x.two()
	x.c.router.set(one, other, badnet.Faults{
		Loss: x.draw.Float64() * 0.1, Duplicate: x.draw.Float64() * 0.2, Reorder: x.draw.Float64() * 0.2,
		Late: time.Duration(x.draw.Int64N(int64(30 * time.Millisecond))), Delay: time.Duration(x.draw.Int64N(int64(20 * time.Millisecond))),
	})
}

// cut cuts a way, or both between two nodes, for a time that links live through or not.
func (x *chaos) cut() {
	one, other := x.two()
	ways := [][2]int{{one, other}}
	if x.draw.IntN(2) == 0 {
		ways = append(ways, [2]int{other, one})
	}
	x.cutWays(ways)
}

// isolate cuts all ways of a node.
func (x *chaos) isolate() { x.cutWays(waysOf(x.draw.IntN(members))) }

func waysOf(node int) (ways [][2]int) {
	for i := range members {
		ways = append(ways, [2]int{node, i}, [2]int{i, node})
	}
	return ways
}

func (x *chaos) cutWays(ways [][2]int) {
	x.setWays(ways, badnet.Faults{Cut: true})
	x.pause(50*time.Millisecond, 2*deadAfter)
	x.setWays(ways, badnet.Faults{})
}

func (x *chaos) setWays(ways [][2]int, f badnet.Faults) {
	for _, way := range ways {
		x.c.router.set(way[0], way[1], f)
	}
}

// move has the packets of a node come from another address.
func (x *chaos) move() { x.c.router.move(x.draw.IntN(members)) }

func (x *chaos) disconnect() {
	one, other := x.two()
	x.c.order(x.c.members[one], order{
		Disconnect: x.c.router.nodeName(other), Within: time.Duration(x.draw.IntN(200)) * time.Millisecond, Keep: x.draw.IntN(2) == 0,
	})
}

// restart stops a node in good order, and starts it again.
func (x *chaos) restart() {
	m := x.member()
	x.c.stop(m)
	x.c.start(m)
}

// kill kills a node, and starts it again, at once or when the others have given it up, or about to.
func (x *chaos) kill() {
	m := x.member()
	x.c.kill(m)
	if x.draw.IntN(2) == 0 {
		x.pause(0, 2*deadAfter)
	}
	x.c.start(m)
}

// loseHost kills a node and lets nothing of it, nor of its host, reach the others until it is started again.
func (x *chaos) loseHost() {
	m := x.member()
	ways := waysOf(m.index)
	x.setWays(ways, badnet.Faults{Cut: true})
	x.c.kill(m)
	x.pause(0, 2*deadAfter)
	x.setWays(ways, badnet.Faults{})
	x.c.start(m)
}

// suspend has a node stand still, for a time after which it is given up, or not.
func (x *chaos) suspend() {
	m := x.member()
	m.Signal(syscall.SIGSTOP)
	if x.draw.IntN(2) == 0 {
		x.pause(deadAfter/20, deadAfter/2)
	} else {
		x.pause(deadAfter, 3*deadAfter)
	}
	m.Signal(syscall.SIGCONT)
}
