//go:build linux

package soak

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/wnode/wnode/internal/badnet"
)

// chaos makes things fail, one after the other, as they are drawn.
type chaos struct {
	c    *cluster
	draw *rand.Rand
	over <-chan struct{}
}

// run goes on until it is over.
func (x *chaos) run() {
	for x.pause(50*time.Millisecond, 400*time.Millisecond) {
		switch x.draw.IntN(10) {
		case 0, 1:
			x.weather()
		case 2, 3, 4:
			x.cut()
		case 5, 6:
			x.disconnect()
		case 7:
			x.restart()
		case 8:
			x.vanish()
		case 9:
			x.isolate()
		}
	}
	x.c.router.heal()
}

// pause waits for a time between two, and reports false when it is over.
func (x *chaos) pause(least, most time.Duration) bool {
	timer := time.NewTimer(least + rand.N(most-least))
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
func (x *chaos) isolate() { x.cutWays(x.waysOf(x.draw.IntN(members))) }

func (x *chaos) waysOf(node int) (ways [][2]int) {
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

func (x *chaos) disconnect() {
	one, other := x.two()
	if n := x.c.members[one].running(); n != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(x.draw.IntN(200))*time.Millisecond)
		defer cancel()
		n.Disconnect(ctx, x.c.router.nodeName(other))
		if x.draw.IntN(2) == 0 { // it is to stay connected once more, or whoever sends connects
			_ = n.KeepConnected(x.c.router.nodeName(other))
		}
	}
}

// restart stops a node in good order, and starts it again.
func (x *chaos) restart() {
	m := x.c.members[x.draw.IntN(members)]
	x.c.stop(m, patience)
	x.c.start(m)
	x.c.populate(m)
}

// vanish ends a node without a word to anybody, and starts it again.
func (x *chaos) vanish() {
	m := x.c.members[x.draw.IntN(members)]
	ways := x.waysOf(m.index)
	x.setWays(ways, badnet.Faults{Cut: true})
	x.c.stop(m, patience)
	x.setWays(ways, badnet.Faults{})
	x.c.start(m)
	x.c.populate(m)
}
