//! Parses the command line, reads `.env` and the environment, dispatches, turns a result into an exit code.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser;
use fanmail::cli::{Cli, Command};
use fanmail::commands;
use fanmail::config::Config;
use fanmail::config::environment::Environment;
use fanmail::content::error::TemplateError;
use fanmail::http::server::HttpError;
use fanmail::observe::logging;
use fanmail::store::error::StoreError;
use fanmail::text::clean::printable;
use signal_hook::consts::SIGPIPE;

/// It could not be done.
const FAILED: u8 = 1;
/// The command line or the configuration is wrong. clap uses it, too.
const MISCONFIGURED: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let config = match configure() {
        Ok(config) => config,
        Err(error) => return report(&error, MISCONFIGURED),
    };
    match run(&cli, &config) {
        Ok(code) => code,
        Err(error) if is_misconfiguration(&error) => report(&error, MISCONFIGURED),
        Err(error) => report(&error, FAILED),
    }
}

/// Whether trying again cannot help until something else is configured or installed.
fn is_misconfiguration(error: &anyhow::Error) -> bool {
    error.is::<TemplateError>()
        || error.is::<HttpError>()
        || error.downcast_ref::<StoreError>().is_some_and(StoreError::is_misconfiguration)
}

/// Reads the configuration and starts the log.
fn configure() -> anyhow::Result<Config> {
    let environment = Environment::load(Path::new(".env"))?;
    let config = Config::from_lookup(&|name| environment.get(name))?;
    logging::init(&config.log)?;
    for hint in environment.misspelt(&Config::variables()) {
        log::warn!("{hint}");
    }
    Ok(config)
}

fn run(cli: &Cli, config: &Config) -> anyhow::Result<ExitCode> {
    // The two that send mails must not end in the middle because nobody reads what they print.
    if !matches!(cli.command, Command::Worker | Command::Retry(_)) {
        exit_on_sigpipe()?;
    }
    commands::run(cli, config)
}

/// `fanmail status | head` ends like any other program when `head` has seen enough, with the exit code that a
/// shell gives to SIGPIPE. Rust ignores that signal, and `println!` would panic.
fn exit_on_sigpipe() -> io::Result<()> {
    let always = Arc::new(AtomicBool::new(true));
    signal_hook::flag::register_conditional_shutdown(SIGPIPE, 128 + SIGPIPE, always)?;
    Ok(())
}

/// Prints an error with all its causes. A server's words may be among them.
fn report(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("fanmail: {}", printable(&error.to_string()));
    for cause in error.chain().skip(1) {
        eprintln!("  caused by: {}", printable(&cause.to_string()));
    }
    ExitCode::from(code)
}
