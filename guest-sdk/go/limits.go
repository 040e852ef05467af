package wnode

import (
	"reflect"
	"time"

	"github.com/wnode/wnode/abi"
)

// Limits bound what a process may use. Of each, 0 stands for what its parent has, which is also the
// most that there can be. A process that goes beyond memory, computing or time ends with a reason that
// says so; more timers and children are abi.ErrLimit.
type Limits struct {
	MemoryBytes     uint64        // linear memory
	Reductions      uint64        // computing in all; one is some 16 instructions
	WallTime        time.Duration // life
	MailboxMessages int           // what waits in the mailbox: see Overflow
	MailboxBytes    int
	Timers          int // that have not fired
	Children        int // live processes of the node that it has spawned, and theirs, and so on
	TableElements   int // of all tables together; beyond, they do not grow
	StackBytes      int // how deep calls nest; beyond, the trap stack_overflow
	Priority        Priority
	Files           int // and connections that are open, beside standard streams, folders and listeners
}

// fields gives the limits by the names that messages and the host have for them.
func (l *Limits) fields() map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for name, field := range map[string]any{
		"memory": &l.MemoryBytes, "reductions": &l.Reductions, "wall_time": &l.WallTime,
		"mailbox_messages": &l.MailboxMessages, "mailbox_bytes": &l.MailboxBytes,
		"timers": &l.Timers, "children": &l.Children,
		"tables": &l.TableElements, "stack": &l.StackBytes, "priority": &l.Priority, "files": &l.Files,
	} {
		fields[name] = reflect.ValueOf(field).Elem()
	}
	return fields
}

// Term gives the limits as messages and the host have them: a map of "memory", "reductions",
// "wall_time" (nanoseconds), "mailbox_messages", "mailbox_bytes", "timers", "children", "tables", "stack",
// "priority" and "files". Those that are 0 are left out.
func (l Limits) Term() map[string]uint64 {
	limits := map[string]uint64{}
	for name, field := range l.fields() {
		switch {
		case field.IsZero():
		case field.CanUint():
			limits[name] = field.Uint()
		default:
			limits[name] = uint64(field.Int()) // one that is negative is refused by the host
		}
	}
	return limits
}

// ParseLimits reads the form of [Limits.Term]. It is false for anything else.
func ParseLimits(t any) (l Limits, ok bool) {
	m, ok := t.(map[any]any)
	fields := l.fields()
	for key, value := range m {
		name, _ := key.(string)
		field, known := fields[name]
		n, isNumber := value.(int64)
		switch {
		case !known || !isNumber || n < 0:
			return Limits{}, false
		case field.CanUint():
			field.SetUint(uint64(n))
		default:
			field.SetInt(n)
		}
	}
	return l, ok
}

// Permission is something that a process may be denied. A call that needs it is abi.ErrDenied then.
type Permission string

// The permissions.
const (
	PermitSpawn       Permission = "spawn"        // processes on its own node
	PermitSpawnRemote Permission = "spawn_remote" // processes on other nodes
	PermitConnect     Permission = "connect"      // to nodes that are not connected
	PermitNames       Permission = "names"        // register on its node
	PermitGlobalNames Permission = "global_names" // register globally
	PermitFiles       Permission = "files"        // the folders that it has
	PermitFilesWrite  Permission = "files_write"  // changing what is in them
	PermitEnvironment Permission = "environment"  // the environment variables that it has
	PermitNetwork     Permission = "network"      // the TCP listeners that it has
	PermitExitOthers  Permission = "exit_others"  // send exit signals to, link with and change the group leader of others than its parent and children
)

// Priority says how large the share of a processor is that a process gets while others compute too.
type Priority = abi.Priority

// The priorities. A process begins with PriorityNormal.
const (
	PriorityLow    = abi.PriorityLow // an eighth of normal
	PriorityNormal = abi.PriorityNormal
	PriorityHigh   = abi.PriorityHigh // 4 times normal
	PriorityMax    = abi.PriorityMax  // 16 times normal
)

// Overflow says what becomes of a process whose mailbox is full.
type Overflow string

// The kinds of overflow. The zero Overflow is OverflowKill.
const (
	OverflowKill  Overflow = "kill"  // it ends
	OverflowDrop  Overflow = "drop"  // the newest message is dropped
	OverflowBlock Overflow = "block" // senders of its node wait
)
