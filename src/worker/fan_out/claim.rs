//! What a fan-out works on: a notification, its event, and the lease under which this worker sends. Sending is left to
//! `fan_out`, the rules about which notification a message belongs to are left to the ledger.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::lease::Lease;
use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::domain::notification::Notification;
use crate::domain::notification_facts::NotificationFacts;
use crate::worker::lease::held::HeldLease;

/// A message whose notification is open in the ledger: what a fan-out begins with.
#[derive(Debug)]
pub struct OpenedMessage {
    /// What it asks for.
    pub message: Message,
    /// Its `message_id`, and whether the broker delivered it before.
    pub identity: Identity,
    /// When it was published, if that is known.
    pub published_at: Option<DateTime<Utc>>,
    /// Its notification, and which worker has the lease of that.
    pub opened: OpenedAs,
}

/// The notification of a message, and which worker has its lease.
#[derive(Debug)]
pub enum OpenedAs {
    /// This worker has it.
    Ours {
        /// The notification.
        notification: Notification,
        /// The lease, renewed from now on.
        held: Arc<HeldLease>,
        /// Whether an earlier fan-out may have decided some participants.
        resumed: bool,
        /// Whether its state is running and its audience is frozen, so that it need not be started.
        started: bool,
    },
    /// Another process has it.
    Elsewhere(Notification),
}

impl OpenedAs {
    /// The notification.
    #[must_use]
    pub fn notification(&self) -> Notification {
        match self {
            Self::Ours { notification, .. } | Self::Elsewhere(notification) => *notification,
        }
    }

    /// The lease of this worker, if it has it.
    #[must_use]
    pub fn lease(&self) -> Option<Lease> {
        match self {
            Self::Ours { held, .. } => Some(held.lease),
            Self::Elsewhere(_) => None,
        }
    }
}

/// Whom a fan-out sends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everyone who has no outcome and is not deferred: the fan-out of a message.
    Undecided,
    /// Everyone who has no outcome, deferred or not: `fanmail retry`.
    UndecidedAndDeferred,
    /// The same as [`Self::Undecided`] of a notification that was set aside, whose message is acked.
    SetAside,
    /// Deferred people who are due: a run of the sweep.
    Due,
}

/// A notification that this worker may send.
#[derive(Debug)]
pub struct Claim {
    /// The notification.
    pub notification: Notification,
    /// What its mails tell, as it is now. If mails went out before, they show what those have shown.
    pub facts: NotificationFacts,
    /// The lease under which the mails are sent.
    pub held: Arc<HeldLease>,
    /// Whether an earlier run may have decided some participants.
    pub resumed: bool,
    /// When its message was published, if that is known, and the time to the first mail and to the completion is to be measured.
    pub published_at: Option<DateTime<Utc>>,
    /// Whom to send to.
    pub scope: Scope,
    /// Whether participants who have one address get one mail together.
    pub one_mail_per_address: bool,
}
