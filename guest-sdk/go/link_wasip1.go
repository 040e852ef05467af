package wnode

import (
	"fmt"
	"time"
	"unsafe"

	"github.com/wnode/wnode/abi"
)

// Link links this process with another of any node: when one ends with a reason other than "normal" so
// does the other, unless it traps exits. A process of another node that has ended already comes back
// as an exit signal. Errors: abi.ErrNoProcess when one of this node has ended and exits are not
// trapped; abi.ErrLimit, abi.ErrBadArgument.
func Link(pid Pid) error { return status(hostLink(uint64(pid.Node), pid.Num)) }

// Unlink takes a link back, whether or not there is one. A trapped exit that came before stays in the
// mailbox.
func Unlink(pid Pid) error { return status(hostUnlink(uint64(pid.Node), pid.Num)) }

// TrapExits says whether exit signals other than "kill" become messages from now on, see
// [Message.Exit], and reports what was set before.
func TrapExits(on bool) (before bool, err error) { return truth(hostTrapExits(flagOf(on))) }

// Monitor asks for a message when a process ends, or at once when there is none: see [Message.Down].
func Monitor(pid Pid) (Ref, error) {
	return readRef(func(ref unsafe.Pointer) int32 {
		return hostMonitor(uint64(pid.Node), pid.Num, ref)
	})
}

// MonitorName monitors whoever has a name on a node, "" being this one, when the request arrives there.
// That nobody has it is "noproc" in the message, and that there is no way there "noconnection".
// Errors: abi.ErrBadArgument.
func MonitorName(name, node string) (Ref, error) {
	p, n := textOf(name)
	np, nl := textOf(node)
	return readRef(func(ref unsafe.Pointer) int32 { return hostMonitorName(p, n, np, nl, ref) })
}

// MonitorTo monitors the process of an address. Errors: abi.ErrNoName for a global name that nobody has,
// abi.ErrBadArgument.
func MonitorTo(a Address) (Ref, error) {
	switch {
	case a == (Address{}):
		return Ref{}, fmt.Errorf("the empty address: %w", abi.ErrBadArgument)
	case a.Global:
		pid, err := GlobalWhereis(a.Name)
		if err != nil {
			return Ref{}, err
		}
		return Monitor(pid)
	case a.Name != "":
		return MonitorName(a.Name, a.Node)
	}
	return Monitor(a.Pid)
}

// ReceiveDown waits for the message of a monitor. Errors: abi.ErrTimedOut.
func ReceiveDown(ref Ref, timeout time.Duration) (Down, error) {
	m, err := ReceiveMatch(timeout, func(m Message) bool {
		down, ok := m.Down()
		return ok && down.Ref == ref
	})
	down, _ := m.Down()
	return down, err
}

// Demonitor takes a monitor back and reports whether it still stood. With flush its message is removed
// if that has come already.
func Demonitor(ref Ref, flush bool) (stood bool, err error) {
	return truth(hostDemonitor(uint64(ref.Node), ref.Num, flagOf(flush)))
}

// AliasMode says how long an alias lasts.
type AliasMode = abi.AliasMode

// The modes of an alias.
const (
	AliasExplicit       = abi.AliasExplicit
	AliasReply          = abi.AliasReply
	AliasDemonitor      = abi.AliasDemonitor
	AliasReplyDemonitor = abi.AliasReplyDemonitor
)

// Alias makes a ref that messages to this process can be sent to, as to the pid of the same numbers,
// and that drops them once it has ended. Modes: [AliasExplicit] and [AliasReply]. Errors: abi.ErrLimit,
// abi.ErrBadArgument.
func Alias(mode AliasMode) (Ref, error) {
	return readRef(func(ref unsafe.Pointer) int32 { return hostAlias(int32(mode), ref) })
}

// MonitorAlias is [Monitor] with a ref that is an alias too. Errors: abi.ErrLimit, abi.ErrBadArgument.
func MonitorAlias(pid Pid, mode AliasMode) (Ref, error) {
	return readRef(func(ref unsafe.Pointer) int32 {
		return hostMonitorAlias(uint64(pid.Node), pid.Num, int32(mode), ref)
	})
}

// Unalias ends an alias of this process and reports whether it was active.
func Unalias(ref Ref) (active bool, err error) {
	return truth(hostUnalias(uint64(ref.Node), ref.Num))
}
