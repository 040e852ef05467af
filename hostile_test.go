package wnode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/cookie"
	"github.com/wnode/wnode/internal/nodetest"
	"github.com/wnode/wnode/net/link"
	"github.com/wnode/wnode/net/wire"
	"github.com/wnode/wnode/registry"
)

// stranger is a peer that has the cookie and says what the test wants.
type stranger struct {
	t        *testing.T
	id       abi.NodeID // the greatest there is, so that the node itself is the arbiter of names
	name     string
	endpoint *link.Endpoint
	link     *link.Link
	ended    chan error

	mu  sync.Mutex
	got []abi.Signal
}

func (s *stranger) Signal(sig abi.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, sig)
}

func (s *stranger) ModuleStream(stream io.ReadWriteCloser)   { _ = stream.Close() }
func (s *stranger) TransferStream(stream io.ReadWriteCloser) { _ = stream.Close() }

// newStranger links a stranger to a node, and says nothing yet.
func newStranger(t *testing.T, n *Node, name string) *stranger {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{t: t, id: math.MaxUint64, name: name, ended: make(chan error, 1)}
	auth, err := cookie.NewAuthenticator(cookie.Config{Name: name, Cookies: n.cookies})
	if err != nil {
		t.Fatal(err)
	}
	hello := n.hello(conn)
	hello.Node, hello.Name = s.id, name
	s.endpoint, err = link.Open(link.Options{Conn: conn, Hello: hello, Auth: auth, Incoming: refuse})
	if err != nil {
		t.Fatal(err)
	}
	if s.link, err = s.endpoint.Dial(t.Context(), n.endpoint.Addr(), n.Name()); err != nil {
		t.Fatal(err)
	}
	go func() { s.ended <- s.link.Run(s) }()
	t.Cleanup(func() {
		if err := s.endpoint.Close(); err != nil {
			t.Error(err)
		}
		<-s.ended
	})
	return s
}

func refuse(ctx context.Context, o *link.Offer) { o.Refuse(ctx, wire.RefuseShuttingDown, "") }

func (s *stranger) say(n *Node, msg serviceMessage) {
	s.send(abi.Signal{Kind: abi.SignalNode, From: abi.Pid{Node: s.id}, To: abi.Pid{Node: n.ID()}, Data: term.MustEncode(msg)})
}

func (s *stranger) send(sig abi.Signal) {
	s.t.Helper()
	if err := s.link.Send(s.t.Context(), sig); err != nil {
		s.t.Fatal(err)
	}
}

// settle returns once the node has taken in all that was said before, on whichever lane.
func (s *stranger) settle(n *Node) {
	s.t.Helper()
	lanes := map[int]bool{}
	for sender := uint64(1); len(lanes) < wire.Lanes; sender++ {
		if lane := wire.LaneOf(sender); !lanes[lane] {
			lanes[lane] = true
			s.settleAs(n, sender)
		}
	}
}

// settleAs waits for the answer to something that one of the stranger's processes asks.
func (s *stranger) settleAs(n *Node, sender uint64) {
	s.t.Helper()
	ref := n.sys.NewRef()
	s.send(abi.Signal{Kind: abi.SignalMonitor, From: abi.Pid{Node: s.id, Num: sender}, To: abi.Pid{Node: n.ID(), Num: 1 << 62}, Ref: ref})
	nodetest.Eventually(s.t, "the node answers", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, sig := range s.got {
			if sig.Kind == abi.SignalDown && sig.Ref == ref {
				return true
			}
		}
		return false
	})
}

func (n *Node) peerCount() int {
	n.peers.mu.Lock()
	defer n.peers.mu.Unlock()
	return len(n.peers.byName)
}

// A peer is listed only when it has sent its names, and what it says first counts.
func TestFirstSyncCounts(t *testing.T) {
	n := newCluster(t).start("one", "x1")
	s := newStranger(t, n, "stranger@127.0.0.1")
	s.settle(n)
	if got := n.Nodes(); len(got) != 0 {
		t.Fatalf("lists %v before the peer has spoken", got)
	}
	for i := range 3 {
		pid := abi.Pid{Node: s.id, Num: uint64(i + 1)}
		s.say(n, serviceMessage{Name: &nameMessage{Op: opSync, Entries: []registry.Entry{{Name: fmt.Sprint(i), Pid: pid}}}})
	}
	s.settle(n)
	if got := n.Nodes(); len(got) != 1 {
		t.Errorf("lists %v", got)
	}
	if got := n.GlobalNames(); len(got) != 1 || got[0] != "0" {
		t.Errorf("global names %v", got)
	}
}

