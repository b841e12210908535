//! The messages that tell of a notification: their ids, where they go, and the trace that they belong to. Their bodies are left to
//! `bodies`.

use crate::broker::publications::publication::{Destination, Publication};
use crate::domain::installation::Installation;
use crate::domain::outcome::Tally;
use crate::domain::reply_to::ReplyTo;
use crate::observe::traceparents;
use crate::store::ledger::row::{NotificationRecord, NotificationState};
use crate::worker::announcer::bodies;

/// The event with this routing key. The same event has the same id, which ends with `name`, whenever it is published.
pub(super) fn event(
    installation: &Installation,
    record: &NotificationRecord,
    (key, name): (&'static str, &str),
    body: Vec<u8>,
) -> Publication {
    let message_id = format!("fanmail-{}-{}-{name}", installation.tag, record.notification.id);
    let traceparent = traceparents::of(record.notification.id);
    Publication { to: Destination::Events(key), message_id, body, traceparent, then: None }
}

/// The reply to a message. `found` is its notification, and how it adds up. `reason`: why there is none.
pub(super) fn reply(to: ReplyTo, found: Option<&(NotificationRecord, Tally)>, reason: &str) -> Publication {
    let Some((record, tally)) = found else { return Publication::error_reply(to, reason) };
    let reply = if record.state == NotificationState::Abandoned {
        let reason = record.reason.as_deref();
        Publication::error_reply(to, reason.unwrap_or("its notification was closed without being completed"))
    } else {
        Publication::reply(to, bodies::reply(record, tally))
    };
    Publication { traceparent: traceparents::of(record.notification.id), ..reply }
}
