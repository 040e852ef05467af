package vm_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type list = []any

// newSystem makes a system that is closed at the end of the test. A crash fails the test unless
// opts.Crashed says otherwise.
func newSystem(t testing.TB, opts vm.Options) *vm.System {
	t.Helper()
	if opts.Node == 0 {
		opts.Node = 1
	}
	if opts.Crashed == nil {
		opts.Crashed = func(c vm.Crash) {
			t.Errorf("%s crashed: %s\n%s", c.Label, vm.FormatReason(c.Reason, nil), c.Detail)
		}
	}
	sys := vm.New(opts)
	t.Cleanup(func() { closeSystem(t, sys) })
	return sys
}

func closeSystem(t testing.TB, sys *vm.System) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := sys.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

// actor is a process that does what the test says, on its own goroutine, until it is told to end.
type actor struct {
	t     testing.TB
	pid   abi.Pid
	steps chan func(*vm.Process) *vm.Exit
	ended chan struct{}
}

func newActor(t testing.TB, sys *vm.System, opts vm.SpawnOptions) *actor {
	t.Helper()
	a := &actor{t: t, steps: make(chan func(*vm.Process) *vm.Exit), ended: make(chan struct{})}
	opts.Body = vm.Func(func(p *vm.Process) vm.Exit {
		defer close(a.ended)
		for {
			select {
			case step := <-a.steps:
				if exit := step(p); exit != nil {
					return *exit
				}
			case <-p.Context().Done():
				return vm.Normal
			}
		}
	})
	pid, err := sys.Spawn(opts)
	if err != nil {
		t.Fatal(err)
	}
	a.pid = pid
	return a
}

// do has the actor do something and waits until it is done.
func (a *actor) do(f func(p *vm.Process)) {
	a.t.Helper()
	done := make(chan struct{})
	a.steps <- func(p *vm.Process) *vm.Exit { defer close(done); f(p); return nil }
	<-done
}

// exit has the actor end.
func (a *actor) exit(reason any) {
	a.steps <- func(*vm.Process) *vm.Exit { return &vm.Exit{Reason: reason} }
}

func (a *actor) send(to abi.Pid, message any) {
	a.do(func(p *vm.Process) {
		if err := p.Send(p.Context(), to, term.MustEncode(message)); err != nil {
			a.t.Error(err)
		}
	})
}

func (a *actor) sendExit(to abi.Pid, reason any) {
	a.do(func(p *vm.Process) {
		if err := p.ExitProcess(p.Context(), to, term.MustEncode(reason)); err != nil {
			a.t.Error(err)
		}
	})
}

func (a *actor) monitor(target abi.Pid) (ref abi.Ref) {
	a.do(func(p *vm.Process) { ref = p.Monitor(target) })
	return ref
}

// receive takes the next message, waiting for it, and gives it as a term.
func (a *actor) receive() any {
	a.t.Helper()
	var got any
	a.do(func(p *vm.Process) {
		m, err := p.Receive(p.Context(), vm.Infinity)
		if err == nil {
			got, err = term.Decode(m.Data)
		}
		if err != nil {
			a.t.Errorf("receive: %v", err)
		}
	})
	return got
}

// drain takes all messages that there are.
func (a *actor) drain() (got []any) {
	a.do(func(p *vm.Process) {
		for {
			m, err := p.Receive(p.Context(), 0)
			if err != nil {
				return
			}
			message, err := term.Decode(m.Data)
			if err != nil {
				a.t.Errorf("a message that is no term: %x", m.Data)
			}
			got = append(got, message)
		}
	})
	return got
}

// drainRaw takes all messages that there are; none when the actor has ended.
func (a *actor) drainRaw() (got []vm.Message) {
	done := make(chan struct{})
	step := func(p *vm.Process) *vm.Exit {
		defer close(done)
		for {
			m, err := p.Receive(p.Context(), 0)
			if err != nil {
				return nil
			}
			got = append(got, m)
		}
	}
	select {
	case a.steps <- step:
		<-done
	case <-a.ended:
	}
	return got
}

// same compares as terms, in which there is one kind of integer.
func same(a, b any) bool { return string(term.MustEncode(a)) == string(term.MustEncode(b)) }

