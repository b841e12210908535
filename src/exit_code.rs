//! The exit codes of a verb that could not do its work. `main` asks the error; clap ends the process with 2 by itself
//! when it cannot read the command line.

use std::io::{self, Write};
use std::process::ExitCode;

use signal_hook::low_level;

/// The work could not be done.
pub const FAILED: u8 = 1;

/// The command line or the configuration is wrong: the same command fails until a person changes something.
pub const MISCONFIGURED: u8 = 2;

/// `EX_TEMPFAIL` of sysexits.h, for a mail server that passes a mail on: it tries again later.
pub const TRY_AGAIN: u8 = 75;

/// An error that knows the exit code of the process.
pub trait HasExitCode {
    /// [`FAILED`] or [`MISCONFIGURED`].
    fn exit_code(&self) -> u8;
}

/// Ends the process once what was printed is written, with `unwritten` if it cannot be.
pub fn exit(code: ExitCode, unwritten: u8) -> ! {
    let written = io::stdout().flush();
    if let Err(error) = &written {
        eprintln!("fanmail: cannot write the output: {error}");
    }
    let code = if written.is_err() && code == ExitCode::SUCCESS { ExitCode::from(unwritten) } else { code };
    // The number of an `ExitCode` cannot be read.
    let number = (0..=u8::MAX).find(|&number| ExitCode::from(number) == code);
    exit_at_once(number.unwrap_or(FAILED))
}

/// Ends the process while its threads run.
///
/// One may be in the middle of a call of a C library. Exit handlers of such libraries do not run: they take down what the thread still
/// uses. A worker that was stopped while it connected to PostgreSQL was ended by SIGABRT in the Kerberos library below libpq.
pub fn exit_at_once(code: u8) -> ! {
    low_level::exit(code.into())
}
