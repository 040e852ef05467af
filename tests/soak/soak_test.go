//go:build linux

package soak

import (
	"flag"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/tests/soak/history"
)

var (
	durationFlag = flag.Duration("duration", 5*time.Second, "how long the soak goes on")
	roundFlag    = flag.Duration("round", 5*time.Second, "how long things fail in a round")
	seedFlag     = flag.Uint64("seed", 0, "the seed of the only round; 0 is some new ones")
	workersFlag  = flag.Int("workers", 5, "processes of each node that do something")
	logFlag      = flag.Bool("log", false, "write what the nodes log")
)

// parallel is how many tests run at a time unless -parallel says otherwise: most of the time they wait.
const parallel = "4"

const (
	// deadAfter is the time after which a silent node is given up: the least there is.
	deadAfter = wnode.MinIdleTimeout
	// patience is how long what must come about may take. Only failures last that long.
	patience = 60 * time.Second
)

var relayModule, mayflyModule = relay(), mayfly()

// TestMain makes this program a node, too.
func TestMain(m *testing.M) {
	if text := os.Getenv(lifeVariable); text != "" {
		os.Exit(runLife(text))
	}
	if err := flag.Set("test.parallel", parallel); err != nil { // before the command line is read
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// enoughRounds is how many rounds have all happen that can.
const enoughRounds = 10

// SIG-01, SIG-02, LINK-09, LINK-11, LINK-12, MON-05, MON-09, MON-10, MON-11, MON-14, MON-15, ALIAS-01, REG-05, GL-03, PROC-05, PROC-07,
// DIST-03b, DIST-20, DIST-22: whatever fails between nodes and in them, and however often, what processes see of each other
// is in order, and once, and complete as long as the connection lives; and each link and each monitor is answered once.
func TestSoak(t *testing.T) {
	over := time.Now().Add(*durationFlag)
	seen := history.Counts{}
	for rounds := 1; ; rounds++ {
		seed := *seedFlag
		if seed == 0 {
			seed = rand.Uint64()
		}
		t.Run("round", func(t *testing.T) { seen.Add(soakRound(t, seed, min(*roundFlag, *durationFlag))) })
		if t.Failed() || *seedFlag != 0 || time.Until(over) <= 0 {
			if missing := seen.Missing(); rounds >= enoughRounds && len(missing) > 0 {
				t.Errorf("what has not happened in %d rounds: %q", rounds, missing)
			}
			return
		}
	}
}

// soakRound is a round: things fail for a time, then all settles, and then what has been noted is checked.
func soakRound(t *testing.T, seed uint64, length time.Duration) history.Counts {
	t.Logf("the same again: go test ./tests/soak -seed %d -round %v", seed, length)
	c := newCluster(t, seed, *workersFlag, deadAfter)
	over := make(chan struct{})
	timer := time.AfterFunc(length, func() { close(over) })
	defer timer.Stop()
	c.wreak(seed, over)
	c.settle()
	c.remind()
	c.finish()
	return c.check()
}

// check decides whether what has been noted can have come about.
func (c *cluster) check() history.Counts {
	seen, release := c.board.now()
	defer release()
	for _, what := range seen.failures {
		c.t.Error(what)
	}
	if seen.torn > c.killed {
		c.t.Errorf("%d lines of the board are not whole, with %d programs killed", seen.torn, c.killed)
	}
	counts := history.Count(seen.events)
	c.t.Log(counts)
	if counts["messages"] == 0 || counts["answered"] == 0 {
		c.t.Error("nothing has happened")
	}
	violations := history.Check(seen.events)
	for i, v := range violations {
		if i == 3 {
			c.t.Errorf("and %d more", len(violations)-i)
			break
		}
		c.t.Errorf("at %d: %s\n%s", v.At, v.What, history.Excerpt(seen.events, v, 60))
	}
	return counts
}
