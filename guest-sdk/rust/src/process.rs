use crate::{host, read_pid, read_term, read_text, status, Error, Pid, Ref, Result, Term};

/// The pid of this process.
pub fn self_pid() -> Pid {
    read_pid(|pid| unsafe { host::self_(pid) }).unwrap_or_default()
}

/// The arguments that the process was spawned with. Those that are texts are in std::env::args too.
pub fn args() -> Result<Vec<Term>> {
    match read_term(|b, n| unsafe { host::args(b, n) })? {
        Term::Array(args) => Ok(args),
        _ => Err(Error::BAD_ARGUMENT),
    }
}

/// What to spawn, and where. The default is `_start` of the caller's own module, on this node.
#[derive(Clone, Debug, Default)]
pub struct Spawn {
    /// Code of any module, a `Term::Function`; none: the caller's own.
    pub function: Option<Term>,
    /// With no function: another export of the caller's module.
    pub export: Option<String>,
    pub args: Vec<Term>,
    /// The name of a node; none: this one.
    pub node: Option<String>,
    /// None: the caller's.
    pub group_leader: Option<Pid>,
    /// The two are linked from the first moment on.
    pub link: bool,
    /// Limits by name, never more than the caller's: memory, reductions, wall_time (nanoseconds),
    /// mailbox_messages, mailbox_bytes, timers, children, tables, stack, priority, files.
    pub limits: Vec<(String, u64)>,
    /// What it may not do, beside what the caller may not: spawn, spawn_remote, connect, names,
    /// global_names, exit_others, files, files_write, environment, network.
    pub deny: Vec<String>,
    /// The paths of those of the caller's folders that it is to have, with ":ro" behind one in which it
    /// may change nothing; none: all, as they are.
    pub folders: Option<Vec<String>>,
    /// What a full mailbox leads to: kill (default), drop or block.
    pub overflow: Option<String>,
    /// low, normal (default), high or max, as far as the limits allow.
    pub priority: Option<String>,
}

impl Spawn {
    fn encode(&self) -> Vec<u8> {
        let entries = vec![
            ("function", self.function.clone()),
            ("export", self.export.as_deref().map(Term::from)),
            ("args", Some(Term::Array(self.args.clone()))),
            ("node", self.node.as_deref().map(Term::from)),
            ("group_leader", self.group_leader.map(Term::Pid)),
            ("link", Some(Term::Bool(self.link))),
            ("limits", Some(Term::Map(self.limits.iter().map(limit).collect()))),
            ("deny", Some(texts(&self.deny))),
            ("folders", self.folders.as_deref().map(texts)),
            ("overflow", self.overflow.as_deref().map(Term::from)),
            ("priority", self.priority.as_deref().map(Term::from)),
        ];
        let given = entries.into_iter().filter_map(|(k, v)| Some((Term::from(k), v?)));
        Term::Map(given.collect()).encode()
    }
}

fn texts(list: &[String]) -> Term {
    Term::Array(list.iter().map(|text| Term::from(&text[..])).collect())
}

fn limit((name, value): &(String, u64)) -> (Term, Term) {
    (Term::from(&name[..]), Term::Int(i128::from(*value)))
}

/// Starts a process. Code that is missing is the new process's exit reason, no error here, and a node
/// that cannot be reached gives a process that has ended already. Errors: LIMIT, DENIED, BAD_ARGUMENT.
pub fn spawn(what: &Spawn) -> Result<Pid> {
    let b = what.encode();
    read_pid(|pid| unsafe { host::spawn(b.as_ptr(), b.len(), pid) })
}

/// [spawn] with a monitor that is there from the process's first moment on.
pub fn spawn_monitor(what: &Spawn) -> Result<(Pid, Ref)> {
    let b = what.encode();
    let mut r = Ref::default();
    let pid = read_pid(|pid| unsafe { host::spawn_monitor(b.as_ptr(), b.len(), pid, &mut r) })?;
    Ok((pid, r))
}

