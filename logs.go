package wnode

import (
	"fmt"
	"net"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// logProcess is the process number of every node's log process, the second that a node starts.
const logProcess = 2

// crashReport tells of a process that ended by an error.
type crashReport struct {
	Pid    abi.Pid  `cbor:"1,keyasint"`
	Node   string   `cbor:"2,keyasint"`
	Label  string   `cbor:"3,keyasint"`
	Reason term.Raw `cbor:"4,keyasint"`
	Detail string   `cbor:"5,keyasint,omitempty"`
}

// maxDetail bounds what a report says beside the reason, in bytes.
const maxDetail = 8 << 10

// startLogProcess starts the process that takes the crash reports of other nodes: of processes
// whose group leader is here (LOG-03).
func (n *Node) startLogProcess() error {
	pid, err := n.sys.Spawn(vm.SpawnOptions{Body: vm.Func(n.runLog), Label: "logger", Overflow: vm.DropNewest})
	if err == nil && pid.Num != logProcess {
		err = fmt.Errorf("the log process is process %d, not the second", pid.Num)
	}
	return err
}

func (n *Node) runLog(p *vm.Process) vm.Exit {
	for {
		m, err := p.Receive(p.Context(), vm.Infinity)
		if err != nil {
			return vm.Normal
		}
		var report crashReport
		fromLog := m.From.Num == logProcess && m.From.Node != n.id
		if fromLog && term.DecodeInto(m.Data, &report) == nil && report.Pid.Node == m.From.Node {
			n.logCrash(report)
		}
	}
}

// sendCrash sends a report to another node's log, if that is connected.
func (n *Node) sendCrash(to abi.NodeID, report crashReport) {
	err := n.peers.Post(abi.Signal{
		Kind: abi.SignalMessage, From: abi.Pid{Node: n.id, Num: logProcess}, To: abi.Pid{Node: to, Num: logProcess},
		Data: term.MustEncode(report),
	})
	if err != nil {
		n.log.Debug("crash report lost", "pid", report.Pid.Text(0), "err", err)
	}
}

// logCrash writes a report to the log. The number of the pid is the one that this node shows.
func (n *Node) logCrash(r crashReport) {
	attrs := []any{
		"pid", r.Pid.Text(n.Index(r.Pid.Node)), "label", r.Label, "reason", vm.FormatReason(r.Reason, n.Index),
	}
	if r.Detail != "" {
		attrs = append(attrs, "detail", r.Detail[:min(len(r.Detail), maxDetail)])
	}
	n.log.Error(fmt.Sprintf("Process %s on node %s crashed", r.Pid.Text(n.Index(r.Pid.Node)), r.Node), attrs...)
}

// disallowed logs an attempt to connect with a wrong cookie (COOK-02).
func (n *Node) disallowed(name string, addr net.Addr) {
	n.log.Error(fmt.Sprintf("** Connection attempt from disallowed node %s **", name), "addr", addr.String())
}
