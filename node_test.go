package wnode

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/cookie"
	"github.com/wnode/wnode/internal/nodetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type cluster struct {
	t    testing.TB
	port uint16
}

func newCluster(t testing.TB) *cluster { return &cluster{t: t, port: nodetest.FreePort(t)} }

func (c *cluster) options(name, secret string) Options {
	c.t.Helper()
	s, err := cookie.NewSecret(secret)
	if err != nil {
		c.t.Fatal(err)
	}
	opts := Options{Name: name, Cookie: s, Listen: "127.0.0.1:0", WellKnownPort: c.port}
	if testing.Verbose() {
		opts.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", name)
	}
	return opts
}

func (c *cluster) start(name, secret string) *Node {
	c.t.Helper()
	return c.startWith(c.options(name, secret))
}

// startLogged starts a node and gives its log, from level on.
func (c *cluster) startLogged(name, secret string, level slog.Level) (*Node, *syncBuffer) {
	c.t.Helper()
	logs := new(syncBuffer)
	opts := c.options(name, secret)
	opts.Logger = slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if slices.Contains(groups, CrashGroup) {
				return slog.Attr{}
			}
			return a
		},
	}))
	return c.startWith(opts), logs
}

func (c *cluster) startWith(opts Options) *Node {
	c.t.Helper()
	n, err := Start(c.t.Context(), opts)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := n.Close(ctx); err != nil {
			c.t.Errorf("close %s: %v", n.Name(), err)
		}
	})
	return n
}

// DIST-02, DIST-03, DIST-04, DIST-08.
func TestConnectListPingDisconnect(t *testing.T) {
	c := newCluster(t)
	one, two := c.start("one", "chocolate"), c.start("two", "chocolate")
	ctx := t.Context()
	if err := two.Connect(ctx, one.Name()); err != nil {
		t.Fatal(err)
	}
	if got := two.Nodes(); !slices.Equal(got, []string{one.Name()}) {
		t.Errorf("two lists %v", got)
	}
	if got := one.Nodes(); !slices.Equal(got, []string{two.Name()}) {
		t.Errorf("one lists %v", got)
	}
	if err := two.Connect(ctx, one.Name()); err != nil {
		t.Errorf("connect again: %v", err)
	}
	if err := two.Connect(ctx, two.Name()); err != nil {
		t.Errorf("connect to itself: %v", err)
	}
	if !one.Ping(ctx, two.Name()) || !one.Ping(ctx, one.Name()) {
		t.Error("no pong")
	}
	if one.Ping(ctx, "nobody@127.0.0.1") {
		t.Error("pong from nobody")
	}
	if !one.Disconnect(t.Context(), two.Name()) || one.Disconnect(t.Context(), two.Name()) {
		t.Error("disconnect: not true once, then false")
	}
	if got := one.Nodes(); len(got) != 0 {
		t.Errorf("one lists %v after disconnecting", got)
	}
	nodetest.Eventually(t, "two lists nobody", func() bool { return len(two.Nodes()) == 0 })
}

// COOK-02.
func TestWrongCookie(t *testing.T) {
	c := newCluster(t)
	one, two := c.start("one", "cookie-one"), c.start("two", "cookie-two")
	err := one.Connect(t.Context(), two.Name())
	if !errors.Is(err, cookie.ErrWrongCookie) || !errors.Is(err, abi.ErrNotConnected) {
		t.Errorf("connect with a wrong cookie: %v", err)
	}
	if len(one.Nodes())+len(two.Nodes()) != 0 {
		t.Error("connected all the same")
	}
}

