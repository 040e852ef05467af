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

// Args gives the arguments that the process was spawned with. Those that are texts are in os.Args too.
func Args() ([]any, error) {
	t, err := readTerm(hostArgs)
	if err != nil {
		return nil, err
	}
	args, ok := t.([]any)
	if !ok {
		return nil, abi.ErrBadArgument
	}
	return args, nil
}

// SpawnOptions says what to spawn, and where. The zero value is main of the caller's own module, on
// this node, without arguments.
type SpawnOptions struct {
	Function    abi.Function // code of any module; zero: the caller's own
	Export      string       // with no Function: another export of the caller's module
	Args        []any
	Node        string // the name of a node; empty: this one
	GroupLeader Pid    // zero: the caller's
}

// Spawn starts a process. Code that is missing is the new process's exit reason, no error here.
// Errors: abi.ErrNotConnected, abi.ErrLimit, abi.ErrBadArgument.
func Spawn(o SpawnOptions) (Pid, error) {
	options := map[string]any{}
	if o.Function != (abi.Function{}) {
		options["function"] = o.Function
	}
	if o.Export != "" {
		options["export"] = o.Export
	}
	if len(o.Args) > 0 {
		options["args"] = o.Args
	}
	if o.Node != "" {
		options["node"] = o.Node
	}
	if !o.GroupLeader.IsZero() {
		options["group_leader"] = o.GroupLeader
	}
	b, err := term.Encode(options)
	if err != nil {
		return Pid{}, err
	}
	p, n := bytesOf(b)
	return readPid(func(pid unsafe.Pointer) int32 { return hostSpawn(p, n, pid) })
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

// Monitor asks for a message when a process ends, or at once when there is none: see [Message.Down].
func Monitor(pid Pid) (Ref, error) {
	ref, err := readPid(func(ref unsafe.Pointer) int32 {
		return hostMonitor(uint64(pid.Node), pid.Num, ref)
	})
	return Ref(ref), err
}

// Demonitor takes a monitor back, and with flush removes its message if that has come already.
func Demonitor(ref Ref, flush bool) error {
	var f int32
	if flush {
		f = 1
	}
	return status(hostDemonitor(uint64(ref.Node), ref.Num, f))
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
