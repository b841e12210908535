//! Messages that are not opened yet: which are tried together and when. What their results mean is left to `opener`.

use std::time::{Duration, Instant};

use chrono::NaiveDateTime;

use crate::observe::traceparents;
use crate::store::error::StoreError;
use crate::store::ledger::opening::{Arrival, Opened};
use crate::worker::database_retry::{DatabaseRetry, QueryAttempt};
use crate::worker::lease::staleness::StalenessWatch;

/// How often a message is asked about again while it is not known whether another worker holds it.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// The messages of the current session that are not opened yet. At most as many as the broker delivers.
#[derive(Debug, Default)]
pub struct Arrivals<'a> {
    waiting: Vec<Waiting<'a>>,
    /// While the database is away: the attempt of all messages that are tried together.
    attempt: Option<QueryAttempt<'a>>,
    /// When they are tried again.
    retry_at: Option<Instant>,
}

/// A message that is to be opened.
#[derive(Debug)]
pub struct Asked {
    /// The message.
    pub arrival: Arrival,
    /// For how long it is unknown which notification it belongs to.
    staleness: Option<StalenessWatch>,
}

#[derive(Debug)]
struct Waiting<'a> {
    asked: Asked,
    due: Instant,
    /// Since a batch with it has failed, it is tried without others.
    alone: Option<Alone<'a>>,
}

/// The attempts to open one message without others.
#[derive(Debug, Default)]
struct Alone<'a>(Option<QueryAttempt<'a>>);

/// Messages that are tried together.
#[derive(Debug)]
pub struct Batch<'a> {
    arrivals: Vec<Arrival>,
    staleness: Vec<Option<StalenessWatch>>,
    alone: Option<Alone<'a>>,
}

impl Asked {
    /// Keeps the trace of the message for lines about its notification.
    pub fn remember_trace(&self, opened: &Opened) {
        if let (Some(traceparent), Some(notification)) = (self.arrival.traceparent, opened.notification()) {
            traceparents::remember(notification.id, traceparent);
        }
    }
}

impl<'a> Arrivals<'a> {
    /// Adds messages that have arrived.
    pub fn add(&mut self, arrivals: Vec<Arrival>) {
        let due = Instant::now();
        let asked = arrivals.into_iter().map(|arrival| Asked { arrival, staleness: None });
        self.waiting.extend(asked.map(|asked| Waiting { asked, due, alone: None }));
    }

    /// Forgets all of them: their session is lost, and they come again.
    pub fn clear(&mut self) {
        for Alone(attempt) in self.waiting.drain(..).filter_map(|waiting| waiting.alone) {
            attempt.into_iter().for_each(QueryAttempt::withdraw);
        }
    }

