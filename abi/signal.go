package abi

// SignalKind says what a [Signal] does to its receiver. The numbers are part of the wire format.
type SignalKind uint8

// The kinds of signals. What each does is said in OTP's "Signals" and by the SIG, LINK and MON
// items of the semantics; the fields that a kind uses are given here, beside From and To.
const (
	SignalMessage      SignalKind = 1  // Data: the message
	SignalExit         SignalKind = 2  // exit/2. Data: the reason as a term
	SignalLink         SignalKind = 3  // sets a link up
	SignalUnlink       SignalKind = 4  // takes a link back. Ref: the unlink
	SignalUnlinkAck    SignalKind = 5  // Ref: the unlink that has been seen
	SignalLinkExit     SignalKind = 6  // from the other end of a link, which has ended. Data: the reason
	SignalMonitor      SignalKind = 7  // Ref: the monitor
	SignalDemonitor    SignalKind = 8  // Ref: the monitor
	SignalDown         SignalKind = 9  // Ref: the monitor. Data: the reason
	SignalGroupLeader  SignalKind = 10 // Data: 16 bytes, the new group leader
	SignalSpawnRequest SignalKind = 11 // to a node's process 0. Ref: the request. Data: what to spawn, a term
	SignalSpawnReply   SignalKind = 12 // from the new process, or from process 0 after an error. Ref: the request. Data: ["ok", pid] or ["error", number]
	SignalNode         SignalKind = 13 // from a node's process 0 to another's: what the nodes' own services say
)

// Signal is anything that one process sends to another, on the same node or across nodes.
// Signals from one process to one other arrive in the order sent (SIG-01). A signal is handed on,
// never shared: whoever holds it owns Data.
type Signal struct {
	Kind SignalKind
	From Pid
	To   Pid    // Num is 0 when Name says who is meant
	Name string // a name registered on the node To.Node; used when To.Num is 0
	Ref  Ref
	Data []byte
}

// NodeProcess is the process number that stands for the node itself: spawn requests go there.
const NodeProcess = 0

// Exit reasons with a meaning of their own, as text strings (atoms, in OTP). Any term is a reason.
const (
	ReasonNormal       = "normal"
	ReasonKill         = "kill"
	ReasonKilled       = "killed"
	ReasonShutdown     = "shutdown"
	ReasonNoProcess    = "noproc"
	ReasonNoConnection = "noconnection"
)

// ReasonExitStatus tags the reason ["exit_status", n] of a guest that called proc_exit(n), n not 0 (W-03).
const ReasonExitStatus = "exit_status"

// MessageKind says who made a message in a mailbox. The node writes it; no guest can forge it.
type MessageKind int32

// The kinds of messages.
const (
	MessageUser  MessageKind = 0 // sent by a process
	MessageExit  MessageKind = 1 // ["EXIT", pid, reason], an exit signal that was trapped
	MessageDown  MessageKind = 2 // ["DOWN", ref, "process", pid, reason], from a monitor
	MessageTrace MessageKind = 3 // ["trace", pid, event, ...], for who traces a process
	MessageNode  MessageKind = 4 // ["nodeup", name, info], ["nodedown", name, info] or ["nodedown", name], for who watches nodes
)

// AliasMode says how long an alias lasts. Messages can be sent to an alias as to the pid of the same
// numbers; those that come later are dropped (ALIAS-02, ALIAS-03).
type AliasMode int32

// The modes of an alias.
const (
	AliasExplicit       AliasMode = 1 // until it is taken back
	AliasReply          AliasMode = 2 // until the first message through it
	AliasDemonitor      AliasMode = 3 // of a monitor: as long as the monitor
	AliasReplyDemonitor AliasMode = 4 // of a monitor: like AliasDemonitor, and the first message ends both
)

// SendFlags say what a send may not do, as those of the BEAM's send/3 (SIG-07). A sum of them is all of them.
type SendFlags int32

// The flags of a send.
const (
	SendNoConnect SendFlags = 1 << iota // connect to the receiver's node
	SendNoSuspend                       // wait: for a congested way, or for room in a mailbox

	sendFlagsEnd
)

// Valid reports whether there are only flags that there are.
func (f SendFlags) Valid() bool { return f >= 0 && f < sendFlagsEnd }
