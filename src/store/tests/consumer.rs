//! A worker's connection to a broker, as the ledger sees it, for tests of opening messages, and of what becomes of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

use super::*;
use crate::domain::ids::Epoch;
use crate::domain::session::{AckWriting, BrokerSession, Receipt};
use crate::store::backend::dispatch;
use crate::store::ledger::acks::AckedMessage;
use crate::store::ledger::opening::{Arrival, Opened, Unknown, Watermarks};
use crate::store::ledger::row::NotificationRecord;
use crate::store::ledger::sessions::{ClockReading, EndOfSession};
use crate::store::schema::broker_sessions;
pub use crate::store::tests::clock_shift::{crash_while_busy, leave_no_pause, leave_no_time_between, pass};

/// One session of a worker.
pub struct Consumer<'a> {
    pub store: &'a Store,
    pub session: BrokerSession,
    pub watermarks: Watermarks,
    pub tag: u64,
}

/// A message without an id that is delivered for the first time, or again.
pub const NEW: (Option<&str>, bool) = (None, false);
pub const AGAIN: (Option<&str>, bool) = (None, true);

impl<'a> Consumer<'a> {
    /// Begins session `number` of a worker.
    pub fn begin(store: &'a Store, worker: &str, number: u64) -> Self {
        Self::connect(store, worker, number, None, AckWriting::Soon)
    }

    /// The same, after the broker was seen not running. It was busy until then.
    pub fn begin_after_restart(store: &'a Store, worker: &str, number: u64) -> Self {
        leave_no_pause(store);
        Self::begin_after_crash(store, worker, number, Duration::ZERO)
    }

    /// The same: the broker crashed so long ago, and has written the acks before the last pause.
    pub fn begin_after_crash(store: &'a Store, worker: &str, number: u64, ago: Duration) -> Self {
        Self::connect(store, worker, number, Some(ago), AckWriting::Soon)
    }

    /// The same, of a broker that writes acks late.
    pub fn begin_after_crash_of_late_one(store: &'a Store, worker: &str, number: u64, ago: Duration) -> Self {
        Self::connect(store, worker, number, Some(ago), AckWriting::Late)
    }

    /// A session that the ledger does not know, as after its end. Each call makes another one.
    pub fn of_the_past(store: &'a Store, worker: &str) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(1000);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let session = BrokerSession {
            worker: worker.to_owned(),
            number,
            queue: "events".to_owned(),
            follows_restart: false,
            ack_writing: AckWriting::Soon,
        };
        Self { store, session, watermarks: Watermarks::new(), tag: 0 }
    }

    fn connect(
        store: &'a Store,
        worker: &str,
        number: u64,
        crashed_ago: Option<Duration>,
        ack_writing: AckWriting,
    ) -> Self {
        // Sessions never begin in the same millisecond, which is what a database can tell.
        pass(store, TimeDelta::milliseconds(2));
        let follows_restart = crashed_ago.is_some();
        let (worker, queue) = (worker.to_owned(), "events".to_owned());
        let session = BrokerSession { worker, number, queue, follows_restart, ack_writing };
        let crashed_at = crashed_ago.map(before_now);
        store.begin_session(&session, crashed_at).unwrap();
        Self { store, session, watermarks: Watermarks::new(), tag: 0 }
    }

    /// The next message of this session, an UPDATED of [`EVENT`].
    pub fn arrival(&mut self, (message_id, redelivered): (Option<&str>, bool)) -> Arrival {
        self.tag += 1;
        Arrival {
            receipt: Receipt { session: self.session.number, tag: self.tag },
            message: message(Kind::Updated),
            identity: Identity { message_id: message_id.map(str::to_owned), redelivered },
            starts_at_once: false,
            refusal: None,
            asked_at: None,
            traceparent: None,
        }
    }

    pub fn open(&mut self, arrivals: &[Arrival]) -> Vec<Opened> {
        let request = lease_request(&self.session.worker);
        self.open_with(&request, arrivals)
    }

    /// The same, with a lease as `request` says.
    pub fn open_with(&mut self, request: &LeaseRequest, arrivals: &[Arrival]) -> Vec<Opened> {
        let opened = self.store.open_messages(&self.session, arrivals, request, &mut self.watermarks);
        let opened = opened.unwrap();
        assert_eq!(opened.len(), arrivals.len());
        opened
    }

    pub fn open_one(&mut self, arrival: &Arrival) -> Opened {
        self.open(std::slice::from_ref(arrival)).remove(0)
    }

    /// Receives and opens one message.
    pub fn receive(&mut self, what: (Option<&str>, bool)) -> Opened {
        let arrival = self.arrival(what);
        self.open_one(&arrival)
    }

    /// The notification of a new message.
    pub fn receive_new(&mut self) -> (Notification, Lease) {
        match self.receive(NEW) {
            Opened::Ours { notification, lease, resumed: false, .. } => (notification, lease),
            opened => panic!("not new: {opened:?}"),
        }
    }

    /// Receives a message, sends it to everyone, and acks it.
    pub fn receive_and_finish(&mut self) -> NotificationId {
        let (notification, lease) = self.receive_new();
        self.complete(lease);
        self.ack(notification.id, self.tag);
        notification.id
    }

    pub fn complete(&self, lease: Lease) {
        self.store.start_notification(lease).unwrap().unwrap();
        assert_eq!(complete_under(self.store, lease), Completion::Completed);
    }

    pub fn ack(&self, notification_id: NotificationId, tag: u64) {
        let (session, sent_at) = (self.session.name(), Instant::now());
        self.store.record_acks(&[AckedMessage { notification_id, session, tag, sent_at }]).unwrap();
    }

    pub fn end(&self, end: EndOfSession) {
        self.store.end_session(&self.session, end, &[]).unwrap();
    }

    /// The worker's process is gone: nothing more is heard of it, and its leases are over.
    pub fn crash(&self) {
        mark_lost(self.store, &self.session.name());
        release_all(self.store, &self.session.worker);
    }

    /// Its connection is lost, and what waited is given up.
    pub fn lose(&self) {
        self.end(EndOfSession::Lost { alive_at: None });
        release_all(self.store, &self.session.worker);
    }

    /// The broker has answered a call that began just now. The ledger takes that for earlier if its reply is late, so this reports
    /// until the ledger has a time after the present one.
    pub fn report(&self) {
        report_since(self.store, &self.session, None);
    }
}

