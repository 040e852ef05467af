package wnode

import (
	"unsafe"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// Self gives the pid of this process.
func Self() Pid {
	pid, _ := readPid(hostSelf) // cannot fail: the address is good
	return pid
}

// Exit ends this process with a reason, any term. Deferred calls do not run.
// A reason that cannot be encoded is an error, and then the process goes on.
func Exit(reason any) error {
	b, err := term.Encode(reason)
	if err != nil {
		return err
	}
	hostExit(bytesOf(b))
	return nil
}

// Crash is [Exit] for an error: the node logs it, as it does a trap, here and where the group leader is.
func Crash(reason any) error { return crash(reason, "") }

func crash(reason any, detail string) error {
	b, err := term.Encode(reason)
	if err != nil {
		return err
	}
	p, n := bytesOf(b)
	dp, dn := textOf(detail)
	hostCrash(p, n, dp, dn)
	return nil
}

// ExitProcess sends an exit signal with a reason, any term, to a process. That there is no such
// process is no error.
func ExitProcess(pid Pid, reason any) error {
	b, err := term.Encode(reason)
	if err != nil {
		return err
	}
	p, n := bytesOf(b)
	return status(hostExitProcess(uint64(pid.Node), pid.Num, p, n))
}

// IsAlive reports whether a process of this node lives.
func IsAlive(pid Pid) (bool, error) {
	return truth(hostIsAlive(uint64(pid.Node), pid.Num))
}

// ProcessInfo gives facts about a process of this node. Errors: abi.ErrNoProcess, abi.ErrBadArgument.
func ProcessInfo(pid Pid) (map[any]any, error) {
	t, err := readTerm(func(b unsafe.Pointer, n uint32) int32 {
		return hostProcessInfo(uint64(pid.Node), pid.Num, b, n)
	})
	info, _ := t.(map[any]any)
	return info, err
}

// SetLabel sets what this process is called in process information and logs, at most 255 bytes.
// Errors: abi.ErrBadArgument.
func SetLabel(label string) error { return status(hostSetLabel(textOf(label))) }

// SetPriority sets this process's share of a processor and gives the one before.
// Errors: abi.ErrDenied beyond the process's limit, abi.ErrBadArgument.
func SetPriority(p Priority) (before Priority, err error) {
	old := hostSetPriority(int32(p))
	return Priority(max(old, 0)), status(old)
}

// ModuleHash gives the hash of this process's own module.
func ModuleHash() (abi.Hash, error) {
	var h abi.Hash
	return h, status(hostModuleHash(unsafe.Pointer(&h)))
}

// LoadModule puts a module into the node's store, for [SpawnOptions].Function.
// Errors: abi.ErrTooLarge, abi.ErrBadArgument for what is no WebAssembly module.
func LoadModule(module []byte) (abi.Hash, error) {
	var h abi.Hash
	p, n := bytesOf(module)
	return h, status(hostModuleLoad(p, n, unsafe.Pointer(&h)))
}

// HasModule reports whether the node has a module.
func HasModule(hash abi.Hash) (bool, error) {
	return truth(hostModuleExists(unsafe.Pointer(&hash)))
}
