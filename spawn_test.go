package wnode

import (
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	guests "github.com/wnode/wnode/examples/wasm"
	"github.com/wnode/wnode/internal/buffertest"
	"github.com/wnode/wnode/internal/nodetest"
)

// syncBuffer collects output and logs.
type syncBuffer = buffertest.Buffer

// spawnOn runs a function on a node and gives its exit reason.
func spawnOn(t *testing.T, n *Node, leader abi.Pid, node string, fn abi.Function, args ...any) (pid abi.Pid, reason any) {
	t.Helper()
	id, err := n.Resolve(t.Context(), node)
	if err != nil {
		t.Fatal(err)
	}
	do(t, n, func(p *Process) {
		var ref abi.Ref
		pid, ref, err = p.SpawnMonitor(p.Context(), id, SpawnRequest{Function: fn, Leader: leader, Args: term.MustEncode(args)})
		if err != nil {
			t.Error(err)
			return
		}
		reason = awaitDown(t, p, ref)
	})
	return pid, reason
}

func awaitDown(t *testing.T, p *Process, ref abi.Ref) any {
	t.Helper()
	for {
		m, err := p.Receive(p.Context(), Infinity)
		if err != nil {
			t.Error(err)
			return nil
		}
		if m.Kind != abi.MessageDown || m.Ref != ref {
			continue
		}
		v, err := term.Decode(m.Data)
		if err != nil {
			t.Error(err)
			return nil
		}
		return v.([]any)[4]
	}
}

func load(t *testing.T, n *Node) abi.Function {
	t.Helper()
	fn, err := n.Load("whoami.wasm", guests.Whoami)
	if err != nil {
		t.Fatal(err)
	}
	return fn
}

// RSP-01, RSP-07, GL-01, GL-02: a module is shipped and spawned, and what it writes in a guest comes home.
func TestSpawnShipsModuleAndOutputComesHome(t *testing.T) {
	c := newCluster(t)
	one, two := c.start("one", "x1"), c.start("two", "x1")
	out := new(syncBuffer)
	leader, err := one.StartStream(Streams{Output: out})
	if err != nil {
		t.Fatal(err)
	}
	fn := load(t, one)
	for _, node := range []*Node{one, two, two} {
		pid, reason := spawnOn(t, one, leader, node.Name(), fn)
		if pid.Node != node.ID() || reason != "normal" {
			t.Errorf("on %s: pid %v, reason %v", node.Name(), pid, reason)
		}
	}
	want := one.Name() + "\n" + two.Name() + "\n" + two.Name() + "\n"
	if out.String() != want {
		t.Errorf("output %q, want %q", out.String(), want)
	}
	if !two.store.Has(fn.Module) {
		t.Error("the module is not in the store of the node that it was shipped to")
	}
}

// Many spawns at a time of a module that the node lacks all get it.
func TestConcurrentSpawnsOfMissingModule(t *testing.T) {
	c := newCluster(t)
	one, two := c.start("one", "x1"), c.start("two", "x1")
	out := new(syncBuffer)
	leader, err := one.StartStream(Streams{Output: out})
	if err != nil {
		t.Fatal(err)
	}
	fn := load(t, one)
	var wg sync.WaitGroup
	const many = 50
	for range many {
		wg.Go(func() {
			if _, reason := spawnOn(t, one, leader, two.Name(), fn); reason != "normal" {
				t.Errorf("reason %v", reason)
			}
		})
	}
	wg.Wait()
	if got := strings.Count(out.String(), two.Name()+"\n"); got != many {
		t.Errorf("%d lines of output, want %d", got, many)
	}
}

// RSP-04, PROC-06, W-05: what is missing is an exit reason, and a line in the log of the spawner's node (RSP-05).
func TestSpawnOfMissingCode(t *testing.T) {
	c := newCluster(t)
	one, logs := c.startLogged("one", "x1", slog.LevelInfo)
	two := c.start("two", "x1")
	fn := load(t, one)
	fn.Export = "nothing"
	_, reason := spawnOn(t, one, abi.Pid{}, two.Name(), fn, "arg")
	want := `["undef", [["whoami.wasm", "nothing", ["arg"], []]]]`
	if got := term.Format(reason, nil); got != want {
		t.Errorf("missing export: %s, want %s", got, want)
	}
	nobodys := abi.Function{Module: abi.Hash{1}, Export: "_start", Name: "gone.wasm"}
	_, reason = spawnOn(t, one, abi.Pid{}, two.Name(), nobodys)
	want = `["undef", [["gone.wasm", "_start", [], []]]]`
	if got := term.Format(reason, nil); got != want {
		t.Errorf("missing module: %s, want %s", got, want)
	}
	nodetest.Eventually(t, "the crashes are in the log of the spawner's node", func() bool {
		return strings.Count(logs.String(), "on node "+two.Name()+" crashed") == 2
	})
}

