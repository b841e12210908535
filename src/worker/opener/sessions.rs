//! The sessions of this worker in the ledger: recorded when they begin and end, and reported while they last. Also finds out
//! that the session of another worker is dead. What a session says about a message is left to `store::ledger::identity`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chrono::NaiveDateTime;

use crate::broker::last_answer::LastAnswer;
use crate::domain::message::Message;
use crate::domain::session::BrokerSession;
use crate::domain::traceparent::TraceParent;
use crate::observe::events;
use crate::process_id;
use crate::store::ledger::opening::Watermarks;
use crate::store::ledger::row::NotificationRecord;
use crate::store::ledger::sessions::{ClockReading, EndOfSession};
use crate::worker::database_retry::QueryAttempt;
use crate::worker::fan_out::context::Context;
use crate::worker::opener::queue::SessionChange;

/// How often the ledger hears that a session lasts, if the broker has answered since: with every ack, and every few seconds when
/// it is idle. An equal message that another worker has got waits for that.
const REPORT_INTERVAL: Duration = Duration::from_millis(250);
/// The session of a worker that has not reported for so long may be taken for lost: three reports are missing.
const SILENT: Duration = Duration::from_secs(15);

/// What the ledger knows and is to know about the sessions of this worker.
pub struct LedgerSessions<'a> {
    /// What the ledger has found out about the messages of this session.
    pub watermarks: Watermarks,
    context: &'a Context,
    last_answer: LastAnswer,
    /// The session that lasts, as the ledger has it.
    recorded: Option<BrokerSession>,
    /// What is not recorded yet, in order.
    changes: VecDeque<SessionChange>,
    attempt: Option<QueryAttempt<'a>>,
    retry_at: Option<Instant>,
    report_at: Instant,
    /// The answer of the broker that the ledger knows.
    reported: Option<(u64, Instant)>,
    /// The database's time at the newest report.
    clock_reading: Option<ClockReading>,
}

impl<'a> LedgerSessions<'a> {
    /// No session yet.
    #[must_use]
    pub fn new(context: &'a Context, last_answer: LastAnswer) -> Self {
        Self {
            watermarks: Watermarks::default(),
            context,
            last_answer,
            recorded: None,
            changes: VecDeque::new(),
            attempt: None,
            retry_at: None,
            report_at: Instant::now(),
            reported: None,
            clock_reading: None,
        }
    }

    /// A session has begun or is lost. A session that the ledger never heard of need not be mentioned at all.
    pub fn add(&mut self, change: SessionChange) {
        match (self.changes.back(), &change) {
            (Some(SessionChange::Begun(begun, _)), SessionChange::Lost(lost, ..)) if begun == lost => {
                self.changes.pop_back();
            }
            _ => self.changes.push_back(change),
        }
    }

    /// The session that takes messages, once the ledger knows it and the end of the one before.
    #[must_use]
    pub fn current(&self) -> Option<BrokerSession> {
        self.recorded.clone().filter(|_| self.changes.is_empty())
    }

