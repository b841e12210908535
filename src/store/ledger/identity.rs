//! Which notification a message belongs to. This is the only place that explains it.
//!
//! The broker delivers a message again when the worker that had it is lost. A `message_id` tells that it is the same one. Without
//! an id there is only the broker's mark `redelivered`, and equal messages (same kind, same event, same details) cannot be told apart. They
//! need not be: it does not matter which of several equal notifications a message belongs to, as long as each message has
//! one of its own. So the rules below count: every message that the broker delivers again finds one notification that has
//! lost its message, and only if there is none, it is new. For each message the first rule that fits decides:
//!
//! 0. The call is repeated (`Arrival::asked_at` is set) and a notification of the event has the receipt of this message: it
//!    is that one. The reply to the commit of an earlier call was lost.
//! 1. The message has a `message_id`: it is the notification with that id, for ever, or a new one. If that one has another kind
//!    or event, the publisher has made a mistake.
//! 2. It has none and is not redelivered: it is new. Two equal messages are two notifications.
//! 3. It is redelivered: it is an equal notification, also without a `message_id`, that is not known to be acked and whose message
//!    is in no worker's hands any more. Of several, those whose people may be undecided come first, so that nobody is left
//!    out: `waiting` and `running` ones, the oldest first. Then those that have ended, the newest first.
//! 4. There is none, and the broker has crashed: it is an equal one that was acked shortly before the crash. See below.
//! 5. Otherwise it is new, once it is certain that no other session still opens it. See below.
//!
//! # Whose hands a message is in (rule 3)
//!
//! A notification names the session that received its message last: one connection of one worker to the broker. The table
//! `broker_sessions` has the sessions of all workers.
//!
//! - No session, or one that is not in the table, has lost or closed its connection, or is an earlier one of this worker: the
//!   message is back at the broker.
//! - The session that has received the present message: this session cannot receive the same message twice, so it is another one.
//! - A session of another worker that is not known to have ended is only *probably* alive. The broker may have given up that
//!   connection already and that worker has not noticed yet, which takes up to two heartbeats. If the broker has answered a call
//!   of that session (`seen_at`) that began after the present message was first asked about, then the broker had both connections
//!   at that time, and this is another message. Until it is known, the answer is [`Match::Undetermined`]: the worker asks again,
//!   and meanwhile the session is seen, or reported lost, or its worker is found gone: it has exited, or was not heard of for long.
//! - If the broker was restarted before the current session began, a session of another worker that began before this worker's
//!   previous session was last seen has certainly ended with it. A session that began within three minutes before the current
//!   one does not count as the previous one: it may follow the same restart.
//!
//! An ended notification (`completed`, `set_aside`, `abandoned`) is not known to be acked when its worker died between the ack and the record of
//! it. A broker delivers what was not acked at once. So it counts no more once a later session has lasted for ten minutes
//! ([`sessions::REDELIVERED_WITHIN`]): the message of that notification never came, it was acked. Else it would swallow a message of a
//! later day. The ack is recorded before the sessions that show it are deleted (`acks::record_proven_acks`).
//!
//! # A session that still opens its message (rule 5)
//!
//! A worker may be frozen, or its commit may be on its way, while the broker already gives its messages to another worker. If both
//! opened the message, it would have two notifications, and one of them would wait for ever. So a redelivered message is new
//! only when no session of another worker is merely probably alive: each has ended, or was seen since the message was first asked about. A
//! session opens nothing more once its end is in the ledger, and its end gets into the ledger only after what it has opened
//! (`sessions::lock`). If it was taken for lost by mistake, its next report revives it.
//!
//! After a crash, RabbitMQ marks every message of the queue as redelivered. The messages do not wait then, until one has come
//! that was never delivered before: a queue of a million would be slowed down to a few hundred a second.
//!
//! # Acks that the broker has forgotten (rule 4)
//!
//! RabbitMQ keeps acks in memory as long as its queue is busy, and since 3.12 for longer ([`unwritten_acks`]). `basic.qos` behind an
//! ack proves that the broker has it, not that its disk has it. After a crash those messages come again. They are marked `redelivered`,
//! and so is every other message of the queue, also one that was never delivered. Of 3,000 messages to one person each, 1,748 people got
//! two mails before this rule.
//!
//! So after a restart of the broker, and only then (a broken network makes a broker forget nothing), for the first two minutes
//! of the session ([`sessions::ACKS_FORGOTTEN_WITHIN`]), a message may belong to a notification that was acked: in the row of
//! deliveries and acks of all sessions, without a pause, that the crash has ended (`broker_sessions.unwritten_since`, see [`unwritten_acks`]), with no
//! session of two minutes since. The oldest comes first. It is taken: it is not known to be acked any more, so it absorbs one
//! message and no second one.
//!
//! A queue is first in, first out, and so are the delivery tags of one session. Once a message of the current session has
//! certainly been the one of a notification of an old session, messages with lower tags of that old session come no more:
//! [`Watermarks`]. Certain are a message that only one notification fits, and a `message_id` whose ack is known: if the message
//! was published twice, its notification keeps the place of the first ([`Match::Copy`]), or has none if another session got the
//! copy before the ack of the first was recorded. Once a message has come that was never
//! delivered before (it is not redelivered, or its `message_id` is new), none comes any more whose ack was forgotten: not to
//! this session, nor to one that begins later, also after the next crash (`broker_sessions.caught_up_at`). A message that is asked about
//! again is judged by what had come before it.
//!
//! # Several queues
//!
//! All of this is about one queue: a message comes again in its own queue only, each queue has an order of its own, and the broker
//! writes the acks of each by itself. So a worker has a session for each queue (`broker_sessions.queue`), and rules 3 to 5 look
//! at the sessions of the queue of the present one, and leave out the notifications that sessions of other queues hold. A session
//! without a queue began before fanmail recorded it, and may be of any. A `message_id` (rule 1) is the same in every queue.
//!
//! # Interchangeable messages
//!
//! Equal messages are interchangeable, but their places are not. If rule 3 gives a message an unfinished notification while an
//! older one fits, the older one takes the place of the unfinished one in the queue, for whose message it stands from then on.
//! And if the crash has ended several sessions, equal messages that they had at nearly the same time may have come with each
//! other's notifications, so the last half second before a watermark stays open.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::domain::message::Message;
use crate::domain::session::{BrokerSession, Receipt};
use crate::store::backend::any::AnyConnection;
use crate::store::ledger::identity::candidates::{Candidate, find_by_keys, find_by_receipts};
use crate::store::ledger::identity::sessions::Sessions;
use crate::store::ledger::opening::{Arrival, Unknown, Watermarks};