// RSP-02, RSP-03: a node that is not there gives a useless pid of the caller's node, and noconnection.
func TestSpawnOnLostNode(t *testing.T) {
	c := newCluster(t)
	one, logs := c.startLogged("one", "x1", slog.LevelWarn)
	two := c.start("two", "x1")
	id, err := one.Resolve(t.Context(), two.Name())
	if err != nil {
		t.Fatal(err)
	}
	if err := two.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	nodetest.Eventually(t, "two is gone", func() bool { return len(one.Nodes()) == 0 })
	fn := load(t, one)
	do(t, one, func(p *Process) {
		pid, err := p.SpawnFunction(p.Context(), id, SpawnRequest{Function: fn})
		if err != nil || pid.Node != one.ID() || one.Alive(pid) {
			t.Errorf("spawn: pid %v, %v", pid, err)
		}
		_, ref, err := p.SpawnMonitor(p.Context(), id, SpawnRequest{Function: fn})
		if err != nil {
			t.Error(err)
			return
		}
		if reason := awaitDown(t, p, ref); reason != abi.ReasonNoConnection {
			t.Errorf("spawn_monitor: reason %v", reason)
		}
	})
	warning := regexp.MustCompile(`(?m)^.* level=WARN msg="\*\* Can not start #Function<whoami\.wasm sha256:[0-9a-f]{4}\.\.\.> on ` +
		regexp.QuoteMeta(two.Name()) + ` \*\*" err="cannot connect to ` + regexp.QuoteMeta(two.Name()) + `: .*"$`)
	if got := logs.String(); len(warning.FindAllString(got, -1)) != 2 || strings.Count(got, "\n") != 2 {
		t.Errorf("the log is\n%s", got)
	}
}

// MON-10, LINK-10, SIG-06: monitors across a lost connection fire; a send connects again.
func TestMonitorAcrossDisconnect(t *testing.T) {
	c := newCluster(t)
	one, two := c.start("one", "x1"), c.start("two", "x1")
	if err := one.Connect(t.Context(), two.Name()); err != nil {
		t.Fatal(err)
	}
	pid, got := receiver(t, two)
	do(t, one, func(p *Process) {
		ref := p.Monitor(pid)
		if err := p.Send(p.Context(), pid, term.MustEncode("before")); err != nil {
			t.Error(err)
		}
		if v := <-got; v != "before" {
			t.Errorf("got %v", v)
		}
		if !one.Disconnect(t.Context(), two.Name()) {
			t.Error("not disconnected")
		}
		if reason := awaitDown(t, p, ref); reason != abi.ReasonNoConnection {
			t.Errorf("reason %v", reason)
		}
		if err := p.Send(p.Context(), pid, term.MustEncode("after")); err != nil {
			t.Error(err)
		}
		if v := <-got; v != "after" {
			t.Errorf("got %v", v)
		}
	})
}

// PROC-04, PROC-05: pids of a node that has restarted reach nobody.
func TestPidOfEarlierIncarnation(t *testing.T) {
	c := newCluster(t)
	one, two := c.start("one", "x1"), c.start("two", "x1")
	if err := one.Connect(t.Context(), two.Name()); err != nil {
		t.Fatal(err)
	}
	old, _ := receiver(t, two)
	index := one.Index(two.ID())
	if err := two.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := c.start("two", "x1")
	newcomer, got := receiver(t, again)
	do(t, one, func(p *Process) {
		ref := p.Monitor(old)
		if reason := awaitDown(t, p, ref); reason != abi.ReasonNoProcess {
			t.Errorf("monitor: reason %v", reason)
		}
		if err := p.Send(p.Context(), old, term.MustEncode("lost")); err != nil {
			t.Errorf("send: %v", err)
		}
		if err := p.SendWith(p.Context(), abi.SendNoConnect, old, term.MustEncode("lost")); err != nil {
			t.Errorf("send without connecting: %v", err)
		}
		if err := p.Send(p.Context(), newcomer, term.MustEncode("found")); err != nil {
			t.Errorf("send: %v", err)
		}
	})
	if v := <-got; v != "found" {
		t.Errorf("got %v", v)
	}
	if one.Index(again.ID()) != index {
		t.Error("another incarnation prints with another number")
	}
}
