package wnode

import (
	"errors"
	"testing"
	"time"

	"github.com/wnode/wnode/abi"
)

// Pauses grow to a bound, and their second half is drawn.
func TestPauses(t *testing.T) {
	var p pauses
	drawn := map[time.Duration]bool{}
	for want := firstPause; ; want = min(2*want, maxPause) {
		got := p.next()
		if got <= want/2 || got > want {
			t.Errorf("pause of %v, want at most %v and more than half of it", got, want)
		}
		drawn[want-got] = true
		if want == maxPause {
			break
		}
	}
	if len(drawn) < 3 {
		t.Errorf("no jitter: %v", drawn)
	}
}

// up waits until a node is connected to another.
func up(t *testing.T, one *Node) {
	t.Helper()
	events := make(chan any, 64)
	_, err := one.Spawn("watcher", abi.Pid{}, func(p *Process) Exit {
		if err := p.MonitorNodes(); err != nil {
			t.Error(err)
		}
		for len(one.Nodes()) == 0 {
			if _, err := p.Receive(p.Context(), Infinity); err != nil {
				break
			}
		}
		close(events)
		return Normal
	})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-events:
	case <-time.After(time.Minute):
		t.Fatalf("%s has not been connected", one.Name())
	}
}

// A node that is to stay connected comes back after the other one has disconnected.
func TestKeepConnected_realtime(t *testing.T) {
	c := newCluster(t)
	one, two := c.start("one", "x1"), c.start("two", "x1")
	ended := make(chan struct{})
	go func() { defer close(ended); one.peers.keep(two.name) }()
	for range 3 {
		up(t, two)
		if !two.Disconnect(t.Context(), one.Name()) {
			t.Fatal("it was not connected")
		}
	}
	select {
	case <-ended:
		t.Error("it is kept no more")
	default:
	}
	// What this node itself has ended stays so.
	for !one.Disconnect(t.Context(), two.Name()) {
		up(t, one)
	}
	<-ended
}

// Keeping ends with the node, and is refused afterwards.
func TestKeepConnectedEnds(t *testing.T) {
	c := newCluster(t)
	one := c.start("one", "x1")
	for _, name := range []string{"one@127.0.0.1:1", "nobody", "nobody", one.Name()} {
		if err := one.KeepConnected(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := one.KeepConnected("no@name@"); !errors.Is(err, abi.ErrBadArgument) {
		t.Errorf("no name: %v", err)
	}
	if err := one.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := one.KeepConnected("nobody"); !errors.Is(err, ErrClosing) {
		t.Errorf("closed: %v", err)
	}
}

// The shortest time after which a node may be given up is a second.
func TestShortestIdleTimeout(t *testing.T) {
	opts := newCluster(t).options("one", "x1")
	opts.IdleTimeout = time.Second - 1
	if n, err := Start(t.Context(), opts); err == nil {
		_ = n.Close(t.Context())
		t.Error("less than a second is taken")
	}
}

// A node has one key for all of its runs, each name has its own, and a key comes of a user's secret.
func TestResetKey(t *testing.T) {
	key := func(dir, name, secret string) *[32]byte {
		opts := newCluster(t).options(name, secret)
		opts.CacheDir = dir
		n, err := newNode(opts)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := n.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		return n.resetKey()
	}
	dir := t.TempDir()
	one := key(dir, "one", "x1")
	if again := key(dir, "one", "x2"); *again != *one {
		t.Error("the key does not last")
	}
	if other := key(dir, "two", "x1"); *other == *one {
		t.Error("two names have one key")
	}
	if other := key(t.TempDir(), "one", "x1"); *other == *one {
		t.Error("two users have one key")
	}
	if key("", "one", "x1") != nil {
		t.Error("a key without a cache")
	}
}
