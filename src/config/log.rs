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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line, for log collectors.
    Json,
}

impl LogFormat {
    /// The format that `LOG_FORMAT` names, before the configuration is read; text if that is no format.
    #[must_use]
    pub fn of(log_format: Option<&str>) -> Self {
        log_format.and_then(Self::from_word).unwrap_or_default()
    }

    fn from_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

impl LogConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            level: reader
                .parsed("LOG_LEVEL", "TRACE, DEBUG, INFO, WARNING, ERROR or CRITICAL", parse_level)
                .unwrap_or(LevelFilter::Info),
            file: reader.path("LOG_FILE"),
            rotation: LogRotation::read(reader),
            format: reader.parsed("LOG_FORMAT", "text or json", LogFormat::from_word).unwrap_or_default(),
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
