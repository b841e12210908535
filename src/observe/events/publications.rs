//! Replies and events: published, or not. All mails are sent, also if these are given up.

use std::fmt::Display;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::observe::events::REMINDER;
use crate::observe::health::{Health, Monitor, Part};
use crate::observe::metrics::Metrics;
use crate::sync::lock;
use crate::text::count::count;

/// Whether replies and events can be published.
#[derive(Debug, Clone)]
pub struct PublicationHealth {
    health: Health,
    metrics: Arc<Metrics>,
    /// What was logged about a failure last, and when.
    logged: Arc<Mutex<Option<(Instant, String)>>>,
}

impl PublicationHealth {
    /// It works, as far as it is known.
    #[must_use]
    pub fn new(monitor: &Monitor) -> Self {
        let (health, metrics) = (monitor.health.clone(), Arc::clone(&monitor.metrics));
        Self { health, metrics, logged: Arc::default() }
    }

    /// Publishing fails, and `waiting` publications wait for it. Logged the first time, for another cause, and again after ten minutes.
    pub fn failed(&self, cause: &impl Display, waiting: usize) {
        let cause = cause.to_string();
        let text = format!("cannot publish replies and events: {cause}");
        self.health.set_problem(Part::Publications, text.clone());
        let mut logged = lock(&self.logged);
        if logged.as_ref().is_none_or(|(at, known)| at.elapsed() >= REMINDER || *known != cause) {
            log::warn!(
                reason = cause, waiting = waiting;
                "{text}. Mails are sent all the same; {} at the moment, and after half a minute they are given up",
                if waiting == 1 { "1 waits".to_owned() } else { format!("{waiting} wait") }
            );
            *logged = Some((Instant::now(), cause));
        }
    }

    /// Publishing works.
    pub fn works(&self) {
        self.health.clear_problem(Part::Publications);
        if lock(&self.logged).take().is_some() {
            let (replies, events) = (self.metrics.replies_lost.get(), self.metrics.events_lost.get());
            log::info!(
                replies_lost = replies, events_lost = events;
                "replies and events can be published again; since the start of the worker, {} and {} were given up",
                if replies == 1 { "1 reply".to_owned() } else { format!("{replies} replies") },
                count(events, "event")
            );
        }
    }

    /// The broker has one.
    pub fn published(&self, is_reply: bool) {
        if is_reply { &self.metrics.replies } else { &self.metrics.events }.inc();
    }

    /// The queue of a reply does not exist any more: the program that asked is gone.
    pub fn unroutable(&self, words: &str) {
        self.metrics.replies_unroutable.inc();
        log::debug!("the queue of a reply does not exist any more: {words}");
    }

    /// One is given up.
    pub fn given_up(&self, is_reply: bool, reason: &str) {
        if is_reply { &self.metrics.replies_lost } else { &self.metrics.events_lost }.inc();
        log::debug!("{} is given up: {reason}", if is_reply { "a reply" } else { "an event" });
    }
}

/// So many notifications wait for their events that another one gets none.
pub fn too_many(metrics: &Metrics) {
    // Once: a metric counts the others.
    if metrics.events_lost.get() == 0 {
        log::warn!(
            "events are lost: they come faster than the broker or the database takes them. Notifications with a message are \
             not concerned. fanmail_events_lost_total counts them"
        );
    }
    metrics.events_lost.inc();
}

/// Without a broker, nothing can be published. `variables`: those that ask for it.
pub fn without_broker(variables: &str) {
    if !variables.is_empty() {
        log::warn!("{variables}: nothing is published, because a worker with --outbox-only uses no broker");
    }
}