pub(crate) mod candidates;
mod forgotten;
mod of_key;
pub(crate) mod sessions;
mod unacked;
mod unwritten_acks;

/// Which notification a message belongs to.
#[derive(Debug)]
pub(crate) enum Match {
    /// None: it is new.
    New,
    /// A new one too: that of an earlier arrival in the same call, with this index, which has the same `message_id`.
    SameAs(usize),
    /// The notification with this index in [`Identities::candidates`]. `forgotten`: the broker has forgotten its ack.
    Known { candidate: usize, forgotten: bool },
    /// The same, and a live session has acked it: the message was published twice. The notification stays as it is.
    Copy(usize),
    /// It is not known yet. Ask again.
    Undetermined { asked_at: NaiveDateTime, unknown: Unknown },
}

/// What the ledger knows about the messages of one call.
pub(crate) struct Identities<'a> {
    session: &'a BrokerSession,
    clock: NaiveDateTime,
    /// The notifications that a message may belong to, as they are after the matches so far.
    pub candidates: Vec<Candidate>,
    by_receipt: HashMap<Receipt, usize>,
    by_key: HashMap<String, KeyOwner>,
    /// The sessions of all workers; read when a message needs them.
    sessions: Option<Sessions<'a>>,
    unacked: HashMap<Message, Vec<usize>>,
}

/// The notification with a `message_id`.
#[derive(Debug, Clone, Copy)]
enum KeyOwner {
    Candidate(usize),
    NewOf(usize),
}

