package vm_test

import (
	"slices"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm"
)

// agree lets everything come to its end and checks what must hold then.
func (x *tangle) agree() {
	x.settle()
	x.drainAll()
	infos := map[abi.Pid]vm.Info{}
	for _, pid := range x.living() {
		infos[pid], _ = x.sys[pid.Node].Info(pid)
	}
	x.agreeOnLinks(infos)
	x.agreeOnMonitors(infos)
	x.agreeOnHoldings(infos)
	x.nothingIsLost(infos)
}

// agreeOnLinks checks that both ends of every link are there, and that none is to who has ended.
func (x *tangle) agreeOnLinks(infos map[abi.Pid]vm.Info) {
	for pid, info := range infos {
		for _, peer := range info.Links {
			if other, alive := infos[peer]; !alive {
				x.t.Fatalf("%v is linked with %v, which has ended", pid, peer)
			} else if !slices.Contains(other.Links, pid) {
				x.t.Fatalf("%v is linked with %v, but not the other way round", pid, peer)
			}
		}
	}
}

// agreeOnMonitors checks that whoever holds a monitor is known to whom it is on, and that every
// monitor stands, was taken back, or has been answered once.
func (x *tangle) agreeOnMonitors(infos map[abi.Pid]vm.Info) {
	type towards struct {
		watcher abi.Pid
		node    abi.NodeID
	}
	held, known := map[towards]int{}, map[towards]int{}
	for pid, info := range infos {
		for _, target := range info.Monitors {
			held[towards{pid, target.Node}]++
			if _, alive := infos[target]; !alive && target.Num != abi.NodeProcess {
				x.t.Fatalf("%v monitors %v, which has ended", pid, target)
			}
		}
		for _, watcher := range info.MonitoredBy {
			known[towards{watcher, pid.Node}]++
		}
	}
	for key := range held {
		if held[key] != known[key] {
			x.t.Fatalf("%v holds %d monitors on node %d, where %d are known", key.watcher, held[key], key.node, known[key])
		}
		delete(known, key)
	}
	if len(known) > 0 {
		x.t.Fatalf("monitors that nobody holds: %v", known)
	}
	standing := map[abi.Pid]int{}
	for _, mon := range x.monitors {
		if !mon.gone && !mon.self && mon.downs == 0 {
			standing[mon.owner]++
		}
	}
	for pid, info := range infos {
		if standing[pid] != len(info.Monitors) {
			x.t.Fatalf("%v has %d monitors that were not answered, and holds %d", pid, standing[pid], len(info.Monitors))
		}
	}
}

// agreeOnHoldings checks the nodes' books against what stands.
func (x *tangle) agreeOnHoldings(infos map[abi.Pid]vm.Info) {
	var want [worldNodes + 1]vm.Holdings
	for pid, info := range infos {
		node := &want[pid.Node]
		node.Table++
		node.Held += len(info.Links) + len(info.MonitoredBy)
		for _, target := range info.Monitors {
			if target.Node != pid.Node {
				node.Watches++
			}
		}
	}
	for node := 1; node <= worldNodes; node++ {
		got := x.sys[node].Holdings()
		if got.Table != want[node].Table || got.Held != want[node].Held || got.Watches != want[node].Watches {
			x.t.Fatalf("node %d holds %+v, and is to hold %+v", node, got, want[node])
		}
	}
}

// nothingIsLost checks that who lives has received all that was sent to it (SIG-02).
func (x *tangle) nothingIsLost(infos map[abi.Pid]vm.Info) {
	if x.wasCut {
		return
	}
	for pair, sent := range x.sent {
		if _, alive := infos[pair[1]]; alive && x.received[pair] != sent {
			x.t.Fatalf("%v has received %d of %d messages from %v", pair[1], x.received[pair], sent, pair[0])
		}
	}
}
