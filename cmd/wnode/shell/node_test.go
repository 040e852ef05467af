package shell

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// fakeNode is a node with real processes, and with neighbours that exist in name only.
type fakeNode struct {
	sys  *vm.System
	logs *strings.Builder

	mu        sync.Mutex // guards all below
	names     map[string]abi.Pid
	globals   map[string]abi.Pid
	peers     map[string]abi.NodeID // that can be reached
	connected map[string]bool
	spawned   []vm.SpawnRequest
}

const (
	self   = "one@host"
	selfID = abi.NodeID(1)
	peer   = "two@host"
	peerID = abi.NodeID(2)
)

func newFakeNode(t *testing.T) *fakeNode {
	t.Helper()
	n := &fakeNode{
		logs:  &strings.Builder{},
		names: map[string]abi.Pid{}, globals: map[string]abi.Pid{},
		peers: map[string]abi.NodeID{peer: peerID}, connected: map[string]bool{},
	}
	n.sys = vm.New(vm.Options{
		Node: selfID, Names: n, Loader: n,
		Logger: slog.New(slog.NewTextHandler(n.logs, nil)),
	})
	t.Cleanup(func() {
		if err := n.sys.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return n
}

// Body remembers what was spawned; the process waits until it is told to end.
func (n *fakeNode) Body(f abi.Function, _ abi.NodeID) vm.Body {
	return vm.Func(func(p *vm.Process) vm.Exit {
		n.mu.Lock()
		n.spawned = append(n.spawned, vm.SpawnRequest{Function: f, Args: p.Args()})
		n.mu.Unlock()
		<-p.Context().Done()
		return vm.Normal
	})
}

func (n *fakeNode) Name() string   { return self }
func (n *fakeNode) ID() abi.NodeID { return selfID }
func (n *fakeNode) Index(id abi.NodeID) int {
	return int(id) - 1
}

func (n *fakeNode) NodeName(id abi.NodeID) (string, bool) {
	switch id {
	case selfID:
		return self, true
	case peerID:
		return peer, true
	}
	return "", false
}

func (n *fakeNode) Nodes() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []string
	for name := range n.connected {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// Connect to "slow@host" takes until ctx ends.
func (n *fakeNode) Connect(ctx context.Context, name string) error {
	if name == "slow@host" {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.peers[name] == 0 {
		return fmt.Errorf("connect to %s: %w", name, abi.ErrNotConnected)
	}
	n.connected[name] = true
	return nil
}

func (n *fakeNode) Disconnect(_ context.Context, name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	was := n.connected[name]
	delete(n.connected, name)
	return was
}

func (n *fakeNode) Ping(ctx context.Context, name string) bool { return n.Connect(ctx, name) == nil }

func (n *fakeNode) Resolve(ctx context.Context, name string) (abi.NodeID, error) {
	if err := n.Connect(ctx, name); err != nil {
		return 0, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.peers[name], nil
}

func (n *fakeNode) LoadFile(path string) (abi.Function, error) {
	module, err := os.ReadFile(path)
	if err != nil {
		return abi.Function{}, err
	}
	name := filepath.Base(path)
	if !strings.HasPrefix(string(module), "\x00asm") {
		return abi.Function{}, errors.New(name + " is no WebAssembly module")
	}
	return abi.Function{Module: abi.Hash{0x3f, 0xa9}, Export: abi.DefaultExport, Name: name}, nil
}

func (n *fakeNode) Spawn(label string, leader abi.Pid, f wnode.Func) (abi.Pid, error) {
	return n.sys.Spawn(vm.SpawnOptions{Body: f, Label: label, Leader: leader})
}

func (n *fakeNode) Processes() []abi.Pid                { return n.sys.Processes() }
func (n *fakeNode) Info(pid abi.Pid) (wnode.Info, bool) { return n.sys.Info(pid) }
func (n *fakeNode) NameOf(pid abi.Pid) string           { return nameOf(n, n.names, pid) }
func (n *fakeNode) Registered() []string                { return namesIn(n, n.names) }
func (n *fakeNode) GlobalNames() []string               { return namesIn(n, n.globals) }
func (n *fakeNode) Unregister(name string) error        { return n.remove(n.names, name) }
func (n *fakeNode) Whereis(s string) (abi.Pid, bool)    { return n.look(n.names, s) }
func (n *fakeNode) GlobalWhereis(s string) (abi.Pid, bool) {
	return n.look(n.globals, s)
}

func (n *fakeNode) Register(name string, pid abi.Pid) error {
	if !n.sys.Alive(pid) {
		return abi.ErrNoProcess
	}
	return n.add(n.names, name, pid)
}

func (n *fakeNode) GlobalRegister(_ context.Context, name string, pid abi.Pid) error {
	return n.add(n.globals, name, pid)
}

func (n *fakeNode) GlobalUnregister(_ context.Context, name string) error {
	_ = n.remove(n.globals, name)
	return nil
}

func (n *fakeNode) Release(pid abi.Pid) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, p := range n.names {
		if p == pid {
			delete(n.names, name)
		}
	}
}

func (n *fakeNode) add(names map[string]abi.Pid, name string, pid abi.Pid) error {
	if nameOf(n, names, pid) != "" {
		return abi.ErrNameTaken
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, taken := names[name]; taken {
		return abi.ErrNameTaken
	}
	names[name] = pid
	return nil
}

func (n *fakeNode) remove(names map[string]abi.Pid, name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := names[name]; !ok {
		return abi.ErrNoName
	}
	delete(names, name)
	return nil
}

func (n *fakeNode) look(names map[string]abi.Pid, name string) (abi.Pid, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	pid, ok := names[name]
	return pid, ok
}

func nameOf(n *fakeNode, names map[string]abi.Pid, pid abi.Pid) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, p := range names {
		if p == pid {
			return name
		}
	}
	return ""
}

func namesIn(n *fakeNode, names map[string]abi.Pid) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []string
	for name := range names {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// device is an I/O server whose input the test gives line by line, and whose output it waits for.
type device struct {
	pid abi.Pid

	mu      sync.Mutex
	changed *sync.Cond
	output  string
	input   []any // replies to the reads to come: []byte, "eof", or ["error", reason]
	reads   int   // so far; the last one gets the input
	ended   bool
}

func startDevice(t *testing.T, n *fakeNode) *device {
	t.Helper()
	d := &device{}
	d.changed = sync.NewCond(&d.mu)
	pid, err := n.sys.Spawn(vm.SpawnOptions{Body: vm.Func(d.run), Label: "device"})
	if err != nil {
		t.Fatal(err)
	}
	d.pid = pid
	return d
}

func (d *device) run(p *vm.Process) vm.Exit {
	defer context.AfterFunc(p.Context(), func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.ended = true
		d.changed.Broadcast()
	})()
	var readers sync.WaitGroup
	defer readers.Wait()
	for {
		m, err := p.Receive(p.Context(), vm.Infinity)
		if err != nil {
			return vm.Normal
		}
		t, err := term.Decode(m.Data)
		request, ok := t.([]any)
		if err != nil || !ok || len(request) != 4 || request[0] != "io_request" {
			continue
		}
		from, asks := request[1].(abi.Pid), request[3].([]any)
		answer := func(reply any) {
			p.System().Deliver(abi.Signal{
				Kind: abi.SignalMessage, From: p.Pid(), To: from,
				Data: term.MustEncode([]any{"io_reply", request[2], reply}),
			})
		}
		if asks[0] == "put_chars" {
			d.add(text(asks[2]))
			answer("ok")
			continue
		}
		turn := d.ask(text(asks[2]))
		readers.Go(func() { answer(d.next(turn)) })
	}
}

func text(chars any) string {
	if b, ok := chars.([]byte); ok {
		return string(b)
	}
	return chars.(string)
}

func (d *device) add(s string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.output += s
	d.changed.Broadcast()
}

// ask shows a prompt, and makes its read the one that gets the input.
func (d *device) ask(prompt string) (turn int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads++
	d.output += prompt
	d.changed.Broadcast()
	return d.reads
}

func (d *device) next(turn int) any {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.input) == 0 || turn != d.reads {
		if d.ended {
			return "eof"
		}
		d.changed.Wait()
	}
	reply := d.input[0]
	d.input = d.input[1:]
	return reply
}

// give answers the next read.
func (d *device) give(reply any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := reply.(string); ok && s != "eof" {
		reply = []byte(s)
	}
	d.input = append(d.input, reply)
	d.changed.Broadcast()
}

// shows waits until the output since the last call ends with want, and gives it.
func (d *device) shows(t *testing.T, want string) string {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for !strings.HasSuffix(d.output, want) {
		if d.ended {
			t.Fatalf("the output is %q, want it to end with %q", d.output, want)
		}
		d.changed.Wait()
	}
	got := d.output
	d.output = ""
	return got
}

func (d *device) take() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	got := d.output
	d.output = ""
	return got
}

// The root package's node is what the shell asks for, but for LoadFile.
var _ interface {
	Cluster
	Processes
	Names
} = (*wnode.Node)(nil)