    /// When [`Self::take_due`] has something.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        let due = self.waiting.iter().map(|waiting| waiting.due).min()?;
        Some(self.retry_at.map_or(due, |retry_at| due.max(retry_at)))
    }

    /// The messages to try now: all that are due, or else one of those that are tried alone.
    #[must_use]
    pub fn take_due(&mut self, now: Instant) -> Batch<'a> {
        let mut batch = Batch { arrivals: Vec::new(), staleness: Vec::new(), alone: None };
        if self.retry_at.is_some_and(|retry_at| now < retry_at) {
            return batch;
        }
        let is_due = |waiting: &Waiting<'_>| waiting.due <= now;
        let together = |waiting: &mut Waiting<'_>| is_due(waiting) && waiting.alone.is_none();
        for Waiting { asked, .. } in self.waiting.extract_if(.., together) {
            batch.arrivals.push(asked.arrival);
            batch.staleness.push(asked.staleness);
        }
        if batch.arrivals.is_empty()
            && let Some(next) = self.waiting.iter().position(is_due)
        {
            let Waiting { asked, alone, .. } = self.waiting.remove(next);
            batch = Batch { arrivals: vec![asked.arrival], staleness: vec![asked.staleness], alone };
        }
        batch
    }

    /// Tries to open a batch, once. Returns the result of each message, or keeps all of them for later. `check_data` reads what opening
    /// reads of the application's tables, alone: a row may fail like an outage.
    pub fn try_to_open(
        &mut self,
        database_retry: &'a DatabaseRetry,
        mut batch: Batch<'a>,
        open: impl FnOnce(&[Arrival]) -> Result<Vec<Opened>, StoreError>,
        check_data: impl FnOnce(&[Arrival]) -> Result<(), StoreError>,
    ) -> Vec<(Asked, Opened)> {
        if batch.arrivals.is_empty() {
            return Vec::new();
        }
        let attempt = batch.alone.as_mut().map_or(&mut self.attempt, |alone| &mut alone.0);
        let mut is_transient = false;
        let query = || {
            open(&batch.arrivals).inspect_err(|error| {
                let is_raised = || check_data(&batch.arrivals).is_err() && database_retry.database_answers();
                is_transient = error.is_transient() && !is_raised();
            })
        };
        let Some(opened) = database_retry.try_once(attempt, query) else {
            self.failed(batch, is_transient);
            return Vec::new();
        };
        self.retry_at = None;
        let Batch { arrivals, staleness, .. } = batch;
        let asked = arrivals.into_iter().zip(staleness);
        asked.map(|(arrival, staleness)| Asked { arrival, staleness }).zip(opened).collect()
    }

    /// Asks again about a message of which something is unknown. Returns for how long that is so; `None` the first time.
    pub fn ask_again(&mut self, mut asked: Asked, asked_at: NaiveDateTime) -> Option<Duration> {
        let now = Instant::now();
        let is_first = asked.staleness.is_none();
        asked.arrival.asked_at = Some(asked_at);
        let watch = asked.staleness.get_or_insert_with(|| StalenessWatch::new(now, ASK_AGAIN * 5));
        let unknown_for = watch.observe_lease(None, now);
        self.waiting.push(Waiting { asked, due: now + ASK_AGAIN, alone: None });
        (!is_first).then_some(unknown_for)
    }

    /// A batch has failed. If only the database is away, its messages stay together; else each is tried alone, because one of
    /// them may be the cause.
    fn failed(&mut self, batch: Batch<'a>, is_transient: bool) {
        let Batch { arrivals, staleness, alone } = batch;
        let now = Instant::now();
        let (mut first, is_alone) = match alone {
            Some(alone) => (Some(alone), true),
            None if is_transient => {
                self.retry_at = self.attempt.as_ref().map(|attempt| now + attempt.pause());
                (None, false)
            }
            None => (Some(Alone(self.attempt.take())), true),
        };
        // After a pause, or at once if the others have not been tried alone.
        let pause = first.as_ref().and_then(|first| first.0.as_ref()).map(QueryAttempt::pause);
        let due = if is_alone && arrivals.len() == 1 { now + pause.unwrap_or_default() } else { now };
        for (mut arrival, staleness) in arrivals.into_iter().zip(staleness) {
            arrival.asked_at.get_or_insert(Arrival::ASKED_IN_VAIN);
            let alone = is_alone.then(|| first.take().unwrap_or_default());
            self.waiting.push(Waiting { asked: Asked { arrival, staleness }, due, alone });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::EventId;
    use crate::domain::kind::Kind;
    use crate::domain::message::Message;
    use crate::domain::message::identity::Identity;
    use crate::domain::session::Receipt;
    use crate::observe::health::Health;
    use crate::shutdown::shutdown_pair;
    use crate::worker::tests::support::TestWorker;

    fn arrival(tag: u64) -> Arrival {
        Arrival {
            receipt: Receipt { session: 1, tag },
            message: Message::new(Kind::Updated, EventId::Number(1)),
            identity: Identity::default(),
            starts_at_once: true,
            refusal: None,
            asked_at: None,
            traceparent: None,
        }
    }

    #[test]
    fn messages_of_a_batch_that_failed_are_tried_alone_and_say_that_they_were_asked_about() {
        let (_trigger, shutdown) = shutdown_pair();
        let database_retry = DatabaseRetry::new(shutdown, Health::default());
        let mut arrivals = Arrivals::default();
        arrivals.add(vec![arrival(1), arrival(2)]);
        let mut try_next = |now: Instant| {
            let mut asked = Vec::new();
            let batch = arrivals.take_due(now);
            let open = |batch: &[Arrival]| {
                asked.extend(batch.iter().map(|arrival| (arrival.receipt.tag, arrival.asked_at)));
                Err(StoreError::new("test", &"one of them cannot be opened"))
            };
            let opened = arrivals.try_to_open(&database_retry, batch, open, |_| Ok(()));
            assert!(opened.is_empty());
            asked
        };
        let now = Instant::now();
        assert_eq!(try_next(now), [(1, None), (2, None)]);
        let again = |tag| [(tag, Some(Arrival::ASKED_IN_VAIN))];
        // The others were not tried alone yet.
        let now = Instant::now();
        assert_eq!(try_next(now), again(1));
        assert_eq!(try_next(now), again(2));
        assert_eq!(try_next(now), [], "each of them waits");
        assert_eq!(try_next(now + Duration::from_secs(60)), again(1));
    }

    /// The database answers, and the data can be read: then it is the database that does not work.
    #[test]
    fn messages_stay_together_while_the_database_only_reads() {
        let worker = TestWorker::new(0, 1);
        let (_trigger, shutdown) = shutdown_pair();
        let database_retry = DatabaseRetry::new(shutdown, Health::default()).asking(worker.store.clone());
        let mut arrivals = Arrivals::default();
        arrivals.add(vec![arrival(1), arrival(2)]);
        let mut try_next = |now: Instant, data: Result<(), StoreError>| {
            let mut asked = 0;
            let open = |batch: &[Arrival]| {
                asked = batch.len();
                Err(StoreError::new("test", &"database or disk is full"))
            };
            let batch = arrivals.take_due(now);
            assert!(arrivals.try_to_open(&database_retry, batch, open, |_| data).is_empty());
            asked
        };
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        assert_eq!([try_next(later(0), Ok(())), try_next(later(60), Ok(()))], [2, 2]);
        assert_eq!(try_next(later(120), Err(StoreError::new("test", &"database is locked"))), 2);
        assert_eq!(try_next(later(180), Ok(())), 1, "one of them cannot be read");
    }
}
