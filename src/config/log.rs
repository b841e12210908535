//! The section of the log. Writing it is left to `observe`.

use std::path::PathBuf;

use log::LevelFilter;

use crate::config::log::rotation::LogRotation;
use crate::config::reader::Reader;

pub mod rotation;

/// Level, file and format of the log.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// The most detailed level that is written (`LOG_LEVEL`).
    pub level: LevelFilter,
    /// A file instead of standard error (`LOG_FILE`).
    pub file: Option<PathBuf>,
    /// When the file is rotated, and how many are kept (`LOG_ROTATE`, `LOG_KEEP`).
    pub rotation: Option<LogRotation>,
    /// The form of a line (`LOG_FORMAT`).
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line, for log collectors.
    Json,
}

impl LogConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            level: reader
                .parsed("LOG_LEVEL", "TRACE, DEBUG, INFO, WARNING, ERROR or CRITICAL", parse_level)
                .unwrap_or(LevelFilter::Info),
            file: reader.path("LOG_FILE"),
            rotation: LogRotation::read(reader),
            format: reader
                .parsed("LOG_FORMAT", "text or json", |value| match value.to_ascii_lowercase().as_str() {
                    "text" => Some(LogFormat::Text),
                    "json" => Some(LogFormat::Json),
                    _ => None,
                })
                .unwrap_or(LogFormat::Text),
        }
    }
}

/// Accepts the level names of Python and of Rust. There is no level above error.
fn parse_level(word: &str) -> Option<LevelFilter> {
    match word.to_ascii_uppercase().as_str() {
        "TRACE" => Some(LevelFilter::Trace),
        "DEBUG" => Some(LevelFilter::Debug),
        "INFO" => Some(LevelFilter::Info),
        "WARNING" | "WARN" => Some(LevelFilter::Warn),
        "ERROR" | "CRITICAL" | "FATAL" => Some(LevelFilter::Error),
        _ => None,
    }
}
