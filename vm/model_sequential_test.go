package vm_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// modelOp is one thing to happen. A, B and C choose among what there is.
type modelOp struct {
	Kind    string
	A, B, C int
}

// modelOpKinds lists what may happen, each as often as it is to.
var modelOpKinds = []string{
	"spawn", "spawn tied", "spawn tied", "exit", "send exit", "send exit", "trap", "trap",
	"link", "link", "link", "link", "unlink", "monitor", "monitor", "monitor", "monitor name", "demonitor", "demonitor",
	"alias", "monitor alias", "monitor alias", "unalias", "send", "send", "send name", "send alias", "send alias", "send alias",
	"register", "unregister", "drain", "drain", "cut", "join",
}

// modelOps draws about half of most things, evenly among the kinds. It draws which of them happen, so
// that a failure shrinks to the few that it takes.
func modelOps(kinds []string, most int) *rapid.Generator[[]modelOp] {
	return rapid.Custom(func(t *rapid.T) (ops []modelOp) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for _, happens := range rapid.SliceOfN(rapid.Bool(), most, most).Draw(t, "happens") {
			op := modelOp{kinds[rnd.IntN(len(kinds))], rnd.IntN(1 << 16), rnd.IntN(1 << 16), rnd.IntN(1 << 16)}
			if happens {
				ops = append(ops, op)
			}
		}
		return ops
	})
}

var modelReasons = []any{"normal", "kill", "killed", "shutdown", list{"shutdown", 1}, "boom", list{"unreachable", list{}}}

// modelPopulation is how many processes are kept alive.
const modelPopulation = 24

// sequence runs one thing after another on the machine and on the model, and compares.
type sequence struct {
	*world
	model *model
	pids  []abi.Pid // all that have been, those that never were a process included
	refs  []abi.Ref // of all monitors and aliases
	owner map[abi.Ref]abi.Pid
	count int
}

// LINK-01 to LINK-11, LINK-13, MON-01 to MON-10, ALIAS-01 to ALIAS-03, PROC-07, PROC-14, PROC-16,
// SIG-03, SIG-04, RSP-02, RSP-03: thousands of things that happen to dozens of processes on three nodes, one after the other.
func TestModelSequential(t *testing.T) {
	most := 500
	if raceDetector {
		most = 150
	}
	inBubble(t, modelOps(modelOpKinds, most), func(w *world, ops []modelOp) {
		s := &sequence{world: w, model: newModel(), owner: map[abi.Ref]abi.Pid{}}
		for _, op := range ops {
			s.populate()
			s.model.step()
			s.run(op)
			s.settle()
			s.check(op)
		}
		s.end()
	})
}

func (s *sequence) populate() {
	for alive := len(s.living()); alive < modelPopulation; alive++ {
		pid := s.spawn(abi.NodeID(1 + len(s.pids)%worldNodes))
		s.pids = append(s.pids, pid)
		s.model.spawn(pid)
	}
}

func (s *sequence) living() []abi.Pid {
	return slices.DeleteFunc(slices.Clone(s.pids), func(pid abi.Pid) bool { return !s.model.alive(pid) })
}

// anyone chooses a process, at times one that has ended.
func (s *sequence) anyone(choice int) abi.Pid {
	recent := s.pids[max(0, len(s.pids)-modelPopulation-modelPopulation/2):]
	return recent[choice%len(recent)]
}

// now has a live process do something and waits until all that follows has happened.
func (s *sequence) now(pid abi.Pid, f func(p *vm.Process)) {
	s.start(pid, func(p *vm.Process) *vm.Exit { f(p); return nil })
	s.settle()
}

func (s *sequence) run(op modelOp) {
	living := s.living()
	a, b := living[op.A%len(living)], s.anyone(op.B)
	reason, encoded := s.reason(op.C)
	node := abi.NodeID(1 + op.B%worldNodes)
	switch op.Kind {
	case "exit":
		s.start(a, func(*vm.Process) *vm.Exit { return &vm.Exit{Reason: reason} })
		s.model.die(a, reason)
	case "send exit":
		s.now(a, func(p *vm.Process) { _ = p.ExitProcess(p.Context(), b, encoded) })
		s.model.exitSignal(a, b, reason)
	case "trap":
		before, on := false, op.B%4 != 0
		s.now(a, func(p *vm.Process) { before = p.TrapExits(on) })
		if before != s.model.processes[a].trapping {
			s.t.Fatalf("%v trapped before: %v", a, before)
		}
		s.model.processes[a].trapping = on
	case "link":
		var err error
		s.now(a, func(p *vm.Process) { err = p.Link(p.Context(), b) })
		if failed := s.model.link(a, b); failed != errors.Is(err, abi.ErrNoProcess) {
			s.t.Fatalf("link %v to %v: %v, an error in the model: %v", a, b, err, failed)
		}
	case "unlink":
		s.now(a, func(p *vm.Process) { p.Unlink(b) })
		s.model.unlink(a, b)
	case "spawn", "spawn tied":
		s.spawnBy(a, node, op)
	case "register":
		if s.register(modelName(op.C), b) {
			if s.model.names[b.Node] == nil {
				s.model.names[b.Node] = map[string]abi.Pid{}
			}
			s.model.names[b.Node][modelName(op.C)] = b
		}
	case "unregister":
		s.names[node].unregister(modelName(op.C))
		delete(s.model.names[node], modelName(op.C))
	case "cut":
		if op.C%3 == 0 { // what happens while all are joined is of more interest
			s.setCut(a.Node, node, a.Node != node)
			if a.Node != node {
				s.settle()
				s.disconnect(a.Node, node)
			}
		}
	case "join":
		s.setCut(a.Node, node, false)
		delete(s.model.cut, nodePair(a.Node, node))
	case "drain":
		s.drain(a)
	default:
		s.runMonitors(op, a, b, node)
	}
}

