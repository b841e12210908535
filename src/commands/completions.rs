//! `fanmail completions`: what makes a shell complete verbs and options. clap makes it of the list of verbs.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;

/// Print completions of verbs and options for a shell
///
/// They fit this version: after an update, print them again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanmail completions bash > /etc/bash_completion.d/fanmail
  fanmail completions zsh > ~/.zfunc/_fanmail
  fanmail completions fish > ~/.config/fish/completions/fanmail.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Prints them to standard output. `command` is the whole command line of fanmail.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: &CompletionsArgs, mut command: clap::Command) -> anyhow::Result<ExitCode> {
    // clap_complete panics when it cannot write, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "fanmail", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
