use crate::{host, nanoseconds, read_pid, read_text, status, Pid, Result};
use std::time::Duration;

/// The group leader, as the device of [write] and [read_line].
pub const STANDARD: Pid = Pid { node: 0, num: 0 };

/// The I/O server that this process's standard streams go to.
pub fn group_leader() -> Result<Pid> {
    read_pid(|pid| unsafe { host::group_leader(pid) })
}

/// Makes leader the group leader of a process on any node. Errors: NO_PROCESS for a dead process of
/// this node.
pub fn set_group_leader(leader: Pid, pid: Pid) -> Result<()> {
    status(unsafe { host::set_group_leader(leader.node, leader.num, pid.node, pid.num) }).map(drop)
}

/// Writes to an I/O server, on any node, and waits until it has all. Errors: TERMINATED, IO.
pub fn write(device: Pid, data: &[u8]) -> Result<()> {
    status(unsafe { host::io_write(device.node, device.num, data.as_ptr(), data.len()) }).map(drop)
}

/// Shows a prompt and waits for a line, which has its newline unless the input ends without one.
/// Errors: END_OF_FILE, TERMINATED, IO.
pub fn read_line(device: Pid, mut prompt: &str) -> Result<String> {
    read_text(|b, n| {
        let p = std::mem::take(&mut prompt); // a line that needs a second call has had its prompt
        unsafe { host::io_read_line(device.node, device.num, p.as_ptr(), p.len(), b, n) }
    })
}

/// Waits. Messages that arrive meanwhile stay in the mailbox.
pub fn sleep(time: Duration) -> Result<()> {
    status(unsafe { host::sleep(nanoseconds(Some(time))) }).map(drop)
}

/// How much a line in the node's log matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum Level {
    Debug = -4,
    Info = 0,
    Warning = 4,
    Error = 8,
}

/// Writes a line to the node's log.
pub fn log(level: Level, text: &str) -> Result<()> {
    status(unsafe { host::log(level as i32, text.as_ptr(), text.len()) }).map(drop)
}
