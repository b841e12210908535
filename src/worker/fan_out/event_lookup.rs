//! Finds the event of a message. What happens with a message without an event is left to the fan-out.

use std::time::{Duration, Instant};

use crate::domain::event::Event;
use crate::domain::ids::EventId;
use crate::domain::message::details::{DetailsJson, MessageDetails};
use crate::domain::missing_event::MissingEvent;
use crate::domain::notification::Notification;
use crate::domain::notification_facts::NotificationFacts;
use crate::observe::events;
use crate::worker::fan_out::context::{Context, Halt, read_data};

/// How often an event that is not in the database is looked up again.
const INTERVAL: Duration = Duration::from_millis(500);

/// What the mails of a notification tell: its event, if it is about one, and what its message carries. An event that the message does not carry is looked
/// up, and again for a while: the publisher may have been quicker than its own commit. An error is an event that is not there.
///
/// # Errors
/// When a shutdown is requested first, or something cannot be read.
pub(super) fn look_up(
    context: &Context,
    notification: &Notification,
    details: Option<&DetailsJson>,
) -> Result<Result<NotificationFacts, MissingEvent>, Halt> {
    let details = MessageDetails::read(details).map_err(|error| Halt::Unreadable(error.to_string()))?;
    let kind = notification.kind;
    let Some(event_id) = notification.event_id else {
        return Ok(Ok(NotificationFacts::of_message(kind, details)));
    };
    let event = match details.event(event_id) {
        None => find(context, event_id)?,
        carried => carried,
    };
    match event {
        Some(_) => Ok(Ok(NotificationFacts::new(kind, event, details))),
        None => Ok(Err(describe_missing(context, event_id)?)),
    }
}

fn find(context: &Context, event_id: EventId) -> Result<Option<Event>, Halt> {
    let grace = context.event_lookup_grace;
    let deadline = Instant::now() + grace;
    let find = || read_data(&context.database_retry, "its event", || context.store.find_event(event_id));
    let mut event = find()?;
    if event.is_none() {
        events::notification::event_missing(event_id, grace);
    }
    while event.is_none() && Instant::now() < deadline {
        if context.shutdown.wait(INTERVAL) {
            return Err(Halt::Stopping);
        }
        event = find()?;
    }
    Ok(event)
}

/// What there is to say about an event that was not found.
///
/// # Errors
/// When a shutdown is requested before the database answers.
fn describe_missing(context: &Context, event_id: EventId) -> Result<MissingEvent, Halt> {
    read_data(&context.database_retry, "its event", || context.store.describe_missing_event(event_id))
}

/// Why the message of such an event is a dead letter.
pub(super) fn reason(context: &Context, missing: &MissingEvent) -> String {
    if missing.similar.is_some() {
        return missing.to_string();
    }
    format!("{missing}, and did not appear within {} s", context.event_lookup_grace.as_secs())
}
