//! The section of the worker itself.

use std::net::SocketAddr;
use std::time::Duration;

use crate::config::reader::Reader;

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
    /// How long a worker that has gone silent keeps its notifications (`LEASE_TIMEOUT`).
    pub lease_timeout: Duration,
    /// Where `/healthz` and `/metrics` are served (`HTTP_ADDR`); `None` is nowhere.
    pub http_addr: Option<SocketAddr>,
}

impl WorkerConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            batch_size: reader.integer("BATCH_SIZE", &(1..=10_000)).unwrap_or(100),
            prefetch: reader.integer("PREFETCH", &(1..=1_000)).unwrap_or(16),
            max_retries: reader.integer("MAX_RETRIES", &(0..=100)).unwrap_or(3),
            retry_delay: reader.seconds("RETRY_DELAY", 5, &(0.01..=3_600.0)),
            event_lookup_grace: reader.seconds("EVENT_LOOKUP_GRACE", 60, &(0.0..=86_400.0)),
            shutdown_timeout: reader.seconds("SHUTDOWN_TIMEOUT", 30, &(0.1..=3_600.0)),
            lease_timeout: reader.seconds("LEASE_TIMEOUT", 30, &(1.0..=3_600.0)),
            http_addr: reader.parsed(
                "HTTP_ADDR",
                "an address and a port such as 127.0.0.1:9090 or 0.0.0.0:9090",
                |value| value.parse().ok(),
            ),
        }
    }
}
