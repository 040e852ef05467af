package vm_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/internal/wiredoc"
	"github.com/wnode/wnode/vm"
)

// loader makes processes that wait to be told to end, and notes what it was asked for.
type loader struct {
	mu      sync.Mutex
	origins []abi.NodeID
}

func (l *loader) Body(fn abi.Function, origin abi.NodeID) vm.Body {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.origins = append(l.origins, origin)
	return vm.Func(func(p *vm.Process) vm.Exit {
		if fn.Name == "missing" {
			return vm.Exit{Reason: list{"undef", list{}}}
		}
		<-p.Context().Done()
		return vm.Normal
	})
}

func function(name string) abi.Function { return abi.Function{Export: abi.DefaultExport, Name: name} }

// GL-01, PROC-06, PROC-15, RSP-01, RSP-04: local and remote spawns.
func TestSpawnFunction(t *testing.T) {
	for name, node := range map[string]abi.NodeID{"local": 1, "remote": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &loader{}
				net, one, _ := newNetwork(t, vm.Options{Loader: l})
				leader := newActor(t, one, vm.SpawnOptions{})
				a := newActor(t, one, vm.SpawnOptions{Leader: leader.pid})
				a.do(func(p *vm.Process) {
					args := term.MustEncode(list{1, "x"})
					pid, err := p.SpawnFunction(p.Context(), node, vm.SpawnRequest{Function: function("f"), Args: args})
					if err != nil || pid.Node != node {
						t.Errorf("%v, %v", pid, err)
					}
					info, ok := net.systems[node].Info(pid)
					if !ok || info.GroupLeader != leader.pid || info.Parent != a.pid || info.Function != function("f") || info.Label != "f" {
						t.Errorf("%+v", info)
					}

					pid, err = p.SpawnFunction(p.Context(), node, vm.SpawnRequest{Function: function("f"), Leader: a.pid})
					if info, _ := net.systems[node].Info(pid); err != nil || info.GroupLeader != a.pid {
						t.Errorf("%+v, %v", info, err)
					}

					// PROC-07: the reason is the real one, however soon the process ends.
					pid, ref, err := p.SpawnMonitor(p.Context(), node, vm.SpawnRequest{Function: function("missing")})
					m, err2 := p.Receive(p.Context(), vm.Infinity)
					if errors.Join(err, err2) != nil || !same(term.Raw(m.Data), down(ref, pid, list{"undef", list{}})) {
						t.Errorf("%x, %v, %v", m.Data, err, err2)
					}

					for _, args := range [][]byte{{0x01}, {0xff}, {0x80, 0x00}} {
						_, err := p.SpawnFunction(p.Context(), node, vm.SpawnRequest{Function: function("f"), Args: args})
						if !errors.Is(err, abi.ErrBadArgument) {
							t.Errorf("args %x: %v", args, err)
						}
					}
					_, _, err = p.SpawnMonitor(p.Context(), node, vm.SpawnRequest{Function: function("\xff"), Args: []byte{0x01}})
					if !errors.Is(err, abi.ErrBadArgument) {
						t.Error(err)
					}
				})
				wantMessages(t, a.drain())
				for _, origin := range l.origins {
					if origin != 1 {
						t.Errorf("the module is to be had from %d", origin)
					}
				}
			})
		})
	}
}

// RSP-02, RSP-03: on a node that cannot be reached the pid is of no use, and the log has a warning.
func TestSpawnOnUnreachableNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		net, one, _ := newNetwork(t, vm.Options{Loader: &loader{}, Logger: slog.New(slog.NewTextHandler(&out, nil))})
		net.disconnect()
		a := newActor(t, one, vm.SpawnOptions{})
		a.do(func(p *vm.Process) {
			pid, err := p.SpawnFunction(p.Context(), 2, vm.SpawnRequest{Function: function("f.wasm")})
			if err != nil || pid.Node != 1 || one.Alive(pid) {
				t.Errorf("%v, %v", pid, err)
			}
			if !strings.Contains(out.String(), "Can not start #Function<f.wasm") {
				t.Error(out.String())
			}
			pid, ref, err := p.SpawnMonitor(p.Context(), 2, vm.SpawnRequest{Function: function("f.wasm")})
			if m, err2 := p.Receive(p.Context(), 0); errors.Join(err, err2) != nil || !same(term.Raw(m.Data), down(ref, pid, "noconnection")) {
				t.Errorf("%x, %v, %v", m.Data, err, err2)
			}
		})
		synctest.Wait()
		wantMessages(t, a.drain())
	})
}

