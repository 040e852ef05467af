//! Echo is a server: who sends it [pid, term] gets the term back. It registers itself under the name
//! in its argument, "echo" when there is none.

use wnode::{receive, register, self_pid, send, Error, Term};

fn main() -> Result<(), Error> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "echo".to_string());
    register(&name, self_pid())?;
    loop {
        let request = match receive(None) {
            Ok(Term::Array(request)) => request,
            Ok(_) | Err(Error::BAD_ARGUMENT) => continue, // not for us
            Err(e) => return Err(e),
        };
        if let [Term::Pid(client), reply] = &request[..] {
            send(*client, reply)?;
        }
    }
}
