//! Opening at receipt: every message gets its row in the ledger, with its lease, as soon as it arrives, and what arrives
//! together is opened in one transaction. Which notification a message belongs to is left to `identity`.

use std::collections::HashMap;

use chrono::{NaiveDateTime, TimeDelta};

use crate::domain::lease::Lease;
use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::domain::message::refusal::MessageRefusal;
use crate::domain::notification::Notification;
use crate::domain::session::{BrokerSession, Receipt};
use crate::domain::traceparent::TraceParent;
use crate::store::ledger::opening::coalesce::Waits;
use crate::store::ledger::row::NotificationRecord;

/// Two sessions deliver equal messages so close together that either may come with the notification of the other.
const EXCHANGED_WITHIN: TimeDelta = TimeDelta::milliseconds(500);

pub(crate) mod attach;
pub mod coalesce;
pub(crate) mod insert;
mod left_behind;
mod messages;
pub(crate) mod row;
pub mod without_message;

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
    /// What becomes of it unless a notification has it already: it is too old, or comes again and no route reads it any more. Some people
    /// may have their mails, and the others are to get theirs.
    pub refusal: Option<MessageRefusal>,
    /// The database's time of the first try to open it, if there was one.
    pub asked_at: Option<NaiveDateTime>,
    /// The trace that it belongs to, for the log.
    pub traceparent: Option<TraceParent>,
}

impl Arrival {
    /// For [`Self::asked_at`] of a message whose first call has failed, so that no time is known.
    pub const ASKED_IN_VAIN: NaiveDateTime = NaiveDateTime::MAX;

    /// Its delivery tag as the database has it.
    pub(crate) fn tag(&self) -> i64 {
        i64::try_from(self.receipt.tag).unwrap_or(i64::MAX)
    }

    /// When it was first asked about, if it is `clock` now.
    pub(crate) fn first_asked_at(&self, clock: NaiveDateTime) -> NaiveDateTime {
        self.asked_at.map_or(clock, |asked_at| asked_at.min(clock))
    }

    /// The name of the session that it came in, of the worker `worker`.
    pub(crate) fn session_name(&self, worker: &str) -> String {
        BrokerSession::name_of(worker, self.receipt.session)
    }
}

/// Where a message stood in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The name of the session that it was delivered in.
    pub session: String,
    /// Its delivery tag there.
    pub tag: i64,
    /// When it was delivered.
    pub delivered_at: NaiveDateTime,
}

/// For each old session the last place of a notification that a message of the current session was matched with (see
/// `identity`). One value for each session; a new session begins with an empty one.
#[derive(Debug, Clone, Default)]
pub struct Watermarks {
    newest: Marks,
    /// As they were when a message was first asked about that is not opened yet: what has come behind it says nothing about it.
    waiting: HashMap<Receipt, Marks>,
    /// Those of messages whose call has failed: perhaps only the reply was lost.
    unconfirmed: HashMap<Receipt, Place>,
}

#[derive(Debug, Clone, Default)]
struct Marks {
    by_session: HashMap<String, Place>,
    /// Above all notifications: a message has come that was never delivered before.
    above_all: bool,
}

impl Marks {
    fn raise(&mut self, place: &Place) {
        let last = self.by_session.entry(place.session.clone()).or_insert_with(|| place.clone());
        if place.tag > last.tag {
            last.clone_from(place);
        }
    }
}

impl Watermarks {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets them: a new session begins.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn of(&self, receipt: Receipt) -> &Marks {
        self.waiting.get(&receipt).unwrap_or(&self.newest)
    }

    /// Whether the message with this receipt may be one that stood at this place. `one_session`: the crash has ended no other
    /// session.
    pub(crate) fn allow(&self, receipt: Receipt, place: &Place, one_session: bool) -> bool {
        let marks = self.of(receipt);
        let is_behind = |last: &Place| {
            place.tag > last.tag
                || (!one_session && place.delivered_at + EXCHANGED_WITHIN > last.delivered_at)
        };
        !marks.above_all && marks.by_session.get(&place.session).is_none_or(is_behind)
    }

    /// The message with this receipt stood at this place.
    pub(crate) fn raise(&mut self, receipt: Receipt, place: Place) {
        self.marks_from(receipt).for_each(|marks| marks.raise(&place));
        self.unconfirmed.insert(receipt, place);
    }