/// Ends this process with a reason, any term. Nothing is dropped.
pub fn exit(reason: &Term) -> ! {
    let b = reason.encode();
    unsafe { host::exit(b.as_ptr(), b.len()) }
}

/// Sends an exit signal to a process. That there is no such process is no error.
pub fn exit_process(pid: Pid, reason: &Term) -> Result<()> {
    let b = reason.encode();
    status(unsafe { host::exit_process(pid.node, pid.num, b.as_ptr(), b.len()) }).map(drop)
}

/// Whether a process of this node lives.
pub fn is_alive(pid: Pid) -> Result<bool> {
    Ok(status(unsafe { host::is_alive(pid.node, pid.num) })? == 1)
}

/// Sets what this process is called in process information and logs, at most 255 bytes.
pub fn set_label(label: &str) -> Result<()> {
    status(unsafe { host::set_label(label.as_ptr(), label.len()) }).map(drop)
}

/// Sets this process's share of a processor: 1 low, 2 normal, 3 high, 4 max. Gives what was set before.
/// Errors: DENIED, BAD_ARGUMENT.
pub fn set_priority(priority: i32) -> Result<usize> {
    status(unsafe { host::set_priority(priority) })
}

/// Gives a process of this node a name on this node. Errors: NAME_TAKEN, NO_PROCESS, BAD_ARGUMENT.
pub fn register(name: &str, pid: Pid) -> Result<()> {
    status(unsafe { host::register(name.as_ptr(), name.len(), pid.node, pid.num) }).map(drop)
}

/// Frees a name of this node. Errors: NO_NAME.
pub fn unregister(name: &str) -> Result<()> {
    status(unsafe { host::unregister(name.as_ptr(), name.len()) }).map(drop)
}

/// Looks up a name of this node. Errors: NO_NAME.
pub fn whereis(name: &str) -> Result<Pid> {
    read_pid(|pid| unsafe { host::whereis(name.as_ptr(), name.len(), pid) })
}

/// Gives a process of any node a name on all connected nodes. Errors: NAME_TAKEN, BAD_ARGUMENT.
pub fn global_register(name: &str, pid: Pid) -> Result<()> {
    status(unsafe { host::global_register(name.as_ptr(), name.len(), pid.node, pid.num) }).map(drop)
}

/// Frees a name on all connected nodes, if it was taken.
pub fn global_unregister(name: &str) -> Result<()> {
    status(unsafe { host::global_unregister(name.as_ptr(), name.len()) }).map(drop)
}

/// Looks up a global name. Errors: NO_NAME.
pub fn global_whereis(name: &str) -> Result<Pid> {
    read_pid(|pid| unsafe { host::global_whereis(name.as_ptr(), name.len(), pid) })
}

/// The name of the node that this process runs on.
pub fn node() -> Result<String> {
    read_text(|b, n| unsafe { host::node_name(b, n) })
}

/// The names of the connected nodes.
pub fn nodes() -> Result<Vec<String>> {
    let list = match read_term(|b, n| unsafe { host::node_list(b, n) })? {
        Term::Array(list) => list,
        _ => return Err(Error::BAD_ARGUMENT),
    };
    let name = |t| match t {
        Term::Text(name) => Ok(name),
        _ => Err(Error::BAD_ARGUMENT),
    };
    list.into_iter().map(name).collect()
}

/// Connects to a node, if it is not connected already. Errors: NOT_CONNECTED.
pub fn connect(node: &str) -> Result<()> {
    status(unsafe { host::node_connect(node.as_ptr(), node.len()) }).map(drop)
}

/// Disconnects from a node and tells whether it was connected.
pub fn disconnect(node: &str) -> Result<bool> {
    Ok(status(unsafe { host::node_disconnect(node.as_ptr(), node.len()) })? == 1)
}

/// Asks a node for a sign of life, connecting to it if need be: true is pong, false pang.
pub fn ping(node: &str) -> Result<bool> {
    Ok(status(unsafe { host::node_ping(node.as_ptr(), node.len()) })? == 1)
}
