//! Standard output: what it can show, and lines for people of verbs that must not end when nothing reads them.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use anstream::{AutoStream, ColorChoice};
use serde_json::Value;
use terminal_size::{Width, terminal_size_of};

use crate::text::clean::printable;
use crate::text::screen::Screen;

/// Of a terminal that does not say how wide it is.
const USUAL_WIDTH: usize = 80;

/// What standard output can show. A file or a pipe gets whole lines, and colours only if `--color` or `CLICOLOR_FORCE` wants them; a
/// terminal gets none with `NO_COLOR`.
#[must_use]
pub fn screen() -> Screen {
    let stdout = io::stdout();
    let width = || terminal_size_of(&stdout).map_or(USUAL_WIDTH, |(Width(width), _)| width.into());
    Screen {
        width: stdout.is_terminal().then(width),
        has_colors: AutoStream::choice(&stdout) != ColorChoice::Never,
    }
}

/// Prints JSON for programs.
///
/// # Errors
/// When nothing reads it.
pub fn print_json(value: &Value) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{value:#}")
}

/// Prints text as it is. The reader of a pipe may close it early, as `head` does.
///
/// # Errors
/// When standard output cannot be written.
pub fn print_text(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints a line, without characters that control a terminal: it may quote a server. Mails are in flight: a closed standard
/// output must not end the process, as `println!` would.
pub fn say(line: &str) {
    let line = printable(line);
    if let Err(error) = writeln!(io::stdout(), "{line}") {
        log::info!("{line} (standard output: {error})");
    }
}
