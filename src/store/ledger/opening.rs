//! Opening at receipt: every message gets its row in the ledger, with its lease, as soon as it arrives, and what arrives
//! together is opened in one transaction. Which notification a message belongs to is left to `identity`.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::domain::audience::Audience;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::domain::notification::Notification;
use crate::domain::session::{BrokerSession, Receipt};
use crate::store::Store;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::row::{NotificationRecord, NotificationRow, NotificationState};
use crate::store::schema::notifications;
use crate::store::source::participants::find_last_id;

/// A message that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Names its delivery.
    pub receipt: Receipt,
    /// What it asks for.
    pub message: Message,
    /// Its `message_id`, and whether the broker delivered it before.
    pub identity: Identity,
    /// Whether its fan-out is expected to begin at once. Else it is opened as waiting.
    pub starts_at_once: bool,
    /// The database's time of the first try to open it, if there was one.
    pub asked_at: Option<NaiveDateTime>,
}

/// For each old session the largest key of a notification that a message of the current session was matched with. The queue
/// is first in, first out: a message of an older notification of that session would have come before.
pub type Watermarks = HashMap<String, NotificationId>;

/// What a message turns out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// A notification that this call has leased: it is new, or no process works on it.
    Ours {
        /// The notification.
        notification: Notification,
        /// The lease of this worker.
        lease: Lease,
        /// Whether an earlier fan-out had begun.
        resumed: bool,
        /// Whether its state is running and its audience is frozen, so that it need not be started.
        started: bool,
    },
    /// A notification that this process has leased already, in an earlier session.
    Held {
        /// The notification.
        notification: Notification,
        /// That lease.
        lease: Lease,
    },
    /// A notification that another process has leased.
    Elsewhere(Notification),
    /// A notification that is done: the message only needs an ack.
    Completed(Notification),
    /// Its `message_id` belongs to a notification that asks for something else.
    Conflict(Notification),
    /// A live session of another worker may still hold the message of the only notification that fits. Ask again.
    Undetermined {
        /// When it was first asked, for [`Arrival::asked_at`].
        asked_at: NaiveDateTime,
        /// The notification that fits.
        candidate: NotificationRecord,
    },
}

impl Store {
    /// Opens what has arrived, in one transaction. One result for each arrival, in their order.
    ///
    /// # Errors
    /// When the database does not answer. Then the same arrivals are to be given again with `asked_at` set.
    pub fn open_messages(
        &self,
        session: &BrokerSession,
        arrivals: &[Arrival],
        lease_request: &LeaseRequest,
        watermarks: &mut Watermarks,
    ) -> Result<Vec<Opened>, StoreError> {
        log::debug!("{session:?} {arrivals:?} {lease_request:?} {watermarks:?}");
        Err(StoreError::new("open messages", &"this part is not built yet"))
    }

    /// Opens a message again whose notification has vanished: the one with its `message_id`, which a restored copy of the
    /// database may have, else a new one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn open_anew(
        &self,
        arrival: &Arrival,
        session: &BrokerSession,
        lease_request: &LeaseRequest,
    ) -> Result<Opened, StoreError> {
        log::debug!("{session:?} {arrival:?} {lease_request:?}");
        Err(StoreError::new("open a message anew", &"this part is not built yet"))
    }

    /// Sets a notification to running, and freezes its audience unless it had participants when it was opened. Returns it as
    /// it is now; `None` when the lease is not valid any more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn start_notification(&self, lease: Lease) -> Result<Option<Notification>, StoreError> {
        self.write("start a notification", |connection| {
            if dispatch::lock_notifications(connection, &[lease.notification_id])? != [lease] {
                return Ok(None);
            }
            let row: NotificationRow = notifications::table
                .find(lease.notification_id)
                .select(NotificationRow::as_select())
                .first(connection)?;
            let clock = dispatch::clock(connection)?;
            let record = row.into_record(clock)?;
            if record.holder.is_none() || !record.state.is_open() {
                return Ok(None);
            }
            let mut notification = record.notification;
            let Audience::Event { id: event_id, up_to } = notification.audience;
            let up_to = if up_to > ParticipantId(0) { up_to } else { find_last_id(connection, event_id)? };
            notification.audience = Audience::Event { id: event_id, up_to };
            diesel::update(notifications::table.find(notification.id))
                .set((
                    notifications::state.eq(NotificationState::Running.as_str()),
                    notifications::max_participant_id.eq(up_to),
                ))
                .execute(connection)?;
            Ok(Some(notification))
        })
    }
}
