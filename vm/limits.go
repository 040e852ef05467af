package vm

import (
	"fmt"
	"math"
	"time"

	"github.com/wnode/wnode/abi"
)

// Limits bound what a process may use. Of each, 0 stands for what its parent has, so that a child
// has at most what its parent has; where nobody said anything there is no bound but the node's own.
type Limits struct {
	// Memory bounds the linear memory of a guest, in bytes. Without one it is 256 MiB; more than that, up to 4 GiB, guests have where
	// the limits of all processes of the node say so.
	Memory uint64 `cbor:"1,keyasint,omitempty"`
	// Reductions bounds what a guest computes in all; one is some 16 instructions. Beyond it the
	// process ends with reason [ReasonReductions].
	Reductions uint64 `cbor:"2,keyasint,omitempty"`
	// WallTime bounds the life of a process. Beyond it, it ends with reason [ReasonWallTime].
	WallTime time.Duration `cbor:"3,keyasint,omitempty"`
	// MailboxMessages and MailboxBytes bound what waits in the mailbox; see [Overflow].
	MailboxMessages int `cbor:"4,keyasint,omitempty"`
	MailboxBytes    int `cbor:"5,keyasint,omitempty"`
	// Timers bounds the timers that the process has set and that have not fired.
	Timers int `cbor:"6,keyasint,omitempty"`
	// Children bounds the live processes of this node that the process has spawned, and those that
	// they have, and so on.
	Children int `cbor:"7,keyasint,omitempty"`
	// Tables bounds the elements of all tables of a guest together.
	Tables int `cbor:"8,keyasint,omitempty"`
	// Stack bounds how deep calls of a guest nest, in bytes of stack: a small function takes some 100.
	Stack int `cbor:"9,keyasint,omitempty"`
	// Priority is the highest that the process may take.
	Priority abi.Priority `cbor:"10,keyasint,omitempty"`
	// Files bounds what a guest has open, files and connections, beside its standard streams, its
	// folders and its listeners.
	Files int `cbor:"11,keyasint,omitempty"`
}

// Defaults of [Limits].
const (
	DefaultMailboxMessages = 1 << 20
	DefaultMailboxBytes    = 256 << 20
	DefaultTimers          = 1 << 16
	DefaultChildren        = 1 << 16
	DefaultFiles           = 256
)

// Exit reasons of processes that went beyond a limit.
const (
	ReasonReductions = "reduction_limit"
	ReasonWallTime   = "time_limit"
)

// Within gives the limits of a process that asked for l and may have at most most.
func (l Limits) Within(most Limits) Limits {
	return Limits{
		Memory:          tighter(l.Memory, most.Memory),
		Reductions:      tighter(l.Reductions, most.Reductions),
		WallTime:        tighter(l.WallTime, most.WallTime),
		MailboxMessages: tighter(l.MailboxMessages, most.MailboxMessages),
		MailboxBytes:    tighter(l.MailboxBytes, most.MailboxBytes),
		Timers:          tighter(l.Timers, most.Timers),
		Children:        tighter(l.Children, most.Children),
		Tables:          tighter(l.Tables, most.Tables),
		Stack:           tighter(l.Stack, most.Stack),
		Priority:        tighter(l.Priority, most.Priority),
		Files:           tighter(l.Files, most.Files),
	}
}

