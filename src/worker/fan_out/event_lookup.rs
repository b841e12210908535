//! Finds the event of a message. What happens with a message without an event is left to the fan-out.

use std::time::{Duration, Instant};

use crate::domain::event::Event;
use crate::domain::ids::EventId;
use crate::observe::events;
use crate::worker::fan_out::context::{Context, Halt, read_data};

/// How often an event that is not in the database is looked up again.
const INTERVAL: Duration = Duration::from_millis(500);

/// The event. Looked up again for a while: the publisher may have been quicker than its own commit.
///
/// # Errors
/// When a shutdown is requested first, or the event cannot be read.
pub(super) fn look_up(context: &Context, event_id: EventId) -> Result<Option<Event>, Halt> {
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

/// Why the message of an event that was not found is a dead letter.
pub(super) fn reason(context: &Context, event_id: EventId) -> String {
    let exactly = match event_id {
        EventId::Number(_) => "",
        EventId::Text(_) => " (keys that are text must be the same byte by byte)",
    };
    format!(
        "event {event_id} is not in the database{exactly}, and did not appear within {} s",
        context.event_lookup_grace.as_secs()
    )
}
