package wnode

import (
	"unsafe"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// Send sends a term to a process of any node. That there is no such process is no error.
// Errors: abi.ErrTooLarge, and values that are no terms.
func Send(to Pid, t any) error {
	return send(t, func(b unsafe.Pointer, n uint32) int32 {
		return hostSend(uint64(to.Node), to.Num, b, n)
	})
}

// SendName sends a term to the process registered under a name on this node.
// Errors: abi.ErrNoName and those of [Send].
func SendName(name string, t any) error {
	p, l := textOf(name)
	return send(t, func(b unsafe.Pointer, n uint32) int32 { return hostSendName(p, l, b, n) })
}

// SendNode sends a term to whichever process has the name on the named node when it arrives there.
// That it does not get there is no error.
func SendNode(name, node string, t any) error {
	p, l := textOf(name)
	np, nl := textOf(node)
	return send(t, func(b unsafe.Pointer, n uint32) int32 { return hostSendNode(p, l, np, nl, b, n) })
}

// SendGlobal sends a term to the process registered globally under a name.
// Errors: abi.ErrNoName and those of [Send].
func SendGlobal(name string, t any) error {
	p, l := textOf(name)
	return send(t, func(b unsafe.Pointer, n uint32) int32 { return hostSendGlobal(p, l, b, n) })
}

// SendFlags say what a send may not do.
type SendFlags = abi.SendFlags

// The flags of a send; both are NoConnect|NoSuspend.
const (
	NoConnect = abi.SendNoConnect // connect to the receiver's node: abi.ErrNotConnected
	NoSuspend = abi.SendNoSuspend // wait, for a congested way or for room in a mailbox: abi.ErrWouldWait
)

// SendWith sends a term to an address, and says when it did not because of what the flags forbid.
// Errors: abi.ErrNotConnected, abi.ErrWouldWait, abi.ErrNoName for a name of this node or a global one
// that nobody has, and those of [Send].
func SendWith(flags SendFlags, to Address, t any) error {
	if to.Name == "" || to.Global || to.Node == "" {
		pid, err := to.resolve()
		if err != nil {
			return err
		}
		return send(t, func(b unsafe.Pointer, n uint32) int32 {
			return hostSendWith(uint64(pid.Node), pid.Num, int32(flags), b, n)
		})
	}
	p, l := textOf(to.Name)
	np, nl := textOf(to.Node)
	return send(t, func(b unsafe.Pointer, n uint32) int32 {
		return hostSendNodeWith(p, l, np, nl, int32(flags), b, n)
	})
}

func send(t any, call func(message unsafe.Pointer, length uint32) int32) error {
	b, err := term.Encode(t)
	if err != nil {
		return err
	}
	return status(call(bytesOf(b)))
}