// A cluster of many nodes that do not exist costs a bounded number of attempts.
func TestSyncWithManyMembers(t *testing.T) {
	n := newCluster(t).start("one", "x1")
	s := newStranger(t, n, "stranger@127.0.0.1")
	members := make([]memberAddr, 3*maxMembers)
	for i := range members {
		members[i] = memberAddr{Name: fmt.Sprintf("n%d@127.0.0.1", i), Addr: "127.0.0.1:1"}
	}
	s.say(n, serviceMessage{Name: &nameMessage{Op: opSync, Members: members}})
	s.settle(n)
	if got := n.peerCount(); got > maxDials+1 {
		t.Errorf("%d peers at a time, want at most %d", got, maxDials+1)
	}
}

// Names of others, of nobody, and one name for many processes are refused.
func TestFalseNames(t *testing.T) {
	n := newCluster(t).start("one", "x1")
	mine, _ := receiver(t, n)
	if err := n.GlobalRegister(t.Context(), "mine", mine); err != nil {
		t.Fatal(err)
	}
	s := newStranger(t, n, "stranger@127.0.0.1")
	s.say(n, serviceMessage{Name: &nameMessage{Op: opSync}})
	entries := []registry.Entry{
		{Name: "of the node's process", Pid: abi.Pid{Node: n.ID(), Num: 1}},
		{Name: "of a third node's", Pid: abi.Pid{Node: 7, Num: 1}},
		{Name: "one", Pid: abi.Pid{Node: s.id, Num: 1}},
		{Name: "one", Pid: abi.Pid{Node: s.id, Num: 2}},
		{Name: "two", Pid: abi.Pid{Node: s.id, Num: 1}},
		{Name: strings.Repeat("x", 1000), Pid: abi.Pid{Node: s.id, Num: 3}},
	}
	for _, e := range entries {
		s.say(n, serviceMessage{Name: &nameMessage{Op: opCommit, Name: e.Name, Pid: e.Pid}})
	}
	s.say(n, serviceMessage{Name: &nameMessage{Op: opRemove, Name: "mine", Pid: mine}})
	s.settle(n)
	if got := fmt.Sprint(n.GlobalNames()); got != "[mine one]" {
		t.Errorf("global names %v", got)
	}
	if pid, _ := n.GlobalWhereis("one"); pid.Num != 1 {
		t.Errorf("one is %v", pid)
	}
}

// A member that never acknowledges holds a registration up for no longer than its caller waits.
func TestDeafMember(t *testing.T) {
	n := newCluster(t).start("one", "x1")
	s := newStranger(t, n, "stranger@127.0.0.1")
	s.say(n, serviceMessage{Name: &nameMessage{Op: opSync}})
	s.settle(n)
	pid, _ := receiver(t, n)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := n.GlobalRegister(ctx, "name", pid); err == nil {
		t.Error("registered, though a member has not taken note")
	}
	if _, ok := n.GlobalWhereis("name"); ok {
		t.Error("the name is taken, though the answer was no")
	}
	n.globals.mu.Lock()
	defer n.globals.mu.Unlock()
	if len(n.globals.waiting) != 0 {
		t.Errorf("%d waits are left", len(n.globals.waiting))
	}
}

// Garbage between nodes is ignored, and processes' pids cannot pass for their node's word.
func TestGarbageBetweenNodes(t *testing.T) {
	n := newCluster(t).start("one", "x1")
	s := newStranger(t, n, "stranger@127.0.0.1")
	to := abi.Pid{Node: n.ID()}
	for _, data := range [][]byte{nil, {0xff}, term.MustEncode("x"), term.MustEncode(map[any]any{1: 1}), term.MustEncode(map[any]any{1: map[any]any{1: "no such op"}})} {
		s.send(abi.Signal{Kind: abi.SignalNode, From: abi.Pid{Node: s.id}, To: to, Data: data})
		s.send(abi.Signal{Kind: abi.SignalSpawnRequest, From: abi.Pid{Node: s.id, Num: 9}, To: to, Data: data})
		s.send(abi.Signal{Kind: abi.SignalKind(99), From: abi.Pid{Node: s.id, Num: 9}, To: to, Data: data})
	}
	sync := term.MustEncode(serviceMessage{Name: &nameMessage{Op: opSync}})
	s.send(abi.Signal{Kind: abi.SignalNode, From: abi.Pid{Node: s.id, Num: 9}, To: to, Data: sync})
	s.send(abi.Signal{Kind: abi.SignalNode, To: to, Data: sync})
	s.settle(n)
	if got := n.Nodes(); len(got) != 0 {
		t.Errorf("lists %v, on the word of a process", got)
	}
}

