//! What is published beside dead letters: a reply or an event, and the message that is acked afterwards. Publishing it is left to
//! `thread`.

use crossbeam_channel::Sender;
use serde_json::json;

use crate::broker::incoming::Settlement;
use crate::broker::live_session::LiveSession;
use crate::broker::publisher::new_message_id;
use crate::domain::reply_to::ReplyTo;
use crate::domain::session::Receipt;
use crate::domain::traceparent::TraceParent;
use crate::text::mask::mask;

/// A message of JSON that is to be published.
#[derive(Debug)]
pub struct Publication {
    /// Where to.
    pub to: Destination,
    /// Names it: the same one when it is published again.
    pub message_id: String,
    /// JSON.
    pub body: Vec<u8>,
    /// The trace of the message that it is about.
    pub traceparent: Option<TraceParent>,
    /// The message that is acked then.
    pub then: Option<AckAfter>,
}

impl Publication {
    /// A reply with this JSON.
    #[must_use]
    pub fn reply(to: ReplyTo, body: Vec<u8>) -> Self {
        let to = Destination::Reply(to);
        Self { to, message_id: new_message_id(), body, traceparent: None, then: None }
    }

    /// The reply to a message that is not sent: why. It has no address.
    #[must_use]
    pub fn error_reply(to: ReplyTo, reason: &str) -> Self {
        Self::reply(to, json!({ "error": mask(reason) }).to_string().into_bytes())
    }
}

/// Where a publication goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To the queue that a message names in `reply_to`.
    Reply(ReplyTo),
    /// To the exchange of events, with this routing key.
    Events(&'static str),
}

/// A message that is acked once everything about it is published.
#[derive(Debug, Clone)]
pub struct AckAfter {
    /// Its newest delivery.
    pub receipt: Receipt,
    /// The way to the thread that acks it. As long as it is there, that thread does not end.
    pub settlements: Sender<Settlement>,
    /// Whether the delivery is valid still.
    pub live_session: LiveSession,
}

impl AckAfter {
    /// Has the message acked.
    pub fn ack(&self) {
        if self.settlements.send(Settlement::Ack(self.receipt)).is_err() {
            log::debug!(
                "{:?}: the broker thread has ended; the message goes back to the queue",
                self.receipt
            );
        }
    }

    /// Whether the session of its delivery lasts. If not, the message comes again, and is answered then.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.live_session.has(self.receipt)
    }
}