/// Until the database's clock has another time, in its smallest unit.
pub fn wait_for_next_millisecond(store: &Store) {
    let clock = || store.run("clock", dispatch::clock).unwrap();
    let next = clock() + TimeDelta::milliseconds(2);
    while clock() < next {}
}

/// Reports `session`, with the reading of the report before, until the ledger has seen it later than now.
pub fn report_since(store: &Store, session: &BrokerSession, earlier: Option<&ClockReading>) {
    let now = store.run("clock", dispatch::clock).unwrap();
    let seen_at = || {
        store.report_session(session, Instant::now(), earlier).unwrap();
        let row = broker_sessions::table.find(session.name()).select(broker_sessions::seen_at);
        store.run("seen_at", |connection| row.first::<NaiveDateTime>(connection)).unwrap()
    };
    let started = Instant::now();
    while seen_at() <= now {
        assert!(started.elapsed() < Duration::from_secs(20), "the reports are not recorded");
    }
}

/// When a message was first asked about, and the notification whose message a session may hold.
pub fn held(opened: Opened) -> (NaiveDateTime, NotificationRecord) {
    match opened {
        Opened::Undetermined { asked_at, unknown: Unknown::Holder(candidate) } => (asked_at, *candidate),
        opened => panic!("{opened:?}"),
    }
}

/// Nothing was heard of a session until now.
pub fn mark_lost(store: &Store, name: &str) {
    let now = store.run("clock", dispatch::clock).unwrap();
    assert!(store.mark_session_lost(name, now).unwrap());
}

/// So long ago.
pub fn before_now(ago: Duration) -> Instant {
    Instant::now().checked_sub(ago).unwrap()
}

/// What the ledger says of a message that comes to worker `me` and is to be sent at once. No live session holds it.
pub fn ask(store: &Store, identity: &Identity, message: Message) -> Opened {
    ask_as(store, &lease_request("me"), identity, message)
}

/// The same for any worker.
pub fn ask_as(store: &Store, request: &LeaseRequest, identity: &Identity, message: Message) -> Opened {
    let mut session = Consumer::of_the_past(store, &request.owner);
    let arrival = session.arrival((identity.message_id.as_deref(), identity.redelivered));
    session.open_with(request, &[Arrival { message, starts_at_once: true, ..arrival }]).remove(0)
}

/// Opens a new notification, for worker `me`. Its epoch is 1, so that tests can name its leases.
pub fn open_and_hold(store: &Store) -> Notification {
    let opened = ask(store, &without_message_id(false), message(Kind::Updated));
    let Opened::Ours { notification, resumed: false, .. } = opened else {
        panic!("not new: {opened:?}");
    };
    execute(store, &format!("UPDATE notifications SET epoch = 1 WHERE id = {}", notification.id));
    notification
}

/// The same, and gives its lease up, so that others of its event can be opened.
pub fn open(store: &Store) -> Notification {
    let notification = open_and_hold(store);
    store.release_lease(first_lease(notification.id)).unwrap();
    notification
}

/// Records the ack of a message that was opened by [`ask`].
pub fn ack(store: &Store, notification_id: NotificationId) {
    let session = look(store, notification_id).broker_session.unwrap();
    store.record_acks(&[AckedMessage { notification_id, session, tag: 1, sent_at: Instant::now() }]).unwrap();
    assert!(look(store, notification_id).acked_at.is_some());
}

/// Ends the leases of a worker.
pub fn release_all(store: &Store, worker: &str) {
    let leases: Vec<Lease> = store
        .list_notifications(None)
        .unwrap()
        .iter()
        .filter(|record| record.holder.as_ref().is_some_and(|holder| holder.owner == worker))
        .map(|record| Lease { notification_id: record.notification.id, epoch: record.epoch })
        .collect();
    store.release_leases(&leases).unwrap();
}

/// Takes a notification over as it was seen; `None` when it has changed since.
pub fn take_over(store: &Store, seen: &NotificationRecord, owner: &str) -> Option<Lease> {
    take_over_as(store, seen, owner, seen.epoch.next())
}

/// The same, with this epoch.
pub fn take_over_as(store: &Store, seen: &NotificationRecord, owner: &str, epoch: Epoch) -> Option<Lease> {
    let lease = Lease { notification_id: seen.notification.id, epoch: seen.epoch };
    let until = seen.holder.as_ref().map(|holder| holder.until);
    store.take_over(lease, until, epoch, &lease_request(owner)).unwrap()
}

/// The notification of a message.
pub fn id_of(opened: &Opened) -> NotificationId {
    match opened {
        Opened::Ours { notification, .. }
        | Opened::Held { notification, .. }
        | Opened::Elsewhere(notification)
        | Opened::Completed(notification)
        | Opened::LeftToLedger { notification, .. }
        | Opened::Conflict(notification) => notification.id,
        Opened::Refused(_) | Opened::Undetermined { .. } => panic!("{opened:?}"),
    }
}

pub fn look(store: &Store, id: NotificationId) -> NotificationRecord {
    store.find_notification(id).unwrap().unwrap()
}
