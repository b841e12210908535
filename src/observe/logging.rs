//! Where log lines go, and which of them pass. How they look is left to `line`; what is logged is decided elsewhere,
//! mostly in `events`.

use std::io;
use std::path::PathBuf;

use chrono::Utc;
use env_logger::{Builder, Target};
use log::LevelFilter;

use crate::config::log::{LogConfig, LogFormat};
use crate::exit_code::{HasExitCode, MISCONFIGURED};
use crate::observe::logging::file::LogFile;
use crate::observe::logging::line::{write_json, write_text};

mod archive;
#[cfg(test)]
pub mod capture;
pub mod fatal;
mod fields;
mod file;
mod line;
mod rotation;

/// The log cannot be written as configured.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `LOG_FILE` does not open.
    #[error(
        "LOG_FILE {path} cannot be opened for appending; create its directory, correct the permissions, or \
         leave LOG_FILE out to log to standard error"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// There is a logger already.
    #[error("the logger cannot be installed")]
    Install(#[from] log::SetLoggerError),
}

impl HasExitCode for LogError {
    fn exit_code(&self) -> u8 {
        MISCONFIGURED
    }
}

/// Starts logging, to standard error or to the end of `LOG_FILE`.
///
/// # Errors
/// When the file does not open, or there is a logger already.
pub fn init(config: &LogConfig) -> Result<(), LogError> {
    let mut builder = filtered(config.level);
    if let Some(path) = &config.file {
        let file = LogFile::open(path, config.format, config.rotation, Utc::now())
            .map_err(|source| LogError::File { path: path.clone(), source })?;
        builder.target(Target::Pipe(Box::new(file)));
    }
    let show_target = config.level >= LevelFilter::Debug;
    match config.format {
        LogFormat::Json => builder.format(|out, record| write_json(out, Utc::now(), record)),
        LogFormat::Text => builder.format(move |out, record| {
            let style = out.default_level_style(record.level());
            let level = format!("{style}{:<5}{style:#}", record.level());
            write_text(out, Utc::now(), &level, record, show_target)
        }),
    };
    builder.try_init()?;
    fatal::set_file(config.file.is_some());
    Ok(())
}

/// Opens `LOG_FILE` again, after a SIGHUP: logrotate has moved the file, and lines go to a new one. A line says so.
pub fn reopen() {
    file::request_reopen();
    log::info!("SIGHUP: fanmail goes on; a LOG_FILE is opened again");
}

/// Passes lines of fanmail up to `level`, and of other crates only warnings and errors unless `level` is DEBUG or TRACE.
/// Nothing of amiquip passes: it logs its handshake, which contains the password, and bodies; its failures reach us as
/// errors. Nothing of ureq passes either: its requests and responses contain secrets and tokens.
fn filtered(level: LevelFilter) -> Builder {
    let others = if level >= LevelFilter::Debug { level } else { level.min(LevelFilter::Warn) };
    let mut builder = Builder::new();
    builder.filter_level(others).filter_module("fanmail", level);
    for module in ["amiquip", "ureq", "ureq_proto"] {
        builder.filter_module(module, LevelFilter::Off);
    }
    builder
}

#[cfg(test)]
mod tests {
    use log::{Level, Log, Metadata};

    use super::*;

    #[test]
    fn other_crates_log_only_warnings_and_errors_and_amiquip_nothing() {
        let passes = |level, target: &str, of: Level| {
            let metadata = Metadata::builder().target(target).level(of).build();
            filtered(level).build().enabled(&metadata)
        };
        assert!(passes(LevelFilter::Info, "fanmail::worker", Level::Info));
        assert!(!passes(LevelFilter::Info, "fanmail::worker", Level::Debug));
        assert!(!passes(LevelFilter::Info, "r2d2", Level::Info));
        assert!(passes(LevelFilter::Info, "r2d2", Level::Warn));
        assert!(!passes(LevelFilter::Error, "r2d2", Level::Warn));
        assert!(passes(LevelFilter::Trace, "r2d2", Level::Trace));
        assert!(!passes(LevelFilter::Trace, "amiquip::io_loop", Level::Error));
    }
}
