package names

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var wk = netip.AddrPortFrom(here.Addr(), Port)

// testNode is a node of the host in memory.
type testNode struct {
	*Service
	*memProcess
	port uint16
}

// boot starts a node as the program does: on the well-known port if that is free, else on another.
func boot(t *testing.T, n *memNet, name string, port uint16) (*testNode, error) {
	t.Helper()
	p := n.process()
	opts := Options{Node: NodeName{Name: name, Host: "vm"}, Port: port, WellKnown: wk}
	if sock, err := p.bind(wk); err == nil {
		opts.Shared, opts.Port = sock, Port
	}
	s, err := start(t.Context(), opts, p)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		s.Close()
		p.kill()
	})
	return &testNode{s, p, opts.Port}, nil
}

func mustBoot(t *testing.T, n *memNet, name string, port uint16) *testNode {
	t.Helper()
	node, err := boot(t, n, name, port)
	if err != nil {
		t.Fatalf("boot %s: %v", name, err)
	}
	return node
}

// wantPort looks a name up; port 0 wants ErrUnknownName. It gives how long the answer took.
func wantPort(t *testing.T, n *memNet, name string, port uint16) time.Duration {
	t.Helper()
	began := time.Now()
	got, err := lookup(t.Context(), n.process(), name, []netip.AddrPort{wk})
	if port == 0 && !errors.Is(err, ErrUnknownName) {
		t.Errorf("lookup %s: %v, %v; want it unknown", name, got, err)
	}
	if port != 0 && (err != nil || got != netip.AddrPortFrom(wk.Addr(), port)) {
		t.Errorf("lookup %s: %v, %v; want port %d", name, got, err, port)
	}
	return time.Since(began)
}

func wantHolders(t *testing.T, want int, nodes ...*testNode) (holder *testNode) {
	t.Helper()
	got := 0
	for _, n := range nodes {
		if n.Holding() && !n.dead {
			got++
			holder = n
		}
	}
	if got != want {
		t.Fatalf("%d holders, want %d", got, want)
	}
	return holder
}

func TestNeighboursAreFoundAndListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet()
		began := time.Now()
		one := mustBoot(t, n, "one", 1001)
		two := mustBoot(t, n, "two", 1002)
		mustBoot(t, n, "three", 1003)
		if d := time.Since(began); d > 10*time.Millisecond {
			t.Errorf("three nodes took %v to start", d)
		}
		wantHolders(t, 1, one)
		wantHolders(t, 0, two)
		wantPort(t, n, "one", Port)
		wantPort(t, n, "two", 1002)
		wantPort(t, n, "three", 1003)

		got, err := list(t.Context(), n.process(), wk)
		want := []Entry{{"one", Port}, {"three", 1003}, {"two", 1002}}
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("list: %v, %v", got, err)
		}
	})
}

func TestUnknownNameIsSaidAtOnceByAnOldHolderOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet()
		mustBoot(t, n, "one", 1001)
		if d := wantPort(t, n, "nobody", 0); d < time.Second || d > askPatience {
			t.Errorf("a new holder said so after %v", d)
		}
		time.Sleep(lease)
		if d := wantPort(t, n, "nobody", 0); d > time.Millisecond {
			t.Errorf("an old holder said so after %v", d)
		}
	})
}

func TestSilentAddressesOfAHostDoNotDelayALookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet()
		mustBoot(t, n, "one", 1001)
		time.Sleep(lease)
		hosts := []netip.AddrPort{netip.AddrPortFrom(stranger.Addr(), Port), wk}
		began := time.Now()
		if got, err := lookup(t.Context(), n.process(), "one", hosts); err != nil || got != wk {
			t.Errorf("%v, %v", got, err)
		}
		if d := time.Since(began); d > time.Millisecond {
			t.Errorf("found after %v", d)
		}
		if _, err := lookup(t.Context(), n.process(), "nobody", hosts); !errors.Is(err, ErrUnknownName) {
			t.Error(err)
		}
		if d := time.Since(began); d > 3*askEvery {
			t.Errorf("unknown after %v", d)
		}
	})
}

func TestNoHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet()
		if _, err := lookup(t.Context(), n.process(), "one", []netip.AddrPort{wk}); !errors.Is(err, ErrNoAnswer) {
			t.Error(err)
		}
		if _, err := list(t.Context(), n.process(), wk); !errors.Is(err, ErrNoAnswer) {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := lookup(ctx, n.process(), "one", []netip.AddrPort{wk}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if _, err := lookup(t.Context(), n.process(), "a@b", nil); !errors.Is(err, ErrInvalidName) {
			t.Error(err)
		}
	})
}

func TestLeaseOfADeadNodeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet()
		mustBoot(t, n, "one", 1001)
		two := mustBoot(t, n, "two", 1002)
		time.Sleep(10*time.Second + 500*time.Millisecond)
		wantPort(t, n, "two", 1002)
		two.kill()
		time.Sleep(lease)
		wantPort(t, n, "two", 0)
	})
}

// DIST-23
func TestNameInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet()
		mustBoot(t, n, "one", 1001)
		mustBoot(t, n, "two", 1002)
		for _, name := range []string{"one", "two"} {
			began := time.Now()
			_, err := boot(t, n, name, 1003)
			if want := "the name " + name + "@vm seems to be in use by another node on this host"; !errors.Is(err, ErrNameInUse) || err.Error() != want {
				t.Errorf("%s: %v", name, err)
			}
			if d := time.Since(began); d > 2*pendingEvery {
				t.Errorf("%s: said after %v", name, d)
			}
		}
		wantPort(t, n, "two", 1002)
	})
}

// DIST-23: the name of a killed node is free at once, that of a node that was closed even sooner.
func TestNameIsFreeAfterItsNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet()
		mustBoot(t, n, "one", 1001)
		mustBoot(t, n, "two", 1002).kill()
		began := time.Now()
		two := mustBoot(t, n, "two", 1003)
		if d := time.Since(began); d > challengeTime+pendingEvery {
			t.Errorf("after kill: %v", d)
		}
		began = time.Now()
		two.Close()
		two = mustBoot(t, n, "two", 1004)
		if d := time.Since(began); d > time.Millisecond {
			t.Errorf("after Close: %v", d)
		}
		wantPort(t, n, "two", 1004)
		two.Close()
		two.Close()
		time.Sleep(warmUp)
		wantPort(t, n, "two", 0)
	})
}

// Whoever holds the port, one neighbour takes over, and even who asks in the moment of the death finds
// every name that lives.
func TestTakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet()
		var nodes []*testNode
		for i := range 5 {
			nodes = append(nodes, mustBoot(t, n, fmt.Sprint("n", i), uint16(1000+i)))
			time.Sleep(170 * time.Millisecond)
		}
		for alive := len(nodes); alive > 1; alive-- {
			wantHolders(t, 1, nodes...).kill()
			for _, node := range nodes {
				if !node.dead {
					wantPort(t, n, node.opts.Node.Name, node.port)
				}
			}
			wantHolders(t, 1, nodes...)
			time.Sleep(5 * time.Second)
			got, err := list(t.Context(), n.process(), wk)
			if err != nil || len(got) != alive-1 {
				t.Fatalf("list: %v, %v; want %d", got, err, alive-1)
			}
		}
	})
}

func TestTakeoverAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet()
		one := mustBoot(t, n, "one", 1001)
		two := mustBoot(t, n, "two", 1002)
		one.Close()
		one.kill()
		wantPort(t, n, "two", 1002)
		wantHolders(t, 1, two)
		mustBoot(t, n, "one", 1003)
		wantPort(t, n, "one", 1003)
	})
}

// A node may start, and get the well-known port, before the neighbours of a dead holder have noticed.
// When it has the name of one of them, it is the newcomer that learns of the clash.
func TestNewcomerLearnsLateOfAClash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet()
		one := mustBoot(t, n, "one", 1001)
		foo := mustBoot(t, n, "foo", 1002)
		time.Sleep(5*time.Second + 100*time.Millisecond)
		one.kill()
		twin := mustBoot(t, n, "foo", 1003)
		wantHolders(t, 1, twin)
		synctest.Wait()
		began := time.Now()
		<-twin.Conflict()
		if d := time.Since(began); d > 3*time.Second {
			t.Errorf("learned after %v", d)
		}
		select {
		case <-foo.Conflict():
			t.Error("the older node was told to give way")
		default:
		}
		wantPort(t, n, "foo", 1002)
	})
}

