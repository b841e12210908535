//! What the process counts and measures. The ledger is the truth; these are for graphs and alerts. Those of a transition are updated in
//! `events`, those of a mail where it is counted. Their names are left to `names`, writing them for Prometheus to `exposition`.
//!
//! Each is a handle to an atomic number, so counting takes no lock and looks nothing up. Histograms (`times`) take a lock.

use crate::domain::outcome::Counts;
use crate::observe::metrics::backlog::BacklogMetrics;
use crate::observe::metrics::bounces::BounceMetrics;
use crate::observe::metrics::process::ProcessMetrics;
use crate::observe::metrics::queues::QueueMetrics;
use crate::observe::metrics::times::TimeMetrics;
use crate::observe::metrics::values::{Counter, FloatGauge, Gauge};

pub mod backlog;
pub mod bounces;
pub(in crate::observe) mod labelled;
mod names;
pub mod process;
pub mod queues;
pub mod times;
pub mod values;

/// Everything that is counted. One for the process, shared through an `Arc`.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Outcomes `sent`.
    pub sent: Counter,
    /// Those of `sent` that are of dry-run mode.
    pub dry_run: Counter,
    /// Mails accepted by the relay and not recorded in the ledger yet: at most one a lane.
    pub unrecorded: Gauge,
    /// Outcomes `failed`.
    pub failed: Counter,
    /// Outcomes `skipped`.
    pub skipped: Counter,
    /// Mails put off for a retry after a transient failure.
    pub retries: Counter,
    /// How many times a mail was deferred.
    pub deferred: Counter,
    /// Deferred mails in the ledger, of all workers, as this worker last counted them.
    pub deferrals: Gauge,
    /// Notifications in the ledger that are set aside, of all workers, up to 200, as this worker last counted them.
    pub set_aside: Gauge,
    /// UPDATEDs in the ledger that wait for further ones of their event, of all workers, as this worker last counted them.
    pub coalescing: Gauge,
    /// Mails that came back, of all workers, as this worker last counted them.
    pub bounces: BounceMetrics,
    /// Mails whose body was written and to which no reply came (RFC 1047).
    pub ambiguous: Counter,
    /// Relay failures, probes of the open breaker included.
    pub relay_failures: Counter,
    /// Mails that the relay throttled.
    pub throttled: Counter,
    /// Mails per second that the relay takes while it throttles; 0 while it does not.
    pub pace_per_second: FloatGauge,
    /// Connections that the lanes may have now: `SMTP_CONNECTIONS`, or fewer when the relay refuses some.
    pub connections_in_use: Gauge,
    /// 1 while the breaker is open, else 0.
    pub breaker_open: Gauge,
    /// Notifications that were completed.
    pub completed: Counter,
    /// Notifications that a newer one of their event has ended.
    pub superseded: Counter,
    /// Messages put into the dead-letter queue.
    pub dead_letters: Counter,
    /// Messages that no route is for.
    pub messages_ignored: Counter,
    /// Replies that the broker has.
    pub replies: Counter,
    /// Replies whose queue did not exist any more.
    pub replies_unroutable: Counter,
    /// Replies that were given up.
    pub replies_lost: Counter,
    /// Events that the broker has.
    pub events: Counter,
    /// Events that were given up.
    pub events_lost: Counter,
    /// Notifications that were opened from the outbox.
    pub outbox_taken: Counter,
    /// Rows of the outbox with a problem.
    pub outbox_problems: Counter,
    /// Messages without a `message_id` that were matched with a notification only by the broker's redelivered flag.
    pub redelivered_decided: Counter,
    /// Outcomes that the ledger refused, because another worker had taken over the notification.
    pub refused_outcomes: Counter,
    /// Times that a person has stopped mails by the link of one.
    pub unsubscribed: Counter,
    /// Times that a person has taken that back.
    pub resubscribed: Counter,
    /// Reports of mail providers that were taken.
    pub webhook_reports: Counter,
    /// Requests to `/webhooks/` that were refused.
    pub webhooks_refused: Counter,
    /// Connections to the broker after the first one.
    pub broker_reconnects: Counter,
    /// Mails that lanes are submitting at this moment.
    pub mails_in_flight: Gauge,
    /// Fan-outs of messages and of the outbox that run at this moment.
    pub fan_outs_in_flight: Gauge,
    /// What is left to do.
    pub backlog: BacklogMetrics,
    /// What waits in the queues.
    pub queues: QueueMetrics,
    /// How long things take.
    pub times: TimeMetrics,
    /// The process itself.
    pub process: ProcessMetrics,
}

impl Metrics {
    /// Counts outcomes that are committed.
    pub fn add_outcomes(&self, counts: Counts) {
        self.sent.inc_by(counts.sent);
        self.dry_run.inc_by(counts.dry_run);
        self.failed.inc_by(counts.failed);
        self.skipped.inc_by(counts.skipped);
        self.deferred.inc_by(counts.deferred);
    }
}
