//! Dead letters: one is stored, or none can be. A message that can be neither processed nor stored as a dead letter stays
//! unacked and holds one of the `PREFETCH` places, so health and log say how many there are.

use std::fmt::Display;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::domain::traceparent::TraceParent;
use crate::observe::events::REMINDER;
use crate::observe::health::{Health, Part};
use crate::observe::metrics::Metrics;
use crate::sync::lock;
use crate::text::count::count;

/// Whether the dead-letter queue can be used. All clones are one: the broker thread looks at the queue when a session
/// begins, the dead-letter thread whenever it publishes.
#[derive(Debug, Clone)]
pub struct DeadLetterHealth(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    queue: String,
    prefetch: usize,
    health: Health,
    failing: Option<Failing>,
}

/// What does not work, and what was logged about it last.
#[derive(Debug)]
struct Failing {
    since: Instant,
    logged_at: Instant,
    logged_cause: String,
    logged_held: usize,
}

impl DeadLetterHealth {
    /// The health of `queue` for a worker that takes `prefetch` messages at a time.
    #[must_use]
    pub fn new(queue: String, prefetch: u16, health: Health) -> Self {
        let prefetch = usize::from(prefetch);
        Self(Arc::new(Mutex::new(State { queue, prefetch, health, failing: None })))
    }

    /// Whether it did not work when it was used last.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        lock(&self.0).failing.is_some()
    }

    /// It does not work, and `held` messages wait for it. Logged if it is news: the first time, another cause, a number
    /// that has doubled or halved, all places taken; and again after ten minutes.
    pub fn failed(&self, cause: &impl Display, held: usize, now: Instant) {
        let mut state = lock(&self.0);
        let cause = cause.to_string();
        let text = state.describe(&cause, held);
        state.health.set_problem(Part::DeadLetters, text.clone());
        if state.is_news(&cause, held, now) {
            log::warn!(queue = state.queue, reason = cause, waiting = held; "{text}");
            let since = state.failing.as_ref().map_or(now, |failing| failing.since);
            state.failing = Some(Failing { since, logged_at: now, logged_cause: cause, logged_held: held });
        }
    }

    /// It works.
    pub fn works(&self, now: Instant) {
        let mut state = lock(&self.0);
        state.health.clear_problem(Part::DeadLetters);
        if let Some(failing) = state.failing.take() {
            let lasted = now.saturating_duration_since(failing.since).as_secs();
            log::info!(
                queue = state.queue, seconds = lasted;
                "dead letters can be kept in {} again, after {lasted} s",
                state.queue
            );
        }
    }
}

impl State {
    fn describe(&self, cause: &str, held: usize) -> String {
        let (queue, prefetch) = (&self.queue, self.prefetch);
        if held == 0 {
            return format!("dead letters cannot be kept in {queue}: {cause}; no message waits for it");
        }
        let verb = if held == 1 { "holds" } else { "hold" };
        let messages = count(held as u64, "message");
        if held < prefetch {
            format!(
                "{messages} cannot be kept in {queue} and {verb} {held} of {prefetch} PREFETCH places, other messages \
                 are processed: {cause}"
            )
        } else {
            format!(
                "{messages} cannot be kept in {queue} and {verb} all {prefetch} PREFETCH places, no other message is \
                 processed: {cause}"
            )
        }
    }

    fn is_news(&self, cause: &str, held: usize, now: Instant) -> bool {
        let Some(logged) = &self.failing else { return true };
        logged.logged_cause != cause
            || now.saturating_duration_since(logged.logged_at) >= REMINDER
            || held >= 2 * logged.logged_held && held > 0
            || 2 * held <= logged.logged_held && logged.logged_held > 0
            || (held >= self.prefetch) != (logged.logged_held >= self.prefetch)
    }
}

/// A dead letter is stored in `queue`.
pub fn stored(
    metrics: &Metrics,
    queue: &str,
    (id, reason, message_id): (&str, &str, &str),
    traceparent: Option<TraceParent>,
) {
    metrics.dead_letters.inc();
    log::warn!(
        queue = queue, dead_letter = id, reason = reason, message_id = message_id, traceparent = traceparent;
        "message moved to {queue}: {reason} (message id {message_id}). What to do: fanmail dead-letters show {id}"
    );
}

/// The worker stops before a dead letter was stored.
pub fn returned() {
    log::info!("stopping before a dead letter was stored; its message goes back to the queue");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn state() -> State {
        State { queue: "q.dead".to_owned(), prefetch: 16, health: Health::default(), failing: None }
    }

    fn logged(held: usize, at: Instant) -> Failing {
        Failing { since: at, logged_at: at, logged_cause: "full".to_owned(), logged_held: held }
    }

    #[test]
    fn it_is_logged_again_after_ten_minutes_or_when_the_number_changes_by_a_lot() {
        let mut state = state();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(state.is_news("full", 1, start));
        state.failing = Some(logged(4, start));
        for (cause, held, seconds, news) in [
            ("full", 4, 599, false),
            ("full", 4, 600, true),
            ("full", 5, 1, false),
            ("full", 7, 1, false),
            ("full", 8, 1, true),
            ("full", 3, 1, false),
            ("full", 2, 1, true),
            ("deleted", 4, 1, true),
        ] {
            assert_eq!(state.is_news(cause, held, after(seconds)), news, "{cause} {held} after {seconds} s");
        }
        state.failing = Some(logged(0, start));
        assert!(state.is_news("full", 1, after(1)) && !state.is_news("full", 0, after(599)));
        state.failing = Some(logged(15, start));
        assert!(state.is_news("full", 16, after(1)), "no place is left");
        state.failing = Some(logged(16, start));
        assert!(!state.is_news("full", 16, after(1)));
    }

    #[test]
    fn health_says_how_many_messages_are_held_until_it_works() {
        let health = Health::default();
        let dead_letters = DeadLetterHealth::new("q.dead".to_owned(), 2, health.clone());
        let now = Instant::now();
        for (held, text) in [
            (0, "dead letters cannot be kept in q.dead: full; no message waits for it"),
            (
                1,
                "1 message cannot be kept in q.dead and holds 1 of 2 PREFETCH places, other messages are processed: full",
            ),
            (
                2,
                "2 messages cannot be kept in q.dead and hold all 2 PREFETCH places, no other message is processed: full",
            ),
        ] {
            dead_letters.failed(&"full", held, now);
            assert_eq!(health.problems(), format!("dead letters: {text}\n"));
            assert!(dead_letters.has_failed());
        }
        dead_letters.works(now);
        assert!(health.problems().is_empty() && !dead_letters.has_failed());
    }
}