func wantMessages(t testing.TB, got []any, want ...any) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("messages %s, want %s", term.Format(got, nil), term.Format(want, nil))
		return
	}
	for i := range want {
		if !same(got[i], want[i]) {
			t.Errorf("message %d is %s, want %s", i, term.Format(got[i], nil), term.Format(want[i], nil))
		}
	}
}

func down(ref abi.Ref, pid abi.Pid, reason any) list {
	return list{"DOWN", ref, "process", pid, reason}
}

// names is a registry of names.
type names struct {
	mu    sync.Mutex
	pids  map[string]abi.Pid
	freed []abi.Pid
}

func newNames() *names { return &names{pids: map[string]abi.Pid{}} }

func (n *names) register(name string, pid abi.Pid) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pids[name] = pid
}

func (n *names) Whereis(name string) (abi.Pid, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	pid, ok := n.pids[name]
	return pid, ok
}

func (n *names) NameOf(pid abi.Pid) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, p := range n.pids {
		if p == pid {
			return name
		}
	}
	return ""
}

func (n *names) Release(pid abi.Pid) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.freed = append(n.freed, pid)
	for name, p := range n.pids {
		if p == pid {
			delete(n.pids, name)
		}
	}
}

// network joins systems. It delivers at once.
type network struct {
	mu        sync.Mutex
	systems   map[abi.NodeID]*vm.System
	cut       bool
	congested bool
	gate      chan struct{} // senders that wait try again when it is closed; nil: never
	sent      []abi.Signal
}

// newNetwork makes nodes 1 and 2, joined. The options are for both.
func newNetwork(t testing.TB, opts vm.Options) (net *network, one, two *vm.System) {
	t.Helper()
	net = &network{systems: map[abi.NodeID]*vm.System{}}
	for node := abi.NodeID(1); node <= 2; node++ {
		opts.Node, opts.Remote = node, &remote{net: net, from: node}
		sys := newSystem(t, opts)
		net.mu.Lock()
		net.systems[node] = sys
		net.mu.Unlock()
	}
	return net, net.systems[1], net.systems[2]
}

// disconnect cuts the two nodes apart, and tells them.
func (n *network) disconnect() {
	n.mu.Lock()
	n.cut = true
	n.mu.Unlock()
	n.systems[1].NodeDown(2)
	n.systems[2].NodeDown(1)
}

func (n *network) set(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

// carried counts the signals of a kind that went over the network.
func (n *network) carried(kind abi.SignalKind) (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, sig := range n.sent {
		if sig.Kind == kind {
			count++
		}
	}
	return count
}

// remote is one node's end of the network.
type remote struct {
	net  *network
	from abi.NodeID
}

var errCongested = errors.New("congested")

func (r *remote) Send(ctx context.Context, sig abi.Signal) error {
	err := r.Post(sig)
	if !errors.Is(err, errCongested) {
		return err
	}
	select {
	case <-r.net.gate:
		return r.Post(sig)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *remote) SendConnected(ctx context.Context, sig abi.Signal) error { return r.Send(ctx, sig) }

func (r *remote) Post(sig abi.Signal) error {
	r.net.mu.Lock()
	target, congested := r.net.systems[sig.To.Node], r.net.congested
	if r.net.cut {
		target = nil
	}
	if target != nil && !congested {
		r.net.sent = append(r.net.sent, sig)
	}
	r.net.mu.Unlock()
	switch {
	case target == nil:
		return abi.ErrNotConnected
	case congested:
		return errCongested
	}
	target.Deliver(sig)
	return nil
}

// recorder is a way to other nodes at whose end nobody is.
type recorder struct {
	mu   sync.Mutex
	sent []abi.Signal
}

func (r *recorder) Send(_ context.Context, sig abi.Signal) error          { return r.Post(sig) }
func (r *recorder) SendConnected(_ context.Context, sig abi.Signal) error { return r.Post(sig) }

func (r *recorder) Post(sig abi.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, sig)
	return nil
}

// last gives the last signal of a kind that was sent, zero if there was none.
func (r *recorder) last(kind abi.SignalKind) (last abi.Signal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, sig := range r.sent {
		if sig.Kind == kind {
			last = sig
		}
	}
	return last
}

func (r *recorder) lastUnlink() abi.Ref { return r.last(abi.SignalUnlink).Ref }
