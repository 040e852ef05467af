package wnode

import (
	"fmt"
	"unsafe"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/abi/term"
)

// SpawnOptions says what to spawn, and where. The zero value is main of the caller's own module, on
// this node, without arguments.
type SpawnOptions struct {
	Function    abi.Function // code of any module; zero: the caller's own
	Export      string       // with no Function: another export of the caller's module
	Func        string       // what a main that calls Main runs, of those registered with Func; with no Export
	Args        []any
	Node        string // the name of a node; empty: this one
	GroupLeader Pid    // zero: the caller's
	Link        bool   // the two are linked from the first moment on

	Limits   Limits       // what it may use; zero: what the caller may
	Deny     []Permission // what it may not do, beside what the caller may not
	Folders  []string     // paths of the caller's folders that it is to have, with ":ro" behind one for reading only; nil: all
	Overflow Overflow     // what a full mailbox leads to; empty: OverflowKill
	Priority Priority     // as far as the limits allow; 0: PriorityNormal
}

// Spawn starts a process. Code that is missing is the new process's exit reason, no error here, and
// a node that cannot be reached gives a process that has ended already.
// Errors: abi.ErrLimit, abi.ErrDenied, abi.ErrBadArgument.
func Spawn(o SpawnOptions) (Pid, error) {
	b, err := o.encode(nil)
	if err != nil {
		return Pid{}, err
	}
	p, n := bytesOf(b)
	return readPid(func(pid unsafe.Pointer) int32 { return hostSpawn(p, n, pid) })
}

// SpawnMonitor is [Spawn] with a monitor that is there from the process's first moment on.
func SpawnMonitor(o SpawnOptions) (Pid, Ref, error) { return o.spawnMonitor(nil) }

func (o SpawnOptions) spawnMonitor(start map[string]any) (pid Pid, ref Ref, err error) {
	b, err := o.encode(start)
	if err != nil {
		return Pid{}, Ref{}, err
	}
	p, n := bytesOf(b)
	var monitor [abi.IDSize]byte
	pid, err = readPid(func(pid unsafe.Pointer) int32 {
		return hostSpawnMonitor(p, n, pid, unsafe.Pointer(&monitor))
	})
	return pid, abi.RefFromBytes(monitor[:]), err
}

// encode gives the options as the host takes them, with what a function that is started by name is
// told about its start, if anything.
func (o SpawnOptions) encode(start map[string]any) ([]byte, error) {
	args := o.Args
	switch {
	case o.Func != "" && (o.Export != "" || o.Function.Export != "" && o.Function.Export != abi.DefaultExport):
		return nil, fmt.Errorf("spawn: both a Func and an export: %w", abi.ErrBadArgument)
	case o.Func != "":
		args = invocation(o.Func, o.Args, start)
		if o.Function != (abi.Function{}) {
			o.Function.Export = abi.DefaultExport
		}
	}
	options := o.rights()
	if o.Function != (abi.Function{}) {
		options["function"] = o.Function
	}
	if o.Export != "" {
		options["export"] = o.Export
	}
	if len(args) > 0 {
		options["args"] = args
	}
	if o.Node != "" {
		options["node"] = o.Node
	}
	if !o.GroupLeader.IsZero() {
		options["group_leader"] = o.GroupLeader
	}
	if o.Link {
		options["link"] = true
	}
	return term.Encode(options)
}

// rights gives those of the options that say what the process may use and do.
func (o SpawnOptions) rights() map[string]any {
	options := map[string]any{}
	if limits := o.Limits.Term(); len(limits) > 0 {
		options["limits"] = limits
	}
	if len(o.Deny) > 0 {
		options["deny"] = o.Deny
	}
	if o.Folders != nil {
		options["folders"] = o.Folders
	}
	if o.Overflow != "" {
		options["overflow"] = string(o.Overflow)
	}
	if o.Priority != 0 {
		options["priority"] = o.Priority.String()
	}
	return options
}

// Args gives the arguments that the process was spawned with; those of its function when it was
// spawned by [SpawnOptions].Func. Those that are texts are in os.Args too.
func Args() ([]any, error) {
	args, err := spawnArgs()
	if err != nil {
		return nil, err
	}
	if request, named := parseInvocation(args); named {
		return request.args, nil
	}
	return args, nil
}

func spawnArgs() ([]any, error) {
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
