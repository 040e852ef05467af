package guest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"maps"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// testModules is a store of modules.
type testModules struct {
	mu    sync.Mutex
	known map[abi.Hash][]byte
	asked []abi.NodeID
	fetch func(abi.Hash, abi.NodeID) ([]byte, error) // for unknown ones; may be nil
}

func (s *testModules) Module(_ context.Context, hash abi.Hash, origin abi.NodeID) ([]byte, error) {
	s.mu.Lock()
	s.asked = append(s.asked, origin)
	module, ok := s.known[hash]
	s.mu.Unlock()
	if ok {
		return module, nil
	}
	if s.fetch != nil {
		return s.fetch(hash, origin)
	}
	return nil, abi.ErrNoModule
}

func (s *testModules) Put(module []byte) (abi.Hash, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hash := abi.Hash(sha256.Sum256(module))
	s.known[hash] = bytes.Clone(module) // it may be in a guest's memory
	return hash, nil
}

func (s *testModules) Has(hash abi.Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[hash] != nil
}

// testNames has names of this node, and global ones with the contexts left out.
type testNames struct {
	mu     sync.Mutex
	byName map[string]abi.Pid
}

func (n *testNames) Register(name string, pid abi.Pid) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, taken := n.byName[name]; taken {
		return abi.ErrNameTaken
	}
	n.byName[name] = pid
	return nil
}

func (n *testNames) Unregister(name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, taken := n.byName[name]; !taken {
		return abi.ErrNoName
	}
	delete(n.byName, name)
	return nil
}

func (n *testNames) Whereis(name string) (abi.Pid, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	pid, ok := n.byName[name]
	return pid, ok
}

func (n *testNames) NameOf(pid abi.Pid) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, p := range n.byName {
		if p == pid {
			return name
		}
	}
	return ""
}

func (n *testNames) Release(pid abi.Pid) {
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.DeleteFunc(n.byName, func(_ string, p abi.Pid) bool { return p == pid })
}

type testGlobals struct{ testNames }

func (g *testGlobals) Register(_ context.Context, name string, pid abi.Pid) error {
	return g.testNames.Register(name, pid)
}

func (g *testGlobals) Unregister(_ context.Context, name string) error {
	_ = g.testNames.Unregister(name)
	return nil
}

// testNodes knows the node "here" and one peer, "there@host".
type testNodes struct{ down bool }

const peer = abi.NodeID(77)

func (*testNodes) Name() string      { return "here@host" }
func (n *testNodes) Nodes() []string { return []string{"there@host"} }
func (n *testNodes) Connect(_ context.Context, name string) error {
	if name != "there@host" || n.down {
		return abi.ErrNotConnected
	}
	return nil
}

func (n *testNodes) Disconnect(_ context.Context, name string) bool {
	return name == "there@host" && !n.down
}

func (n *testNodes) Ping(ctx context.Context, name string) bool {
	return n.Connect(ctx, name) == nil
}

func (n *testNodes) Resolve(ctx context.Context, name string) (abi.NodeID, error) {
	if name == "no node name" {
		return 0, abi.ErrBadArgument
	}
	return peer, n.Connect(ctx, name)
}

// slowWay leads to the node slow, which takes in what it is sent once it is let; other nodes cannot be
// reached.
type slowWay struct {
	waiting chan abi.Signal // what waits
	let     chan struct{}
}

const slow = abi.NodeID(78)

func (w *slowWay) Send(ctx context.Context, sig abi.Signal) error {
	switch {
	case sig.To.Node != slow:
		return abi.ErrNotConnected
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	w.waiting <- sig // there is room: one process sends
	select {
	case <-w.let:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *slowWay) SendConnected(ctx context.Context, sig abi.Signal) error { return w.Send(ctx, sig) }

func (*slowWay) Post(abi.Signal) error { return abi.ErrNotConnected }

// ioServer is a group leader that keeps what is written and answers reads from a list of lines.
type ioServer struct {
	pid      abi.Pid
	requests chan []any
}

func newIOServer(n *testNode, input ...any) *ioServer {
	s := &ioServer{requests: make(chan []any, 1024)}
	s.pid = n.native(func(p *vm.Process) vm.Exit {
		for {
			m, err := p.Receive(p.Context(), vm.Infinity)
			if err != nil {
				return vm.Normal
			}
			t, _ := term.Decode(m.Data)
			list := t.([]any)
			request := list[3].([]any)
			s.requests <- request
			reply := any("ok")
			if request[0] == "get_line" {
				if len(input) == 0 {
					continue // let the guest wait
				}
				reply, input = input[0], input[1:]
			}
			message := term.MustEncode([]any{"io_reply", list[2], reply})
			_ = p.Send(p.Context(), list[1].(abi.Pid), message)
		}
	})
	return s
}

func (s *ioServer) next(t testing.TB) []any {
	t.Helper()
	select {
	case request := <-s.requests:
		return request
	case <-time.After(patience):
		t.Fatal("no i/o request comes")
		return nil
	}
}

func (s *ioServer) wantWritten(t testing.TB, request string, want ...any) {
	t.Helper()
	for _, w := range want {
		if got := s.next(t); got[0] != request || !reflect.DeepEqual(got[2], w) {
			t.Errorf("request %v, want to write %q", got, w)
		}
	}
}
