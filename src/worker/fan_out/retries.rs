//! The recipients of one fan-out whose next attempt is not due yet. How long they wait is left to
//! `delivery::retry_policy`.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::worker::recipient::Recipient;

/// Recipients in the retry queue above which further ones are deferred at once, so that a relay that refuses everyone for some minutes
/// stops no paging. That bounds the memory of a fan-out to about 4 MiB, and to twice that with as many who are passed over.
pub const RETRY_QUEUE_LIMIT: usize = 10_000;

/// Which recipients are sent to next, if there is one of them. Otherwise it is the turn of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhoseTurn {
    /// Recipients whose retry is due, and those who were passed over.
    Again,
    /// Recipients who are ready.
    Ready,
}

/// The recipients, the earliest due time first.
#[derive(Debug, Default)]
pub struct RetryQueue {
    heap: BinaryHeap<Reverse<Due>>,
    /// Recipients whom the relay has refused, possibly because of us. They are asked again as soon as it accepts another
    /// mail.
    refused: BinaryHeap<Reverse<Due>>,
}

impl RetryQueue {
    /// Adds a recipient who is due at `due`.
    pub fn push(&mut self, due: Instant, recipient: Recipient) {
        let heap = if recipient.refused_at.is_some() { &mut self.refused } else { &mut self.heap };
        heap.push(Reverse(Due { due, recipient }));
    }

    /// Takes out a recipient who is due at `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<Recipient> {
        if self.next_due()? > now {
            return None;
        }
        let from_refused = is_earlier(&self.refused, &self.heap);
        let heap = if from_refused { &mut self.refused } else { &mut self.heap };
        heap.pop().map(|Reverse(due)| due.recipient)
    }

    /// Takes out a recipient, whether or not it is due.
    pub fn pop(&mut self) -> Option<Recipient> {
        self.heap.pop().or_else(|| self.refused.pop()).map(|Reverse(due)| due.recipient)
    }

    /// When the next recipient is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        let next = |heap: &BinaryHeap<Reverse<Due>>| heap.peek().map(|Reverse(due)| due.due);
        [next(&self.heap), next(&self.refused)].into_iter().flatten().min()
    }

    /// Whether recipients are in it whom the relay has refused, possibly because of us.
    #[must_use]
    pub fn has_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// Makes those recipients due at `now` whose refusal at a certain time `is_outdated`. Each of them once.
    pub fn retry_refused(&mut self, now: Instant, is_outdated: impl Fn(Instant) -> bool) {
        for Reverse(Due { due, recipient }) in std::mem::take(&mut self.refused) {
            if recipient.refused_at.is_some_and(&is_outdated) {
                self.heap.push(Reverse(Due { due: now.min(due), recipient }));
            } else {
                self.refused.push(Reverse(Due { due, recipient }));
            }
        }
    }

    /// How many recipients are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len() + self.refused.len()
    }

    /// Whether no recipient is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whether the first of `one` is due before the first of `other`.
fn is_earlier(one: &BinaryHeap<Reverse<Due>>, other: &BinaryHeap<Reverse<Due>>) -> bool {
    match (one.peek(), other.peek()) {
        (Some(Reverse(one)), Some(Reverse(other))) => one < other,
        (one, _) => one.is_some(),
    }
}

/// Ordered by time alone.
#[derive(Debug)]
struct Due {
    due: Instant,
    recipient: Recipient,
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
    use std::time::Duration;

    use super::*;
    use crate::domain::ids::ParticipantId;
    use crate::domain::participant::Participant;

    fn recipient(id: i64) -> Recipient {
        let participant = Participant {
            id: ParticipantId(id),
            key: None,
            email: None,
            name: String::new(),
            locale: None,
            timezone: None,
            details: None,
        };
        Recipient { attempts: 1, ..Recipient::new(participant) }
    }

    #[test]
    fn the_earliest_due_recipient_comes_out_first_and_none_early() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut queue = RetryQueue::default();
        for (id, due) in [(1, 20), (2, 5), (3, 10)] {
            queue.push(at(due), recipient(id));
        }
        assert_eq!(queue.pop_due(at(4)), None);
        assert_eq!(queue.next_due(), Some(at(5)));
        let ids: Vec<i64> = std::iter::from_fn(|| queue.pop_due(at(10)))
            .map(|recipient| recipient.participant.id.0)
            .collect();
        assert_eq!(ids, [2, 3]);
        assert_eq!(queue.len(), 1);
        assert_eq!(queue.pop_due(at(20)).map(|recipient| recipient.participant.id.0), Some(1));
        assert!(queue.is_empty() && queue.next_due().is_none());
    }

    #[test]
    fn refused_recipients_are_due_in_their_turn_and_at_once_when_their_refusal_is_outdated() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let refused = |id, seconds| Recipient { refused_at: Some(at(seconds)), ..recipient(id) };
        let mut queue = RetryQueue::default();
        queue.push(at(20), recipient(1));
        assert!(!queue.has_refused());
        queue.push(at(10), refused(2, 1));
        queue.push(at(30), refused(3, 1));
        queue.push(at(30), refused(4, 5));
        assert_eq!((queue.len(), queue.next_due()), (4, Some(at(10))));
        assert_eq!(queue.pop_due(at(10)).map(|recipient| recipient.participant.id.0), Some(2));
        assert_eq!((queue.pop_due(at(19)), queue.next_due()), (None, Some(at(20))));

        queue.retry_refused(at(12), |refused_at| refused_at < at(5));
        assert!(queue.has_refused(), "the refusal of number 4 is newer");
        let ids: Vec<i64> = [12, 12, 20, 30]
            .into_iter()
            .filter_map(|now| queue.pop_due(at(now)))
            .map(|one| one.participant.id.0)
            .collect();
        assert_eq!(ids, [3, 1, 4]);
        assert!(queue.is_empty() && !queue.has_refused());
    }
}
