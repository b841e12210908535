//! The name and the help of each metric: what `/metrics` shows of [`Metrics`]. docs/metrics.md explains them.
//!
//! The library adds `_total` to the names of counters, the unit to those that have one, and a full stop to each help.

use prometheus_client::registry::Registry;

use crate::observe::metrics::Metrics;
use crate::observe::metrics::values::{Counter, Gauge};

impl Metrics {
    /// Registers all of them. `registry` puts the name of the program in front.
    pub(in crate::observe) fn register(&self, registry: &mut Registry) {
        for (name, help, counter) in self.counters() {
            registry.register(name, help, Counter::clone(counter));
        }
        self.bounces.register(registry);
        for (name, help, gauge) in self.gauges() {
            registry.register(name, help, Gauge::clone(gauge));
        }
        registry.register(
            "pace_per_second",
            "Mails per second that the relay takes while it asks for fewer; 0 while it does not",
            self.pace_per_second.clone(),
        );
        self.backlog.register(registry);
        self.queues.register(registry);
        self.times.register(registry);
    }

    fn counters(&self) -> [(&'static str, &'static str, &Counter); 27] {
        [
            ("sent", "Mails that the relay accepted, and those of dry-run mode", &self.sent),
            (
                "dry_run",
                "Mails of dry-run mode, which were not sent. fanmail_sent_total has them, too",
                &self.dry_run,
            ),
            ("failed", "Mails that failed for good", &self.failed),
            ("skipped", "Participants without a mail: no address, suppressed, or superseded", &self.skipped),
            ("retries", "Mails put off for a retry after a temporary failure", &self.retries),
            (
                "deferred",
                "Mails deferred after a temporary failure: tried again by DEFER_SCHEDULE. Each time counts",
                &self.deferred,
            ),
            (
                "ambiguous",
                "Mails whose body was written without a reply; each may arrive twice",
                &self.ambiguous,
            ),
            ("relay_failures", "Failures of the relay itself, not of a recipient", &self.relay_failures),
            ("throttled", "Mails that the relay did not take because it wants fewer", &self.throttled),
            (
                "notifications_completed",
                "Notifications completed: every participant has an outcome",
                &self.completed,
            ),
            ("notifications_superseded", "Notifications that a newer one has ended", &self.superseded),
            ("dead_letters", "Messages put into the dead-letter queue", &self.dead_letters),
            ("messages_ignored", "Messages acked without a mail: no route matches", &self.messages_ignored),
            ("replies", "Replies that the broker has confirmed", &self.replies),
            (
                "replies_unroutable",
                "Replies whose queue does not exist any more: the program that asked is gone",
                &self.replies_unroutable,
            ),
            ("replies_lost", "Replies that could not be published and were given up", &self.replies_lost),
            ("events", "Events of EVENTS_EXCHANGE that the broker has confirmed", &self.events),
            (
                "events_lost",
                "Events of EVENTS_EXCHANGE that could not be published and were given up",
                &self.events_lost,
            ),
            ("outbox_taken", "Notifications opened from the outbox", &self.outbox_taken),
            ("outbox_problems", "Rows of the outbox that cannot be sent", &self.outbox_problems),
            (
                "redelivered_decided",
                "Messages without an id, matched with a notification only by the redelivered flag",
                &self.redelivered_decided,
            ),
            (
                "refused_outcomes",
                "Outcomes refused because another worker had taken over; each may be a mail sent twice",
                &self.refused_outcomes,
            ),
            ("unsubscribed", "Times that somebody has stopped mails by the link of one", &self.unsubscribed),
            ("resubscribed", "Times that somebody has taken that back", &self.resubscribed),
            (
                "webhook_reports",
                "Reports of mail providers about mails that came back",
                &self.webhook_reports,
            ),
            (
                "webhooks_refused",
                "Requests to /webhooks/ with a wrong secret, signature, time or form, or too many",
                &self.webhooks_refused,
            ),
            ("broker_reconnects", "Connections to the broker after the first", &self.broker_reconnects),
        ]
    }

    fn gauges(&self) -> [(&'static str, &'static str, &Gauge); 8] {
        [
            (
                "unrecorded",
                "Mails accepted by the relay and not recorded in the ledger yet",
                &self.unrecorded,
            ),
            ("deferrals", "Deferred mails in the database, of all workers", &self.deferrals),
            (
                "set_aside",
                "Notifications that are set aside, mostly because something cannot be read, of all workers, up to 200",
                &self.set_aside,
            ),
            (
                "coalescing",
                "UPDATED notifications that wait for further ones of their event (COALESCE), of all workers",
                &self.coalescing,
            ),
            (
                "connections_in_use",
                "Connections to the relay that may be open: SMTP_CONNECTIONS, or fewer if the relay refuses some",
                &self.connections_in_use,
            ),
            (
                "breaker_open",
                "1 while sending is paused because the relay is down or refuses everyone",
                &self.breaker_open,
            ),
            ("mails_in_flight", "Mails that are being submitted to the relay", &self.mails_in_flight),
            (
                "fan_outs_in_flight",
                "Notifications whose mails this worker is sending, without those of sweeps",
                &self.fan_outs_in_flight,
            ),
        ]
    }
}
