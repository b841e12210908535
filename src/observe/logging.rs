//! Where log lines go, how they look, and which of them pass. What is logged is decided elsewhere, mostly in `events`.

use std::io::{self, Write};
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use env_logger::{Builder, Target};
use log::{LevelFilter, Record};
use serde::Serialize;

use crate::config::log::{LogConfig, LogFormat};
use crate::exit_code::{HasExitCode, MISCONFIGURED};
use crate::observe::logging::file::LogFile;
use crate::text::clean::turns_direction;
use crate::text::mask::mask;
use crate::text::timestamp::rfc3339;

mod file;

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
        let file = LogFile::open(path).map_err(|source| LogError::File { path: path.clone(), source })?;
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

/// `2026-03-01T09:30:00.123Z INFO  message`. `level` includes its colours, if there are any.
fn write_text(
    out: &mut dyn Write,
    now: DateTime<Utc>,
    level: &str,
    record: &Record<'_>,
    show_target: bool,
) -> io::Result<()> {
    write!(out, "{} {level} ", rfc3339(now))?;
    if show_target {
        write!(out, "{}: ", record.target())?;
    }
    writeln!(out, "{}", on_one_line(&message(record)))
}

/// A log line for a log collector.
#[derive(Serialize)]
struct JsonLogLine<'a> {
    ts: String,
    level: &'a str,
    target: &'a str,
    message: String,
}

fn write_json(out: &mut dyn Write, now: DateTime<Utc>, record: &Record<'_>) -> io::Result<()> {
    let line = JsonLogLine {
        ts: rfc3339(now),
        level: record.level().as_str(),
        target: record.target(),
        message: message(record),
    };
    serde_json::to_writer(&mut *out, &line)?;
    writeln!(out)
}

/// The message with every mail address masked. fanmail masks them itself, but texts of libraries and servers may contain
/// addresses, too.
fn message(record: &Record<'_>) -> String {
    mask(&record.args().to_string())
}

/// Escapes control characters and those that turn the direction of text, so that no text of a relay or a publisher looks
/// like a log line of fanmail.
fn on_one_line(message: &str) -> String {
    let mut line = String::with_capacity(message.len());
    for c in message.chars() {
        if c.is_control() || turns_direction(c) || matches!(c, '\u{2028}' | '\u{2029}') {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use log::{Level, Log, Metadata};
    use serde_json::json;

    use super::*;

    fn written(show_target: bool, format: LogFormat) -> String {
        let now = DateTime::from_timestamp(1_772_357_400, 123_456_789).unwrap();
        let args = format_args!("the relay said \"5.7.1\r\n\u{1b}[2Jno\u{202e}\" → ü <bob@example.com>");
        let record = Record::builder().level(Level::Info).target("fanmail::mail").args(args).build();
        let mut out = Vec::new();
        match format {
            LogFormat::Text => write_text(&mut out, now, "INFO ", &record, show_target).unwrap(),
            LogFormat::Json => write_json(&mut out, now, &record).unwrap(),
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_one_line() {
        assert_eq!(
            written(false, LogFormat::Text),
            "2026-03-01T09:30:00.123Z INFO  the relay said \"5.7.1\\r\\n\\u{1b}[2Jno\\u{202e}\" → ü <b***@example.com>\n"
        );
        assert!(written(true, LogFormat::Text).contains(" INFO  fanmail::mail: the relay said"));
    }

    #[test]
    fn json_is_one_object_on_one_line() {
        let line = written(false, LogFormat::Json);
        assert_eq!(line.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            value,
            json!({
                "ts": "2026-03-01T09:30:00.123Z",
                "level": "INFO",
                "target": "fanmail::mail",
                "message": "the relay said \"5.7.1\r\n\u{1b}[2Jno\u{202e}\" → ü <b***@example.com>",
            })
        );
    }

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
