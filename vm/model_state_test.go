package vm_test

import (
	"maps"
	"slices"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// model says what links, monitors, names, aliases and exits come to when everything that happens has
// come to its end before the next thing does. It shares nothing with the machine: there are no
// signals, no queues and no locks in it, only what stands between processes.
type model struct {
	processes map[abi.Pid]*modelProcess
	links     map[[2]abi.Pid]bool // both ends, the lesser one first
	monitors  map[abi.Ref]modelMonitor
	aliases   map[abi.Ref]modelAlias
	names     map[abi.NodeID]map[string]abi.Pid
	cut       map[[2]abi.NodeID]bool // the lesser one first
}

type modelProcess struct {
	alive    bool
	reason   any  // when it is not alive
	checked  bool // that it ended so
	trapping bool
	// mailbox holds what came with each step; who sent what within a step is in no order.
	mailbox [][]modelMessage
}

// modelMessage is an encoded term, with the ref of the monitor when it is a DOWN.
type modelMessage struct {
	data string
	down abi.Ref
}

// modelMonitor stands. named says that it was set up by a name, and is shown so.
type modelMonitor struct {
	watcher, target abi.Pid
	named           string
}

type modelAlias struct {
	owner abi.Pid
	mode  vm.AliasMode
}

func newModel() *model {
	return &model{
		processes: map[abi.Pid]*modelProcess{}, links: map[[2]abi.Pid]bool{},
		monitors: map[abi.Ref]modelMonitor{}, aliases: map[abi.Ref]modelAlias{},
		names: map[abi.NodeID]map[string]abi.Pid{}, cut: map[[2]abi.NodeID]bool{},
	}
}

// step begins what the next messages come with.
func (m *model) step() {
	for _, p := range m.processes {
		p.mailbox = append(p.mailbox, nil)
	}
}

func (m *model) spawn(pid abi.Pid) {
	m.processes[pid] = &modelProcess{alive: true, mailbox: make([][]modelMessage, 1)}
}

func (m *model) alive(pid abi.Pid) bool {
	p := m.processes[pid]
	return p != nil && p.alive
}

// reaches reports whether the nodes of two processes are joined.
func (m *model) reaches(a, b abi.Pid) bool { return !m.cut[nodePair(a.Node, b.Node)] }

func (m *model) push(to abi.Pid, down abi.Ref, message any) {
	if p := m.processes[to]; m.alive(to) {
		last := len(p.mailbox) - 1
		p.mailbox[last] = append(p.mailbox[last], modelMessage{string(term.MustEncode(message)), down})
	}
}

func (m *model) send(from, to abi.Pid, message any) {
	if m.reaches(from, to) {
		m.push(to, abi.Ref{}, message)
	}
}

// link reports whether it is an error to the one that links (LINK-06).
func (m *model) link(a, b abi.Pid) (failed bool) {
	switch {
	case a == b:
	case !m.reaches(a, b):
		m.exitFromLink(b, a, "noconnection") // LINK-08
	case m.alive(b):
		m.links[pidPair(a, b)] = true
	case a.Node == b.Node && !m.processes[a].trapping:
		return true
	default:
		m.exitFromLink(b, a, "noproc") // LINK-06, LINK-07
	}
	return false
}

func (m *model) unlink(a, b abi.Pid) { delete(m.links, pidPair(a, b)) }

// exitFromLink and exitSignal are the table of LINK-02.
func (m *model) exitFromLink(from, to abi.Pid, reason any) {
	p := m.processes[to]
	switch {
	case !m.alive(to):
	case p.trapping:
		m.push(to, abi.Ref{}, exitMessage(from, reason))
	case !same(reason, "normal"):
		m.die(to, reason)
	}
}

func (m *model) exitSignal(from, to abi.Pid, reason any) {
	p := m.processes[to]
	switch {
	case !m.alive(to) || !m.reaches(from, to):
	case same(reason, "kill"):
		m.die(to, "killed")
	case p.trapping:
		m.push(to, abi.Ref{}, exitMessage(from, reason))
	case !same(reason, "normal") || from == to:
		m.die(to, reason)
	}
}

// die ends a process, and with it all that stands between it and others (PROC-17).
func (m *model) die(pid abi.Pid, reason any) {
	p := m.processes[pid]
	p.alive, p.reason = false, reason
	maps.DeleteFunc(m.names[pid.Node], func(_ string, named abi.Pid) bool { return named == pid })
	maps.DeleteFunc(m.aliases, func(_ abi.Ref, a modelAlias) bool { return a.owner == pid })
	maps.DeleteFunc(m.monitors, func(_ abi.Ref, mon modelMonitor) bool { return mon.watcher == pid })
	for ref, mon := range m.monitors {
		if mon.target == pid {
			m.down(ref, mon, reason)
		}
	}
	for pair := range m.links {
		if peer, linked := otherEnd(pair, pid); linked {
			delete(m.links, pair)
			m.exitFromLink(pid, peer, reason)
		}
	}
}

func (m *model) monitor(ref abi.Ref, watcher, target abi.Pid) {
	mon := modelMonitor{watcher: watcher, target: target}
	switch {
	case watcher == target: // MON-07
	case !m.reaches(watcher, target):
		m.down(ref, mon, "noconnection")
	case !m.alive(target):
		m.down(ref, mon, "noproc")
	default:
		m.monitors[ref] = mon
	}
}

func (m *model) monitorName(ref abi.Ref, watcher abi.Pid, node abi.NodeID, name string) {
	target, known := m.names[node][name]
	mon := modelMonitor{watcher: watcher, target: target, named: name}
	switch {
	case m.cut[nodePair(watcher.Node, node)]:
		mon.target.Node = node
		m.down(ref, mon, "noconnection")
	case !known:
		mon.target.Node = node
		m.down(ref, mon, "noproc")
	default:
		m.monitors[ref] = mon
	}
}

// down ends a monitor with its message.
func (m *model) down(ref abi.Ref, mon modelMonitor, reason any) {
	m.removeMonitor(ref)
	var object any = mon.target
	if mon.named != "" {
		object = list{mon.named, nodeName(mon.target.Node)}
	}
	m.push(mon.watcher, ref, list{"DOWN", ref, "process", object, reason})
}

func (m *model) removeMonitor(ref abi.Ref) {
	delete(m.monitors, ref)
	if mode := m.aliases[ref].mode; mode == vm.AliasDemonitor || mode == vm.AliasReplyDemonitor {
		delete(m.aliases, ref)
	}
}

// demonitor gives what the machine is to answer.
func (m *model) demonitor(watcher abi.Pid, ref abi.Ref, flush bool) (active bool) {
	_, active = m.monitors[ref]
	m.removeMonitor(ref)
	if flush {
		for i, came := range m.processes[watcher].mailbox {
			m.processes[watcher].mailbox[i] = slices.DeleteFunc(came, func(x modelMessage) bool { return x.down == ref })
		}
	}
	return active
}

// sendAlias is ALIAS-01 to ALIAS-03.
func (m *model) sendAlias(from abi.Pid, ref abi.Ref, message any) {
	a, active := m.aliases[ref]
	if !active || !m.reaches(from, a.owner) {
		return
	}
	m.push(a.owner, abi.Ref{}, message)
	if a.mode == vm.AliasReply || a.mode == vm.AliasReplyDemonitor {
		delete(m.aliases, ref)
	}
	if a.mode == vm.AliasReplyDemonitor {
		delete(m.monitors, ref)
	}
}

// disconnect ends what stands between the processes of two nodes (LINK-09, MON-10). All of it is
// lost before any process dies of it.
func (m *model) disconnect(a, b abi.NodeID) {
	m.cut[nodePair(a, b)] = true
	for ref, mon := range m.monitors {
		if nodePair(mon.watcher.Node, mon.target.Node) == nodePair(a, b) {
			m.down(ref, mon, "noconnection")
		}
	}
	var lost [][2]abi.Pid
	for pair := range m.links {
		if nodePair(pair[0].Node, pair[1].Node) == nodePair(a, b) {
			delete(m.links, pair)
			lost = append(lost, pair)
		}
	}
	for _, pair := range lost {
		m.exitFromLink(pair[0], pair[1], "noconnection")
		m.exitFromLink(pair[1], pair[0], "noconnection")
	}
}

// linksOf, monitorsOf and monitorersOf are what [vm.Info] is to show, sorted.
func (m *model) linksOf(pid abi.Pid) (peers []abi.Pid) {
	for pair := range m.links {
		if peer, linked := otherEnd(pair, pid); linked {
			peers = append(peers, peer)
		}
	}
	return sortedPids(peers)
}

func (m *model) monitorsOf(pid abi.Pid) (targets []abi.Pid) {
	for _, mon := range m.monitors {
		if mon.watcher == pid && mon.named != "" {
			targets = append(targets, abi.Pid{Node: mon.target.Node})
		} else if mon.watcher == pid {
			targets = append(targets, mon.target)
		}
	}
	return sortedPids(targets)
}

func (m *model) monitorersOf(pid abi.Pid) (watchers []abi.Pid) {
	for _, mon := range m.monitors {
		if mon.target == pid {
			watchers = append(watchers, mon.watcher)
		}
	}
	return sortedPids(watchers)
}

func otherEnd(pair [2]abi.Pid, pid abi.Pid) (abi.Pid, bool) {
	switch pid {
	case pair[0]:
		return pair[1], true
	case pair[1]:
		return pair[0], true
	}
	return abi.Pid{}, false
}

func comparePids(a, b abi.Pid) int {
	if a.Node != b.Node {
		return int(a.Node) - int(b.Node)
	}
	return int(a.Num) - int(b.Num)
}

func sortedPids(pids []abi.Pid) []abi.Pid {
	slices.SortFunc(pids, comparePids)
	return pids
}

func pidPair(a, b abi.Pid) [2]abi.Pid {
	if comparePids(a, b) > 0 {
		a, b = b, a
	}
	return [2]abi.Pid{a, b}
}

func nodePair(a, b abi.NodeID) [2]abi.NodeID { return [2]abi.NodeID{min(a, b), max(a, b)} }
