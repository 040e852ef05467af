package wnode

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
	"github.com/wnode/wnode/vm"
)

// crashReport tells of a process that ended by an error.
type crashReport struct {
	Pid    abi.Pid  `cbor:"1,keyasint"`
	Label  string   `cbor:"2,keyasint"`
	Reason term.Raw `cbor:"3,keyasint"`
	Detail string   `cbor:"4,keyasint,omitempty"` // lines for what the reason does not say
	Export string   `cbor:"5,keyasint,omitempty"`
	Name   string   `cbor:"6,keyasint,omitempty"` // the registered name that the process had
	// Of the message that the process took last; no sender: it took none.
	LastFrom abi.Pid         `cbor:"7,keyasint"`
	LastKind abi.MessageKind `cbor:"8,keyasint,omitempty"`
	LastSize int             `cbor:"9,keyasint,omitempty"`
}

// maxDetail bounds what a log line shows of each part of a report, in bytes.
const maxDetail = 8 << 10

// crashed tells of a process that ended by an error: on this node and, when its group leader is on
// another, there too (LOG-03, RSP-05).
func (n *Node) crashed(c vm.Crash) {
	report := crashReport{
		Pid: c.Pid, Label: c.Label, Export: c.Function.Export, Name: c.Name, Reason: c.Reason,
		LastFrom: c.Last.From, LastKind: c.Last.Kind, LastSize: c.LastSize,
	}
	if _, frames, _ := splitReason(c.Reason); len(frames) == 0 {
		report.Detail = clip(c.Detail)
	}
	n.logCrash(report)
	if c.Leader.Node == n.id {
		return
	}
	if err := n.postService(c.Leader.Node, serviceMessage{Crash: &report}); err != nil {
		n.log.Debug("crash report lost", "pid", report.Pid.Text(0), "err", err)
	}
}

// What each other node may have this one write to its log: as much as a node writes of its own crashes.
const (
	peerLogBurst     = 500
	peerLogPerSecond = 100
)

// crashElsewhere takes the report of another node, about a process of that node.
func (n *Node) crashElsewhere(from abi.NodeID, report crashReport) {
	if report.Pid.Node == from && n.mayLog(from) {
		n.logCrash(report)
	}
}

// mayLog reports whether there may be one more line on what another node has said.
func (n *Node) mayLog(from abi.NodeID) bool {
	p := n.peers.peerOf(from)
	if p == nil {
		return false
	}
	dropped, ok := p.lines.Take(time.Now())
	n.logDropped(p, dropped)
	return ok
}

// logDropped says how many lines on what a node has said were too many.
func (n *Node) logDropped(p *peer, lines uint64) {
	if lines > 0 {
		n.log.Warn("log lines on another node's messages dropped: it sends too many", "peer", p.name, "lines", lines)
	}
}

// logCrash writes a report to the log, in one line. The numbers of pids are those that this node shows.
func (n *Node) logCrash(r crashReport) {
	node, _ := n.NodeName(r.Pid.Node)
	pid := r.Pid.Text(n.Index(r.Pid.Node))
	who := pid
	if r.Name != "" {
		who += " (" + oneLine(r.Name) + ")"
	}
	text := fmt.Sprintf("Process %s on node %s crashed in %s: %s", who, node, oneLine(r.code()), oneLine(n.reasonText(r.Reason)))
	var attrs []slog.Attr
	if r.Detail != "" {
		attrs = append(attrs, slog.String("detail", clip(r.Detail)))
	}
	attrs = append(attrs, n.crashRecord(r, pid, node))
	n.log.LogAttrs(context.Background(), slog.LevelError, text, attrs...)
}

// CrashGroup is the name of the group with the fields of a crash in a log record. Its text says the same, so
// that a log for people can do without.
const CrashGroup = "crash"

// crashRecord has for programs what the text has for people: pid, node, name, module, export, reason,
// backtrace, and of the message that the process took last its kind (as in [abi.MessageKind]), size and sender.
func (n *Node) crashRecord(r crashReport, pid, node string) slog.Attr {
	reason, backtrace := clip(vm.FormatReason(r.Reason, n.Index)), []string{}
	if what, frames, ok := splitReason(r.Reason); ok {
		reason = clip(n.whatText(what))
		for _, frame := range frames {
			backtrace = append(backtrace, clip(n.frameText(frame)))
		}
	}
	fields := []any{
		"pid", pid, "node", node, "name", r.Name, "module", clip(r.Label), "export", clip(r.Export),
		"reason", reason, "backtrace", backtrace,
	}
	if !r.LastFrom.IsZero() {
		from := r.LastFrom.Text(n.Index(r.LastFrom.Node))
		fields = append(fields, slog.Group("last_message", "kind", int(r.LastKind), "bytes", r.LastSize, "from", from))
	}
	return slog.Group(CrashGroup, fields...)
}

