package wnode

import (
	"unsafe"

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

func send(t any, call func(message unsafe.Pointer, length uint32) int32) error {
	b, err := term.Encode(t)
	if err != nil {
		return err
	}
	return status(call(bytesOf(b)))
}
