//! What the process has counted since it started, for `/metrics`. The ledger is the truth; these are for graphs.
//! Those of a transition are updated in `events`, those of a mail where it is counted.

use std::fmt::Display;

use crate::domain::outcome::Counts;
use crate::observe::metrics::bounces::BounceMetrics;
use crate::observe::metrics::values::{Counter, Gauge, RateGauge};

pub mod bounces;
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
    pub pace_per_second: RateGauge,
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
}

impl Metrics {
    /// Counts outcomes that are committed.
    pub fn add_outcomes(&self, counts: Counts) {
        self.sent.add(counts.sent);
        self.dry_run.add(counts.dry_run);
        self.failed.add(counts.failed);
        self.skipped.add(counts.skipped);
        self.deferred.add(counts.deferred);
    }

    /// All metrics in the text format of Prometheus, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        let counters = [
            ("sent", "Mails that the relay accepted, and those of dry-run mode.", &self.sent),
            (
                "dry_run",
                "Mails of dry-run mode, which were not sent. fanmail_sent_total has them, too.",
                &self.dry_run,
            ),
            ("failed", "Mails that failed for good.", &self.failed),
            ("skipped", "Participants without a mail: no address, suppressed, or superseded.", &self.skipped),
            ("retries", "Mails put off for a retry after a temporary failure.", &self.retries),
            (
                "deferred",
                "Mails deferred after a temporary failure: tried again by DEFER_SCHEDULE. Each time counts.",
                &self.deferred,
            ),
            (
                "ambiguous",
                "Mails whose body was written without a reply; each may arrive twice.",
                &self.ambiguous,
            ),
            ("relay_failures", "Failures of the relay itself, not of a recipient.", &self.relay_failures),
            ("throttled", "Mails that the relay did not take because it wants fewer.", &self.throttled),
            (
                "notifications_completed",
                "Notifications completed: every participant has an outcome.",
                &self.completed,
            ),
            ("notifications_superseded", "Notifications that a newer one has ended.", &self.superseded),
            ("dead_letters", "Messages put into the dead-letter queue.", &self.dead_letters),
            ("messages_ignored", "Messages acked without a mail: no route matches.", &self.messages_ignored),
            ("replies", "Replies that the broker has confirmed.", &self.replies),
            (
                "replies_unroutable",
                "Replies whose queue does not exist any more: the program that asked is gone.",
                &self.replies_unroutable,
            ),
            ("replies_lost", "Replies that could not be published and were given up.", &self.replies_lost),
            ("events", "Events of EVENTS_EXCHANGE that the broker has confirmed.", &self.events),
            (
                "events_lost",
                "Events of EVENTS_EXCHANGE that could not be published and were given up.",
                &self.events_lost,
            ),
            ("outbox_taken", "Notifications opened from the outbox.", &self.outbox_taken),
            ("outbox_problems", "Rows of the outbox that cannot be sent.", &self.outbox_problems),
            (
                "redelivered_decided",
                "Messages without an id, matched with a notification only by the redelivered flag.",
                &self.redelivered_decided,
            ),
            (
                "refused_outcomes",
                "Outcomes refused because another worker had taken over; each may be a mail sent twice.",
                &self.refused_outcomes,
            ),
            ("unsubscribed", "Times that somebody has stopped mails by the link of one.", &self.unsubscribed),
            ("resubscribed", "Times that somebody has taken that back.", &self.resubscribed),
            (
                "webhook_reports",
                "Reports of mail providers about mails that came back.",
                &self.webhook_reports,
            ),
            (
                "webhooks_refused",
                "Requests to /webhooks/ with a wrong secret, signature, time or form, or too many.",
                &self.webhooks_refused,
            ),
            ("broker_reconnects", "Connections to the broker after the first.", &self.broker_reconnects),
        ];
        let counters = counters.into_iter().map(|(name, help, counter)| {
            describe(&format!("fanmail_{name}_total"), "counter", help, counter.get())
        });
        let gauges = self
            .gauges()
            .into_iter()
            .map(|(name, help, value)| describe(&format!("fanmail_{name}"), "gauge", help, value));
        let bounces = self
            .bounces
            .counters()
            .map(|(name, help, number)| describe(&format!("fanmail_{name}_total"), "counter", help, number));
        counters.chain(bounces).chain(gauges).collect()
    }

    /// Name, help and value of each number that goes up and down.
    fn gauges(&self) -> [(&'static str, &'static str, String); 7] {
        [
            (
                "unrecorded",
                "Mails accepted by the relay and not recorded in the ledger yet.",
                self.unrecorded.get().to_string(),
            ),
            (
                "deferrals",
                "Deferred mails in the database, of all workers.",
                self.deferrals.get().to_string(),
            ),
            (
                "set_aside",
                "Notifications that are set aside, mostly because something cannot be read, of all workers, up to 200.",
                self.set_aside.get().to_string(),
            ),
            (
                "coalescing",
                "UPDATED notifications that wait for further ones of their event (COALESCE), of all workers.",
                self.coalescing.get().to_string(),
            ),
            (
                "pace_per_second",
                "Mails per second that the relay takes while it asks for fewer; 0 while it does not.",
                self.pace_per_second.get().to_string(),
            ),
            (
                "connections_in_use",
                "Connections to the relay that may be open: SMTP_CONNECTIONS, or fewer if the relay refuses some.",
                self.connections_in_use.get().to_string(),
            ),
            (
                "breaker_open",
                "1 while sending is paused because the relay is down or refuses everyone.",
                self.breaker_open.get().to_string(),
            ),
        ]
    }
}

fn describe(name: &str, kind: &str, help: &str, value: impl Display) -> String {
    format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_every_metric_once_with_help_and_type() {
        let metrics = Metrics::default();
        metrics.sent.add(1);
        metrics.sent.add(2);
        metrics.unrecorded.inc();
        metrics.unrecorded.inc();
        metrics.unrecorded.dec();
        metrics.connections_in_use.set(4);
        metrics.breaker_open.set(1);
        let text = metrics.render();
        assert!(text.starts_with(
            "# HELP fanmail_sent_total Mails that the relay accepted, and those of dry-run mode.\n\
             # TYPE fanmail_sent_total counter\n\
             fanmail_sent_total 3\n# HELP fanmail_dry_run_total "
        ));
        assert!(text.contains("# TYPE fanmail_unrecorded gauge\nfanmail_unrecorded 1\n"), "{text}");
        assert!(
            text.contains("# TYPE fanmail_connections_in_use gauge\nfanmail_connections_in_use 4\n"),
            "{text}"
        );
        assert!(text.ends_with("# TYPE fanmail_breaker_open gauge\nfanmail_breaker_open 1\n"));
        let names: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split(' ').next())
            .collect();
        // As many as `Metrics` has fields: its Debug names each once.
        assert_eq!(names.len(), format!("{metrics:?}").matches('(').count());
        for name in names {
            assert_eq!(text.matches(&format!("# TYPE {name} ")).count(), 1, "{name}");
            assert_eq!(text.matches(&format!("# HELP {name} ")).count(), 1, "{name}");
        }
    }
}
