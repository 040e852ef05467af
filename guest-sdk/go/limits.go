package wnode

import "time"

// Limits bound what a process may use. Of each, 0 stands for what its parent has, which is also the
// most that there can be. A process that goes beyond memory, computing or time ends with a reason that
// says so; more timers and children are abi.ErrLimit.
type Limits struct {
	MemoryBytes     uint64        // linear memory
	Reductions      uint64        // computing in all; one is some 10 instructions
	WallTime        time.Duration // life
	MailboxMessages int           // what waits in the mailbox: see Overflow
	MailboxBytes    int
	Timers          int // that have not fired
	Children        int // live processes of the node that it has spawned, and theirs, and so on
	Files           int // and connections that are open, beside standard streams, folders and listeners
}

// term gives the limits that are given as the host takes them.
func (l Limits) term() map[string]uint64 {
	limits := map[string]uint64{}
	for name, value := range map[string]uint64{
		"memory": l.MemoryBytes, "reductions": l.Reductions, "wall_time": uint64(l.WallTime),
		"mailbox_messages": uint64(l.MailboxMessages), "mailbox_bytes": uint64(l.MailboxBytes),
		"timers": uint64(l.Timers), "children": uint64(l.Children),
		"files": uint64(l.Files),
	} {
		if value != 0 {
			limits[name] = value // one that is negative is refused by the host
		}
	}
	return limits
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

// Overflow says what becomes of a process whose mailbox is full.
type Overflow string

// The kinds of overflow. The zero Overflow is OverflowKill.
const (
	OverflowKill  Overflow = "kill"  // it ends
	OverflowDrop  Overflow = "drop"  // the newest message is dropped
	OverflowBlock Overflow = "block" // senders of its node wait
)
