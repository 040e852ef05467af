package wnode

import (
	"fmt"
	"net"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// crashReport tells of a process that ended by an error.
type crashReport struct {
	Pid    abi.Pid  `cbor:"1,keyasint"`
	Label  string   `cbor:"2,keyasint"`
	Reason term.Raw `cbor:"3,keyasint"`
	Detail string   `cbor:"4,keyasint,omitempty"`
}

// maxDetail bounds what a report says beside the reason, in bytes.
const maxDetail = 8 << 10

// crashed tells of a process that ended by an error: on this node and, when its group leader is on
// another, there too (LOG-03, RSP-05).
func (n *Node) crashed(c vm.Crash) {
	report := crashReport{Pid: c.Pid, Label: c.Label, Reason: c.Reason, Detail: c.Detail[:min(len(c.Detail), maxDetail)]}
	n.logCrash(report)
	if c.Leader.Node == n.id {
		return
	}
	if err := n.postService(c.Leader.Node, serviceMessage{Crash: &report}); err != nil {
		n.log.Debug("crash report lost", "pid", report.Pid.Text(0), "err", err)
	}
}

// crashElsewhere takes the report of another node, about a process of that node.
func (n *Node) crashElsewhere(from abi.NodeID, report crashReport) {
	if report.Pid.Node == from {
		n.logCrash(report)
	}
}

// logCrash writes a report to the log. The number of the pid is the one that this node shows. What
// comes from guests and peers is in the attributes, which the log quotes.
func (n *Node) logCrash(r crashReport) {
	pid := r.Pid.Text(n.Index(r.Pid.Node))
	attrs := []any{"pid", pid, "label", r.Label, "reason", vm.FormatReason(r.Reason, n.Index)}
	if r.Detail != "" {
		attrs = append(attrs, "detail", r.Detail[:min(len(r.Detail), maxDetail)])
	}
	name, _ := n.NodeName(r.Pid.Node)
	n.log.Error(fmt.Sprintf("Process %s on node %s crashed", pid, name), attrs...)
}

// disallowed logs an attempt to connect with a wrong cookie (COOK-02).
func (n *Node) disallowed(name string, addr net.Addr) {
	n.log.Error(fmt.Sprintf("** Connection attempt from disallowed node %s **", name), "addr", addr.String())
}
