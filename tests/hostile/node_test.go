package hostile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wnode/wnode"
	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/cookie"
	"github.com/wnode/wnode/internal/buffertest"
	"github.com/wnode/wnode/internal/nodetest"
	"github.com/wnode/wnode/internal/wasmtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 60 * time.Second

// node is a node under attack.
type node struct {
	*wnode.Node
	t       *testing.T
	log     *buffertest.Buffer
	inbox   chan wnode.Message // what guests report
	reports abi.Pid
	witness *witness
}

// start starts a node with a witness.
func start(t *testing.T, change ...func(*wnode.Options)) *node {
	t.Helper()
	secret, err := cookie.NewSecret("hostile")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, log: new(buffertest.Buffer), inbox: make(chan wnode.Message, 1<<10)}
	opts := wnode.Options{
		Cookie: secret, Listen: "127.0.0.1:0", WellKnownPort: nodetest.FreePort(t),
		Logger: slog.New(slog.NewTextHandler(n.log, nil)),
	}
	for _, c := range change {
		c(&opts)
	}
	if n.Node, err = wnode.Start(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.stop)
	n.reports = n.native(func(p *wnode.Process) {
		for {
			m, err := p.Receive(p.Context(), wnode.Infinity)
			if err != nil {
				return
			}
			select {
			case n.inbox <- m:
			case <-p.Context().Done(): // nobody reads any more
				return
			}
		}
	})
	n.witness = newWitness(n)
	return n
}

// in gives the node for a part of a test.
func (n *node) in(t *testing.T) *node {
	part, w := *n, *n.witness
	part.t, part.witness, w.n = t, &w, &part
	return &part
}

func (n *node) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		n.t.Error(err)
	}
}

// native starts a process of Go.
func (n *node) native(run func(*wnode.Process)) abi.Pid {
	n.t.Helper()
	pid, err := n.Spawn("test", abi.Pid{}, func(p *wnode.Process) wnode.Exit { run(p); return wnode.Normal })
	if err != nil {
		n.t.Fatal(err)
	}
	return pid
}

// as does something as a process, and waits until it is done.
func (n *node) as(do func(*wnode.Process)) {
	n.t.Helper()
	done := make(chan struct{})
	n.native(func(p *wnode.Process) { defer close(done); do(p) })
	<-done
}

func (n *node) load(p *program) abi.Function { return n.loadBytes(p.Bytes()) }

func (n *node) loadBytes(module []byte) abi.Function {
	n.t.Helper()
	fn, err := n.Load("attack.wasm", module)
	if err != nil {
		n.t.Fatal(err)
	}
	return fn
}

// attack is a guest that runs.
type attack struct {
	n    *node
	pid  abi.Pid
	down chan any // its exit reason
}

// spawn starts a guest. What it may do is in the request.
func (n *node) spawn(fn abi.Function, change ...func(*wnode.SpawnRequest)) *attack {
	n.t.Helper()
	req := wnode.SpawnRequest{Function: fn}
	for _, c := range change {
		c(&req)
	}
	a := &attack{n: n, down: make(chan any, 1)}
	started := make(chan error, 1)
	n.native(func(p *wnode.Process) {
		pid, _, err := p.SpawnMonitor(p.Context(), n.ID(), req)
		a.pid = pid
		started <- err
		if err != nil {
			return
		}
		for {
			m, err := p.Receive(p.Context(), wnode.Infinity)
			if err != nil {
				return
			}
			if m.Kind == abi.MessageDown {
				a.down <- downReason(m)
				return
			}
		}
	})
	err := <-started
	if full := new(wnode.MemoryError); errors.As(err, &full) {
		a.down <- wnode.ReasonNodeFull // why it does not begin, as it would be why it ends a moment later
	} else if err != nil {
		n.t.Fatal(err)
	}
	return a
}

func downReason(m wnode.Message) any {
	v, err := term.Decode(m.Data)
	if list, ok := v.([]any); err == nil && ok && len(list) == 5 {
		return list[4]
	}
	return v
}

// run starts a guest and waits for its end.
func (n *node) run(p *program, change ...func(*wnode.SpawnRequest)) any {
	n.t.Helper()
	return n.spawn(n.load(p), change...).wait()
}

func (a *attack) wait() any {
	a.n.t.Helper()
	select {
	case reason := <-a.down:
		return reason
	case <-time.After(patience):
		a.n.t.Fatal("the attacker does not end")
		return nil
	}
}

// kill ends a guest from outside and waits until it is gone.
func (a *attack) kill() {
	a.n.t.Helper()
	a.n.as(func(p *wnode.Process) {
		if err := p.ExitProcess(p.Context(), a.pid, term.MustEncode(abi.ReasonKill)); err != nil {
			a.n.t.Error(err)
		}
	})
	if reason := a.wait(); reason != abi.ReasonKilled {
		a.n.t.Errorf("reason %s, want killed", term.Format(reason, nil))
	}
}

// what gives what went wrong from a reason [what, frames], or the reason.
func what(reason any) string {
	if list, ok := reason.([]any); ok && len(list) == 2 {
		if _, frames := list[1].([]any); frames {
			reason = list[0]
		}
	}
	if list, ok := reason.([]any); ok && len(list) == 2 {
		if kind, ok := list[0].(string); ok {
			return kind + ": " + term.Format(list[1], nil)
		}
	}
	if atom, ok := reason.(string); ok {
		return atom
	}
	return term.Format(reason, nil)
}

// want checks a reason.
func (n *node) want(reason any, want string) {
	n.t.Helper()
	if got := what(reason); got != want {
		n.t.Errorf("reason %.300s, want %s", got, want)
	}
}

// report sends what an op gives, an i32, to the test.
func (n *node) report(value code) code {
	return wasmtest.Report(n.reports, value)
}

// tell sends bytes to the test.
func (n *node) tell(address, length int64) code {
	return wasmtest.Tell(n.reports, address, length)
}

// next gives the next message to the test.
func (n *node) next() wnode.Message {
	n.t.Helper()
	select {
	case m := <-n.inbox:
		return m
	case <-time.After(patience):
		n.t.Fatal("no report comes")
		return wnode.Message{}
	}
}

// wantReports checks what report sent.
func (n *node) wantReports(want ...int32) {
	n.t.Helper()
	for i, w := range want {
		if got := int32(binary.LittleEndian.Uint32(n.next().Data)); got != w {
			n.t.Errorf("report %d is %d, want %d", i, got, w)
		}
	}
}

// eventually waits for a state that comes about on other goroutines.
func (n *node) eventually(what string, ok func() bool) {
	n.t.Helper()
	nodetest.Eventually(n.t, what, ok)
}

func leUint64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

func containsText(b []byte, text string) bool { return bytes.Contains(b, []byte(text)) }
