//! Lets a Rust program that is compiled to WebAssembly be a process of a wnode node: it has a pid, a
//! mailbox and a group leader, sends terms to processes of any node, registers names, spawns,
//! links, monitors and sets timers.
//!
//! ```no_run
//! use wnode::{receive, register, send, self_pid, Term};
//!
//! fn main() -> Result<(), wnode::Error> {
//!     register("echo", self_pid())?;
//!     loop {
//!         if let Term::Array(request) = receive(None)? {
//!             if let [Term::Pid(from), _] = request[..] {
//!                 send(from, &Term::Array(request))?;
//!             }
//!         }
//!     }
//! }
//! ```
//!
//! A timeout of `None` never comes. The crate needs no other crate, and no allocator but std's.

pub mod host;
pub mod term;

mod io;
mod link;
mod mailbox;
mod process;
mod timer;

pub use host::Error;
pub use io::*;
pub use link::*;
pub use mailbox::*;
pub use process::*;
pub use term::Term;
pub use timer::*;

use std::time::Duration;

/// The outcome of a call of the node.
pub type Result<T> = std::result::Result<T, Error>;

/// Names a process for ever, on every node. The default names none.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Pid {
    pub node: u64,
    pub num: u64,
}

/// Names one monitor or request.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Ref {
    pub node: u64,
    pub num: u64,
}

/// The SHA-256 of a module.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Hash(pub [u8; 32]);

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

/// The words too: this is what a main that returns an error prints.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Error {}

/// Turns the result of a host call into a count, a length or 0.
fn status(result: i32) -> Result<usize> {
    usize::try_from(result).map_err(|_| Error(result))
}

/// A timeout as the host takes it.
fn nanoseconds(timeout: Option<Duration>) -> i64 {
    timeout.map_or(host::INFINITY, |t| {
        t.as_nanos().try_into().unwrap_or(i64::MAX)
    })
}

/// The size at which reading starts; what is longer costs a second call.
const FIRST_BUFFER: usize = 512;

/// Calls until the buffer is large enough for all that there is.
fn read(mut call: impl FnMut(*mut u8, usize) -> i32) -> Result<Vec<u8>> {
    let mut buffer = vec![0; FIRST_BUFFER];
    loop {
        let n = status(call(buffer.as_mut_ptr(), buffer.len()))?;
        let enough = n <= buffer.len();
        buffer.resize(n, 0);
        if enough {
            return Ok(buffer);
        }
    }
}

/// [read] for calls that give a text.
fn read_text(call: impl FnMut(*mut u8, usize) -> i32) -> Result<String> {
    String::from_utf8(read(call)?).map_err(|_| Error::BAD_ARGUMENT)
}

/// [read] for calls that give a term.
fn read_term(call: impl FnMut(*mut u8, usize) -> i32) -> Result<Term> {
    Term::decode(&read(call)?).ok_or(Error::BAD_ARGUMENT)
}

/// Calls with the address of a pid for the host to fill.
fn read_pid(call: impl FnOnce(*mut Pid) -> i32) -> Result<Pid> {
    let mut pid = Pid::default();
    status(call(&mut pid))?;
    Ok(pid)
}

/// [read_pid] for refs.
fn read_ref(call: impl FnOnce(*mut Ref) -> i32) -> Result<Ref> {
    let mut r = Ref::default();
    status(call(&mut r))?;
    Ok(r)
}
