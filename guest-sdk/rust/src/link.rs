use crate::{host, read_ref, status, Pid, Ref, Result};

/// Links this process with another of any node: when one ends with a reason other than "normal" so does
/// the other, unless it traps exits. Errors: NO_PROCESS when a process of this node has ended and exits
/// are not trapped; LIMIT, BAD_ARGUMENT.
pub fn link(pid: Pid) -> Result<()> {
    status(unsafe { host::link(pid.node, pid.num) }).map(drop)
}

/// Takes a link back, whether or not there is one.
pub fn unlink(pid: Pid) -> Result<()> {
    status(unsafe { host::unlink(pid.node, pid.num) }).map(drop)
}

/// Says whether exit signals other than "kill" become messages `["EXIT", pid, reason]`, and tells what was
/// set before.
pub fn trap_exits(on: bool) -> Result<bool> {
    Ok(status(unsafe { host::trap_exits(on as i32) })? == 1)
}

/// Asks for the message `["DOWN", ref, "process", pid, reason]` when a process ends, or at once when
/// there is none.
pub fn monitor(pid: Pid) -> Result<Ref> {
    read_ref(|r| unsafe { host::monitor(pid.node, pid.num, r) })
}

/// Monitors whoever has a name on a node, "" being this one, when the request arrives there: the message
/// has `[name, node]` in place of the pid.
pub fn monitor_name(name: &str, node: &str) -> Result<Ref> {
    read_ref(|r| unsafe {
        host::monitor_name(name.as_ptr(), name.len(), node.as_ptr(), node.len(), r)
    })
}

/// Takes a monitor back and tells whether it still stood. With flush its message is removed if that has
/// come already.
pub fn demonitor(r: Ref, flush: bool) -> Result<bool> {
    Ok(status(unsafe { host::demonitor(r.node, r.num, flush as i32) })? == 1)
}

/// How long an alias lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum AliasMode {
    /// Until [unalias].
    Explicit = 1,
    /// Until the first message through it.
    Reply = 2,
    /// Of a monitor: as long as the monitor.
    Demonitor = 3,
    /// Of a monitor: like `Demonitor`, and the first message ends both.
    ReplyDemonitor = 4,
}

/// Makes a ref that messages to this process can be sent to, see [alias_pid], and that drops them once
/// it has ended. Modes: `Explicit`, `Reply`. Errors: LIMIT, BAD_ARGUMENT.
pub fn alias(mode: AliasMode) -> Result<Ref> {
    read_ref(|r| unsafe { host::alias(mode as i32, r) })
}

/// [monitor] with a ref that is an alias too: what a call wants, so that no late reply is delivered.
pub fn monitor_alias(pid: Pid, mode: AliasMode) -> Result<Ref> {
    read_ref(|r| unsafe { host::monitor_alias(pid.node, pid.num, mode as i32, r) })
}

/// Ends an alias of this process and tells whether it was active.
pub fn unalias(r: Ref) -> Result<bool> {
    Ok(status(unsafe { host::unalias(r.node, r.num) })? == 1)
}

/// The pid that messages for an alias are sent to.
pub fn alias_pid(r: Ref) -> Pid {
    Pid {
        node: r.node,
        num: r.num,
    }
}
