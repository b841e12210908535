//! Whether it is this worker's turn to send a notification: waits while another worker has it, and finds out whether its row
//! has vanished. What follows from that is left to the dispatcher, sending to `fan_out`.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::ids::Epoch;
use crate::domain::message::details::DetailsJson;
use crate::domain::missing_event::MissingEvent;
use crate::domain::notification::Notification;
use crate::domain::notification_facts::NotificationFacts;
use crate::observe::events;
use crate::store::ledger::row::NotificationRecord;
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out::claim::{Claim, OpenedAs, OpenedMessage, Scope};
use crate::worker::fan_out::context::{Context, FanOutResult, Halt, PARTICIPANTS, read_data_and_write};
use crate::worker::fan_out::event_lookup;
use crate::worker::lease::held::HeldLease;
use crate::worker::lease::wait::EndOfWait;

/// A notification is leased by one worker after another, and each lease adds at most 2^20 to its epoch: that makes a thousand leases.
/// The epoch of another notification is as far away as random numbers of 62 bits are.
const NEAR: u64 = 1 << 30;

/// A notification that this worker has leased, and whose event is not looked up yet.
#[derive(Debug)]
pub(in crate::worker) struct Leased {
    pub(in crate::worker) notification: Notification,
    /// What its message carries beyond kind and event.
    pub(in crate::worker) details: Option<DetailsJson>,
    pub(in crate::worker) held: Arc<HeldLease>,
    pub(in crate::worker) resumed: bool,
    /// Whether its state is running and its audience is frozen.
    pub(in crate::worker) started: bool,
    /// When its message was published, if that is known.
    pub(in crate::worker) published_at: Option<DateTime<Utc>>,
    /// [`Scope::Undecided`] or [`Scope::SetAside`].
    pub(in crate::worker) scope: Scope,
}

/// What becomes of a message once no other worker has its notification.
#[derive(Debug)]
pub(super) enum Turn {
    /// This worker sends it.
    Ours(Leased),
    /// Nothing is left to be sent.
    Over(FanOutResult),
}

impl Leased {
    /// Sets the notification to running, and freezes its audience, unless that was done when it was opened. One that is set
    /// aside stays so.
    ///
    /// # Errors
    /// When a shutdown is requested first, the lease is lost, or the participants cannot be read.
    pub(super) fn start(&self, context: &Context, facts: NotificationFacts) -> Result<Claim, Halt> {
        let (notification, resumed, scope) = (self.freeze(context)?, self.resumed, self.scope);
        if scope != Scope::SetAside {
            events::notification::started(&notification, resumed, context.dummy);
        }
        let (held, one_mail_per_address) = (Arc::clone(&self.held), context.one_mail_per_address);
        let published_at = self.published_at;
        Ok(Claim { notification, facts, held, resumed, published_at, scope, one_mail_per_address })
    }

    fn freeze(&self, context: &Context) -> Result<Notification, Halt> {
        if self.started {
            return Ok(self.notification);
        }
        let (store, lease) = (&context.store, self.held.lease);
        let start = || match self.scope {
            Scope::SetAside => store.freeze_audience(lease),
            _ => store.start_notification(lease),
        };
        let read = || self.notification.event_id.map_or(Ok(()), |id| store.check_audiences(&[id]));
        read_data_and_write(&context.database_retry, PARTICIPANTS, start, read)?.ok_or(Halt::TakenOver)
    }

    /// Closes the notification without completing it. If its message had the key of another event in a similar form, it was for
    /// no one.
    ///
    /// # Errors
    /// When a shutdown is requested first, or the lease is lost.
    pub(super) fn abandon(&self, context: &Context, missing: &MissingEvent) -> Result<FanOutResult, Halt> {
        let reason = event_lookup::reason(context, missing);
        let (store, lease) = (&context.store, self.held.lease);
        let abandon = || {
            if missing.similar.is_some() {
                store.abandon_for_no_one(lease, &reason)
            } else {
                store.abandon_notification(lease, &reason)
            }
        };
        if !context.database_retry.until_ok(abandon)? {
            return Err(Halt::TakenOver);
        }
        Ok(FanOutResult::DeadLetter { reason, notification: Some(self.notification) })
    }
}

