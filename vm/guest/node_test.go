package guest

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/wasmtest"
	"github.com/wnode/wnode/vm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen at once.
const patience = 30 * time.Second

// testNode is a node with an engine, and a native process that takes the messages of the guests.
type testNode struct {
	t       testing.TB
	system  *vm.System
	engine  *Engine
	modules *testModules
	names   *testNames
	globals *testGlobals
	nodes   *testNodes
	way     *slowWay
	pid     abi.Pid // the native process
	inbox   chan vm.Message
}

func newTestNode(t testing.TB, change ...func(*Options)) *testNode {
	t.Helper()
	return newTestNodeWith(t, vm.Rights{}, change...)
}

// newTestNodeWith is newTestNode with what its processes may have at most.
func newTestNodeWith(t testing.TB, rights vm.Rights, change ...func(*Options)) *testNode {
	t.Helper()
	n := &testNode{
		t: t, inbox: make(chan vm.Message, 1024),
		modules: &testModules{known: map[abi.Hash][]byte{}},
		names:   &testNames{byName: map[string]abi.Pid{}},
		globals: &testGlobals{testNames{byName: map[string]abi.Pid{}}},
		nodes:   &testNodes{},
		way:     &slowWay{waiting: make(chan abi.Signal, 1), let: make(chan struct{})},
	}
	opts := Options{Modules: n.modules, Names: n.names, Globals: n.globals, Nodes: n.nodes}
	for _, c := range change {
		c(&opts)
	}
	var err error
	if n.engine, err = NewEngine(opts); err != nil {
		t.Fatal(err)
	}
	n.system = vm.New(vm.Options{
		Node: abi.NewNodeID(), Loader: n.engine, Names: n.names, Remote: n.way, Logger: slog.New(slog.DiscardHandler),
		Rights: rights, Memory: n.engine.memory, MakeRoom: n.engine.MakeRoom,
	})
	t.Cleanup(n.close)
	n.pid = n.native(func(p *vm.Process) vm.Exit {
		for {
			m, err := p.Receive(p.Context(), vm.Infinity)
			if err != nil {
				return vm.Normal
			}
			select {
			case n.inbox <- m:
			case <-p.Context().Done():
				return vm.Normal
			}
		}
	})
	return n
}

// smallCode is more than the code of all modules takes with which a test runs that counts memory.
const smallCode = 12 << 10

// forGuests gives a node so much memory for guests, in bytes, and what their code takes.
func forGuests(bytes uint64) func(*Options) {
	bytes += smallCode
	return func(o *Options) { o.Memory = vm.NewMemory(bytes + bytes/7) }
}

// taken gives what guests and images have of the memory of the node, in bytes.
func (n *testNode) taken() (bytes uint64) {
	for _, m := range n.engine.Memory() {
		bytes += m.Total() - m.Code
	}
	return bytes
}

// wantAllGivenBack checks that a closed node has nothing of its memory.
func (n *testNode) wantAllGivenBack() {
	n.t.Helper()
	if guests, waiting := n.engine.memory.Guests(), n.engine.memory.Waiting(); guests != 0 || waiting != 0 {
		n.t.Errorf("guests still have %d bytes, and %d wait", guests, waiting)
	}
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

// told is a guest's body that tells how it ended.
type told struct {
	vm.Body
	exit chan<- vm.Exit // with room
}

// Run runs the body.
func (t told) Run(p *vm.Process) vm.Exit {
	exit := t.Body.Run(p)
	t.exit <- exit
	return exit
}

// Scheduled says what the body within does.
func (told) Scheduled() {}

// start runs a module's _start. Arguments are terms.
func (n *testNode) start(module []byte, change ...func(*vm.SpawnOptions)) *program {
	n.t.Helper()
	hash, _ := n.modules.Put(module)
	return n.startFunction(abi.Function{Module: hash, Name: "test.wasm"}, change...)
}

// tryStart is start of what the node may have no room for.
func (n *testNode) tryStart(module []byte) (*program, error) {
	hash, _ := n.modules.Put(module)
	return n.tryStartFunction(abi.Function{Module: hash, Name: "test.wasm"})
}

func (n *testNode) startFunction(fn abi.Function, change ...func(*vm.SpawnOptions)) *program {
	n.t.Helper()
	p, err := n.tryStartFunction(fn, change...)
	if err != nil {
		n.t.Fatal(err)
	}
	return p
}

func (n *testNode) tryStartFunction(fn abi.Function, change ...func(*vm.SpawnOptions)) (*program, error) {
	p := &program{n: n, exit: make(chan vm.Exit, 1)}
	body := n.engine.Body(fn, n.system.Node())
	opts := vm.SpawnOptions{Function: fn, Label: fn.Name, Body: told{body, p.exit}}
	for _, c := range change {
		c(&opts)
	}
	var err error
	p.pid, err = n.system.Spawn(opts)
	return p, err
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
	return n.start(m.Bytes(), change...).wait()
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
	return wasmtest.Tell(n.pid, address, length)
}

// report sends the i32 that an op gives to the native process.
func (n *testNode) report(value op) op {
	return wasmtest.Report(n.pid, value)
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

func text(s string) []byte { return term.MustEncode(s) }

func frame(module, function string, arity int) []any {
	return []any{module, function, arity, []any{}}
}

func contains(list []any, want any) bool {
	return slices.ContainsFunc(list, func(v any) bool { return fmt.Sprint(v) == fmt.Sprint(want) })
}
