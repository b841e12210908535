//! A message as the worker sees it: body, identity, and a receipt to settle it with. Names nothing of amiquip.

use std::time::Instant;

use chrono::{DateTime, Utc};
use crossbeam_channel::{Receiver, Sender, bounded, never, unbounded};

use crate::broker::last_answer::LastAnswer;
use crate::broker::live_session::LiveSession;
use crate::domain::message::cloud_event::Attributes;
use crate::domain::message::identity::Identity;
use crate::domain::reply_to::ReplyTo;
use crate::domain::session::{AckWriting, Receipt};
use crate::domain::traceparent::TraceParent;
use crate::routes::decoder::Beside;

/// The worker's end of a subscription: messages in, settlements out.
#[derive(Debug)]
pub struct Inbox {
    /// The name of the queue.
    pub queue: String,
    /// Whether its messages overtake those of other queues.
    pub is_urgent: bool,
    /// Messages in order of arrival, at most `PREFETCH` unsettled; closed once a shutdown is requested.
    pub incoming: Receiver<Incoming>,
    /// Sending never blocks. After a shutdown request, the broker thread ends when this sender is dropped.
    pub settlements: Sender<Settlement>,
    /// Acks that the broker is known to have received; closed after the last one.
    pub acked: Receiver<Acked>,
    /// The begin and the loss of sessions. A session has begun before its first message is in `incoming`.
    pub sessions: Receiver<SessionEvent>,
    /// When the broker last answered a call.
    pub last_answer: LastAnswer,
    /// The session whose receipts are valid.
    pub live_session: LiveSession,
}

impl Inbox {
    /// The end of a worker that has no broker, with a sender of messages that never come: the inbox is closed when that is dropped.
    #[must_use]
    pub fn without_broker() -> (Self, Sender<Incoming>) {
        let (sender, incoming) = bounded(0);
        let (settlements, _) = unbounded();
        let (_, acked) = unbounded();
        let inbox = Self {
            queue: String::new(),
            is_urgent: false,
            incoming,
            settlements,
            acked,
            sessions: never(),
            last_answer: LastAnswer::default(),
            live_session: LiveSession::default(),
        };
        (inbox, sender)
    }
}

/// One delivered message.
#[derive(Debug)]
pub struct Incoming {
    /// Names this delivery in its settlement.
    pub receipt: Receipt,
    /// The body, as published.
    pub body: Vec<u8>,
    /// How the publisher says that the body is encoded. Explains a body that cannot be read.
    pub content_encoding: Option<String>,
    /// Its `message_id`, and whether the broker delivered it before.
    pub identity: Identity,
    /// When the publisher says that it was published.
    pub published_at: Option<DateTime<Utc>>,
    /// When it was replayed last, if it was a dead letter.
    pub replayed_at: Option<DateTime<Utc>>,
    /// The attributes of a `CloudEvents` event whose data the body is.
    pub cloud_event: Option<Attributes>,
    /// The exchange that it was published to; empty: the default exchange. Of a dead letter that was replayed: as before.
    pub exchange: String,
    /// Its routing key there; that of the default exchange is the name of the queue.
    pub routing_key: String,
    /// The `priority` of AMQP.
    pub priority: Option<u8>,
    /// Where the publisher wants to be told what became of it.
    pub reply_to: Option<ReplyTo>,
    /// The trace that its header names.
    pub traceparent: Option<TraceParent>,
}

impl Incoming {
    /// A message of which its publisher says no more than that.
    #[must_use]
    pub fn new(receipt: Receipt, body: Vec<u8>, identity: Identity) -> Self {
        let (exchange, routing_key) = (String::new(), String::new());
        Self {
            receipt,
            body,
            content_encoding: None,
            identity,
            published_at: None,
            replayed_at: None,
            cloud_event: None,
            exchange,
            routing_key,
            priority: None,
            reply_to: None,
            traceparent: None,
        }
    }

    /// What helps to read its body.
    #[must_use]
    pub fn beside(&self) -> Beside<'_> {
        let routing_key = Some(self.routing_key.as_str());
        let (routing_key, queue) =
            if self.exchange.is_empty() { (None, routing_key) } else { (routing_key, None) };
        Beside {
            routing_key,
            queue,
            cloud_event: self.cloud_event.as_ref(),
            content_encoding: self.content_encoding.as_deref(),
            comes_again: self.identity.redelivered,
        }
    }
}

/// What to do with a message (AMQP calls it settling).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The broker may delete it.
    Ack(Receipt),
    /// It cannot be processed: store it in the dead-letter queue with this reason, then ack it.
    DeadLetter(Receipt, String),
}

/// The broker has the ack of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acked {
    /// The delivery that was acked.
    pub receipt: Receipt,
    /// When the ack was sent.
    pub sent_at: Instant,
}

/// The begin or the end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEvent {
    /// The session of this number takes messages.
    Begun {
        /// Its number in this process, from 1.
        number: u64,
        /// Whether the broker was seen not running since the session before, or since the start of the process.
        follows_restart: bool,
        /// When this broker writes acks to its disk.
        ack_writing: AckWriting,
        /// When the broker was last known to run, in the session before.
        alive_at: Option<Instant>,
    },
    /// The connection was lost: the broker delivers its unacked messages again.
    Lost {
        /// The number of the session.
        number: u64,
        /// When the broker was last known to run.
        alive_at: Option<Instant>,
    },
}
