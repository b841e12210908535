//! Retries: how often and when a mail is tried again, and the waiting room of those that are not due yet.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use crate::config::WorkerConfig;
use crate::domain::backoff::Backoff;
use crate::worker::delivery::job::Recipient;

/// No pause between two tries is longer, however many retries are allowed.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// How often and when a mail is tried again.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    max_retries: u32,
    backoff: Backoff,
}

impl RetryPolicy {
    /// The configured policy: `MAX_RETRIES`, the first after `RETRY_DELAY`, then doubling.
    #[must_use]
    pub fn new(config: &WorkerConfig) -> Self {
        let cap = LONGEST_PAUSE.max(config.retry_delay);
        Self { max_retries: config.max_retries, backoff: Backoff { first: config.retry_delay, cap } }
    }

    /// Whether a mail that was put to the relay `attempts` times may be tried again.
    #[must_use]
    pub fn allows_another(&self, attempts: u32) -> bool {
        attempts <= self.max_retries
    }

    /// The pause after `attempts` tries; `jitter` is from 0 to 1.
    #[must_use]
    pub fn pause(&self, attempts: u32, jitter: f64) -> Duration {
        self.backoff.pause(attempts, jitter)
    }
}

/// The waiting room of one fan-out: whoever is due first comes out first.
#[derive(Debug, Default)]
pub struct RetryQueue {
    heap: BinaryHeap<Reverse<Due>>,
}

impl RetryQueue {
    /// Lets someone wait until `due`.
    pub fn push(&mut self, due: Instant, waiting: Recipient) {
        self.heap.push(Reverse(Due { due, waiting }));
    }

    /// Takes out someone who is due at `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<Recipient> {
        if self.next_due()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(due)| due.waiting)
    }

    /// When the next one is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(due)| due.due)
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

/// Ordered by time alone.
#[derive(Debug)]
struct Due {
    due: Instant,
    waiting: Recipient,
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        self.due.cmp(&other.due)
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Due {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::participant::Participant;

    fn waiting(id: i64) -> Recipient {
        let participant = Participant { id, email: None, name: String::new(), locale: None };
        Recipient { attempts: 1, ..Recipient::new(participant) }
    }

    #[test]
    fn the_schedule_doubles_and_ends() {
        let backoff = Backoff { first: Duration::from_secs(5), cap: LONGEST_PAUSE };
        let policy = RetryPolicy { max_retries: 3, backoff };
        let allowed: Vec<bool> = (1..=5).map(|attempts| policy.allows_another(attempts)).collect();
        assert_eq!(allowed, [true, true, true, false, false]);
        let pauses: Vec<u64> = (1..=3).map(|attempts| policy.pause(attempts, 0.5).as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20]);
        assert_eq!(policy.pause(30, 0.5), LONGEST_PAUSE);
    }

    #[test]
    fn no_retries_means_one_try() {
        let backoff = Backoff { first: Duration::from_secs(5), cap: LONGEST_PAUSE };
        assert!(!RetryPolicy { max_retries: 0, backoff }.allows_another(1));
    }

    #[test]
    fn whoever_is_due_first_comes_out_first_and_nobody_early() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut queue = RetryQueue::default();
        for (id, due) in [(1, 20), (2, 5), (3, 10)] {
            queue.push(at(due), waiting(id));
        }
        assert_eq!(queue.pop_due(at(4)), None);
        assert_eq!(queue.next_due(), Some(at(5)));
        let ids: Vec<i64> =
            std::iter::from_fn(|| queue.pop_due(at(10))).map(|waiting| waiting.participant.id).collect();
        assert_eq!(ids, [2, 3]);
        assert_eq!(queue.len(), 1);
        assert_eq!(queue.pop_due(at(20)).map(|waiting| waiting.participant.id), Some(1));
        assert!(queue.is_empty() && queue.next_due().is_none());
    }
}
