package abi

// Functions is the table of all host functions: the source of the host's registrations, of the
// bindings of every SDK and of docs/abi.md. Reading into a buffer returns the full length; when
// that is larger than the buffer, nothing was consumed and the guest may retry with a larger one.
var Functions = []Func{
	{
		"process", "self", []Param{{"pid", PidOut}}, ResultStatus,
		"Writes the pid of the calling process.",
	},
	{
		"process", "spawn",
		[]Param{{"options", BytesIn}, {"pid", PidOut}},
		ResultStatus,
		"Starts a process and writes its pid. options is a CBOR map; all keys may be left out: \"function\" (a function term; default: the caller's module at _start), \"export\" (text: another export of the caller's module), \"args\" (array), \"node\" (text: a node's name; default: this node), \"group_leader\" (pid; default: the caller's), \"link\" (bool: the two are linked from the first moment on), \"limits\" (map of memory, reductions, wall_time in nanoseconds, mailbox_messages, mailbox_bytes, timers, children, tables, stack, priority, files to numbers; never more than the caller's), \"deny\" (array of spawn, spawn_remote, connect, names, global_names, exit_others, files, files_write, environment, network: what the process may not do, beside what the caller may not), \"folders\" (array of texts: the paths of those of the caller's folders that the process is to have, with :ro behind a path in which it may change nothing; default: all, as they are), \"overflow\" (text: what a full mailbox leads to: kill, the process; drop, the newest message; block, local senders wait; default kill), \"priority\" (text: low, normal, high or max, as far as the limits allow; default normal). Never fails for want of code: a missing module or export is the new process's exit reason. A node that cannot be reached gives the pid of a process that has ended already. BAD_ARGUMENT, LIMIT, DENIED.",
	},
	{
		"process", "spawn_monitor",
		[]Param{{"options", BytesIn}, {"pid", PidOut}, {"ref", PidOut}},
		ResultStatus,
		"Does what spawn does, with a monitor that is there from the new process's first moment on. Writes its ref too. BAD_ARGUMENT, LIMIT, DENIED.",
	},
	{
		"process", "exit",
		[]Param{{"reason", BytesIn}},
		ResultNever,
		"Ends the calling process with the given reason, one CBOR term.",
	},
	{
		"process", "crash",
		[]Param{{"reason", BytesIn}, {"detail", BytesIn}},
		ResultNever,
		"Ends the calling process as exit does, by an error: it is logged as a crash, with the detail, a text.",
	},
	{
		"process", "exit_process",
		[]Param{{"pid", PidIn}, {"reason", BytesIn}},
		ResultStatus,
		"Sends an exit signal with the given reason, one CBOR term, to a process. Returns 0 even when there is no such process. BAD_ARGUMENT, DENIED.",
	},
	{
		"process", "link",
		[]Param{{"pid", PidIn}},
		ResultStatus,
		"Links the caller with a process of any node: when one ends with a reason other than normal so does the other, or gets the message [\"EXIT\", pid, reason] if it traps exits. A process of another node that is not there comes back as an exit signal. NO_PROCESS when a process of this node has ended and the caller does not trap exits; LIMIT, DENIED, BAD_ARGUMENT.",
	},
	{
		"process", "unlink",
		[]Param{{"pid", PidIn}},
		ResultStatus,
		"Takes a link back. Returns 0 whether or not there was one.",
	},
	{
		"process", "trap_exits",
		[]Param{{"on", Int32}},
		ResultStatus,
		"With on not 0, exit signals other than kill become messages [\"EXIT\", pid, reason] from now on. Returns what was set before, 0 or 1.",
	},
	{
		"process", "set_priority",
		[]Param{{"priority", Int32}},
		ResultStatus,
		"Sets the caller's share of a processor while others compute too: 1 low, an eighth of normal; 2 normal, what a process begins with; 3 high, 4 times normal; 4 max, 16 times normal. Returns what was set before. DENIED for more than the process's limit priority, BAD_ARGUMENT.",
	},
	{
		"process", "set_label",
		[]Param{{"label", BytesIn}},
		ResultStatus,
		"Sets what the caller is called in process information and logs: text of at most 255 bytes. BAD_ARGUMENT.",
	},
	{
		"process", "is_alive",
		[]Param{{"pid", PidIn}},
		ResultStatus,
		"Returns 1 when the process of this node lives, else 0. BAD_ARGUMENT for a pid of another node.",
	},
	{
		"process", "process_info",
		[]Param{{"pid", PidIn}, {"info", BytesOut}},
		ResultStatus,
		"Writes a CBOR map of facts about a process of this node: status (running, waiting, suspended, exiting), current_function ([module, function, arity]), current_stacktrace (array of those), function, registered_name, label, parent, group_leader, links, monitors, monitored_by, trap_exit, message_queue_len, message_queue_bytes, memory (bytes), reductions, priority, limits, denied, folders, environment (names), listeners, started (as system_time). What a process does not have is null; one that computes is asked where it is, for a second at most. Returns the length. NO_PROCESS; BAD_ARGUMENT for a pid of another node.",
	},
	{
		"process", "args",
		[]Param{{"args", BytesOut}},
		ResultStatus,
		"Writes the arguments that the process was spawned with, a CBOR array. Returns the length.",
	},
	{
		"process", "monitor",
		[]Param{{"pid", PidIn}, {"ref", PidOut}},
		ResultStatus,
		"Asks for the message [\"DOWN\", ref, \"process\", pid, reason] when the process ends, or at once when there is none. Writes the ref (16 bytes).",
	},
	{
		"process", "monitor_name",
		[]Param{{"name", BytesIn}, {"node", BytesIn}, {"ref", PidOut}},
		ResultStatus,
		"Monitors whoever has a name on a node (empty: this one) when the request arrives there; the message names [name, node] in place of a pid. BAD_ARGUMENT.",
	},
	{
		"process", "monitor_alias",
		[]Param{{"pid", PidIn}, {"mode", Int32}, {"ref", PidOut}},
		ResultStatus,
		"Monitors a process with a ref that is an alias too: messages can be sent to it as to a pid of the same numbers. mode: 1 the alias lasts until unalias, 2 until the first message through it, 3 as long as the monitor, 4 like 3 and the first message ends both. LIMIT, BAD_ARGUMENT.",
	},
	{
		"process", "demonitor",
		[]Param{{"ref", PidIn}, {"flush", Int32}},
		ResultStatus,
		"Takes a monitor back. With flush not 0 a DOWN that is already in the mailbox is removed. Returns 1 when the monitor still stood, else 0.",
	},
	{
		"process", "alias",
		[]Param{{"mode", Int32}, {"ref", PidOut}},
		ResultStatus,
		"Makes an alias of the caller, a ref that messages can be sent to as to a pid of the same numbers, and drops them once it has ended. mode: 1 it lasts until unalias, 2 until the first message through it. LIMIT, BAD_ARGUMENT.",
	},
	{
		"process", "unalias", []Param{{"ref", PidIn}}, ResultStatus,
		"Ends an alias of the caller. Returns 1 when it was active, else 0.",
	},

	{
		"mailbox", "receive",
		[]Param{{"timeout", Duration}, {"message", BytesOut}},
		ResultStatus,
		"Waits for the next message not yet looked at, copies it and takes it out of the mailbox. Returns its full length; when that is larger than the buffer the message stays, and is still the next. TIMED_OUT.",
	},
	{
		"mailbox", "wait", []Param{{"timeout", Duration}}, ResultStatus,
		"Waits for the next message not yet looked at and makes it the current one. Returns its length. TIMED_OUT.",
	},
	{
		"mailbox", "ask",
		[]Param{{"pid", PidIn}, {"request", BytesIn}, {"timeout", Duration}, {"answer", BytesOut}, {"sender", PidOut}},
		ResultStatus,
		"Does in one call what send, wait, read and message_sender do: sends a message to a process, waits for the next message not yet looked at, makes it the current one, and copies it if it fits. Returns its full length. TOO_LARGE, TIMED_OUT.",
	},
	{
		"mailbox", "send_receive",
		[]Param{{"pid", PidIn}, {"message", BytesIn}, {"timeout", Duration}, {"next", BytesOut}},
		ResultStatus,
		"Does in one call what send and receive do: sends a message to a process, and takes the next message not yet looked at, as who answers one request after the other does. Returns the full length of what came; when that is larger than the buffer it stays, and is still the next. When nothing could be sent it does not wait. TOO_LARGE, BAD_ARGUMENT, TIMED_OUT.",
	},
	{
		"mailbox", "message_kind", nil, ResultStatus,
		"Returns the kind of the current message: 0 from a process, 1 EXIT, 2 DOWN, 4 nodeup or nodedown. BAD_ARGUMENT when there is none.",
	},
	{
		"mailbox", "message_sender", []Param{{"pid", PidOut}}, ResultStatus,
		"Writes the pid that sent the current message, or the one just received. BAD_ARGUMENT when there is none.",
	},
	{
		"mailbox", "read", []Param{{"message", BytesOut}}, ResultStatus,
		"Copies the current message and leaves it in the mailbox. Returns its full length. BAD_ARGUMENT when there is none.",
	},
	{
		"mailbox", "take", nil, ResultStatus,
		"Takes the current message out of the mailbox and goes back to the start. BAD_ARGUMENT when there is none.",
	},
	{
		"mailbox", "skip", nil, ResultStatus,
		"Leaves the current message where it is; the next wait looks further. BAD_ARGUMENT when there is none.",
	},
	{
		"mailbox", "rewind", nil, ResultStatus,
		"Goes back to the start of the mailbox: the next wait looks at every message again.",
	},
	{
		"mailbox", "mark", nil, ResultStatus,
		"Looks past every message that is there now: until the next take, receive or rewind, wait sees only what arrives from here on. A call marks before it sends its request.",
	},

	{
		"send", "send",
		[]Param{{"pid", PidIn}, {"message", BytesIn}},
		ResultStatus,
		"Sends a message. Returns 0 even when there is no such process. TOO_LARGE, BAD_ARGUMENT.",
	},
	{
		"send", "send_name",
		[]Param{{"name", BytesIn}, {"message", BytesIn}},
		ResultStatus,
		"Sends a message to the process registered under a name on this node. NO_NAME, TOO_LARGE, BAD_ARGUMENT.",
	},
	{
		"send", "send_node",
		[]Param{{"name", BytesIn}, {"node", BytesIn}, {"message", BytesIn}},
		ResultStatus,
		"Sends a message to whichever process has the name on the named node when it arrives there. Returns 0 whether or not it gets there. TOO_LARGE, BAD_ARGUMENT.",
	},
	{
		"send", "send_global",
		[]Param{{"name", BytesIn}, {"message", BytesIn}},
		ResultStatus,
		"Sends a message to the process registered globally under a name. NO_NAME, TOO_LARGE, BAD_ARGUMENT.",
	},
	{
		"send", "send_with",
		[]Param{{"pid", PidIn}, {"flags", Int32}, {"message", BytesIn}},
		ResultStatus,
		"Does what send does, and says when it did not because of what the flags forbid. flags is 0 or a sum of: 1, it does not connect to the pid's node, which gives NOT_CONNECTED; 2, it does not wait while the way to that node is congested, or for room in the mailbox of a process that lets its senders wait, which gives WOULD_WAIT. TOO_LARGE, BAD_ARGUMENT.",
	},
	{
		"send", "send_node_with",
		[]Param{{"name", BytesIn}, {"node", BytesIn}, {"flags", Int32}, {"message", BytesIn}},
		ResultStatus,
		"Does what send_node does, with the flags of send_with. NOT_CONNECTED, WOULD_WAIT, TOO_LARGE, BAD_ARGUMENT.",
	},
	{
		"send", "send_after",
		[]Param{{"delay", Duration}, {"pid", PidIn}, {"message", BytesIn}, {"timer", PidOut}},
		ResultStatus,
		"Sends a message to a process of this node after a time, unless the process ends before. Writes the timer's ref. TOO_LARGE, LIMIT, BAD_ARGUMENT.",
	},
	{
		"send", "send_name_after",
		[]Param{{"delay", Duration}, {"name", BytesIn}, {"message", BytesIn}, {"timer", PidOut}},
		ResultStatus,
		"Sends a message after a time, to who then has a name on this node. Writes the timer's ref. TOO_LARGE, LIMIT, BAD_ARGUMENT.",
	},
	{
		"send", "start_timer",
		[]Param{{"delay", Duration}, {"pid", PidIn}, {"message", BytesIn}, {"timer", PidOut}},
		ResultStatus,
		"Does what send_after does with the message [\"timeout\", timer, message]; message is one CBOR term. TOO_LARGE, LIMIT, BAD_ARGUMENT.",
	},
	{
		"send", "cancel_timer",
		[]Param{{"timer", PidIn}},
		ResultTime,
		"Stops a timer and returns the nanoseconds that were left. NO_TIMER when it has fired or never was.",
	},
	{
		"send", "read_timer",
		[]Param{{"timer", PidIn}},
		ResultTime,
		"Returns the nanoseconds until a timer fires. NO_TIMER when it has fired or never was.",
	},

	{
		"names", "register",
		[]Param{{"name", BytesIn}, {"pid", PidIn}},
		ResultStatus,
		"Registers a process of this node under a name. NAME_TAKEN (the name, or the process has one already), NO_PROCESS, DENIED, BAD_ARGUMENT.",
	},
	{
		"names", "unregister",
		[]Param{{"name", BytesIn}},
		ResultStatus,
		"Frees a name of this node. NO_NAME, DENIED, BAD_ARGUMENT.",
	},
	{
		"names", "whereis",
		[]Param{{"name", BytesIn}, {"pid", PidOut}},
		ResultStatus,
		"Writes the pid registered under a name on this node. NO_NAME, BAD_ARGUMENT.",
	},
	{
		"names", "global_register",
		[]Param{{"name", BytesIn}, {"pid", PidIn}},
		ResultStatus,
		"Registers a process, of any node, under a name on all connected nodes. NAME_TAKEN (the name, or the process has one already), DENIED, BAD_ARGUMENT.",
	},
	{
		"names", "global_unregister",
		[]Param{{"name", BytesIn}},
		ResultStatus,
		"Frees a global name on all connected nodes. Returns 0 whether or not it was taken. DENIED, BAD_ARGUMENT.",
	},
	{
		"names", "global_whereis",
		[]Param{{"name", BytesIn}, {"pid", PidOut}},
		ResultStatus,
		"Writes the pid registered globally under a name. NO_NAME, BAD_ARGUMENT.",
	},

	{
		"nodes", "node_name",
		[]Param{{"name", BytesOut}},
		ResultStatus,
		"Writes the name of this node. Returns the length.",
	},
	{
		"nodes", "node_list",
		[]Param{{"names", BytesOut}},
		ResultStatus,
		"Writes the names of the connected nodes, a CBOR array of texts. Returns the length.",
	},
	{
		"nodes", "node_connect",
		[]Param{{"name", BytesIn}},
		ResultStatus,
		"Connects to a node. Returns 1 when connected, also when it was already. NOT_CONNECTED, DENIED, BAD_ARGUMENT.",
	},
	{
		"nodes", "node_disconnect",
		[]Param{{"name", BytesIn}},
		ResultStatus,
		"Disconnects from a node. Returns 1 when it was connected, else 0. DENIED, BAD_ARGUMENT.",
	},
	{
		"nodes", "node_ping",
		[]Param{{"name", BytesIn}},
		ResultStatus,
		"Connects if need be and asks the node for a sign of life. Returns 1 for pong, 0 for pang. DENIED, BAD_ARGUMENT.",
	},
	{
		"nodes", "monitor_node",
		[]Param{{"name", BytesIn}, {"on", Int32}},
		ResultStatus,
		"With on not 0, connects to a node if need be and asks for one message [\"nodedown\", name] when the connection is lost, or at once when there is none; asked for again, for one more. With on 0, takes one back and returns 1, or 0 when there is none. LIMIT, DENIED, BAD_ARGUMENT.",
	},
	{
		"nodes", "monitor_nodes",
		[]Param{{"on", Int32}},
		ResultStatus,
		"With on not 0, asks for a message [\"nodeup\", name, info] or [\"nodedown\", name, info] for each node that is connected or lost from now on; asked for again, for one more of each. info is a map; of a node that is lost \"nodedown_reason\" says why: connection_closed, disconnect, net_tick_timeout, protocol_violation. With on 0, takes one back and returns 1, or 0 when there is none. LIMIT.",
	},

	{
		"io", "group_leader",
		[]Param{{"pid", PidOut}},
		ResultStatus,
		"Writes the pid of the caller's group leader.",
	},
	{
		"io", "set_group_leader",
		[]Param{{"leader", PidIn}, {"pid", PidIn}},
		ResultStatus,
		"Makes leader the group leader of a process, on any node. NO_PROCESS for a dead process of this node; DENIED.",
	},
	{
		"io", "io_write",
		[]Param{{"device", PidIn}, {"data", BytesIn}},
		ResultStatus,
		"Writes bytes to an I/O server (device 0, 0: the group leader) and waits until it has them. TERMINATED, IO.",
	},
	{
		"io", "io_read_line",
		[]Param{{"device", PidIn}, {"prompt", BytesIn}, {"line", BytesOut}},
		ResultStatus,
		"Reads a line with its newline from an I/O server (device 0, 0: the group leader). Returns its full length; a line longer than the buffer is kept and given to the next read. END_OF_FILE, TERMINATED, IO.",
	},
	{
		"io", "io_read",
		[]Param{{"device", PidIn}, {"data", BytesOut}},
		ResultStatus,
		"Reads bytes from an I/O server (device 0, 0: the group leader): at least one, at most the capacity. Returns the count. END_OF_FILE, TERMINATED, IO.",
	},

	{
		"modules", "module_hash",
		[]Param{{"hash", HashOut}},
		ResultStatus,
		"Writes the SHA-256 of the caller's own module.",
	},
	{
		"modules", "module_load",
		[]Param{{"module", BytesIn}, {"hash", HashOut}},
		ResultStatus,
		"Puts a module into the node's store and writes its hash. TOO_LARGE, BAD_ARGUMENT (no WebAssembly module).",
	},
	{
		"modules", "module_exists",
		[]Param{{"hash", HashIn}},
		ResultStatus,
		"Returns 1 when the node has the module, else 0.",
	},

	{
		"time", "monotonic_time", nil, ResultTime,
		"Returns nanoseconds on a clock that never goes back.",
	},
	{
		"time", "system_time", nil, ResultTime,
		"Returns nanoseconds since 1970-01-01 UTC.",
	},
	{
		"time", "sleep",
		[]Param{{"time", Duration}},
		ResultStatus,
		"Waits. Messages arrive meanwhile and stay in the mailbox.",
	},

	{
		"log", "log",
		[]Param{{"level", Int32}, {"text", BytesIn}},
		ResultStatus,
		"Writes a line to the node's log, of which a process has 200 at once and 50 a second; more are dropped and counted. level: -4 debug, 0 info, 4 warning, 8 error. BAD_ARGUMENT.",
	},
}
