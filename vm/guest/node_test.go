package guest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen at once.
const patience = 30 * time.Second

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
	s.known[hash] = module
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

func (*testNodes) Name() string     { return "here@host" }
func (n *testNodes) List() []string { return []string{"there@host"} }
func (n *testNodes) Connect(_ context.Context, name string) error {
	if name != "there@host" || n.down {
		return abi.ErrNotConnected
	}
	return nil
}
func (n *testNodes) Disconnect(name string) bool { return name == "there@host" && !n.down }
func (n *testNodes) Ping(ctx context.Context, name string) bool {
	return n.Connect(ctx, name) == nil
}

func (n *testNodes) Resolve(ctx context.Context, name string) (abi.NodeID, error) {
	if name == "no node name" {
		return 0, abi.ErrBadArgument
	}
	return peer, n.Connect(ctx, name)
}

// testNode is a node with an engine, and a native process that takes the messages of the guests.
type testNode struct {
	t       testing.TB
	system  *vm.System
	engine  *Engine
	modules *testModules
	names   *testNames
	globals *testGlobals
	nodes   *testNodes
	pid     abi.Pid // the native process
	inbox   chan vm.Message
}

func newTestNode(t testing.TB, change ...func(*Options)) *testNode {
	t.Helper()
	n := &testNode{
		t: t, inbox: make(chan vm.Message, 1024),
		modules: &testModules{known: map[abi.Hash][]byte{}},
		names:   &testNames{byName: map[string]abi.Pid{}},
		globals: &testGlobals{testNames{byName: map[string]abi.Pid{}}},
		nodes:   &testNodes{},
	}
	opts := Options{Modules: n.modules, Names: n.names, Globals: n.globals, Nodes: n.nodes}
	for _, c := range change {
		c(&opts)
	}
	var err error
	if n.engine, err = NewEngine(opts); err != nil {
		t.Fatal(err)
	}
	n.system = vm.New(vm.Options{Node: abi.NewNodeID(), Loader: n.engine, Names: n.names, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(n.close)
	n.pid = n.native(func(p *vm.Process) vm.Exit {
		for {
			m, err := p.Receive(p.Context(), vm.Infinity)
			if err != nil {
				return vm.Normal
			}
			n.inbox <- m
		}
	})
	return n
}

func (n *testNode) close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := n.system.Close(ctx); err != nil {
		n.t.Error(err)
	}
	if err := n.engine.Close(ctx); err != nil {
		n.t.Error(err)
	}
}

func (n *testNode) native(run vm.Func) abi.Pid {
	n.t.Helper()
	pid, err := n.system.Spawn(vm.SpawnOptions{Body: run})
	if err != nil {
		n.t.Fatal(err)
	}
	return pid
}

// program is a guest that runs.
type program struct {
	n    *testNode
	pid  abi.Pid
	exit chan vm.Exit
}

// start runs a module's _start. Arguments are terms.
func (n *testNode) start(module []byte, change ...func(*vm.SpawnOptions)) *program {
	n.t.Helper()
	hash, _ := n.modules.Put(module)
	return n.startFunction(abi.Function{Module: hash, Name: "test.wasm"}, change...)
}

func (n *testNode) startFunction(fn abi.Function, change ...func(*vm.SpawnOptions)) *program {
	n.t.Helper()
	p := &program{n: n, exit: make(chan vm.Exit, 1)}
	body := n.engine.Body(fn, n.system.Node())
	opts := vm.SpawnOptions{Function: fn, Label: fn.Name, Body: vm.Func(func(process *vm.Process) vm.Exit {
		exit := body.Run(process)
		p.exit <- exit
		return exit
	})}
	for _, c := range change {
		c(&opts)
	}
	var err error
	if p.pid, err = n.system.Spawn(opts); err != nil {
		n.t.Fatal(err)
	}
	return p
}

func withArgs(args ...any) func(*vm.SpawnOptions) {
	return func(o *vm.SpawnOptions) { o.Args = term.MustEncode(args) }
}

func withLeader(leader abi.Pid) func(*vm.SpawnOptions) {
	return func(o *vm.SpawnOptions) { o.Leader = leader }
}

// wait gives how the guest's body ended.
func (p *program) wait() vm.Exit {
	p.n.t.Helper()
	select {
	case exit := <-p.exit:
		return exit
	case <-time.After(patience):
		p.n.t.Fatal("the guest does not end")
		return vm.Exit{}
	}
}

// run runs a module to its end and gives the exit.
func (n *testNode) run(m *wasmModule, change ...func(*vm.SpawnOptions)) vm.Exit {
	n.t.Helper()
	return n.start(m.bytes(), change...).wait()
}

// kill sends an exit signal.
func (n *testNode) kill(pid abi.Pid) {
	n.system.Deliver(abi.Signal{Kind: abi.SignalExit, From: n.pid, To: pid, Data: term.MustEncode("kill")})
}

// next gives the next message that a guest sent to the native process.
func (n *testNode) next() []byte {
	n.t.Helper()
	select {
	case m := <-n.inbox:
		return m.Data
	case <-time.After(patience):
		n.t.Fatal("no message comes")
		return nil
	}
}

// tell sends bytes from the guest to the native process.
func (n *testNode) tell(address, length int64) op {
	return seq(invoke("wnode.send", pid(n.pid), i32c(address), i32c(length)), drop)
}

const scratch = 60000 // where report puts numbers

// report sends the i32 that an op gives to the native process.
func (n *testNode) report(value op) op {
	return seq(i32c(scratch), value, i32Store, n.tell(scratch, 4))
}

// wantReports compares numbers that the guest reported.
func (n *testNode) wantReports(want ...int32) {
	n.t.Helper()
	for i, w := range want {
		if got := int32(binary.LittleEndian.Uint32(n.next())); got != w {
			n.t.Errorf("report %d = %d, want %d", i, got, w)
		}
	}
}

// wantNoMessage checks that no message came from a guest that has ended.
func (n *testNode) wantNoMessage() {
	n.t.Helper()
	n.system.Deliver(abi.Signal{Kind: abi.SignalMessage, From: n.pid, To: n.pid, Data: []byte("end")})
	if got := n.next(); string(got) != "end" {
		n.t.Errorf("unexpected message %x", got)
	}
}

// decoded gives a term in the form that it has after a way through CBOR.
func decoded(t testing.TB, v any) any {
	t.Helper()
	d, err := term.Decode(term.MustEncode(v))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func wantReason(t testing.TB, exit vm.Exit, want any) {
	t.Helper()
	got := any(abi.ReasonNormal)
	if exit.Reason != nil {
		got = decoded(t, exit.Reason)
	}
	if want = decoded(t, want); !reflect.DeepEqual(got, want) {
		t.Errorf("reason %s, want %s", term.Format(got, nil), term.Format(want, nil))
	}
}

// trapOf gives the atom and the stack of a trap's reason.
func trapOf(t testing.TB, exit vm.Exit) (atom string, stack []any) {
	t.Helper()
	list, ok := decoded(t, exit.Reason).([]any)
	if !ok || len(list) != 2 || !exit.Crash {
		t.Fatalf("no trap: %.200s", fmt.Sprint(exit))
	}
	atom, _ = list[0].(string)
	stack, _ = list[1].([]any)
	return atom, stack
}

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

func (s *ioServer) wantWritten(t testing.TB, want ...any) {
	t.Helper()
	for _, w := range want {
		if got := s.next(t); got[0] != "put_chars" || !reflect.DeepEqual(got[2], w) {
			t.Errorf("request %v, want to write %q", got, w)
		}
	}
}

func text(s string) []byte { return term.MustEncode(s) }

func frame(module, function string, arity int) []any {
	return []any{module, function, arity, []any{}}
}

func contains(list []any, want any) bool {
	return slices.ContainsFunc(list, func(v any) bool { return fmt.Sprint(v) == fmt.Sprint(want) })
}
