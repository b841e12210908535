//! The section of the worker: sizes, retries and timeouts.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::coalesce::Coalescing;
use crate::config::reader::Reader;
use crate::config::{coalesce, defer_schedule, reminders};

/// Sizes, retries and timeouts of the worker.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a variable of its own")]
pub struct WorkerConfig {
    /// Recipients per page (`BATCH_SIZE`).
    pub batch_size: u32,
    /// Most notifications at a time (`PREFETCH`).
    pub prefetch: u16,
    /// Attempts after the first one (`MAX_RETRIES`); 0 means one attempt.
    pub max_retries: u32,
    /// Pause before the first retry (`RETRY_DELAY`); it doubles each time.
    pub retry_delay: Duration,
    /// Pauses before each further attempt at a mail that is deferred (`DEFER_SCHEDULE`); empty: no mail is deferred.
    pub defer_schedule: Vec<Duration>,
    /// How long a missing event is looked up again before its message becomes a dead letter (`EVENT_LOOKUP_GRACE`).
    pub event_lookup_grace: Duration,
    /// Whether a message without a `message_id` becomes a dead letter (`REQUIRE_MESSAGE_ID`).
    pub require_message_id: bool,
    /// How old a message may be that comes for the first time (`STALE_AFTER`); `None`: as old as it is.
    pub stale_after: Option<Duration>,
    /// Whether messages are also taken from the table `outbox` (`OUTBOX`).
    pub outbox: bool,
    /// Whether participants of an event who have one address get one mail together (`ONE_MAIL_PER_ADDRESS`).
    pub one_mail_per_address: bool,
    /// Whether the application says in `optouts` who wants no mail (`OPTOUTS`).
    pub optouts: bool,
    /// Whether addresses that the relay says do not exist get no further mail (`SUPPRESS_REFUSED`).
    pub suppress_refused: bool,
    /// Whether a newer notification of an event ends an older one that is not finished (`SUPERSEDE`).
    pub supersede: bool,
    /// How long an UPDATED waits for further ones of its event (`COALESCE`); `None`: not at all.
    pub coalesce: Option<Coalescing>,
    /// Whether people get no UPDATED in which nothing has changed for them (`SKIP_UNCHANGED`).
    pub skip_unchanged: bool,
    /// How long before the start of an event people are reminded of it, the longest first (`REMINDERS`); empty: never.
    pub reminders: Vec<Duration>,
    /// Which mails there are for which routing keys (`ROUTES_FILE`).
    pub routes_file: Option<PathBuf>,
    /// Longest time from the signal to the end of the process (`SHUTDOWN_TIMEOUT`).
    pub shutdown_timeout: Duration,
    /// Term of a lease: how long a worker that has stopped renewing keeps its notifications (`LEASE_TIMEOUT`).
    pub lease_timeout: Duration,
}

impl WorkerConfig {
    /// How long a worker may be silent before it is reported as silent. It reports three times a term; with a short term, a
    /// minute without a report is still no sign.
    #[must_use]
    pub fn silence_limit(&self) -> Duration {
        self.lease_timeout.max(Duration::from_secs(60))
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            batch_size: reader.integer("BATCH_SIZE", &(1..=10_000)).unwrap_or(100),
            prefetch: reader.integer("PREFETCH", &(1..=1_000)).unwrap_or(16),
            max_retries: reader.integer("MAX_RETRIES", &(0..=100)).unwrap_or(3),
            retry_delay: reader.seconds("RETRY_DELAY", 5, &(0.01..=3_600.0)),
            defer_schedule: read_defer_schedule(reader),
            event_lookup_grace: reader.seconds("EVENT_LOOKUP_GRACE", 60, &(0.0..=86_400.0)),
            require_message_id: reader.flag("REQUIRE_MESSAGE_ID").unwrap_or(false),
            stale_after: reader.checked("STALE_AFTER", parse_stale_after).flatten(),
            outbox: reader.flag("OUTBOX").unwrap_or(false),
            one_mail_per_address: reader.flag("ONE_MAIL_PER_ADDRESS").unwrap_or(false),
            optouts: reader.flag("OPTOUTS").unwrap_or(false),
            suppress_refused: reader.flag("SUPPRESS_REFUSED").unwrap_or(true),
            supersede: reader.flag("SUPERSEDE").unwrap_or(true),
            coalesce: reader.checked("COALESCE", coalesce::parse).flatten(),
            skip_unchanged: reader.flag("SKIP_UNCHANGED").unwrap_or(true),
            reminders: reader.checked("REMINDERS", reminders::parse).unwrap_or_default(),
            routes_file: reader.text("ROUTES_FILE").map(PathBuf::from),
            shutdown_timeout: reader.seconds("SHUTDOWN_TIMEOUT", 30, &(0.1..=3_600.0)),
            lease_timeout: reader.seconds("LEASE_TIMEOUT", 30, &(1.0..=3_600.0)),
        }
    }
}

fn parse_stale_after(text: &str) -> Result<Option<Duration>, String> {
    if text.eq_ignore_ascii_case("off") { Ok(None) } else { defer_schedule::parse_pause(text).map(Some) }
}

fn read_defer_schedule(reader: &mut Reader<'_>) -> Vec<Duration> {
    let schedule = reader.checked("DEFER_SCHEDULE", defer_schedule::parse);
    schedule.unwrap_or_else(|| defer_schedule::parse(defer_schedule::DEFAULT).unwrap_or_default())
}
