//! What a fan-out works on: a notification, its event, and the lease under which this worker sends. Sending is left to
//! `fan_out`, the rules about which notification a message belongs to are left to the ledger.

use std::sync::Arc;
use std::time::Instant;

use crate::domain::event::Event;
use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::domain::notification::Notification;
use crate::store::ledger::notifications::Opened;
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out::context::{Context, FanOutResult};
use crate::worker::lease::held::HeldLease;

/// Whom a fan-out sends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everyone who has no outcome and is not deferred: the fan-out of a message.
    Undecided,
    /// Everyone who has no outcome, deferred or not: `fanmail retry`.
    UndecidedAndDeferred,
    /// Deferred people who are due: a run of the sweep.
    Due,
}

/// A notification that this worker may send.
#[derive(Debug)]
pub struct Claim {
    /// The notification.
    pub notification: Notification,
    /// Its event as it was when the fan-out began: all its mails show that.
    pub event: Event,
    /// The lease under which the mails are sent.
    pub held: Arc<HeldLease>,
    /// Whether an earlier run may have decided some participants.
    pub resumed: bool,
    /// Whom to send to.
    pub scope: Scope,
}

/// Finds the notification that the message belongs to, or opens a new one, and claims it. No claim when it is completed
/// already.
pub(super) fn open(
    context: &Context,
    identity: &Identity,
    message: Message,
    event: Event,
) -> Result<(Notification, Option<Claim>), FanOutResult> {
    let mut requested_at = Instant::now();
    let opened = context.database_retry.until_ok(|| {
        requested_at = Instant::now();
        context.store.open_notification(identity, message, context.leases.lease_request())
    })?;
    if opened.decided_by_redelivered_flag(identity) {
        context.metrics.redelivered_decided.add(1);
    }
    match opened {
        Opened::Ours { notification, lease, resumed } => {
            let held = context.leases.track(lease, requested_at);
            Ok((notification, Some(Claim { notification, event, held, resumed, scope: Scope::Undecided })))
        }
        Opened::Elsewhere(notification) => Ok((notification, wait_for_claim(context, notification, event)?)),
        Opened::Completed(notification) => Ok((notification, None)),
        Opened::Conflict(first) => Err(FanOutResult::DeadLetter(format!(
            "its message_id was used before, by notification {} for {first}; give every message an id of its own",
            first.id
        ))),
    }
}

/// Waits while another worker has the notification. No claim when that worker has completed it.
pub(super) fn wait_for_claim(
    context: &Context,
    notification: Notification,
    event: Event,
) -> Result<Option<Claim>, Stopped> {
    let held = context.leases.wait_for_lease(notification.id)?;
    Ok(held.map(|held| Claim { notification, event, held, resumed: true, scope: Scope::Undecided }))
}