// disconnect is the model's, for two nodes that were joined.
func (s *sequence) disconnect(a, b abi.NodeID) {
	if !s.model.cut[nodePair(a, b)] {
		s.model.disconnect(a, b)
	}
}

// runMonitors is run for monitors, aliases and messages.
func (s *sequence) runMonitors(op modelOp, a, b abi.Pid, node abi.NodeID) {
	var ref abi.Ref
	var err error
	name := modelName(op.C)
	message := list{"message", s.count}
	s.count++
	data := term.MustEncode(message)
	modes := []vm.AliasMode{vm.AliasExplicit, vm.AliasReply, vm.AliasDemonitor, vm.AliasReplyDemonitor}
	switch op.Kind {
	case "monitor":
		s.now(a, func(p *vm.Process) { ref = p.Monitor(b) })
		s.model.monitor(ref, a, b)
	case "monitor name":
		s.now(a, func(p *vm.Process) { ref = p.MonitorName(name, node, nodeName(node)) })
		s.model.monitorName(ref, a, node, name)
	case "monitor alias":
		mode := modes[op.C%len(modes)]
		s.now(a, func(p *vm.Process) { ref, err = p.MonitorAlias(b, mode) })
		s.model.aliases[ref] = modelAlias{a, mode}
		s.model.monitor(ref, a, b)
	case "alias":
		mode := modes[op.C%2]
		s.now(a, func(p *vm.Process) { ref, err = p.Alias(mode) })
		s.model.aliases[ref] = modelAlias{a, mode}
	case "demonitor", "unalias":
		s.takeBack(op)
	case "send":
		s.now(a, func(p *vm.Process) { err = p.Send(p.Context(), b, data) })
		s.model.send(a, b, message)
	case "send name":
		if op.B%2 == 0 {
			s.now(a, func(p *vm.Process) { err = p.SendNode(p.Context(), name, node, data) })
			s.model.send(a, s.model.names[node][name], message)
			break
		}
		s.now(a, func(p *vm.Process) { err = p.SendName(p.Context(), name, data) })
		target, known := s.model.names[a.Node][name]
		if known == errors.Is(err, abi.ErrNoName) { // SIG-04
			s.t.Fatalf("send to %q: %v", name, err)
		}
		err = nil
		s.model.send(a, target, message)
	case "send alias":
		if len(s.refs) > 0 {
			to := s.refs[max(0, len(s.refs)-1-op.B%12)]
			s.now(a, func(p *vm.Process) { err = p.Send(p.Context(), aliasPid(to), data) })
			s.model.sendAlias(a, to, message)
		}
	}
	if err != nil {
		s.t.Fatalf("%v: %v", op, err)
	}
	if ref != (abi.Ref{}) {
		s.refs = append(s.refs, ref)
		s.owner[ref] = a
	}
}

// takeBack ends a monitor or an alias, of one of the last few that lives.
func (s *sequence) takeBack(op modelOp) {
	if len(s.refs) == 0 {
		return
	}
	ref := s.refs[max(0, len(s.refs)-1-op.B%24)]
	owner, got, want := s.owner[ref], false, false
	if !s.model.alive(owner) {
		return
	}
	if op.Kind == "demonitor" {
		flush := op.C%2 == 0
		s.now(owner, func(p *vm.Process) { got = p.Demonitor(ref, flush) })
		want = s.model.demonitor(owner, ref, flush)
	} else {
		s.now(owner, func(p *vm.Process) { got = p.Unalias(ref) })
		_, want = s.model.aliases[ref]
		delete(s.model.aliases, ref)
	}
	if got != want {
		s.t.Fatalf("%s %v of %v says %v, and is to say %v", op.Kind, ref, owner, got, want)
	}
}

// spawnBy has a process spawn another one, tied to it or not.
func (s *sequence) spawnBy(a abi.Pid, node abi.NodeID, op modelOp) {
	var (
		pid abi.Pid
		ref abi.Ref
		err error
	)
	req := vm.SpawnRequest{Link: op.Kind == "spawn tied" && op.C%3 != 0}
	monitored := op.Kind == "spawn tied" && op.C%3 != 1
	s.now(a, func(p *vm.Process) {
		if monitored {
			pid, ref, err = p.SpawnMonitor(p.Context(), node, req)
		} else {
			pid, err = p.SpawnFunction(p.Context(), node, req)
		}
	})
	if err != nil {
		s.t.Fatalf("spawn: %v", err)
	}
	s.pids = append(s.pids, pid)
	if s.model.cut[nodePair(a.Node, node)] { // RSP-02, RSP-03
		s.model.processes[pid] = &modelProcess{reason: "noconnection"}
		if monitored {
			s.model.down(ref, modelMonitor{watcher: a, target: pid}, "noconnection")
		}
		if req.Link {
			s.model.exitFromLink(pid, a, "noconnection")
		}
		return
	}
	s.model.spawn(pid)
	if monitored {
		s.model.monitor(ref, a, pid)
		s.refs = append(s.refs, ref)
		s.owner[ref] = a
	}
	if req.Link {
		s.model.link(a, pid)
	}
}

func (s *sequence) reason(choice int) (any, []byte) {
	reason := modelReasons[choice%len(modelReasons)]
	return reason, term.MustEncode(reason)
}

func modelName(choice int) string { return []string{"one", "two", "three", "four"}[choice%4] }

func (n *names) unregister(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.pids, name)
}
