//! The reply to a message that became a dead letter: the same reason. It is published between the dead letter and the ack, by the
//! thread of `publications`.

use std::time::Duration;

use crossbeam_channel::{bounded, select};

use crate::broker::dead_letters::storing::{DeadLetter, DeadLetterThread};
use crate::broker::publications::publication::{AckAfter, Publication};
use crate::broker::publisher_headers::{reply_to, traceparent};

/// How long a shutdown waits for the reply.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(2);

impl DeadLetterThread {
    /// Answers the publisher of a message whose dead letter is stored, if it has asked and `REPLIES` is on. Returns whether the message
    /// may be acked; if not, it comes again.
    pub(super) fn answer(&self, letter: &DeadLetter) -> bool {
        let (Some(replies), Some(to)) = (&self.replies, reply_to(&letter.properties)) else { return true };
        let (settlements, settled) = bounded(1);
        let then = AckAfter { receipt: letter.receipt, settlements, live_session: self.session.clone() };
        let traceparent = traceparent(&letter.properties);
        let reply =
            Publication { traceparent, then: Some(then), ..Publication::error_reply(to, &letter.reason) };
        select! {
            send(replies, reply) -> sent => if sent.is_err() { return false },
            recv(self.shutdown.receiver()) -> _ => return false,
        }
        // The other end is dropped when the session is lost.
        select! {
            recv(settled) -> settlement => settlement.is_ok(),
            recv(self.shutdown.receiver()) -> _ => settled.recv_timeout(SHUTDOWN_WAIT).is_ok(),
        }
    }
}
