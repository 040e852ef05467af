package wnode

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/cookie"
	"github.com/wnode/wnode/internal/nodetest"
	"github.com/wnode/wnode/net/link"
	"github.com/wnode/wnode/net/names"
	"github.com/wnode/wnode/net/wire"
)

// deaf gives an address where packets arrive and nobody answers.
func deaf(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.LocalAddr().String()
}

// DIST-04, GLOB-11: when connect returns, on either side, both list each other and know each other's names.
func TestConnectIsMutual(t *testing.T) {
	for range 20 {
		c := newCluster(t)
		one, two := c.start("one", "x1"), c.start("two", "x1")
		nodes := []*Node{one, two}
		for _, n := range nodes {
			pid, _ := receiver(t, n)
			if err := n.GlobalRegister(t.Context(), n.name.Name, pid); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		for i, n := range nodes {
			other := nodes[1-i]
			wg.Go(func() {
				if err := n.Connect(t.Context(), other.Name()); err != nil {
					t.Error(err)
				}
				for _, n := range nodes {
					if got := n.GlobalNames(); len(n.Nodes()) != 1 || !slices.Equal(got, []string{"one", "two"}) {
						t.Errorf("%s lists %v and knows %v", n.Name(), n.Nodes(), got)
					}
				}
			})
		}
		wg.Wait()
	}
}

// DIST-06: whoever connects to one node of a cluster is connected to all, on both sides, when connect returns.
func TestConnectToCluster(t *testing.T) {
	c := newCluster(t)
	var nodes []*Node
	for _, name := range []string{"one", "two", "three", "four", "five", "six"} {
		n := c.start(name, "x1")
		if len(nodes) > 0 {
			if err := n.Connect(t.Context(), nodes[len(nodes)-1].Name()); err != nil {
				t.Fatal(err)
			}
		}
		nodes = append(nodes, n)
		for _, n := range nodes {
			if got := n.Nodes(); len(got) != len(nodes)-1 {
				t.Errorf("with %d nodes %s lists %v", len(nodes), n.Name(), got)
			}
		}
	}
}

// A peer that does not say that it has listed this node is not connected to, and neither is one that
// leaves before.
func TestConnectIsAcknowledged(t *testing.T) {
	n := newCluster(t).start("one", "x1")
	s := newStranger(t, n, "stranger@127.0.0.1")
	s.say(n, serviceMessage{Name: &nameMessage{Op: opSync}})
	s.settle(n)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := n.Connect(ctx, s.name); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("connect to a node that says nothing: %v", err)
	}
	result := make(chan error)
	go func() { result <- n.Connect(t.Context(), s.name) }()
	s.link.Abort()
	if err := <-result; !errors.Is(err, abi.ErrNotConnected) || strings.Contains(err.Error(), "0x") {
		t.Errorf("connect to a node that leaves: %v", err)
	}
}

// A node that the peer knows and that is dead keeps connect from returning for a bounded time only.
func TestConnectWithDeadMember_realtime(t *testing.T) {
	n := newCluster(t).start("one", "x1")
	s := newStranger(t, n, "stranger@127.0.0.1")
	members := []memberAddr{{Name: "dead@127.0.0.1", Addr: deaf(t)}}
	s.say(n, serviceMessage{Name: &nameMessage{Op: opSync, Members: members}})
	s.say(n, serviceMessage{Name: &nameMessage{Op: opSynced}})
	s.settle(n)
	begin := time.Now()
	if err := n.Connect(t.Context(), s.name); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took < clusterTimeout/2 || took > 2*clusterTimeout {
		t.Errorf("connect took %v", took)
	}
}