// DIST-06: connecting to one member of a cluster connects to all.
func TestMesh(t *testing.T) {
	c := newCluster(t)
	one, two, three := c.start("one", "x1"), c.start("two", "x1"), c.start("three", "x1")
	for _, n := range []*Node{two, three} {
		if err := n.Connect(t.Context(), one.Name()); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []*Node{one, two, three} {
		if got := n.Nodes(); len(got) != 2 {
			t.Errorf("%s lists %v", n.Name(), got)
		}
	}
}

// DIST-23, DIST-24: a second node of a name is refused.
func TestNameClash(t *testing.T) {
	c := newCluster(t)
	one := c.start("one", "x1")
	if _, err := Start(t.Context(), c.options("one", "x1")); err == nil {
		t.Fatal("a second node one started on the host")
	} else {
		t.Log(err)
	}
	other := newCluster(t) // another name service, as on another host
	two, twin := c.start("two", "x1"), other.start("one", "x1")
	if err := two.Connect(t.Context(), one.Name()); err != nil {
		t.Fatal(err)
	}
	err := twin.Connect(t.Context(), two.Name()+":"+portOf(two))
	if err == nil {
		t.Fatal("a second node one connected")
	}
	t.Log(err)
	if got := two.Nodes(); !slices.Equal(got, []string{one.Name()}) {
		t.Errorf("two lists %v", got)
	}
}

func portOf(n *Node) string {
	_, port, _ := net.SplitHostPort(n.Addr())
	return port
}

// DIST-10: nodes that dial each other at the same time get one link.
func TestSimultaneousConnect(t *testing.T) {
	for range 10 {
		c := newCluster(t)
		one, two := c.start("one", "x1"), c.start("two", "x1")
		errs := make(chan error, 2)
		go func() { errs <- one.Connect(t.Context(), two.Name()) }()
		go func() { errs <- two.Connect(t.Context(), one.Name()) }()
		for range 2 {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
		if len(one.Nodes()) != 1 || len(two.Nodes()) != 1 {
			t.Fatalf("%v and %v", one.Nodes(), two.Nodes())
		}
	}
}

// receiver spawns a process that hands on what it receives.
func receiver(t *testing.T, n *Node) (abi.Pid, <-chan any) {
	t.Helper()
	got := make(chan any, 100)
	pid, err := n.Spawn("receiver", abi.Pid{}, func(p *Process) Exit {
		for {
			m, err := p.Receive(p.Context(), Infinity)
			if err != nil {
				return Normal
			}
			v, _ := term.Decode(m.Data)
			got <- v
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return pid, got
}

// do runs f as a process of n and waits for its end.
func do(t *testing.T, n *Node, f func(p *Process)) {
	t.Helper()
	done := make(chan struct{})
	if _, err := n.Spawn("test", abi.Pid{}, func(p *Process) Exit {
		defer close(done)
		f(p)
		return Normal
	}); err != nil {
		t.Fatal(err)
	}
	<-done
}

// GLOB-01, 02, 03, 04, 07, 09, 11.
func TestGlobalNames(t *testing.T) {
	c := newCluster(t)
	one, two := c.start("one", "x1"), c.start("two", "x1")
	ctx := t.Context()
	early, _ := receiver(t, one)
	if err := one.GlobalRegister(ctx, "early", early); err != nil {
		t.Fatal(err)
	}
	if err := two.Connect(ctx, one.Name()); err != nil {
		t.Fatal(err)
	}
	if pid, ok := two.GlobalWhereis("early"); !ok || pid != early {
		t.Error("a name from before the connection is not known")
	}
	late, got := receiver(t, two)
	if err := one.GlobalRegister(ctx, "late", late); err != nil {
		t.Fatalf("register a remote process: %v", err)
	}
	for _, n := range []*Node{one, two} {
		if pid, ok := n.GlobalWhereis("late"); !ok || pid != late {
			t.Errorf("%s does not know late", n.Name())
		}
	}
	if err := two.GlobalRegister(ctx, "early", late); !errors.Is(err, abi.ErrNameTaken) {
		t.Errorf("register a taken name: %v", err)
	}
	if err := one.GlobalRegister(ctx, "second", late); !errors.Is(err, abi.ErrNameTaken) {
		t.Errorf("register a second name: %v", err)
	}
	do(t, one, func(p *Process) {
		pid, _ := one.GlobalWhereis("late")
		if err := p.Send(p.Context(), pid, term.MustEncode("hello")); err != nil {
			t.Error(err)
		}
		if v := <-got; v != "hello" {
			t.Errorf("got %v", v)
		}
		if err := p.ExitProcess(p.Context(), late, term.MustEncode("kill")); err != nil {
			t.Error(err)
		}
	})
	nodetest.Eventually(t, "the name of a dead process is free", func() bool { _, ok := one.GlobalWhereis("late"); return !ok })
	if err := two.GlobalUnregister(ctx, "early"); err != nil {
		t.Fatal(err)
	}
	if _, ok := one.GlobalWhereis("early"); ok {
		t.Error("early is still registered")
	}
}

// GLOB-07: names of a lost node are free.
func TestGlobalNamesOfLostNode(t *testing.T) {
	c := newCluster(t)
	one, two := c.start("one", "x1"), c.start("two", "x1")
	if err := two.Connect(t.Context(), one.Name()); err != nil {
		t.Fatal(err)
	}
	pid, _ := receiver(t, two)
	if err := two.GlobalRegister(t.Context(), "service", pid); err != nil {
		t.Fatal(err)
	}
	if _, ok := one.GlobalWhereis("service"); !ok {
		t.Fatal("service is not known when yes is returned")
	}
	one.Disconnect(t.Context(), two.Name())
	if _, ok := one.GlobalWhereis("service"); ok {
		t.Error("a name of a disconnected node is still there")
	}
	if _, ok := two.GlobalWhereis("service"); !ok {
		t.Error("the holder's own side lost the name")
	}
}
