//! Lines for people on standard output, of verbs that must not end when nothing reads them.

use std::io::{self, Write as _};

use serde_json::Value;

use crate::text::clean::printable;

/// Prints JSON for programs.
///
/// # Errors
/// When nothing reads it.
pub fn print_json(value: &Value) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{value:#}")
}

/// Prints a line, without characters that control a terminal: it may quote a server. Mails are in flight: a closed standard
/// output must not end the process, as `println!` would.
pub fn say(line: &str) {
    let line = printable(line);
    if let Err(error) = writeln!(io::stdout(), "{line}") {
        log::info!("{line} (standard output: {error})");
    }
}