impl Leased {
    /// Closes a reminder that is not to be sent. One of which nothing was sent then has no one pending.
    ///
    /// # Errors
    /// When a shutdown is requested first, or the lease is lost.
    pub(super) fn leave_out(&self, context: &Context, reason: &str) -> Result<FanOutResult, Halt> {
        let (store, lease) = (&context.store, self.held.lease);
        if !context.database_retry.until_ok(|| store.abandon_for_no_one(lease, reason))? {
            return Err(Halt::TakenOver);
        }
        events::reminders::left_out(&self.notification, reason);
        Ok(FanOutResult::Completed(self.notification))
    }
}

/// Waits while another worker has the notification of the message.
pub(super) fn wait_for_turn(context: &Context, opened: &OpenedMessage) -> Result<Turn, Stopped> {
    match &opened.opened {
        OpenedAs::Ours { notification, held, resumed, started } => {
            let (notification, held) = (*notification, Arc::clone(held));
            let (resumed, started, scope) = (*resumed, *started, Scope::Undecided);
            let details = find_details(context, opened, &notification, resumed)?;
            let published_at = opened.published_at;
            Ok(Turn::Ours(Leased { notification, details, held, resumed, started, published_at, scope }))
        }
        OpenedAs::Elsewhere(notification) => wait_for_lease(context, opened, notification, None),
    }
}

/// What the message carries. If a route has read it, and an earlier delivery of it may have opened the notification, the ledger knows:
/// the routes may have changed since.
fn find_details(
    context: &Context,
    opened: &OpenedMessage,
    notification: &Notification,
    resumed: bool,
) -> Result<Option<DetailsJson>, Stopped> {
    let OpenedMessage { message, identity, .. } = opened;
    if message.source.is_none() || !(resumed || identity.redelivered) {
        return Ok(message.details.clone());
    }
    let row = context.database_retry.until_ok(|| context.store.find_notification(notification.id))?;
    Ok(row.map_or_else(|| message.details.clone(), |row| row.details))
}

/// The same after this worker has lost its lease.
pub(super) fn wait_for_next_turn(
    context: &Context,
    opened: &OpenedMessage,
    lost: &Leased,
) -> Result<Turn, Stopped> {
    let Leased { notification, held, .. } = lost;
    held.mark_lost();
    let epoch = Some(held.lease.epoch);
    let row = context.database_retry.until_ok(|| context.store.find_notification(notification.id))?;
    if !held.is_given_up() && row.is_some_and(|row| Sought { opened, epoch }.is_it(&row)) {
        events::notification::taken_over(notification);
    }
    wait_for_lease(context, opened, notification, epoch)
}

/// `epoch` is the one with which the row was last seen.
fn wait_for_lease(
    context: &Context,
    opened: &OpenedMessage,
    notification: &Notification,
    epoch: Option<Epoch>,
) -> Result<Turn, Stopped> {
    let mut sought = Sought { opened, epoch };
    Ok(match context.leases.wait_for_lease(notification.id, |row| sought.is_it(row))? {
        EndOfWait::Leased(held) => {
            let (notification, scope) = (*notification, Scope::Undecided);
            let details = find_details(context, opened, &notification, true)?;
            let (resumed, started, published_at) = (true, false, opened.published_at);
            Turn::Ours(Leased { notification, details, held, resumed, started, published_at, scope })
        }
        EndOfWait::Completed => completed(notification),
        EndOfWait::SetAside => Turn::Over(FanOutResult::SetAside(*notification)),
        EndOfWait::Abandoned(reason) => {
            Turn::Over(FanOutResult::DeadLetter { reason, notification: Some(*notification) })
        }
        EndOfWait::Vanished => Turn::Over(FanOutResult::Vanished(*notification)),
    })
}

fn completed(notification: &Notification) -> Turn {
    events::redelivery::already_completed(notification);
    Turn::Over(FanOutResult::Completed(*notification))
}

/// The row of a message's notification. In a copy of the database that was restored, its key may belong to another one.
struct Sought<'a> {
    opened: &'a OpenedMessage,
    /// With which it was last seen; `None` when it was not seen yet.
    epoch: Option<Epoch>,
}

impl Sought<'_> {
    fn is_it(&mut self, row: &NotificationRecord) -> bool {
        let is_near = |epoch: Epoch| epoch.0.abs_diff(row.epoch.0) <= NEAR;
        let is_it = row.message_key.as_deref() == self.opened.identity.key()
            && row.is_asked_for_by(&self.opened.message)
            && self.epoch.is_none_or(is_near);
        self.epoch = Some(row.epoch);
        is_it
    }
}