// A monitor that came with a spawn names the process when its node is lost (MON-02, MON-10).
func TestSpawnMonitorConnectionLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, one, two := newNetwork(t, vm.Options{Loader: &loader{}})
		a := newActor(t, one, vm.SpawnOptions{})
		var pid abi.Pid
		var ref abi.Ref
		a.do(func(p *vm.Process) {
			var err error
			if pid, ref, err = p.SpawnMonitor(p.Context(), 2, vm.SpawnRequest{Function: function("f")}); err != nil {
				t.Error(err)
			}
		})
		net.disconnect()
		synctest.Wait()
		wantMessages(t, a.drain(), down(ref, pid, "noconnection"))
		if !two.Alive(pid) { // PROC-16
			t.Error("it died of the lost connection")
		}
	})
}

// A spawn ends with the spawner, and fails where there is no loader or no room.
func TestSpawnFunctionFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for want, opts := range map[error]vm.Options{
			abi.ErrNotSupported: {},
			abi.ErrLimit:        {Loader: &loader{}, MaxProcesses: 1},
		} {
			_, one, two := newNetwork(t, opts)
			newActor(t, two, vm.SpawnOptions{})
			a := newActor(t, one, vm.SpawnOptions{})
			a.do(func(p *vm.Process) {
				for _, node := range []abi.NodeID{1, 2} {
					if _, err := p.SpawnFunction(p.Context(), node, vm.SpawnRequest{Function: function("f")}); !errors.Is(err, want) {
						t.Errorf("on %d: %v, want %v", node, err, want)
					}
				}
			})
		}
	})
}

// What a peer sends is checked: a request is answered, with an error; nothing starts.
func TestHostileSpawnRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, _, two := newNetwork(t, vm.Options{Loader: &loader{}})
		caller := abi.Pid{Node: 1, Num: 500}
		good := map[int]any{1: function("f"), 2: list{}, 3: caller, 4: abi.Ref{Node: 1, Num: 7}, 5: true}
		with := func(key int, value any) []byte {
			m := map[int]any{key: value}
			for k, v := range good {
				if k != key {
					m[k] = v
				}
			}
			return term.MustEncode(m)
		}
		requests := [][]byte{
			nil,
			{0xff},
			{0xbf},
			term.MustEncode("spawn"), term.MustEncode(list{}),
			with(1, "no function"), with(2, "no array"), with(2, map[string]any{}), with(3, 5),
			with(4, "no ref"), with(4, caller), with(5, "no bool"),
		}
		for _, data := range requests {
			two.Deliver(abi.Signal{Kind: abi.SignalSpawnRequest, From: caller, To: abi.Pid{Node: 2}, Data: data})
		}
		if n := len(two.Processes()); n != 0 {
			t.Errorf("%d processes", n)
		}
		if n := net.carried(abi.SignalSpawnReply); n != len(requests) {
			t.Errorf("%d of %d answered", n, len(requests))
		}
		for _, sig := range net.sent {
			if sig.Kind == abi.SignalSpawnReply && !same(term.Raw(sig.Data), list{"error", int32(abi.ErrBadArgument)}) {
				t.Errorf("answer %x", sig.Data)
			}
		}
		net.set(func() { net.sent = nil })
		two.Deliver(abi.Signal{Kind: abi.SignalSpawnRequest, From: caller, To: abi.Pid{Node: 2}, Data: with(5, true)})
		synctest.Wait()
		if len(net.sent) == 0 || net.sent[0].From.Num == 0 || !same(term.Raw(net.sent[0].Data), list{"ok", net.sent[0].From}) {
			t.Errorf("the good one: %v", net.sent)
		}
	})
}

