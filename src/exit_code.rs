//! The exit codes of a verb that could not do its work. `main` asks the error; clap ends the process with 2 by itself
//! when it cannot read the command line.

/// The work could not be done.
pub const FAILED: u8 = 1;

/// The command line or the configuration is wrong: the same command fails until a person changes something.
pub const MISCONFIGURED: u8 = 2;

/// An error that knows the exit code of the process.
pub trait HasExitCode {
    /// [`FAILED`] or [`MISCONFIGURED`].
    fn exit_code(&self) -> u8;
}
