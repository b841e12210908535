//! The calls that open messages, each of them one transaction.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::config::coalesce::Coalescing;
use crate::domain::lease::Lease;
use crate::domain::notification::Notification;
use crate::domain::session::BrokerSession;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::error::StoreError;
use crate::store::ledger::identity::{Identities, Match};
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::notifications::lock_and_freeze;
use crate::store::ledger::opening::attach::{Attachment, apply};
use crate::store::ledger::opening::insert::{insert, open_copies};
use crate::store::ledger::opening::{Arrival, Opened, Unknown, Watermarks};
use crate::store::ledger::row::NotificationState;
use crate::store::ledger::sessions;
use crate::store::schema::notifications;
use crate::store::source::keys::AppKeys;

impl Store {
    /// Opens what has arrived, in one transaction. One result for each arrival, in their order. `identity` explains which
    /// notification a message belongs to.
    ///
    /// # Errors
    /// When the database does not answer, or one of the events cannot be read: then none is opened, or only the reply to the
    /// commit was lost. The same arrivals are to be given again, with `asked_at` set, [`Arrival::ASKED_IN_VAIN`] where no
    /// time is known. If the error is not transient, they are to be given one by one: a single event that cannot be read must not
    /// hold up the others, and is opened without an audience then.
    pub fn open_messages(
        &self,
        session: &BrokerSession,
        arrivals: &[Arrival],
        lease_request: &LeaseRequest,
        watermarks: &mut Watermarks,
    ) -> Result<Vec<Opened>, StoreError> {
        let (keys, coalescing) = (self.app_keys()?, self.coalescing);
        let mut tried = Watermarks::new();
        let opened = self.write("open messages", |connection| {
            tried.clone_from(watermarks);
            open(connection, (keys, coalescing), session, arrivals, lease_request, &mut tried)
        });
        watermarks.update(tried, arrivals, opened.is_err());
        opened
    }

    /// Sets a notification to running, and freezes its audience unless it had participants when it was opened. Returns it as
    /// it is now; `None` when the lease is not valid any more, or its message only needs an ack.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn start_notification(&self, lease: Lease) -> Result<Option<Notification>, StoreError> {
        let keys = self.app_keys()?;
        self.write("start a notification", |connection| {
            let Some(record) = lock_and_freeze(connection, keys, lease)? else { return Ok(None) };
            if record.holder.is_none() || record.state.needs_only_ack() {
                return Ok(None);
            }
            diesel::update(notifications::table.find(record.notification.id))
                .set((
                    notifications::state.eq(NotificationState::Running.as_str()),
                    notifications::completed_at.eq(None::<NaiveDateTime>),
                    notifications::reason.eq(None::<String>),
                ))
                .execute(connection)?;
            Ok(Some(record.notification))
        })
    }
}

/// Decides about all arrivals, then changes the rows that exist, then inserts the new ones.
fn open(
    connection: &mut AnyConnection,
    (keys, coalescing): (AppKeys, Option<Coalescing>),
    session: &BrokerSession,
    arrivals: &[Arrival],
    lease_request: &LeaseRequest,
    watermarks: &mut Watermarks,
) -> QueryResult<Vec<Opened>> {
    let (clock, lasts) = sessions::lock(connection, session)?;
    if !lasts {
        // Another worker may have opened what this session has received. The next report of this session revives it.
        let unknown = |arrival: &Arrival| Opened::Undetermined {
            asked_at: arrival.first_asked_at(clock),
            unknown: Unknown::OwnSession,
        };
        for arrival in arrivals {
            watermarks.wait(arrival.receipt);
        }
        return Ok(arrivals.iter().map(unknown).collect());
    }
    let until = lease_request.until_from(clock);
    let attachment = Attachment { owner: &lease_request.owner, clock, until, keys, coalescing };
    let mut identities = Identities::load(connection, session, arrivals, clock)?;
    let (mut changes, mut new, mut same) = (Vec::new(), Vec::new(), Vec::new());
    let mut opened: Vec<Option<Opened>> = Vec::with_capacity(arrivals.len());
    let had_caught_up = watermarks.are_above_all();
    for (index, arrival) in arrivals.iter().enumerate() {
        let found = identities.find(connection, index, arrival, watermarks)?;
        if matches!(found, Match::Undetermined { .. }) {
            watermarks.wait(arrival.receipt);
        } else {
            watermarks.end_wait(arrival.receipt);
        }
        opened.push(match found {
            Match::New if arrival.refusal.is_some() => {
                identities.forget_new(arrival);
                arrival.refusal.clone().map(Opened::Refused)
            }
            Match::New => {
                new.push(index);
                None
            }
            Match::SameAs(first) => {
                same.push((index, first));
                None
            }
            Match::Known { candidate, forgotten } => {
                let candidate = &mut identities.candidates[candidate];
                let name = arrival.session_name(&session.worker);
                let (opened, change) = attachment.attach(candidate, arrival, name, forgotten);
                changes.extend(change);
                Some(opened)
            }
            Match::Copy(candidate) => {
                Some(Opened::Completed(identities.candidates[candidate].record.notification))
            }
            Match::Undetermined { asked_at, unknown } => Some(Opened::Undetermined { asked_at, unknown }),
        });
    }
    if session.follows_restart && !had_caught_up && watermarks.are_above_all() {
        sessions::record_caught_up(connection, session, clock)?;
    }
    apply(connection, changes)?;
    insert(connection, &session.worker, arrivals, &new, &attachment, &mut opened)?;
    open_copies(arrivals, &same, &mut opened);
    Ok(opened.into_iter().flatten().collect())
}
