//! What a fan-out needs from the house, and what it tells back.

use std::sync::Arc;
use std::time::Duration;

use crate::content::renderer::Templates;
use crate::domain::notification::Notification;
use crate::observe::metrics::Metrics;
use crate::shutdown::Shutdown;
use crate::store::Store;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::delivery::queue::JobSender;
use crate::worker::delivery::retry_policy::RetryPolicy;
use crate::worker::lease::keeper::Leases;

/// What every fan-out needs.
pub struct Context {
    /// Where people are read and notifications are opened and closed.
    pub store: Store,
    /// By what right it sends.
    pub leases: Leases,
    /// How it waits for the database.
    pub database_retry: DatabaseRetry,
    /// What its mails look like.
    pub templates: Arc<Templates>,
    /// Where the lanes take their jobs.
    pub jobs: JobSender,
    /// When someone is tried again.
    pub retry_policy: RetryPolicy,
    /// People in a page.
    pub batch_size: u32,
    /// How long an event that is not in the database is looked up again.
    pub event_lookup_grace: Duration,
    /// Nothing is really sent.
    pub dummy: bool,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The wish to stop.
    pub shutdown: Shutdown,
}

/// How the story ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FanOutResult {
    /// Everyone is decided: the message may be acked.
    Completed(Notification),
    /// Nobody can process it, for this reason.
    DeadLetter(String),
    /// The worker is stopping: the message goes back to the queue, and what is decided stays decided.
    Interrupted,
}

/// Why a fan-out ends before everyone is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// The worker is to stop.
    Stopping,
    /// Another worker has taken the notification over.
    TakenOver,
}

impl From<Stopped> for Halt {
    fn from(_: Stopped) -> Self {
        Self::Stopping
    }
}
