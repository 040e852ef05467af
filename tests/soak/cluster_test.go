//go:build linux

package soak

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wnode/wnode/internal/nodetest"
	"github.com/wnode/wnode/internal/programtest"
	"github.com/wnode/wnode/tests/soak/history"
)

// cluster is the programs of a round that are nodes, and what lies between them. Its methods are for one goroutine.
type cluster struct {
	t       *testing.T
	dir     string
	board   *board
	router  *router
	workers int           // of each node
	silence time.Duration // after which nodes give each other up
	draw    *rand.Rand
	members []*member
	lives   int // that have been begun
	killed  int // of these
}

// member is a node, in one life after the other.
type member struct {
	index int
	life  string // its label
	*programtest.Program
}

const members = 3

func newCluster(t *testing.T, seed uint64, workers int, silence time.Duration) *cluster {
	dir := t.TempDir()
	b, err := openBoard(filepath.Join(dir, "board"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.close)
	c := &cluster{
		t: t, dir: dir, board: b, workers: workers, silence: silence, draw: rand.New(rand.NewPCG(seed, 1)), router: newRouter(t, members, rand.New(rand.NewPCG(seed, 2))),
	}
	for i := range members {
		c.members = append(c.members, &member{index: i})
		c.start(c.members[i])
	}
	return c
}

// start starts a node in the place of the one before. It may take a moment to be there.
func (c *cluster) start(m *member) {
	c.t.Helper()
	c.lives++
	m.life = fmt.Sprintf("n%d.%d", m.index, c.lives)
	l := life{
		Label: m.life, Node: c.router.nodeName(m.index), Listen: c.router.real(m.index).String(), Port: c.router.port, Board: filepath.Join(c.dir, "board"),
		Cache: filepath.Join(c.dir, fmt.Sprint(m.index)), Workers: c.workers, Silence: c.silence, Seed: c.draw.Uint64(), Log: *logFlag,
	}
	for i := range members {
		if i != m.index {
			l.Peers = append(l.Peers, c.router.nodeName(i))
		}
	}
	text, err := json.Marshal(l)
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), lifeVariable+"="+string(text), "GORACE=atexit_sleep_ms=0")
	m.Program = programtest.Start(c.t, m.life, cmd, func(p *programtest.Program) {
		p.Signal(syscall.SIGCONT)
		c.stop(m)
	})
}

// order tells a node to do something.
func (c *cluster) order(m *member, o order) {
	c.t.Helper()
	if err := json.NewEncoder(m.In).Encode(o); err != nil {
		c.t.Errorf("%s: %v", m.life, err)
	}
}

// stop stops a node in good order: all who live there end before it does.
func (c *cluster) stop(m *member) {
	c.t.Helper()
	if code := m.Close(); code != 0 {
		c.t.Errorf("%s: exit code %d\n%s", m.life, code, m.Log)
	}
	if left := c.living(m); len(left) > 0 {
		c.t.Errorf("%s has stopped, and %q were not ended before", m.life, left)
	}
}

// kill kills a node. What its processes saw last nobody knows.
func (c *cluster) kill(m *member) {
	c.t.Helper()
	m.Stop(syscall.SIGKILL)
	c.killed++
	for _, name := range c.living(m) {
		c.board.note(history.Event{Kind: history.Killed, Process: name})
	}
}

// living gives the workers of a node that have not ended.
func (c *cluster) living(m *member) (names []string) {
	seen, release := c.board.now()
	defer release()
	for name := range seen.alive {
		if strings.HasPrefix(name, m.life+"-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// until waits for something that the board has not said yet. What does not come about is an error, and the history tells
// more.
func (c *cluster) until(what string, ok func(*digest) bool) {
	c.t.Helper()
	if !nodetest.Within(patience, func() bool {
		seen, release := c.board.now()
		defer release()
		return ok(seen)
	}) {
		c.t.Errorf("%s: does not come about", what)
	}
}

// settle connects all nodes, and has those who work begin nothing new.
func (c *cluster) settle() {
	c.t.Helper()
	c.router.heal()
	for _, m := range c.members {
		c.order(m, order{Settle: true})
	}
	c.until("all are connected", func(seen *digest) bool {
		for _, m := range c.members {
			if !seen.joined[m.life] {
				return false
			}
		}
		return true
	})
}

// remindPatience is how long a last message may be on its way until it is sent once more.
const remindPatience = 3 * time.Second

// remind waits until all that was sent has arrived, or is followed by something that shows that it was lost.
func (c *cluster) remind() {
	asked := time.Time{}
	c.until("all that was sent has arrived", func(seen *digest) bool {
		if time.Since(asked) > remindPatience {
			for _, m := range c.members {
				c.order(m, order{Remind: true})
			}
			asked = time.Now()
			return false
		}
		_, behind := seen.behind()
		return !behind
	})
}

// lastPatience is how long the ends of those who have ended may be on their way to those whom they had linked with,
// of whom nobody but the checker knows whether they are to hear.
const lastPatience = 10 * time.Second

// finish ends all processes, half of them first, so that the others see it.
func (c *cluster) finish() {
	all := c.board.living()
	c.draw.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	c.end(all[:len(all)/2])
	c.until("all that was tied to those who have ended is answered", func(seen *digest) bool {
		_, left := seen.unanswered()
		return !left
	})
	nodetest.Within(lastPatience, func() bool {
		seen, release := c.board.now()
		defer release()
		return len(history.Check(append(slices.Clip(seen.events), history.Event{Kind: history.Quiet}))) == 0
	})
	c.board.note(history.Event{Kind: history.Quiet})
	c.end(all[len(all)/2:])
	for _, m := range c.members {
		c.order(m, order{EndGuests: true})
		c.stop(m)
	}
}

// end asks workers to end, and waits until they have.
func (c *cluster) end(some []*contact) {
	var names []string
	for _, other := range some {
		names = append(names, other.Name)
	}
	for _, m := range c.members {
		c.order(m, order{End: names})
	}
	c.until("those who are to end have ended", func(seen *digest) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return !seen.ended[name] })
	})
}