    /// Whether a message has come that was never delivered before.
    pub(crate) fn are_above_all(&self) -> bool {
        self.newest.above_all
    }

    /// Whether one had come before the message with this receipt.
    pub(crate) fn were_above_all(&self, receipt: Receipt) -> bool {
        self.of(receipt).above_all
    }

    /// The message with this receipt is asked about again, after others that stand behind it.
    pub(crate) fn wait(&mut self, receipt: Receipt) {
        let Self { newest, waiting, .. } = self;
        waiting.entry(receipt).or_insert_with(|| newest.clone());
    }

    /// It is opened.
    pub(crate) fn end_wait(&mut self, receipt: Receipt) {
        self.waiting.remove(&receipt);
    }

    /// The message with this receipt was never delivered before.
    pub(crate) fn raise_all(&mut self, receipt: Receipt) {
        self.marks_from(receipt).for_each(|marks| marks.above_all = true);
    }

    /// The newest marks, and those of the messages that wait behind the one with this receipt.
    fn marks_from(&mut self, receipt: Receipt) -> impl Iterator<Item = &mut Marks> {
        let Self { newest, waiting, .. } = self;
        let is_behind =
            move |waiting: &Receipt| waiting.session == receipt.session && waiting.tag > receipt.tag;
        let behind = waiting.iter_mut().filter(move |(waiting, _)| is_behind(waiting));
        std::iter::once(newest).chain(behind.map(|(_, marks)| marks))
    }

    /// An earlier call for this message was not in vain.
    pub(crate) fn confirm(&mut self, receipt: Receipt) {
        if let Some(place) = self.unconfirmed.remove(&receipt) {
            self.raise(receipt, place);
        }
    }

    /// What is known after a call for `arrivals` that left `tried`.
    pub(crate) fn update(&mut self, tried: Self, arrivals: &[Arrival], has_failed: bool) {
        if has_failed {
            self.unconfirmed = tried.unconfirmed;
            for arrival in arrivals {
                self.wait(arrival.receipt);
            }
            return;
        }
        *self = tried;
        for arrival in arrivals {
            self.unconfirmed.remove(&arrival.receipt);
        }
    }
}

/// What a message turns out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// A notification that this call has leased: it is new, or no process works on it.
    Ours {
        /// The notification.
        notification: Notification,
        /// The lease of this worker.
        lease: Lease,
        /// Whether an earlier fan-out may have begun.
        resumed: bool,
        /// Whether its state is running and its audience is frozen, so that it need not be started.
        started: bool,
    },
    /// A notification that this process has leased already: its fan-out still runs since an earlier session, or waits because a
    /// message with the same `message_id` came before. Or no part of the process knows it, as the reply to an earlier call
    /// was lost: then it is to be taken over.
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
    /// A notification that waits for further ones of its event, or that the ledger alone has begun since: the message only needs an ack.
    LeftToLedger {
        /// The notification.
        notification: Notification,
        /// If it is new, for how long it waits.
        waits: Option<Waits>,
    },
    /// Its `message_id` belongs to a notification that asks for something else.
    Conflict(Notification),
    /// No notification has it, and it is not opened, as [`Arrival::refusal`] says.
    Refused(MessageRefusal),
    /// It is not known yet. Ask again.
    Undetermined {
        /// When it was first asked, for [`Arrival::asked_at`].
        asked_at: NaiveDateTime,
        /// What has to be known first.
        unknown: Unknown,
    },
}

impl Opened {
    /// The notification of the message, if it is known and has one.
    #[must_use]
    pub fn notification(&self) -> Option<&Notification> {
        match self {
            Self::Ours { notification, .. }
            | Self::Held { notification, .. }
            | Self::Elsewhere(notification)
            | Self::Completed(notification)
            | Self::LeftToLedger { notification, .. } => Some(notification),
            Self::Conflict(_) | Self::Refused(_) | Self::Undetermined { .. } => None,
        }
    }
}

/// What has to be known before a message can be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// Whether a session of another worker still holds the message of this notification, the only one that fits.
    Holder(Box<NotificationRecord>),
    /// Whether this session of another worker has ended, which may have received the message before and may yet open it. No
    /// notification fits.
    OtherSession(String),
    /// Whether the session of this message lasts: another worker has taken it for lost.
    OwnSession,
}