impl<'a> Identities<'a> {
    /// Reads what rules 0 and 1 need for all arrivals at once.
    pub fn load(
        connection: &mut AnyConnection,
        session: &'a BrokerSession,
        arrivals: &[Arrival],
        clock: NaiveDateTime,
    ) -> QueryResult<Self> {
        let mut this = Self {
            session,
            clock,
            candidates: Vec::new(),
            by_receipt: HashMap::new(),
            by_key: HashMap::new(),
            sessions: None,
            unacked: HashMap::new(),
        };
        for candidate in find_by_keys(connection, arrivals, clock)? {
            let key = candidate.record.message_key.clone().unwrap_or_default();
            let index = this.add(candidate);
            this.by_key.insert(key, KeyOwner::Candidate(index));
        }
        for (receipt, candidate) in find_by_receipts(connection, &session.worker, arrivals, clock)? {
            let index = this.add(candidate);
            this.by_receipt.insert(receipt, index);
        }
        Ok(this)
    }

    /// Which notification the message of `arrival` belongs to, which is number `index` of the call. The caller attaches the
    /// message to it before it asks for the next one.
    pub fn find(
        &mut self,
        connection: &mut AnyConnection,
        index: usize,
        arrival: &Arrival,
        watermarks: &mut Watermarks,
    ) -> QueryResult<Match> {
        let redelivered = arrival.identity.redelivered;
        if !redelivered {
            watermarks.raise_all(arrival.receipt);
        }
        if let Some(candidate) = self.by_receipt.get(&arrival.receipt) {
            watermarks.confirm(arrival.receipt);
            return Ok(Match::Known { candidate: *candidate, forgotten: false });
        }
        match arrival.identity.key() {
            Some(key) => self.find_of_key(connection, index, key, arrival, watermarks),
            None if redelivered => self.find_of_redelivered(connection, arrival, watermarks),
            None => Ok(Match::New),
        }
    }

    /// The message of `arrival` was new, and is not opened. Another one with its `message_id` may be.
    pub fn forget_new(&mut self, arrival: &Arrival) {
        if let Some(key) = arrival.identity.key() {
            self.by_key.remove(key);
        }
    }

    /// The caller puts them back.
    fn take_sessions(
        &mut self,
        connection: &mut AnyConnection,
        asked_at: NaiveDateTime,
    ) -> QueryResult<Sessions<'a>> {
        let mut sessions = match self.sessions.take() {
            Some(sessions) => sessions,
            None => Sessions::load(connection, self.session, self.clock)?,
        };
        sessions.record_crash(connection, asked_at)?;
        Ok(sessions)
    }

    /// Rules 3 to 5.
    fn find_of_redelivered(
        &mut self,
        connection: &mut AnyConnection,
        arrival: &Arrival,
        watermarks: &mut Watermarks,
    ) -> QueryResult<Match> {
        let asked_at = arrival.first_asked_at(self.clock);
        let sessions = self.take_sessions(connection, asked_at)?;
        let mut found = self.find_unacked(connection, &arrival.message, asked_at, &sessions)?;
        match found {
            Match::New => {
                found = self.find_forgotten(connection, arrival, asked_at, &sessions, watermarks)?;
                if matches!(found, Match::New) {
                    found = self.new_unless_unknown(arrival.receipt, asked_at, &sessions, watermarks);
                }
            }
            Match::Known { candidate, .. } => {
                let forgotten = self.forgotten(connection, arrival, asked_at, &sessions, watermarks)?;
                if self.fits_only_one(&arrival.message, asked_at, &sessions) && forgotten.is_empty() {
                    self.raise(watermarks, arrival.receipt, candidate);
                }
                self.exchange(connection, candidate, &forgotten, &sessions)?;
            }
            _ => {}
        }
        self.sessions = Some(sessions);
        Ok(found)
    }

    /// Remembers how far the messages of an old session have come.
    fn raise(&self, watermarks: &mut Watermarks, receipt: Receipt, candidate: usize) {
        if let Some(place) = self.candidates[candidate].place() {
            watermarks.raise(receipt, place);
        }
    }

    /// The index of a notification, which is added unless it is there.
    fn add(&mut self, candidate: Candidate) -> usize {
        let id = candidate.record.notification.id;
        let known = self.candidates.iter().position(|other| other.record.notification.id == id);
        known.unwrap_or_else(|| {
            self.candidates.push(candidate);
            self.candidates.len() - 1
        })
    }
}
