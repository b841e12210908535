//! Attaching a message to a notification that exists: what this makes of the message, and what it changes in the row. Which
//! notification it is was decided before, in `identity`.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::config::coalesce::Coalescing;
use crate::domain::ids::{Epoch, NotificationId};
use crate::domain::lease::Lease;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::errors::changed_by_another_worker;
use crate::store::ledger::identity::candidates::Candidate;
use crate::store::ledger::opening::{Arrival, Opened};
use crate::store::ledger::row::{Holder, NotificationRecord, NotificationState};
use crate::store::schema::notifications;
use crate::store::source::keys::AppKeys;

/// What the messages of one call are attached with.
pub(crate) struct Attachment<'a> {
    /// The worker.
    pub owner: &'a str,
    /// The database's time.
    pub clock: NaiveDateTime,
    /// The end of leases that begin now.
    pub until: NaiveDateTime,
    /// How the application holds keys.
    pub keys: AppKeys,
    /// How long new UPDATEDs wait.
    pub coalescing: Option<Coalescing>,
}

/// A row as it was seen: the change is refused if it is another one by now.
#[derive(Debug)]
struct Seen {
    id: NotificationId,
    epoch: Epoch,
    state: NotificationState,
    broker_session: Option<String>,
    delivery_tag: Option<i64>,
}

/// What is to be changed in a row.
#[derive(Debug)]
pub(crate) struct Change {
    seen: Seen,
    values: Values,
}

/// `None` leaves a column as it is.
#[derive(Debug, Default, AsChangeset)]
#[expect(clippy::option_option, reason = "diesel: `Some(None)` is NULL")]
#[diesel(table_name = notifications)]
struct Values {
    broker_session: Option<String>,
    delivery_tag: Option<i64>,
    delivered_at: Option<Option<NaiveDateTime>>,
    state: Option<&'static str>,
    lease_owner: Option<String>,
    lease_until: Option<NaiveDateTime>,
    epoch: Option<Epoch>,
    acked_at: Option<Option<NaiveDateTime>>,
    completed_at: Option<Option<NaiveDateTime>>,
    reason: Option<Option<String>>,
}

impl Attachment<'_> {
    /// What the message of `arrival` turns out to be, and what this changes in the row; `candidate` is then as the row will be.
    /// `forgotten`: the broker has forgotten the ack. A copy of a message that this session has changes nothing: the notification
    /// keeps the place of the first one.
    pub fn attach(
        &self,
        candidate: &mut Candidate,
        arrival: &Arrival,
        session: String,
        forgotten: bool,
    ) -> (Opened, Option<Change>) {
        let notification = candidate.record.notification;
        if !candidate.record.is_asked_for_by(&arrival.message) {
            return (Opened::Conflict(notification), None);
        }
        let seen = Seen::new(candidate);
        let record = &mut candidate.record;
        let was_acked = record.acked_at.is_some();
        let is_copy = record.broker_session.as_ref() == Some(&session);
        let is_done = match record.state {
            NotificationState::Completed | NotificationState::SetAside => true,
            NotificationState::Abandoned => was_acked && arrival.identity.redelivered,
            NotificationState::Waiting | NotificationState::Running => false,
        };
        let mut values = Values::default();
        let opened = if is_done {
            Opened::Completed(notification)
        } else if record.coalescing_since.is_some() && record.state.is_open() {
            Opened::LeftToLedger { notification, waits: None }
        } else {
            self.lease(record, arrival, &mut values)
        };
        if is_copy
            && matches!(opened, Opened::Held { .. } | Opened::Completed(_) | Opened::LeftToLedger { .. })
        {
            return (opened, None);
        }
        // The worker that holds it, or has completed it right now, may have got another copy of the message before.
        let may_be_copy = !forgotten
            && matches!(opened, Opened::Elsewhere(_) | Opened::Completed(_) | Opened::LeftToLedger { .. });
        let is_first = record.message_key.is_none() || !may_be_copy;
        let delivered_at = is_first.then_some(self.clock);
        values.broker_session = Some(session.clone());
        values.delivery_tag = Some(arrival.tag());
        values.delivered_at = Some(delivered_at);
        record.broker_session = Some(session);
        candidate.delivery_tag = Some(arrival.tag());
        candidate.delivered_at = delivered_at;
        if forgotten {
            values.acked_at = Some(None);
            record.acked_at = None;
        }
        (opened, Some(Change { seen, values }))
    }

    /// Leases a notification that is not done, if it is free.
    fn lease(&self, record: &mut NotificationRecord, arrival: &Arrival, values: &mut Values) -> Opened {
        let notification = record.notification;
        match &record.holder {
            None => {}
            Some(holder) if holder.owner == self.owner => {
                let lease = Lease { notification_id: notification.id, epoch: record.epoch };
                return Opened::Held { notification, lease };
            }
            // Only time shows whether the holder is still alive.
            Some(_) => return Opened::Elsewhere(notification),
        }
        if record.state == NotificationState::Abandoned {
            (values.completed_at, values.reason, values.acked_at) = (Some(None), Some(None), Some(None));
            (record.completed_at, record.reason, record.acked_at) = (None, None, None);
        }
        let is_frozen = notification.audience.is_frozen();
        let resumed = record.state != NotificationState::Waiting;
        if resumed || (arrival.starts_at_once && is_frozen) {
            record.state = NotificationState::Running;
        }
        record.epoch = record.epoch.next();
        record.holder = Some(Holder { owner: self.owner.to_owned(), until: self.until, expired: false });
        values.state = Some(record.state.as_str());
        values.epoch = Some(record.epoch);
        values.lease_owner = Some(self.owner.to_owned());
        values.lease_until = Some(self.until);
        Opened::Ours {
            notification,
            lease: Lease { notification_id: notification.id, epoch: record.epoch },
            resumed,
            started: record.state == NotificationState::Running && is_frozen,
        }
    }
}

impl Seen {
    fn new(candidate: &Candidate) -> Self {
        let record = &candidate.record;
        Self {
            id: record.notification.id,
            epoch: record.epoch,
            state: record.state,
            broker_session: record.broker_session.clone(),
            delivery_tag: candidate.delivery_tag,
        }
    }
}

/// Changes the rows, in key order, as every transaction does that locks several notifications.
///
/// # Errors
/// As after a conflict of transactions, when another one has changed a row since it was read: then all is to be repeated.
pub(crate) fn apply(connection: &mut AnyConnection, mut changes: Vec<Change>) -> QueryResult<()> {
    // Stable: two changes of one row stay in their order.
    changes.sort_by_key(|change| change.seen.id);
    for Change { seen, values } in changes {
        let mut update = diesel::update(notifications::table.find(seen.id)).set(values).into_boxed();
        update = update.filter(notifications::epoch.eq(seen.epoch));
        update = update.filter(notifications::state.eq(seen.state.as_str()));
        update = match seen.broker_session {
            Some(session) => update.filter(notifications::broker_session.eq(session)),
            None => update.filter(notifications::broker_session.is_null()),
        };
        update = match seen.delivery_tag {
            Some(tag) => update.filter(notifications::delivery_tag.eq(tag)),
            None => update.filter(notifications::delivery_tag.is_null()),
        };
        if update.execute(connection)? == 0 {
            return Err(changed_by_another_worker());
        }
    }
    Ok(())
}
