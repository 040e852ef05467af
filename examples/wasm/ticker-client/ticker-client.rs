//! Ticker-client registers with the ticker, wherever among the connected nodes it runs, and prints
//! "tock in client" for each of its ticks. Its argument is the number of ticks after which it ends;
//! without one it goes on.

use wnode::{global_whereis, receive, self_pid, send, Error, Term};

fn main() -> Result<(), Error> {
    let ticks: Option<u64> = std::env::args().nth(1).and_then(|n| n.parse().ok());
    let ticker = global_whereis("ticker")?;
    send(ticker, &Term::Array(vec!["register".into(), Term::Pid(self_pid())]))?;
    let mut seen = 0;
    while ticks != Some(seen) {
        let message = match receive(None) {
            Err(Error::BAD_ARGUMENT) => continue, // no term
            message => message?,
        };
        if matches!(&message, Term::Array(tick) if tick.first() == Some(&"tick".into())) {
            println!("tock in client");
            seen += 1;
        }
    }
    Ok(())
}