// A node cannot have another one answer to a third, whose processes would take it for that node's word.
func TestAnswersToOthers(t *testing.T) {
	c := newCluster(t)
	one, two := c.start("one", "x1"), c.start("two", "x1")
	if err := one.Connect(t.Context(), two.Name()); err != nil {
		t.Fatal(err)
	}
	victim, got := receiver(t, two)
	s := newStranger(t, one, "stranger@127.0.0.1")
	for _, op := range []string{opReserve, opRegister, opUnregister} {
		s.say(one, serviceMessage{Name: &nameMessage{Op: op, Name: "x", Pid: abi.Pid{Node: s.id, Num: 1}, ReplyTo: victim}})
	}
	s.settle(one)
	do(t, one, func(p *Process) { _ = p.Send(p.Context(), victim, term.MustEncode("end")) })
	if m := <-got; m != "end" {
		t.Errorf("the third node is told %v", m)
	}
}

// A node that tells of crashes and says nonsense without end fills no log, and how much was dropped is told.
func TestPeerFloodsLog(t *testing.T) {
	n, logs := newCluster(t).startLogged("one", "x1", slog.LevelWarn)
	s := newStranger(t, n, "stranger@127.0.0.1")
	const each = 2000
	report := crashReport{Pid: abi.Pid{Node: s.id, Num: 1}, Label: "m.wasm", Reason: term.MustEncode("boom")}
	for range each {
		s.say(n, serviceMessage{Crash: &report})
		s.send(abi.Signal{Kind: abi.SignalNode, From: abi.Pid{Node: s.id}, To: abi.Pid{Node: n.ID()}, Data: []byte{0xff}})
	}
	s.settle(n)
	s.link.Abort()
	nodetest.Eventually(t, "the peer is gone", func() bool { return n.peerCount() == 0 })
	text := logs.String()
	written := strings.Count(text, "crashed in m.wasm") + strings.Count(text, "not understood")
	if written < peerLogBurst || written == 2*each {
		t.Errorf("%d lines of %d", written, 2*each)
	}
	dropped := 0
	for _, m := range regexp.MustCompile(`it sends too many" peer=\S+ lines=(\d+)`).FindAllStringSubmatch(text, -1) {
		lines, _ := strconv.Atoi(m[1])
		dropped += lines
	}
	if written+dropped != 2*each {
		t.Errorf("%d lines were written and %d dropped, of %d", written, dropped, 2*each)
	}
}

// A call from a node with another one's name is refused while that one lives, and while this node stops.
func TestRefusals(t *testing.T) {
	c := newCluster(t)
	one := c.start("one", "x1")
	two := c.start("two", "x1")
	if err := one.Connect(t.Context(), two.Name()); err != nil {
		t.Fatal(err)
	}
	one.peers.refuse()
	three := c.start("three", "x1")
	if err := three.Connect(t.Context(), one.Name()); !errors.Is(err, wire.ErrShuttingDown) {
		t.Errorf("connect to a node that stops: %v", err)
	}
}

// However often peers tell of other nodes, no more of them wait to be dialled than there may.
func TestMembersOfManyPeers(t *testing.T) {
	n := newCluster(t).start("one", "x1")
	n.peers.joining.Store(maxJoining)
	s := newStranger(t, n, "stranger@127.0.0.1")
	members := []memberAddr{{Name: "two@127.0.0.1", Addr: "127.0.0.1:1"}}
	s.say(n, serviceMessage{Name: &nameMessage{Op: opSync, Members: members}})
	s.settle(n)
	if got := n.peerCount(); got != 1 || n.peers.joining.Load() != maxJoining {
		t.Errorf("%d peers, %d wait", got, n.peers.joining.Load())
	}
}

// Peers that break the rules again and again fill no log.
func TestBrokenCallsFillNoLog(t *testing.T) {
	n, logs := newCluster(t).startLogged("one", "x1", slog.LevelWarn)
	const calls = 4 * peerLogBurst
	for range calls {
		n.peers.brokenCall("stranger@127.0.0.1", n.endpoint.Addr(), wire.ErrMalformed)
	}
	if lines := strings.Count(logs.String(), "does not speak the protocol"); lines < peerLogBurst || lines == calls {
		t.Errorf("%d lines for %d calls", lines, calls)
	}
}
