package wnode

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wnode/wnode/abi"
	guests "github.com/wnode/wnode/examples/wasm"
	"github.com/wnode/wnode/internal/nodetest"
	"github.com/wnode/wnode/net/ship"
)

// output starts a group leader that takes what is printed.
func output(t *testing.T, n *Node) abi.Pid {
	t.Helper()
	leader, err := n.StartStream(Streams{Output: new(syncBuffer)})
	if err != nil {
		t.Fatal(err)
	}
	return leader
}

// A cache folder that cannot be used is told once, and the node works without.
func TestUnusableCache(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	logs := new(syncBuffer)
	opts := newCluster(t).options("one", "x1")
	opts.Logger = slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelWarn}))
	opts.CacheDir = filepath.Join(file, "cache")
	n := newCluster(t).startWith(opts)
	if _, reason := spawnOn(t, n, output(t, n), n.Name(), load(t, n)); reason != abi.ReasonNormal {
		t.Errorf("reason %v", reason)
	}
	if got := logs.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, opts.CacheDir) {
		t.Errorf("the log is\n%s", got)
	}
}

// A cache folder that can be used is left without a trace of the trial.
func TestUsableCache(t *testing.T) {
	opts := Options{CacheDir: filepath.Join(t.TempDir(), "new")}
	if got := usableCache(opts); got != opts.CacheDir {
		t.Errorf("got %q", got)
	}
	left, err := filepath.Glob(filepath.Join(opts.CacheDir, "*", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// More modules at a time than a node sends wait their turn.
func TestFetchWaitsItsTurn(t *testing.T) {
	c := newCluster(t)
	const many, most = 2*ship.DefaultMaxTransfers + 1, ship.DefaultMaxPeerTransfers
	held := make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	defer release()
	var sending sync.WaitGroup
	sending.Add(most)
	var begun sync.Map
	opts := c.options("one", "x1")
	opts.Progress = func(p Progress) {
		if p.Work != WorkSend || p.Done == 0 {
			return
		}
		if _, old := begun.LoadOrStore(p.Module, true); !old {
			select {
			case <-held:
			default:
				sending.Done()
				<-held
			}
		}
	}
	one := c.startWith(opts)
	two, logs := c.startLogged("two", "x1", slog.LevelDebug)
	leader := output(t, one)
	var wg sync.WaitGroup
	for i := range many {
		// A custom section makes each a module of its own.
		fn, err := one.Load("whoami.wasm", append(slices.Clone(guests.Whoami), 0, 3, 1, 'n', byte(i)))
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			if _, reason := spawnOn(t, one, leader, two.Name(), fn); reason != abi.ReasonNormal {
				t.Errorf("reason %v", reason)
			}
		})
	}
	sending.Wait() // as many as one node may have at a time
	nodetest.Eventually(t, "the others are turned away", func() bool {
		return strings.Contains(logs.String(), "module transfer waits")
	})
	release()
	wg.Wait()
	if got := logs.String(); strings.Contains(got, "level=ERROR") {
		t.Errorf("the log is\n%s", got)
	}
}

// A module of a node that is not connected cannot be had.
func TestFetchFromNobody(t *testing.T) {
	n := newCluster(t).start("one", "x1")
	if err := n.fetch(t.Context(), abi.Hash{1}, 7); !errors.Is(err, abi.ErrNotConnected) {
		t.Errorf("from a node that is not connected: %v", err)
	}
}

// A module's bytes are read in pieces, and each is told of.
func TestProgressOfSending(t *testing.T) {
	var done []int64
	r := &countingReader{nopCloser{bytes.NewReader(make([]byte, 5))}, func(n int64) { done = append(done, n) }, 0}
	for range 3 {
		_, _ = r.Read(make([]byte, 2))
	}
	if !slices.Equal(done, []int64{2, 4, 5}) {
		t.Errorf("told of %v", done)
	}
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }
