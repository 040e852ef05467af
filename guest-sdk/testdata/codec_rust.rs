//! Codec_rust reads a term from its input and writes it to its output again. Its exit code is 1 for
//! what it cannot read.

use std::io::{Read, Write};

fn main() -> std::io::Result<()> {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;
    match wnode::Term::decode(&input) {
        Some(term) => std::io::stdout().write_all(&term.encode()),
        None => std::process::exit(1),
    }
}
