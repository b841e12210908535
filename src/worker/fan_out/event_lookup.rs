//! Finds the event of a message. What happens with a message without an event is left to the fan-out.

use std::time::{Duration, Instant};

use crate::domain::event::Event;
use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::EventId;
use crate::domain::missing_event::MissingEvent;
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

/// What there is to say about an event that was not found.
///
/// # Errors
/// When a shutdown is requested before the database answers.
pub(super) fn describe_missing(context: &Context, event_id: EventId) -> Result<MissingEvent, Halt> {
    read_data(&context.database_retry, "its event", || context.store.describe_missing_event(event_id))
}

/// Why the message of such an event is a dead letter.
pub(super) fn reason(context: &Context, missing: &MissingEvent) -> String {
    if missing.similar.is_some() {
        return missing.to_string();
    }
    let keys = match context.store.event_key_type() {
        Ok(keys) => about_keys(keys),
        Err(error) => {
            log::debug!("which keys events have is not known: {error}");
            ""
        }
    };
    let (event_id, grace) = (missing.event_id, context.event_lookup_grace.as_secs());
    format!("event {event_id} is not in the database{keys}, and did not appear within {grace} s")
}

/// What a publisher may have overlooked about keys that are not numbers.
fn about_keys(keys: EventKeyType) -> &'static str {
    match keys {
        EventKeyType::Number => "",
        EventKeyType::Text | EventKeyType::TextUpTo(_) => {
            " (the keys of events here are text: every character must be the same as in events.id, also capital and small \
             letters, zeros in front, and blanks)"
        }
        EventKeyType::Uuid => " (the keys of events here are UUIDs)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_not_numbers_are_explained() {
        assert_eq!(about_keys(EventKeyType::Number), "");
        for keys in [EventKeyType::Text, EventKeyType::TextUpTo('x')] {
            assert!(
                about_keys(keys).contains("keys of events here are text: every character must be the same")
            );
        }
        assert!(about_keys(EventKeyType::Uuid).contains("are UUIDs"));
    }
}
