//! Parses the command line, reads `.env` and the environment, starts the log, runs the verb, and turns its result into
//! an exit code.

use std::error::Error;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser;
use fanmail::app::channels;
use fanmail::broker::error::BrokerError;
use fanmail::cli::{Cli, Command};
use fanmail::config::Config;
use fanmail::config::content::ContentConfig;
use fanmail::config::environment::{DotenvError, Environment};
use fanmail::config::log::LogFormat;
use fanmail::config::problem::ConfigErrors;
use fanmail::content::error::TemplateError;
use fanmail::exit_code::{FAILED, HasExitCode, TRY_AGAIN, exit, exit_at_once};
use fanmail::http::server::HttpError;
use fanmail::observe::logging::{self, LogError, fatal};
use fanmail::routes::error::RoutesError;
use fanmail::store::error::StoreError;
use signal_hook::consts::{SIGHUP, SIGPIPE};

fn main() {
    let cli = Cli::try_parse().unwrap_or_else(|error| refuse(&error));
    color(cli.color).write_global();
    if is_mail_pipe(&cli.command) {
        // A mail server waits for the exit code: after any failure, it has to try again.
        std::panic::set_hook(Box::new(|panic| {
            fatal::report(&[panic.to_string()], TRY_AGAIN, false);
            exit_at_once(TRY_AGAIN);
        }));
        let end = run(&cli).unwrap_or_else(|error| report(&error, TRY_AGAIN, false));
        exit(end, TRY_AGAIN);
    }
    let end = run(&cli).unwrap_or_else(|error| report(&error, exit_code(&error), sends_mail(&cli.command)));
    exit(end, FAILED)
}

/// For what is printed, and for the log.
fn color(wanted: clap::ColorChoice) -> anstream::ColorChoice {
    match wanted {
        clap::ColorChoice::Auto => anstream::ColorChoice::Auto,
        clap::ColorChoice::Always => anstream::ColorChoice::Always,
        clap::ColorChoice::Never => anstream::ColorChoice::Never,
    }
}

fn is_mail_pipe(command: &Command) -> bool {
    matches!(command, Command::Bounces(args) if args.is_pipe())
}

/// Whether it is a verb that works in the background, with a log.
fn sends_mail(command: &Command) -> bool {
    matches!(command, Command::Worker(_) | Command::Retry(_))
}

/// Ends the process because of a command line that is wrong, or asks for help. A mail server would send a bounce after any other exit code
/// than that of [`TRY_AGAIN`].
fn refuse(error: &clap::Error) -> ! {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let names_mailbox = words.iter().any(|word| {
        let word = word.to_string_lossy();
        word.starts_with("--maildir") || word.starts_with("--mbox")
    });
    if error.use_stderr() && words.first().is_some_and(|verb| verb == "bounces") && !names_mailbox {
        eprint!("{error}");
        exit_at_once(TRY_AGAIN);
    }
    error.exit()
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    if let Command::Setup(command) = &cli.command {
        exit_on_sigpipe()?;
        return command.run();
    }
    let sends_mail = sends_mail(&cli.command);
    if sends_mail {
        // Their signal thread does not run yet. There is no log either that could be opened again.
        signal_hook::flag::register(SIGHUP, Arc::default())?;
    }
    let (config, environment) = configure(&cli.command)?;
    if !is_mail_pipe(&cli.command) {
        fatal::tell_of_panics();
    }
    // `worker` and `retry` must survive a closed stdout, and a mail server waits for an exit code; the other verbs exit on SIGPIPE.
    if !sends_mail && !is_mail_pipe(&cli.command) {
        exit_on_sigpipe()?;
    }
    cli.run(&config, &environment)
}

/// Reads the configuration and starts the log. `check` prints what is odd about the variables, the other verbs log it.
fn configure(command: &Command) -> anyhow::Result<(Config, Environment)> {
    fatal::set_format(LogFormat::of(std::env::var("LOG_FORMAT").ok().as_deref()));
    let environment = Environment::load(Path::new(".env"))?;
    let lookup = |name: &str| command.value_of(name).or_else(|| environment.get(name));
    fatal::set_format(LogFormat::of(lookup("LOG_FORMAT").as_deref()));
    let config = Config::from_lookup(&lookup).map_err(|errors| {
        // There is no log yet, and these lines and names may be the cause.
        environment.unreadable_lines().iter().for_each(|line| fatal::warn(line));
        environment.misspelt(&Config::variables()).iter().for_each(|hint| fatal::warn(hint));
        // A language without texts, or a wrong folder of templates, would be told in the next attempt.
        match channels::load_templates(&ContentConfig::from_lookup(&lookup), None) {
            Ok(_) => errors,
            Err(error) => errors.with_other(error.to_string()),
        }
    })?;
    logging::init(&config.log)?;
    if !matches!(command, Command::Check(_)) {
        environment.unreadable_lines().iter().for_each(|line| log::warn!("{line}"));
        environment.misspelt(&Config::variables()).iter().for_each(|hint| log::warn!("{hint}"));
    }
    Ok((config, environment))
}

/// Exits as other programs do when the reader of a pipe has closed it (`fanmail status | head`), with the exit code
/// that a shell gives to SIGPIPE. Rust ignores that signal, and `println!` would panic.
fn exit_on_sigpipe() -> io::Result<()> {
    let always = Arc::new(AtomicBool::new(true));
    signal_hook::flag::register_conditional_shutdown(SIGPIPE, 128 + SIGPIPE, always)?;
    Ok(())
}

/// Tells of an error with all its causes.
fn report(error: &anyhow::Error, exit_code: u8, in_background: bool) -> ExitCode {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    fatal::report(&causes, exit_code, in_background);
    ExitCode::from(exit_code)
}

/// The exit code that the error itself decides.
fn exit_code(error: &anyhow::Error) -> u8 {
    let errors_with_exit_code = [
        decided_by::<ConfigErrors>,
        decided_by::<DotenvError>,
        decided_by::<LogError>,
        decided_by::<RoutesError>,
        decided_by::<TemplateError>,
        decided_by::<HttpError>,
        decided_by::<StoreError>,
        decided_by::<BrokerError>,
    ];
    errors_with_exit_code.into_iter().find_map(|decided_by| decided_by(error)).unwrap_or(FAILED)
}

fn decided_by<E: Error + HasExitCode + Send + Sync + 'static>(error: &anyhow::Error) -> Option<u8> {
    error.downcast_ref::<E>().map(E::exit_code)
}