// What a node of a later version asks for and this one does not know is refused, and not passed over: the
// process would have fewer bounds than it was to have.
func TestSpawnRequestsOfLaterVersions(t *testing.T) {
	for name, request := range map[string]map[int]any{
		"an option":     {1: function("f"), 99: true},
		"a right":       {1: function("f"), 7: map[int]any{99: 1}},
		"a limit":       {1: function("f"), 7: map[int]any{1: map[int]any{99: 1}}},
		"a permission":  {1: function("f"), 7: map[int]any{2: uint32(1) << 31}},
		"a text as key": {1: function("f"), 7: map[string]any{"new": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			net, _, two := newNetwork(t, vm.Options{Loader: &loader{}})
			caller := abi.Pid{Node: 1, Num: 500}
			two.Deliver(abi.Signal{Kind: abi.SignalSpawnRequest, From: caller, To: abi.Pid{Node: 2}, Data: term.MustEncode(request)})
			if n := net.carried(abi.SignalSpawnReply); n != 1 || len(two.Processes()) != 0 {
				t.Fatalf("%d answers, %d processes", n, len(two.Processes()))
			}
			if !same(term.Raw(net.sent[0].Data), list{"error", int32(abi.ErrNotSupported)}) {
				t.Errorf("answer %x", net.sent[0].Data)
			}
		})
	}
}

// liar is a node that answers spawn requests with what it is told to.
type liar struct {
	sys   *vm.System
	reply []byte
}

func (l *liar) Send(_ context.Context, sig abi.Signal) error          { return l.Post(sig) }
func (l *liar) SendConnected(_ context.Context, sig abi.Signal) error { return l.Post(sig) }

func (l *liar) Post(sig abi.Signal) error {
	if sig.Kind == abi.SignalSpawnRequest {
		l.sys.Deliver(abi.Signal{Kind: abi.SignalSpawnReply, From: sig.To, To: sig.From, Ref: sig.Ref, Data: l.reply})
	}
	return nil
}

// A spawn reply that makes no sense is an error: never a pid of a third party, never a number that looks like success.
func TestHostileSpawnReplies(t *testing.T) {
	l := &liar{}
	sys := newSystem(t, vm.Options{Remote: l})
	l.sys = sys
	a := newActor(t, sys, vm.SpawnOptions{})
	a.do(func(p *vm.Process) {
		for _, reply := range []any{
			"ok",
			list{},
			list{"ok"},
			list{"ok", p.Pid()},
			list{"ok", abi.Pid{Node: 3, Num: 1}},
			list{"ok", 5},
			list{"error", 0},
			list{"error", 7},
			list{"error", int64(-1) << 40},
			list{"error", "text"},
			list{"what", -1},
		} {
			l.reply = term.MustEncode(reply)
			if pid, err := p.SpawnFunction(p.Context(), 2, vm.SpawnRequest{}); !errors.Is(err, abi.ErrBadArgument) {
				t.Errorf("%v: %v, %v", reply, pid, err)
			}
		}
		l.reply = term.MustEncode(list{"error", int32(abi.ErrLimit)})
		if _, err := p.SpawnFunction(p.Context(), 2, vm.SpawnRequest{}); !errors.Is(err, abi.ErrLimit) {
			t.Error(err)
		}
	})
}

// Whatever signal a peer makes up, the node goes on.
func FuzzDeliver(f *testing.F) {
	for _, e := range wiredoc.Examples(f, "spawn") {
		f.Add(uint8(abi.SignalSpawnRequest), uint64(0), "", uint64(1), e.Bytes)
	}
	for kind := range uint8(abi.SignalNode) + 2 {
		f.Add(kind, uint64(0), "", uint64(1), []byte{0x80})
		f.Add(kind, uint64(1), "name", uint64(3), []byte{0xff})
	}
	f.Fuzz(func(t *testing.T, kind uint8, to uint64, name string, ref uint64, data []byte) {
		_, one, two := newNetwork(t, vm.Options{Loader: &loader{}})
		a, far := newActor(t, one, vm.SpawnOptions{}), newActor(t, two, vm.SpawnOptions{})
		a.monitor(far.pid)
		one.Deliver(abi.Signal{
			Kind: abi.SignalKind(kind), From: far.pid, To: abi.Pid{Node: 1, Num: to}, Name: name,
			Ref: abi.Ref{Node: 1, Num: ref}, Data: data,
		})
		for _, m := range a.drainRaw() {
			if _, err := term.Decode(m.Data); err != nil && m.Kind != abi.MessageUser {
				t.Errorf("a message of the system's that is no term: %x", m.Data)
			}
		}
	})
}
