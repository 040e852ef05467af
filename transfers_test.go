package wnode

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wnode/wnode/abi"
	guests "github.com/wnode/wnode/examples/wasm"
	"github.com/wnode/wnode/internal/nodetest"
	"github.com/wnode/wnode/net/ship"
)

// largeModule is a guest with so many bytes that cannot be compressed.
func largeModule(t *testing.T, n *Node, size int) abi.Function {
	t.Helper()
	noise := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	section := append([]byte{1, 'n'}, noise...) // a custom section, and its name
	module := append(slices.Clone(guests.Whoami), 0)
	module = binary.AppendUvarint(module, uint64(len(section)))
	fn, err := n.Load("whoami.wasm", append(module, section...))
	if err != nil {
		t.Fatal(err)
	}
	return fn
}

// Nodes that want a module at the same time get it from each other: its origin sends it to a few.
func TestNodesPassModuleOn(t *testing.T) {
	const wanting, atOrigin = 12, 5 // two are sent to, three wait
	c := newCluster(t)
	released := make(chan struct{})
	release := sync.OnceFunc(func() { close(released) })
	opts := c.options("origin", "x1")
	opts.Progress = func(p Progress) {
		if p.Work == WorkSend {
			<-released
		}
	}
	origin := c.startWith(opts)
	defer release()
	var nodes []*Node
	var logs []*syncBuffer
	for i := range wanting {
		n, log := c.startLogged(fmt.Sprint("n", i), "x1", slog.LevelDebug)
		if err := n.Connect(t.Context(), origin.Name()); err != nil {
			t.Fatal(err)
		}
		nodes, logs = append(nodes, n), append(logs, log)
	}
	count := func(line string) (n int) {
		for _, log := range logs {
			if strings.Contains(log.String(), line) {
				n++
			}
		}
		return n
	}
	hash := ""
	fn := largeModule(t, origin, 2<<20)
	hash = fn.Module.Short()
	leader := output(t, origin)
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(func() {
			if _, reason := spawnOn(t, origin, leader, n.Name(), fn); reason != abi.ReasonNormal {
				t.Errorf("%s: reason %v", n.Name(), reason)
			}
		})
	}
	from := func(what string) string { return fmt.Sprintf(`%s" module=%s peer=%s`, what, hash, origin.Name()) }
	nodetest.Eventually(t, "the origin has sent the others on", func() bool { return count(from("module transfer waits")) >= wanting-atOrigin })
	release()
	wg.Wait()
	got := count(from("module received"))
	t.Logf("the origin has sent the module to %d of %d", got, wanting)
	if got > atOrigin+3 {
		t.Errorf("the origin has sent the module to %d of %d", got, wanting)
	}
}

// A transfer that is cut by the loss of the link goes on where it stopped when the link is there again, without anybody asking.
func TestTransferGoesOnAfterLoss(t *testing.T) {
	c := newCluster(t)
	half, cut := make(chan struct{}), make(chan struct{})
	var once sync.Once
	opts := c.options("one", "x1")
	opts.Progress = func(p Progress) {
		if p.Work == WorkSend && p.Done > p.Total/2 {
			once.Do(func() { close(half); <-cut })
		}
	}
	one := c.startWith(opts)
	two, logs := c.startLogged("two", "x1", slog.LevelInfo)
	fn := largeModule(t, one, 16<<20)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, reason := spawnOn(t, one, output(t, one), two.Name(), fn); reason != "noconnection" {
			t.Errorf("reason %v", reason)
		}
	})
	<-half
	two.Disconnect(t.Context(), one.Name())
	close(cut)
	wg.Wait()
	nodetest.Eventually(t, "the module is there", func() bool { return two.store.Has(fn.Module) })
	nodetest.Eventually(t, "and told of", func() bool { return strings.Contains(logs.String(), "module received") })
	if !regexp.MustCompile(`module received" module=\w+ peer=one@\S+ bytes=\d+ resumed_at=\d{6,}`).MatchString(logs.String()) {
		t.Errorf("the log is\n%s", logs.String())
	}
}

// Nodes of the same machine are nearest, and say that transfers can go on.
func TestNeighbours(t *testing.T) {
	c := newCluster(t)
	one, two := c.start("one", "x1"), c.start("two", "x1")
	if err := one.Connect(t.Context(), two.Name()); err != nil {
		t.Fatal(err)
	}
	want := []ship.Neighbour{{Node: two.ID(), Form: ship.FormMaps}}
	if got := one.peers.Neighbours(); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
