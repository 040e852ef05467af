package vm_test

import (
	"slices"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// check compares all that can be seen of the machine with the model.
func (s *sequence) check(op modelOp) {
	var want [worldNodes + 1]vm.Holdings
	for _, pid := range s.pids {
		alive := s.model.alive(pid)
		if s.sys[pid.Node].Alive(pid) != alive {
			s.t.Fatalf("after %v: %v is to be alive: %v", op, pid, alive)
		}
		if alive {
			want[pid.Node].Table++
			s.checkProcess(op, pid)
		} else {
			s.checkEnd(op, pid)
		}
	}
	s.model.holdings(&want)
	for node, sys := range s.sys {
		if sys != nil && sys.Holdings() != want[node] {
			s.t.Fatalf("after %v: node %d holds %+v, and is to hold %+v", op, node, sys.Holdings(), want[node])
		}
	}
}

// checkEnd compares why a process ended, once.
func (s *sequence) checkEnd(op modelOp, pid abi.Pid) {
	p, x := s.model.processes[pid], s.puppet(pid)
	if x != nil && !p.checked && !same(term.Raw(x.cause), p.reason) {
		s.t.Fatalf("after %v: %v ended with %s, not %v", op, pid, vm.FormatReason(x.cause, nil), p.reason)
	}
	p.checked = true
}

// holdings adds up what the nodes have to keep for what stands.
func (m *model) holdings(want *[worldNodes + 1]vm.Holdings) {
	for pair := range m.links {
		want[pair[0].Node].Held++
		want[pair[1].Node].Held++
	}
	away := [worldNodes + 1]map[abi.NodeID]bool{}
	for _, mon := range m.monitors {
		watcher, target := mon.watcher.Node, mon.target.Node
		want[target].Held++
		if mon.named != "" {
			want[target].Named++
		}
		if watcher != target {
			want[watcher].Watches++
			if away[watcher] == nil {
				away[watcher] = map[abi.NodeID]bool{}
			}
			away[watcher][target] = true
		}
	}
	for node := range want {
		want[node].WatchNodes = len(away[node])
	}
	for _, alias := range m.aliases {
		want[alias.owner.Node].Table++
	}
}

func (s *sequence) checkProcess(op modelOp, pid abi.Pid) {
	info, ok := s.sys[pid.Node].Info(pid)
	if !ok {
		s.t.Fatalf("after %v: no information of %v", op, pid)
	}
	p, waiting := s.model.processes[pid], 0
	for _, came := range p.mailbox {
		waiting += len(came)
	}
	if info.TrapExit != p.trapping || info.MessageQueue != waiting {
		s.t.Fatalf("after %v: %v traps %v, %d messages; the model: %v, %d", op, pid, info.TrapExit, info.MessageQueue, p.trapping, waiting)
	}
	for what, pids := range map[string][2][]abi.Pid{
		"links":        {info.Links, s.model.linksOf(pid)},
		"monitors":     {info.Monitors, s.model.monitorsOf(pid)},
		"monitored by": {info.MonitoredBy, s.model.monitorersOf(pid)},
	} {
		if !slices.Equal(sortedPids(pids[0]), pids[1]) {
			s.t.Fatalf("after %v: %s of %v: %v, the model: %v", op, what, pid, pids[0], pids[1])
		}
	}
}

// drain has a process take all its messages, and compares them with the model's.
func (s *sequence) drain(pid abi.Pid) {
	var got []string
	s.now(pid, func(p *vm.Process) {
		for {
			m, err := p.Receive(p.Context(), 0)
			if err != nil {
				return
			}
			got = append(got, string(m.Data))
		}
	})
	p := s.model.processes[pid]
	for _, came := range p.mailbox {
		var want []string
		for _, message := range came {
			want = append(want, message.data)
		}
		n := min(len(want), len(got))
		slices.Sort(want)
		slices.Sort(got[:n])
		if !slices.Equal(want, got[:n]) {
			s.t.Fatalf("messages of %v: %s, the model: %s", pid, formatted(got[:n]), formatted(want))
		}
		got = got[n:]
	}
	p.mailbox = [][]modelMessage{nil}
	if len(got) > 0 {
		s.t.Fatalf("messages of %v that the model has not: %s", pid, formatted(got))
	}
}

func formatted(messages []string) (texts []string) {
	for _, message := range messages {
		texts = append(texts, vm.FormatReason([]byte(message), nil))
	}
	return texts
}

// end drains what lives, ends it all, and looks for what is left.
func (s *sequence) end() {
	living := s.living()
	for _, pid := range living {
		s.drain(pid)
	}
	for _, pid := range living {
		s.start(pid, func(*vm.Process) *vm.Exit { return &vm.Exit{} })
	}
	s.settle()
	for _, sys := range s.sys[1:] {
		if h := sys.Holdings(); h != (vm.Holdings{}) {
			s.t.Fatalf("node %d still holds %+v", sys.Node(), h)
		}
	}
}