// code names what the process ran, as in ticker.wasm or ticker.wasm:client.
func (r crashReport) code() string {
	if r.Export == "" || r.Export == abi.DefaultExport {
		return r.Label
	}
	return r.Label + ":" + r.Export
}

// reasonText prints the reason of a crash. A reason with a backtrace (W-04), [what, frames], reads as
// in `unreachable at ticker.wasm:inner/1 < ticker.wasm:_start/0`.
func (n *Node) reasonText(reason []byte) string {
	what, frames, ok := splitReason(reason)
	if !ok {
		return vm.FormatReason(reason, n.Index)
	}
	text := n.whatText(what)
	for i, frame := range frames {
		before := " < "
		if i == 0 {
			before = " at "
		}
		text += before + n.frameText(frame)
	}
	return text
}

// splitReason takes [what, frames] apart.
func splitReason(reason []byte) (what any, frames [][]any, ok bool) {
	decoded, err := term.Decode(reason)
	pair, _ := decoded.([]any)
	if err != nil || len(pair) != 2 {
		return nil, nil, false
	}
	list, ok := pair[1].([]any)
	for _, entry := range list {
		frame, isList := entry.([]any)
		if ok = ok && isList && len(frame) == 4; !ok {
			return nil, nil, false
		}
		frames = append(frames, frame)
	}
	return pair[0], frames, ok
}

// whatText prints an atom as it is, and [kind, text] as in `link_error: no such import`.
func (n *Node) whatText(what any) string {
	if atom, ok := what.(string); ok {
		return atom
	}
	if pair, ok := what.([]any); ok && len(pair) == 2 {
		kind, isKind := pair[0].(string)
		text, isText := pair[1].(string)
		if isKind && isText {
			return kind + ": " + text
		}
	}
	return term.Format(what, n.Index)
}

// frameText prints [module, function, arity or arguments, position] as module:function/arity, and the source
// line behind it when the position has one (W-04).
func (n *Node) frameText(frame []any) string {
	module, isModule := frame[0].(string)
	function, isFunction := frame[1].(string)
	if !isModule || !isFunction {
		return term.Format(frame, n.Index)
	}
	arity := frame[2]
	if args, ok := arity.([]any); ok {
		arity = int64(len(args))
	}
	text := fmt.Sprintf("%s:%s/%s", module, function, term.Format(arity, n.Index))
	if line := SourceLine(frame[3]); line != "" {
		text += " (" + line + ")"
	}
	return text
}

// SourceLine prints the line of a position in a backtrace (W-04), [["file", F], ["line", L], ...], as in
// src/main.rs:12. "": it has none.
func SourceLine(position any) string {
	var file string
	var line int64
	pairs, _ := position.([]any)
	for _, p := range pairs {
		pair, _ := p.([]any)
		if len(pair) != 2 {
			continue
		}
		switch pair[0] {
		case "file":
			file, _ = pair[1].(string)
		case "line":
			line, _ = pair[1].(int64)
		}
	}
	if file == "" || line <= 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", oneLine(file), line)
}

// oneLine makes text of guests and peers fit for the message of a log line, and bounds it.
func oneLine(s string) string { return vm.OneLine(clip(s)) }

// clip bounds what comes from guests and peers.
func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxDetail)], "") }

// logBroken writes a line about a peer that broke the rules. Who does can call again as fast as it likes, so
// there are no more of them than of the lines on what peers say.
func (ps *peers) logBroken(what, peer string, addr net.Addr, err error) {
	dropped, ok := ps.broken.Take(time.Now())
	if dropped > 0 {
		ps.node.log.Warn("log lines on peers that broke the protocol dropped: there were too many", "lines", dropped)
	}
	if ok {
		ps.node.log.Warn(what, "peer", peer, "addr", addr.String(), "err", err)
	}
}

// brokenCall tells of a call from a node that holds the cookie and breaks the rules, or speaks another version.
func (ps *peers) brokenCall(peer string, addr net.Addr, err error) {
	ps.logBroken("call refused: the node does not speak the protocol", peer, addr, err)
}

// disallowed logs an attempt to connect with a wrong cookie (COOK-02).
func (n *Node) disallowed(name string, addr net.Addr) {
	n.log.Error(fmt.Sprintf("** Connection attempt from disallowed node %s **", name), "addr", addr.String())
}
