//! Tries what the crate has for links, monitors, aliases, timers and marks. It ends with exit status 0
//! when all is as it should be.

use std::time::Duration;
use wnode::host::{MESSAGE_DOWN, MESSAGE_EXIT, SEND_NO_CONNECT, SEND_NO_SUSPEND};
use wnode::*;

const SOON: Option<Duration> = Some(Duration::from_secs(60));

fn main() -> Result<()> {
    let me = self_pid();
    if let [Term::Pid(parent)] = args()?[..] {
        return child(parent);
    }
    set_label("links")?;
    assert!(!trap_exits(true)?);
    assert!(trap_exits(true)?);
    assert_eq!(set_priority(1)?, 2);
    assert_eq!(set_priority(2)?, 1);

    for size in [1, 3000] {
        let sent = vec![7; size]; // larger than the buffer that is tried first, too
        assert!(send_receive_bytes(me, &sent, SOON)? == sent);
    }
    assert!(receive(Some(Duration::ZERO)) == Err(Error::TIMED_OUT));

    let what = Spawn { args: vec![Term::Pid(me)], link: true, ..Spawn::default() };
    let (pid, monitor) = spawn_monitor(&what)?;
    // The child says hello to an alias twice, and only the first arrives.
    let once = alias(AliasMode::Reply)?;
    send(pid, &Term::Pid(alias_pid(once)))?;
    assert!(receive(SOON)? == "hello".into());
    assert!(!unalias(once)?);

    let nowhere = Pid { node: 1, num: 1 };
    assert!(send_with(SEND_NO_CONNECT, nowhere, &"lost".into()) == Err(Error::NOT_CONNECTED));
    send_with(SEND_NO_CONNECT | SEND_NO_SUSPEND, me, &"before".into())?;
    mark()?;
    assert!(receive_match(Some(Duration::ZERO), |_| true) == Err(Error::TIMED_OUT));
    send(pid, &"end".into())?;
    let down = receive_match(SOON, |m| m.kind == MESSAGE_DOWN)?;
    assert!(is(&down.term, 5, 1, &Term::Ref(monitor)) && is(&down.term, 5, 4, &"done".into()));
    let exit = receive_match(SOON, |m| m.kind == MESSAGE_EXIT)?;
    assert!(is(&exit.term, 3, 1, &Term::Pid(pid)) && is(&exit.term, 3, 2, &"done".into()));
    assert!(receive(SOON)? == "before".into());

    let gone = monitor_alias(pid, AliasMode::Demonitor)?;
    receive_match(SOON, |m| is(&m.term, 5, 1, &Term::Ref(gone)))?;
    assert!(!demonitor(gone, true)?);
    let nobody = monitor_name("links.nobody", "")?;
    receive_match(SOON, |m| is(&m.term, 5, 1, &Term::Ref(nobody)))?;
    unlink(pid)?;
    link(me)?;
    assert!(demonitor(monitor_of(me)?, true)?);

    let hour = Duration::from_secs(3600);
    let timer = send_after(hour, me, &"never".into())?;
    assert!(read_timer(timer)? <= hour);
    assert!(cancel_timer(timer)? <= hour);
    assert!(cancel_timer(timer) == Err(Error::NO_TIMER));
    let timer = start_timer(Duration::ZERO, me, &"now".into())?;
    assert!(is(&receive(SOON)?, 3, 1, &Term::Ref(timer)));
    register("links.rust", me)?;
    send_name_after(Duration::ZERO, "links.rust", &"by name".into())?;
    assert!(receive(SOON)? == "by name".into());
    assert!(receive(Some(Duration::ZERO)) == Err(Error::TIMED_OUT));
    Ok(())
}

/// A monitor that stands: on another process than this one, which would never fire.
fn monitor_of(me: Pid) -> Result<Ref> {
    let what = Spawn { args: vec![Term::Pid(me)], ..Spawn::default() };
    monitor(spawn(&what)?)
}

/// Says hello twice to whoever it is told to, and ends when it is told to.
fn child(parent: Pid) -> Result<()> {
    let to = receive_match(SOON, |m| m.from == parent)?;
    if let Term::Pid(to) = to.term {
        send(to, &"hello".into())?;
        send(to, &"hello".into())?;
    }
    receive(SOON)?;
    exit(&"done".into())
}

/// Whether a term is an array of so many elements with the given one at a place.
fn is(term: &Term, elements: usize, at: usize, want: &Term) -> bool {
    match term {
        Term::Array(list) => list.len() == elements && list[at] == *want,
        _ => false,
    }
}
