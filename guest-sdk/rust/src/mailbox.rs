use crate::{host, nanoseconds, read, read_pid, read_term, status, Error, Pid, Result, Term};
use std::time::{Duration, Instant};

/// A message with what the node, and nobody else, wrote on it.
#[derive(Clone, PartialEq, Debug)]
pub struct Message {
    pub term: Term,
    /// host::MESSAGE_USER, MESSAGE_EXIT, MESSAGE_DOWN or MESSAGE_TRACE.
    pub kind: i32,
    /// Who sent it.
    pub from: Pid,
}

/// Waits for the next message and takes it. Errors: TIMED_OUT; BAD_ARGUMENT for a message that is no
/// term, which is gone then.
pub fn receive(timeout: Option<Duration>) -> Result<Term> {
    Term::decode(&receive_bytes(timeout)?).ok_or(Error::BAD_ARGUMENT)
}

/// [receive] for messages that need not be terms.
pub fn receive_bytes(timeout: Option<Duration>) -> Result<Vec<u8>> {
    read(|b, n| unsafe { host::receive(nanoseconds(timeout), b, n) })
}

/// Sends a message to a process of any node and then does what [receive_bytes] does, in one call of the node:
/// who answers one message after the other saves half of the calls. Errors: TOO_LARGE, with which it does not wait; TIMED_OUT.
pub fn send_receive_bytes(to: Pid, message: &[u8], timeout: Option<Duration>) -> Result<Vec<u8>> {
    let wait = nanoseconds(timeout);
    let mut sent = false;
    read(|b, n| match std::mem::replace(&mut sent, true) {
        false => unsafe { host::send_receive(to.node, to.num, message.as_ptr(), message.len(), wait, b, n) },
        true => unsafe { host::receive(wait, b, n) }, // what has come was larger than the buffer, and is still the next
    })
}

/// [receive] with the message's kind and sender.
pub fn receive_message(timeout: Option<Duration>) -> Result<Message> {
    status(unsafe { host::wait(nanoseconds(timeout)) })?;
    let message = current();
    status(unsafe { host::take() })?;
    message
}

/// Waits for a message that accept accepts and takes it. The others stay in the mailbox, in their order;
/// what is no term is not accepted. Errors: TIMED_OUT.
pub fn receive_match(
    timeout: Option<Duration>,
    mut accept: impl FnMut(&Message) -> bool,
) -> Result<Message> {
    let start = Instant::now();
    loop {
        let left = timeout.map(|t| t.saturating_sub(start.elapsed()));
        if let Err(e) = status(unsafe { host::wait(nanoseconds(left)) }) {
            status(unsafe { host::rewind() })?;
            return Err(e);
        }
        match current() {
            Ok(message) if accept(&message) => {
                status(unsafe { host::take() })?;
                return Ok(message);
            }
            _ => status(unsafe { host::skip() })?,
        };
    }
}

/// Looks past every message that is there now: until a message is taken, [receive_match] sees only what
/// arrives from here on. A call marks before it sends its request.
pub fn mark() -> Result<()> {
    status(unsafe { host::mark() }).map(drop)
}

fn current() -> Result<Message> {
    Ok(Message {
        term: read_term(|b, n| unsafe { host::read(b, n) })?,
        kind: status(unsafe { host::message_kind() })? as i32,
        from: read_pid(|pid| unsafe { host::message_sender(pid) })?,
    })
}

/// Sends a term to a process of any node. That there is no such process is no error. Errors: TOO_LARGE.
pub fn send(to: Pid, term: &Term) -> Result<()> {
    let b = term.encode();
    status(unsafe { host::send(to.node, to.num, b.as_ptr(), b.len()) }).map(drop)
}

/// [send] that says when it did not because of what the flags forbid, a sum of host::SEND_NO_CONNECT and
/// host::SEND_NO_SUSPEND. Errors: NOT_CONNECTED, WOULD_WAIT, TOO_LARGE.
pub fn send_with(flags: i32, to: Pid, term: &Term) -> Result<()> {
    let b = term.encode();
    status(unsafe { host::send_with(to.node, to.num, flags, b.as_ptr(), b.len()) }).map(drop)
}

/// Sends a term to the process registered under a name on this node. Errors: NO_NAME, TOO_LARGE.
pub fn send_name(name: &str, term: &Term) -> Result<()> {
    let b = term.encode();
    status(unsafe { host::send_name(name.as_ptr(), name.len(), b.as_ptr(), b.len()) }).map(drop)
}

/// Sends a term to whichever process has the name on the named node when it arrives there. That it
/// does not get there is no error. Errors: TOO_LARGE.
pub fn send_node(name: &str, node: &str, term: &Term) -> Result<()> {
    let b = term.encode();
    let result = unsafe {
        host::send_node(name.as_ptr(), name.len(), node.as_ptr(), node.len(), b.as_ptr(), b.len())
    };
    status(result).map(drop)
}

/// Sends a term to the process registered globally under a name. Errors: NO_NAME, TOO_LARGE.
pub fn send_global(name: &str, term: &Term) -> Result<()> {
    let b = term.encode();
    status(unsafe { host::send_global(name.as_ptr(), name.len(), b.as_ptr(), b.len()) }).map(drop)
}
