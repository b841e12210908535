//! The section of the worker itself, and of its log.

use std::path::PathBuf;
use std::time::Duration;

/// How the worker works.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Participants in one page (`BATCH_SIZE`).
    pub batch_size: u32,
    /// Notifications that run side by side (`PREFETCH`).
    pub prefetch: u16,
    /// Tries after the first one (`MAX_RETRIES`); 0 means one try.
    pub max_retries: u32,
    /// Pause before the first of them (`RETRY_DELAY`).
    pub retry_delay: Duration,
    /// How long an event that is not in the database is looked up again (`EVENT_LOOKUP_GRACE`).
    pub event_lookup_grace: Duration,
    /// How long a stop may take (`SHUTDOWN_TIMEOUT`).
    pub shutdown_timeout: Duration,
}

/// What is logged, and where.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// Most detailed level that is written (`LOG_LEVEL`).
    pub level: log::LevelFilter,
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