// A node that closes ends its attempts, and has nothing to say about that.
func TestCloseWhileConnecting(t *testing.T) {
	c := newCluster(t)
	n, logs := c.startLogged("one", "x1", slog.LevelInfo)
	s := newStranger(t, n, "stranger@127.0.0.1")
	addr := deaf(t)
	members := make([]memberAddr, 2*maxDials)
	for i := range members {
		members[i] = memberAddr{Name: "m" + strings.Repeat("x", i) + "@127.0.0.1", Addr: addr}
	}
	s.say(n, serviceMessage{Name: &nameMessage{Op: opSync, Members: members}})
	s.settle(n)
	nodetest.Eventually(t, "the members are dialled", func() bool { return n.peerCount() == maxDials+1 })
	result := make(chan error)
	go func() { result <- n.Connect(t.Context(), "dead@"+addr) }()
	nodetest.Eventually(t, "the node is dialled", func() bool { return n.peerCount() == maxDials+2 })
	if err := n.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-result; !errors.Is(err, ErrClosing) {
		t.Errorf("connect on a node that closes: %v", err)
	}
	if err := n.Connect(t.Context(), "dead@"+addr); !errors.Is(err, ErrClosing) {
		t.Errorf("connect on a closed node: %v", err)
	}
	for line := range strings.Lines(logs.String()) {
		if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") {
			t.Errorf("closing is logged: %s", line)
		}
	}
}

// What goes wrong is said in one line, without the words of the layers below.
func TestConnectErrors(t *testing.T) {
	c := newCluster(t)
	one, two := c.start("one@127.0.0.1", "x1"), c.start("two@127.0.0.1", "x2")
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.LocalAddr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		to   string
		is   error
		text string
	}{
		"cookies": {
			"two@127.0.0.1", cookie.ErrWrongCookie, "cannot connect to two@127.0.0.1: the cookies differ, or the node at " + two.Addr() +
				" has another name: give both nodes the same --cookie or --cookie-file",
		},
		"names differ": {
			"three@" + two.Addr(), cookie.ErrWrongCookie, "cannot connect to three@127.0.0.1: the cookies differ, or the node at " + two.Addr() +
				" has another name: give both nodes the same --cookie or --cookie-file",
		},
		"nothing there": {"two@" + nobody, link.ErrNoAnswer, "cannot connect to two@127.0.0.1: nothing answers at " + nobody},
		"unreachable": {
			"two@192.0.2.1:7", link.ErrUnreachable,
			"cannot connect to two@192.0.2.1: 192.0.2.1:7 cannot be reached from the address that this node listens on: choose another one with --listen",
		},
		"unknown name": {"three@127.0.0.1", names.ErrUnknownName, "cannot connect to three@127.0.0.1: no node of that name runs on 127.0.0.1"},
		"itself":       {"eins@" + one.Addr(), link.ErrNoNode, "cannot connect to eins@127.0.0.1: what answers at " + one.Addr() + " is no node that this one understands"},
		"no name":      {"a b", abi.ErrBadArgument, `invalid node name "a b": the part before the @ may hold letters, digits, '_', '-' and '\.', and begins.*`},
	} {
		begin := time.Now()
		err := one.Connect(t.Context(), test.to)
		if !errors.Is(err, test.is) || !regexp.MustCompile("^"+test.text+"$").MatchString(err.Error()) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s takes %v", name, took)
		}
	}
}

