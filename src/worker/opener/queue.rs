//! What the dispatcher asks of the opener, kept until the opener has time for it. Bounded by what the broker delivers in one
//! session: what a lost session leaves behind is dropped at once. What is done about it is left to `opener`.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use crate::domain::ids::NotificationId;
use crate::domain::lease::Lease;
use crate::domain::session::BrokerSession;
use crate::store::ledger::acks::AckedMessage;
use crate::store::ledger::opening::Arrival;
use crate::store::ledger::sessions::EndOfSession;
use crate::sync::lock;

/// What the ledger is to know about a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionChange {
    /// It has begun. When the broker was last known to run, in the one before.
    Begun(BrokerSession, Option<Instant>),
    /// The connection was lost. When the broker was last known to run, and the acks that it has confirmed and the ledger may not
    /// have yet.
    Lost(BrokerSession, Option<Instant>, Vec<AckedMessage>),
}

/// Everything that was asked since the opener looked last.
#[derive(Debug, Default)]
pub struct Requests {
    /// In order. Every arrival belongs to the session that has begun last.
    pub sessions: Vec<SessionChange>,
    /// Messages to be opened.
    pub arrivals: Vec<Arrival>,
    /// Leases of notifications whose fan-outs will not begin here.
    pub released: Vec<Lease>,
    /// Completed notifications whose messages may have been acked by another worker.
    pub awaited: Vec<NotificationId>,
    /// The opener is to end the session like this, and itself.
    pub end: Option<EndOfSession>,
}

/// The queue. One thread takes.
#[derive(Debug, Default)]
pub struct OpenerQueue {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    requests: Requests,
    /// The opener waits. Nothing else needs to be woken: that would cost a system call for each message.
    is_waiting: bool,
}

impl OpenerQueue {
    /// Adds requests, and wakes the opener.
    pub fn ask(&self, add: impl FnOnce(&mut Requests)) {
        let mut state = lock(&self.state);
        add(&mut state.requests);
        if std::mem::take(&mut state.is_waiting) {
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Waits for requests, until `deadline` at the latest, and takes all of them.
    pub fn take(&self, deadline: Option<Instant>) -> Requests {
        let mut state = lock(&self.state);
        while state.requests.is_empty() {
            let now = Instant::now();
            if deadline.is_some_and(|deadline| deadline <= now) {
                break;
            }
            state.is_waiting = true;
            state = match deadline {
                Some(deadline) => {
                    let waited = self.wake.wait_timeout(state, deadline - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        state.is_waiting = false;
        std::mem::take(&mut state.requests)
    }
}

impl Requests {
    /// A session is lost. Messages that it has delivered come again. A session that the ledger has not heard of yet need not
    /// be mentioned at all.
    pub fn lose(&mut self, session: BrokerSession, alive_at: Option<Instant>, acked: Vec<AckedMessage>) {
        self.arrivals.clear();
        if matches!(self.sessions.last(), Some(SessionChange::Begun(begun, _)) if *begun == session) {
            self.sessions.pop();
        } else {
            self.sessions.push(SessionChange::Lost(session, alive_at, acked));
        }
    }

    fn is_empty(&self) -> bool {
        let Self { sessions, arrivals, released, awaited, end } = self;
        sessions.is_empty()
            && arrivals.is_empty()
            && released.is_empty()
            && awaited.is_empty()
            && end.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::domain::ids::EventId;
    use crate::domain::kind::Kind;
    use crate::domain::message::Message;
    use crate::domain::message::identity::Identity;
    use crate::domain::session::{AckWriting, Receipt};

    fn session(number: u64) -> BrokerSession {
        BrokerSession {
            worker: "host:1".to_owned(),
            number,
            queue: "events".to_owned(),
            follows_restart: false,
            ack_writing: AckWriting::Soon,
        }
    }

    fn arrival(session: u64) -> Arrival {
        Arrival {
            receipt: Receipt { session, tag: 1 },
            message: Message::new(Kind::Updated, EventId::Number(1)),
            identity: Identity::default(),
            starts_at_once: true,
            refusal: None,
            asked_at: None,
            traceparent: None,
        }
    }

    #[test]
    fn the_opener_is_woken_by_a_request_and_by_the_deadline() {
        let queue = Arc::new(OpenerQueue::default());
        let asking = Arc::clone(&queue);
        let asker = thread::spawn(move || asking.ask(|requests| requests.arrivals.push(arrival(1))));
        assert_eq!(queue.take(None).arrivals, [arrival(1)]);
        asker.join().unwrap();
        assert!(queue.take(Some(Instant::now() + Duration::from_millis(5))).is_empty());
    }

    #[test]
    fn many_sessions_that_are_lost_during_an_outage_of_the_database_leave_nothing_behind() {
        let mut requests = Requests::default();
        requests.lose(session(1), None, Vec::new());
        for number in 2..100 {
            requests.sessions.push(SessionChange::Begun(session(number), None));
            requests.arrivals.push(arrival(number));
            requests.lose(session(number), None, Vec::new());
        }
        requests.sessions.push(SessionChange::Begun(session(100), None));
        assert_eq!(
            requests.sessions,
            [SessionChange::Lost(session(1), None, Vec::new()), SessionChange::Begun(session(100), None)],
            "the ledger knows the first one, and is to know the last one"
        );
        assert_eq!(requests.arrivals, []);
    }
}