// tighter gives the smaller bound; none, 0, is the largest.
func tighter[T int | uint64 | time.Duration | abi.Priority](a, b T) T {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// LimitNames are the names that people give to limits, for [Limits.Set].
var LimitNames = []string{
	"memory", "reductions", "wall_time", "mailbox_messages", "mailbox_bytes", "timers", "children", "tables", "stack", "priority", "files",
}

// Set sets a limit by name: wall_time is in nanoseconds, sizes in bytes, priority is an [abi.Priority]. An unknown name, and a value
// that no limit can have, is [abi.ErrBadArgument].
func (l *Limits) Set(name string, value uint64) error {
	if value > math.MaxInt64 {
		return fmt.Errorf("limit %s of %d: %w", name, value, abi.ErrBadArgument)
	}
	switch name {
	case "memory":
		l.Memory = value
	case "reductions":
		l.Reductions = value
	case "wall_time":
		l.WallTime = time.Duration(value)
	case "mailbox_messages":
		l.MailboxMessages = int(value)
	case "mailbox_bytes":
		l.MailboxBytes = int(value)
	case "timers":
		l.Timers = int(value)
	case "children":
		l.Children = int(value)
	case "tables":
		l.Tables = int(value)
	case "stack":
		l.Stack = int(value)
	case "priority":
		if value > uint64(abi.PriorityMax) {
			return fmt.Errorf("limit priority of %d, at most %d: %w", value, abi.PriorityMax, abi.ErrBadArgument)
		}
		l.Priority = abi.Priority(value)
	case "files":
		l.Files = int(value)
	default:
		return fmt.Errorf("limit %q: there is none of that name, there are %v: %w", name, LimitNames, abi.ErrBadArgument)
	}
	return nil
}

// Values gives the limits that there are by name; see [Limits.Set].
func (l Limits) Values() map[string]uint64 {
	values := map[string]uint64{}
	for i, v := range []uint64{
		l.Memory, l.Reductions, uint64(l.WallTime), uint64(l.MailboxMessages), uint64(l.MailboxBytes),
		uint64(l.Timers), uint64(l.Children), uint64(l.Tables), uint64(l.Stack), uint64(l.Priority), uint64(l.Files),
	} {
		if v != 0 {
			values[LimitNames[i]] = v
		}
	}
	return values
}

// Validate reports a limit that makes no sense, as [abi.ErrBadArgument].
func (l Limits) Validate() error {
	if l.WallTime < 0 || l.MailboxMessages < 0 || l.MailboxBytes < 0 || l.Timers < 0 || l.Children < 0 ||
		l.Tables < 0 || l.Stack < 0 || l.Files < 0 {
		return fmt.Errorf("a negative limit: %w", abi.ErrBadArgument)
	}
	if l.Priority != 0 && !l.Priority.Valid() {
		return fmt.Errorf("limit %s: %w", l.Priority, abi.ErrBadArgument)
	}
	return nil
}

// orDefaults puts the defaults where no bound was given.
func (l Limits) orDefaults() Limits {
	setDefault(&l.MailboxMessages, DefaultMailboxMessages)
	setDefault(&l.MailboxBytes, DefaultMailboxBytes)
	setDefault(&l.Timers, DefaultTimers)
	setDefault(&l.Children, DefaultChildren)
	setDefault(&l.Priority, DefaultPriority)
	setDefault(&l.Files, DefaultFiles)
	return l
}

// Permissions are things that a process may be denied.
type Permissions uint32

// The permissions.
const (
	// PermitSpawn allows spawning on this node.
	PermitSpawn Permissions = 1 << iota
	// PermitSpawnRemote allows spawning on other nodes.
	PermitSpawnRemote
	// PermitConnect allows connecting and disconnecting nodes, also by sending to one.
	PermitConnect
	// PermitNames allows registering and unregistering names of this node.
	PermitNames
	// PermitGlobalNames allows registering and unregistering global names.
	PermitGlobalNames
	// PermitExitOthers allows exit signals, links and changes of the group leader of processes that
	// are neither the parent nor a child on this node.
	PermitExitOthers
	// PermitFiles allows the folders that the process has; see [Reach].
	PermitFiles
	// PermitFilesWrite allows changing what is in them.
	PermitFilesWrite
	// PermitEnvironment allows the environment that the process has; see [Reach].
	PermitEnvironment
	// PermitNetwork allows the listeners that the process has; see [Reach].
	PermitNetwork

	// AllPermissions are all there are.
	AllPermissions = PermitNetwork<<1 - 1
)

// permissionNames are in the order of the bits.
var permissionNames = [...]string{
	"spawn", "spawn_remote", "connect", "names", "global_names", "exit_others", "files", "files_write", "environment",
	"network",
}

// PermissionNames lists the names of the permissions in p.
func (p Permissions) PermissionNames() []string {
	names := []string{}
	for i, name := range permissionNames {
		if p&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// ParsePermission gives the permission of a name.
func ParsePermission(name string) (Permissions, error) {
	for i, known := range permissionNames {
		if name == known {
			return 1 << i, nil
		}
	}
	return 0, fmt.Errorf("permission %q: there is none of that name, there are %v: %w", name, permissionNames, abi.ErrBadArgument)
}

// Rights are the limits of a process, what it is denied, and what of the host it may reach.
type Rights struct {
	Limits Limits      `cbor:"1,keyasint"`
	Denied Permissions `cbor:"2,keyasint,omitempty"`
	// Folders, if not nil, are all that the process is to have of the folders that its parent has.
	Folders FolderChoice `cbor:"3,keyasint,omitzero"`
	// Reach is what the process may reach beside what its parent may. Only Go code gives any:
	// neither a guest nor another node has a way to.
	Reach *Reach `cbor:"-"`
}

// Within gives the rights of a process that asked for r and may have at most most, and what r gives.
func (r Rights) Within(most Rights) Rights {
	return Rights{
		Limits: r.Limits.Within(most.Limits), Denied: r.Denied | most.Denied,
		Folders: r.Folders.within(most.Folders), Reach: r.Reach.with(most.Reach),
	}
}

// Rights gives the process's limits and what it is denied. Safe for concurrent use.
func (p *Process) Rights() Rights { return p.rights }

// Permitted is nil, or an error that wraps [abi.ErrDenied] and says what is denied. Safe for
// concurrent use.
func (p *Process) Permitted(permission Permissions) error {
	if denied := p.rights.Denied & permission; denied != 0 {
		return fmt.Errorf("%v: %w", denied.PermissionNames(), abi.ErrDenied)
	}
	return nil
}

// mayAffect is [PermitExitOthers] for one process.
func (p *Process) mayAffect(target abi.Pid) error {
	if target == p.pid || target == p.parent {
		return nil
	}
	if child := p.sys.process(target); child != nil && child.parent == p.pid {
		return nil
	}
	return p.Permitted(PermitExitOthers)
}

// startClock ends the process when its time is up.
func (p *Process) startClock() (stop func()) {
	if p.rights.Limits.WallTime == 0 {
		return func() {}
	}
	clock := time.AfterFunc(p.rights.Limits.WallTime, func() { p.exit(reasonWallTime) })
	return func() { clock.Stop() }
}