func TestConnectErrorTexts(t *testing.T) {
	addr := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7}
	refused := func(code wire.RefuseCode) error {
		return &link.DialError{Name: "two@host", Addr: addr, Err: &wire.RefusedError{Code: code, ByPeer: true}}
	}
	for want, err := range map[string]error{
		"another node with this node's name is connected there: choose another --name":            refused(wire.RefuseNameInUse),
		"the two nodes have no protocol version in common: run the same version of wnode on both": refused(wire.RefuseVersion),
		"that is this node itself":                        refused(wire.RefuseSelf),
		"that node is shutting down":                      refused(wire.RefuseShuttingDown),
		"that node has as many connections as it allows":  refused(wire.RefuseTooManyLinks),
		"refused by peer: code 99":                        refused(99),
		"the host host is unknown":                        &net.DNSError{Err: "no such host", Name: "host", IsNotFound: true},
		"the host host cannot be looked up: server fails": &net.DNSError{Err: "server fails", Name: "host"},
		"no answer in time":                               context.DeadlineExceeded,
		"nothing answers at 127.0.0.1:7":                  &link.DialError{Addr: addr, Err: context.DeadlineExceeded},
		"this node is shutting down":                      ErrClosing,
		"no node answers on host; start one there, or give the port that it listens on, as in NAME@HOST:PORT":   names.ErrNoAnswer,
		"127.0.0.1:7 takes no calls from here at the moment, after too many that failed: try again in a minute": &link.DialError{Addr: addr, Err: link.ErrTurnedAway},
		"the call to 127.0.0.1:7 failed: protocol error on control stream: doing: malformed frame": &link.DialError{Addr: addr, Err: &wire.ProtocolError{
			Stream: wire.StreamControl, Doing: "doing", Err: wire.ErrMalformed,
		}},
	} {
		if got := (&ConnectError{"two@host", err}).Error(); got != "cannot connect to two@host: "+want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// A socket that cannot be had is told in one line.
func TestListenErrors(t *testing.T) {
	for listen, want := range map[string]string{
		deaf(t):       "the port is in use; choose another with --listen HOST:PORT, or port 0 for a free one",
		"192.0.2.1:0": "that is not an address of this machine; give one with --listen HOST:PORT, or :PORT for all of them",
		"192.0.2.1":   "that is not an address of this machine; give one with --listen HOST:PORT, or :PORT for all of them",
		"127.0.0.1:x": "give HOST:PORT with a port from 0 to 65535",
	} {
		opts := newCluster(t).options("one", "x1")
		opts.Listen = listen
		_, err := Start(t.Context(), opts)
		if err == nil || !regexp.MustCompile(`^cannot listen on "?`+regexp.QuoteMeta(listen)+`"?: `+want+`$`).MatchString(err.Error()) {
			t.Errorf("%s: %v", listen, err)
		}
	}
	noHost := listenError("no.invalid:0", &net.DNSError{Err: "no such host", Name: "no.invalid", IsNotFound: true})
	if want := "cannot listen on no.invalid:0: the host no.invalid is unknown; give an address of this machine with --listen HOST:PORT"; noHost.Error() != want {
		t.Errorf("%v", noHost)
	}
}

// MON-14: the end of a link is a word of its own on either side.
func TestNodeDownReasons(t *testing.T) {
	c := newCluster(t)
	one, oneLog := c.startLogged("one", "x1", slog.LevelInfo)
	two, twoLog := c.startLogged("two", "x1", slog.LevelInfo)
	for range 2 {
		if err := one.Connect(t.Context(), two.Name()); err != nil {
			t.Fatal(err)
		}
		if !one.Disconnect(t.Context(), two.Name()) {
			t.Fatal("not connected")
		}
	}
	nodetest.Eventually(t, "two lists nobody", func() bool { return len(two.Nodes()) == 0 })
	if err := two.Connect(t.Context(), one.Name()); err != nil {
		t.Fatal(err)
	}
	if err := one.Close(t.Context()); err != nil {
		t.Error(err)
	}
	down := func(logs *syncBuffer) []string {
		return regexp.MustCompile(`(?m)msg="node down" .*$`).FindAllString(logs.String(), -1)
	}
	nodetest.Eventually(t, "two sees one go", func() bool { return len(down(twoLog)) == 3 })
	for _, line := range down(oneLog) {
		if !regexp.MustCompile(`peer=two@\S+ reason=disconnect$`).MatchString(line) {
			t.Errorf("one says %s", line)
		}
	}
	for _, line := range down(twoLog) {
		if !regexp.MustCompile(`peer=one@\S+ reason=connection_closed$`).MatchString(line) {
			t.Errorf("two says %s", line)
		}
	}
}