    /// When [`Self::record`] or [`Self::report`] has something to do.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        match (self.changes.is_empty(), &self.recorded) {
            (false, _) => Some(self.retry_at.unwrap_or_else(Instant::now)),
            (true, Some(_)) => Some(self.report_at),
            (true, None) => None,
        }
    }

    /// Records what has changed, as far as the database takes it.
    pub fn record(&mut self) {
        if self.retry_at.is_some_and(|retry_at| Instant::now() < retry_at) {
            return;
        }
        self.retry_at = None;
        let store = &self.context.store;
        while let Some(change) = self.changes.front() {
            let recorded = self.context.database_retry.try_once(&mut self.attempt, || match change {
                SessionChange::Begun(session, alive_at) => store.begin_session(session, *alive_at),
                SessionChange::Lost(session, alive_at, acked) => {
                    store.end_session(session, EndOfSession::Lost { alive_at: *alive_at }, acked)
                }
            });
            if recorded.is_none() {
                self.retry_at = self.attempt.as_ref().map(|attempt| Instant::now() + attempt.pause());
                return;
            }
            self.recorded = match self.changes.pop_front() {
                Some(SessionChange::Begun(session, _)) => {
                    self.watermarks.clear();
                    self.report_at = Instant::now() + REPORT_INTERVAL;
                    Some(session)
                }
                _ => None,
            };
        }
    }

    /// Tells the ledger, now and then, that the session lasts: when the broker last answered.
    pub fn report(&mut self) {
        let now = Instant::now();
        let Some(session) = self.current().filter(|_| now >= self.report_at) else {
            return;
        };
        self.report_at = now + REPORT_INTERVAL;
        let answer = self.last_answer.get();
        if let Some((number, began_at)) = answer
            && number == session.number
            && answer != self.reported
        {
            let store = &self.context.store;
            let report = || store.report_session(&session, began_at, self.clock_reading.as_ref());
            // When it fails, the next report says the same.
            if let Some(reading) = self.context.database_retry.try_once(&mut self.attempt, report) {
                self.clock_reading = Some(reading);
                self.reported = answer;
            }
        }
    }

    /// Looks whether the worker is gone that may hold the message of a notification, because its session is not known to
    /// have ended. Then the session is taken for lost. The message was first asked about at `asked_at`; `unknown_for`: that long ago;
    /// `None` the first time.
    pub fn check_holder(
        &self,
        candidate: &NotificationRecord,
        asked_at: NaiveDateTime,
        unknown_for: Option<Duration>,
    ) {
        let Some(name) = &candidate.broker_session else {
            return;
        };
        if unknown_for.is_none() {
            events::redelivery::held_by_another_worker(&candidate.notification, name);
        }
        if self.is_dead(name, unknown_for) && self.mark_lost(name, asked_at) {
            events::redelivery::holder_is_gone(&candidate.notification, name);
        }
    }

    /// The same of a worker that may have received `message` before, which no notification fits.
    pub fn check_other(
        &self,
        name: &str,
        (message, traceparent): (&Message, Option<TraceParent>),
        asked_at: NaiveDateTime,
        unknown_for: Option<Duration>,
    ) {
        if unknown_for.is_none() {
            events::redelivery::may_be_opened_by_another_worker(message, traceparent, name);
        }
        if self.is_dead(name, unknown_for) && self.mark_lost(name, asked_at) {
            events::redelivery::other_worker_is_gone(message, traceparent, name);
        }
    }

    /// Whether the worker of a session has exited, or neither the session nor the worker was heard of for so long. A worker that
    /// still reports itself has a call that takes long; its session is not dead.
    fn is_dead(&self, name: &str, unknown_for: Option<Duration>) -> bool {
        let Some(worker) = BrokerSession::worker_of(name) else {
            return false;
        };
        let limit = SILENT.max(self.context.leases.lease_request().term);
        process_id::has_exited(worker)
            || (unknown_for.is_some_and(|unknown_for| unknown_for >= limit) && self.is_silent(worker, limit))
    }

    fn is_silent(&self, worker: &str, limit: Duration) -> bool {
        let silent_for = self.context.store.find_worker_silence(worker);
        let silent_for = silent_for.inspect_err(|error| log::debug!("{error}"));
        silent_for.is_ok_and(|silent_for| silent_for.is_none_or(|silent_for| silent_for >= limit))
    }

    fn mark_lost(&self, name: &str, asked_at: NaiveDateTime) -> bool {
        let marked = self.context.store.mark_session_lost(name, asked_at);
        // The message is asked about again, and this with it.
        marked.inspect_err(|error| log::debug!("{error}")).is_ok_and(|is_lost| is_lost)
    }

    /// Ends the session, unless the database is away.
    pub fn end(&mut self, end: EndOfSession) {
        let Some(session) = self.recorded.take().filter(|_| self.attempt.is_none()) else {
            return;
        };
        // A change that is not recorded yet can only be its loss.
        let end = if self.changes.is_empty() { end } else { EndOfSession::Lost { alive_at: None } };
        if let Err(error) = self.context.store.end_session(&session, end, &[]) {
            log::debug!("{error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;
    use crate::domain::ids::EventId;
    use crate::domain::kind::Kind;
    use crate::domain::session::AckWriting;
    use crate::worker::tests::support::TestWorker;

    fn session(number: u64) -> BrokerSession {
        BrokerSession {
            worker: "host:1".to_owned(),
            number,
            queue: "events".to_owned(),
            follows_restart: false,
            ack_writing: AckWriting::Soon,
        }
    }

    #[test]
    fn a_session_is_seen_only_by_an_answer_of_its_own() {
        let (worker, last_answer) = (TestWorker::new(0, 1), LastAnswer::default());
        let mut sessions = LedgerSessions::new(&worker.context, last_answer.clone());
        sessions.add(SessionChange::Begun(session(2), None));
        sessions.record();
        worker.execute("UPDATE broker_sessions SET seen_at = '2026-01-01 00:00:00', opened_at = seen_at");
        let mut is_seen_after = |answered: u64| {
            last_answer.set(answered, Instant::now());
            sessions.report_at = Instant::now();
            sessions.report();
            worker.count("broker_sessions WHERE seen_at > '2026-01-02'") == 1
        };
        assert!(!is_seen_after(1), "the session before");
        assert!(is_seen_after(2));
    }

    #[test]
    fn the_session_of_a_worker_that_reports_is_not_taken_for_lost() {
        let worker = TestWorker::new(0, 1);
        let store = &worker.context.store;
        let sessions = LedgerSessions::new(&worker.context, LastAnswer::default());
        let other = BrokerSession {
            worker: "elsewhere:1:0:0:x".to_owned(),
            number: 1,
            queue: "events".to_owned(),
            follows_restart: false,
            ack_writing: AckWriting::Soon,
        };
        store.begin_session(&other, None).unwrap();
        let (message, hour) = (Message::new(Kind::Updated, EventId::Number(1)), Duration::from_secs(3600));
        let is_lost_after = |unknown_for: Duration| {
            let asked_at = Utc::now().naive_utc();
            sessions.check_other(&other.name(), (&message, None), asked_at, Some(unknown_for));
            worker.count("broker_sessions WHERE lost_at IS NOT NULL") == 1
        };
        store.report_worker(&other.worker, "").unwrap();
        assert!(!is_lost_after(hour), "a call of it takes long");
        store.remove_worker(&other.worker).unwrap();
        assert!(!is_lost_after(Duration::from_secs(14)));
        assert!(is_lost_after(hour));
    }

    #[test]
    fn a_session_whose_loss_is_not_recorded_yet_does_not_end_in_good_order() {
        let worker = TestWorker::new(0, 1);
        let mut sessions = LedgerSessions::new(&worker.context, LastAnswer::default());
        sessions.add(SessionChange::Begun(session(1), None));
        sessions.record();
        sessions.add(SessionChange::Lost(session(1), None, Vec::new()));
        sessions.end(EndOfSession::Closed);
        assert_eq!(worker.count("broker_sessions WHERE lost_at IS NOT NULL AND closed_at IS NULL"), 1);
    }
}
