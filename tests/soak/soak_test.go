//go:build linux

package soak

import (
	"context"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/nodetest"
	"github.com/wnode/wnode/tests/soak/history"
)

var (
	durationFlag = flag.Duration("duration", 5*time.Second, "how long the soak goes on")
	roundFlag    = flag.Duration("round", 5*time.Second, "how long things fail in a round")
	seedFlag     = flag.Uint64("seed", 0, "the seed of the only round; 0 is some new ones")
	workersFlag  = flag.Int("workers", 5, "processes of each node that do something")
	logFlag      = flag.Bool("log", false, "write what the nodes log")
)

const (
	// deadAfter is the time after which a silent node is given up: the least there is.
	deadAfter = wnode.MinIdleTimeout
	// patience is how long what must come about may take. Only failures last that long.
	patience = 60 * time.Second
)

var relayModule, mayflyModule = relay(), mayfly()

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// SIG-01, SIG-02, LINK-09, LINK-11, LINK-12, MON-09, MON-10, MON-11, MON-15: whatever fails between nodes, and however
// often, what processes see of each other is in order, and once, and complete as long as the connection lives; and
// each link and each monitor is answered once.
func TestSoak(t *testing.T) {
	over := time.Now().Add(*durationFlag)
	for {
		seed := *seedFlag
		if seed == 0 {
			seed = rand.Uint64()
		}
		t.Run("round", func(t *testing.T) { soakRound(t, seed, min(*roundFlag, *durationFlag)) })
		if t.Failed() || *seedFlag != 0 || time.Until(over) <= 0 {
			return
		}
	}
}

// soakRound is a round: things fail for a time, then all settles, and then what has been noted is checked.
func soakRound(t *testing.T, seed uint64, length time.Duration) {
	t.Logf("the same again: go test ./tests/soak -seed %d -round %v", seed, length)
	c := newCluster(t, seed)
	timeUp := make(chan struct{})
	timer := time.AfterFunc(length, func() { close(timeUp) })
	defer timer.Stop()
	chaosEnds := make(chan struct{})
	go func() {
		defer close(chaosEnds)
		(&chaos{c: c, draw: rand.New(rand.NewPCG(seed, 4)), over: timeUp}).run()
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ending := false; !ending; {
		for _, m := range c.members {
			c.populate(m)
		}
		select {
		case <-chaosEnds:
			ending = true
		case <-tick.C:
		}
	}
	c.settle()
	c.finish()
	events := c.notes.all()
	violations := history.Check(events)
	seen := history.Count(events)
	t.Log(seen)
	if seen.Received == 0 || seen.Answered == 0 {
		t.Error("nothing has happened")
	}
	for i, v := range violations {
		if i == 3 {
			t.Errorf("and %d more", len(violations)-i)
			break
		}
		t.Errorf("at %d: %s\n%s", v.At, v.What, history.Excerpt(events, v, 60))
	}
}

// settle connects all nodes and waits until all that was sent has arrived.
func (c *cluster) settle() {
	c.router.heal()
	c.phase.Store(int32(settling))
	c.until("all are connected", func() bool {
		for _, m := range c.members {
			n := m.running()
			for i := range members {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				_ = n.Connect(ctx, c.router.nodeName(i))
				cancel()
			}
		}
		for _, m := range c.members {
			if len(m.running().Nodes()) < members-1 {
				return false
			}
		}
		return true
	})
	asked := time.Time{}
	c.until("all that was sent has arrived", func() bool {
		if time.Since(asked) > finPatience {
			c.fins.Add(1)
			asked = time.Now()
			return false
		}
		_, behind := c.notes.behind()
		return !behind
	})
}

// lastPatience is how long the ends of those who have ended may be on their way to those whom they had linked with,
// of whom nobody but the checker knows whether they are to hear.
const lastPatience = 10 * time.Second

// finPatience is how long a last message may be on its way until it is sent once more.
const finPatience = 3 * time.Second

// finish ends all processes, half of them first, so that the others see it.
func (c *cluster) finish() {
	some := c.living()
	drawn(c, func(r *rand.Rand) int {
		r.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		return 0
	})
	c.end(some[:len(some)/2])
	c.until("all that was tied to those who have ended is answered", func() bool {
		_, left := c.notes.unanswered()
		return !left
	})
	nodetest.Within(lastPatience, func() bool { return len(history.Check(c.notes.asQuiet())) == 0 })
	c.note(history.Event{Kind: history.Quiet})
	c.end(c.living())
	c.endGuests()
}

// endGuests kills the guests that are left. There must be none of which nobody knows, but those of spawns whose answer was lost.
func (c *cluster) endGuests() {
	for _, m := range c.members {
		n := m.running()
		left := n.Processes()
		if unknown, most := c.unknown(n.ID(), left); unknown > most {
			c.t.Errorf("%d processes are left of which nobody knows, %d spawns were not answered", unknown, most)
		}
		_, err := n.Spawn("end", abi.Pid{}, func(p *wnode.Process) wnode.Exit {
			for _, pid := range left {
				_ = p.ExitProcess(p.Context(), pid, term.MustEncode(abi.ReasonKill))
			}
			return wnode.Normal
		})
		if err != nil {
			c.t.Error(err)
		}
		c.until("all processes have ended", func() bool { return len(n.Processes()) == 0 })
	}
}

// unknown counts the processes of a node that nobody was told of, and how many there may be.
func (c *cluster) unknown(node abi.NodeID, pids []abi.Pid) (count, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, pid := range pids {
		if !c.guests[pid] {
			count++
		}
	}
	return count, c.unheard[node]
}
