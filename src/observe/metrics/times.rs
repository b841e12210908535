//! How long things take: histograms, whose buckets are fixed. An observation takes a lock, and some 130 instructions (callgrind).

use std::time::Duration;

use chrono::{DateTime, Utc};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::observe::metrics::labelled::Labelled;

/// From the publishing of a message: what people wait for. Up to a day.
const WAITS: [f64; 12] = [0.25, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0];
/// A step of SMTP. The last ones are the time-outs of most relays.
const SMTP_STEPS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0];
/// A call of the database.
const DATABASE_CALLS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// How long things take.
#[derive(Debug)]
pub struct TimeMetrics {
    /// From the publishing of a message to its first mail that the relay has accepted.
    pub first_mail: Waits,
    /// From the publishing of a message to the completion of its notification.
    pub completion: Waits,
    /// Steps of SMTP.
    pub smtp: SmtpTimes,
    /// Reading a page of participants.
    pub page: Histogram,
    /// Committing what lanes, fan-outs and dispatcher have handed to the recorder.
    pub commit: Histogram,
}

/// How long the relay takes.
#[derive(Debug)]
pub struct SmtpTimes {
    /// TCP, the greeting, EHLO, TLS and the login.
    pub connect: Histogram,
    /// MAIL, RCPT and DATA. Of an envelope that went out behind the body before: only what was left to wait for.
    pub envelope: Histogram,
    /// Writing the body, and its reply.
    pub body: Histogram,
}

/// Times since something was published.
#[derive(Debug)]
pub struct Waits(Histogram);

impl Waits {
    /// Observes the time since then, if it is known. A clock that is ahead of ours counts as no time.
    pub fn observe_since(&self, published_at: Option<DateTime<Utc>>) {
        if let Some(published_at) = published_at {
            self.0.observe((Utc::now() - published_at).to_std().unwrap_or_default().as_secs_f64());
        }
    }
}

impl Default for TimeMetrics {
    fn default() -> Self {
        let smtp = || Histogram::new(SMTP_STEPS);
        Self {
            first_mail: Waits(Histogram::new(WAITS)),
            completion: Waits(Histogram::new(WAITS)),
            smtp: SmtpTimes { connect: smtp(), envelope: smtp(), body: smtp() },
            page: Histogram::new(DATABASE_CALLS),
            commit: Histogram::new(DATABASE_CALLS),
        }
    }
}

impl TimeMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let mut register = |name, help, histogram: &Histogram| {
            registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
        };
        register(
            "publish_to_first_mail",
            "From the publishing of a message to the first mail of its notification that the relay has accepted",
            &self.first_mail.0,
        );
        register(
            "publish_to_complete",
            "From the publishing of a message to the completion of its notification",
            &self.completion.0,
        );
        register("page_read", "Reading a page of participants from the database", &self.page);
        register("commit", "Committing a batch of outcomes, completions and acks", &self.commit);
        let SmtpTimes { connect, envelope, body } = &self.smtp;
        let steps = [("connect", connect), ("envelope", envelope), ("body", body)];
        let each = steps.map(|(phase, histogram)| (phase.to_owned(), histogram.clone())).into();
        registry.register_with_unit(
            "smtp",
            "What the relay takes to connect, to take an envelope, and to take a body and reply to it",
            Unit::Seconds,
            Labelled { label: "phase", each },
        );
    }
}

/// A duration as a histogram wants it.
pub fn observe(histogram: &Histogram, time: Duration) {
    histogram.observe(time.as_secs_f64());
}
