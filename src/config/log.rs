//! The section of the log.

use std::path::PathBuf;

use log::LevelFilter;

use crate::config::reader::Reader;

/// What is logged, and where.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// Most detailed level that is written (`LOG_LEVEL`).
    pub level: LevelFilter,
    /// A file instead of standard error (`LOG_FILE`).
    pub file: Option<PathBuf>,
    /// How a line looks (`LOG_FORMAT`).
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

impl LogConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            level: reader
                .parsed("LOG_LEVEL", "TRACE, DEBUG, INFO, WARNING, ERROR or CRITICAL", parse_level)
                .unwrap_or(LevelFilter::Info),
            file: reader.path("LOG_FILE"),
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

/// Python's words and ours; nothing here is more critical than an error.
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
