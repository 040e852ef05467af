use crate::{host, nanoseconds, read_ref, Error, Pid, Ref, Result, Term};
use std::time::Duration;

/// Sends a term to a process of this node after a time, unless the process ends before, and gives the
/// timer. Errors: TOO_LARGE, LIMIT, BAD_ARGUMENT.
pub fn send_after(delay: Duration, to: Pid, term: &Term) -> Result<Ref> {
    let (b, delay) = (term.encode(), nanoseconds(Some(delay)));
    read_ref(|r| unsafe { host::send_after(delay, to.node, to.num, b.as_ptr(), b.len(), r) })
}

/// [send_after] to who has a name on this node when the time has come, if anybody has.
pub fn send_name_after(delay: Duration, name: &str, term: &Term) -> Result<Ref> {
    let (b, delay) = (term.encode(), nanoseconds(Some(delay)));
    read_ref(|r| unsafe {
        host::send_name_after(delay, name.as_ptr(), name.len(), b.as_ptr(), b.len(), r)
    })
}

/// [send_after] with the message `["timeout", timer, term]`.
pub fn start_timer(delay: Duration, to: Pid, term: &Term) -> Result<Ref> {
    let (b, delay) = (term.encode(), nanoseconds(Some(delay)));
    read_ref(|r| unsafe { host::start_timer(delay, to.node, to.num, b.as_ptr(), b.len(), r) })
}

/// Stops a timer and gives the time that was left. Errors: NO_TIMER for one that has fired, then its
/// message may be in the mailbox already, or never was.
pub fn cancel_timer(timer: Ref) -> Result<Duration> {
    time_left(unsafe { host::cancel_timer(timer.node, timer.num) })
}

/// The time until a timer fires. Errors: NO_TIMER.
pub fn read_timer(timer: Ref) -> Result<Duration> {
    time_left(unsafe { host::read_timer(timer.node, timer.num) })
}

fn time_left(result: i64) -> Result<Duration> {
    match u64::try_from(result) {
        Ok(left) => Ok(Duration::from_nanos(left)),
        Err(_) => Err(Error(result as i32)),
    }
}