func TestRegisteredNewcomerLearnsLateOfAClash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet()
		one := mustBoot(t, n, "one", 1001)
		foo := mustBoot(t, n, "foo", 1002)
		time.Sleep(5*time.Second + 100*time.Millisecond)
		one.kill()
		mustBoot(t, n, "two", 1003)
		twin := mustBoot(t, n, "foo", 1004)
		<-twin.Conflict()
		select {
		case <-foo.Conflict():
			t.Error("the older node was told to give way")
		default:
		}
		wantPort(t, n, "foo", 1002)
	})
}

// Something that is no node has the port: the node runs without a name until it is gone.
func TestSilentHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet()
		squatter := n.process()
		if _, err := squatter.bind(wk); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		one := mustBoot(t, n, "one", 1001)
		if d := time.Since(began); d < startPatience || d > startPatience+time.Second {
			t.Errorf("start took %v", d)
		}
		squatter.kill()
		time.Sleep(2 * renewEvery)
		wantHolders(t, 1, one)
		wantPort(t, n, "one", 1001)
	})
}

func TestStartEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet()
		if _, err := n.process().bind(wk); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := start(ctx, Options{Node: NodeName{Name: "one"}, Port: 1, WellKnown: wk}, n.process())
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestStartChecksItsOptions(t *testing.T) {
	n := newMemNet()
	if _, err := start(t.Context(), Options{Node: NodeName{Name: "a b"}, Port: 1}, n.process()); !errors.Is(err, ErrInvalidName) {
		t.Error(err)
	}
	if _, err := start(t.Context(), Options{Node: NodeName{Name: "a"}}, n.process()); err == nil {
		t.Error("a node without a port started")
	}
	if got := wellKnown(netip.AddrPort{}); got != netip.MustParseAddrPort("0.0.0.0:7369") {
		t.Error(got)
	}
	if got := reachable(netip.MustParseAddrPort("[::]:7")); got != netip.MustParseAddrPort("127.0.0.1:7") {
		t.Error(got)
	}
}

func TestFullHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet()
		p := n.process()
		sock, err := p.bind(wk)
		if err != nil {
			t.Fatal(err)
		}
		h := newHolder(loopbackOnly, time.Now())
		for i := range maxNames {
			h.table.register(claim{name: fmt.Sprint("n", i), port: 1}, time.Now())
		}
		go func() {
			buf := make([]byte, listRequestSize)
			k, from, err := sock.ReadNonQUICPacket(context.Background(), buf)
			if err == nil {
				send(sock, h.handle(buf[:k], addrPort(from), time.Now()))
			}
		}()
		if _, err := boot(t, n, "one", 1001); err == nil {
			t.Error("a node registered with a full holder")
		}
	})
}

// With a third of all packets lost nothing takes the name of a node that lives, and it is found.
func TestLossyLoopback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet()
		nodes := []*testNode{mustBoot(t, n, "one", 1001), mustBoot(t, n, "two", 1002)}
		n.mu.Lock()
		n.loss = 1.0 / 3
		n.mu.Unlock()
		found := 0
		for range 100 {
			time.Sleep(500 * time.Millisecond)
			if _, err := lookup(t.Context(), n.process(), "two", []netip.AddrPort{wk}); err == nil {
				found++
			}
		}
		if found < 80 {
			t.Errorf("found %d times of 100", found)
		}
		for _, node := range nodes {
			select {
			case <-node.Conflict():
				t.Error("conflict")
			default:
			}
		}
	})
}

func TestListOfManyPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet()
		mustBoot(t, n, "one", 1)
		sock, err := n.process().connect(wk)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(warmUp)
		for i := range 600 {
			r := request{kind: kindRegister, tx: newTxid(), name: fmt.Sprintf("node-with-a-long-name-%04d", i), port: 9}
			if _, err := sock.WriteTo(r.append(nil), nil); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		got, err := list(t.Context(), n.process(), wk)
		if err != nil || len(got) != 601 || got[599].Name != "node-with-a-long-name-0599" || got[600].Name != "one" {
			t.Errorf("%d names, %v", len(got), err)
		}
	})
}
