//! Whether a reminder is still to be sent when its fan-out begins: that may be later than it was opened. When one is due is left to
//! `reminders`.

use crate::domain::event::{DateOrTime, Event};
use crate::domain::kind::Kind;
use crate::domain::notification::Notification;
use crate::domain::reminder::Reminder;
use crate::observe::events::reminders::too_late;
use crate::store::Store;
use crate::text::timestamp::to_the_second;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::fan_out::context::Context;

/// Why the reminder is not sent; `None`: it is, or it is no reminder that a worker has opened.
///
/// # Errors
/// When a shutdown is requested before the database answers.
pub(super) fn why_not(
    context: &Context,
    notification: &Notification,
    event: Option<&Event>,
) -> Result<Option<String>, Stopped> {
    let Context { store, database_retry, .. } = context;
    let Some(event) = event.filter(|_| notification.kind == Kind::Reminder) else { return Ok(None) };
    let record = database_retry.until_ok(|| store.find_notification(notification.id))?;
    let key = record.and_then(|record| record.message_key);
    let Some(reminder) = key.and_then(|key| Reminder::from_key(&key, event.id)) else { return Ok(None) };
    match event.starts_at.map(|starts_at| start_of(starts_at, event)) {
        None => return Ok(Some("the event has no start any more".to_owned())),
        Some(starts_at) if starts_at != reminder.starts_at => {
            return Ok(Some(format!("the event starts at {} now", to_the_second(starts_at))));
        }
        Some(_) => {}
    }
    if database_retry.until_ok(|| store.is_cancelled(event.id))? {
        return Ok(Some("the event is cancelled".to_owned()));
    }
    let look = database_retry.until_ok(|| store.begin_reminder_look())?;
    Ok(reminder.is_too_late(look.clock).then(|| too_late(&reminder)))
}

/// Whether the event of a reminder has begun, which was opened for its start. Its recipients have no use for it then.
///
/// # Errors
/// When a shutdown is requested before the database answers.
pub(super) fn has_begun(
    notification: &Notification,
    store: &Store,
    database_retry: &DatabaseRetry,
) -> Result<bool, Stopped> {
    let Some(event_id) = notification.event_id else { return Ok(false) };
    let record = database_retry.until_ok(|| store.find_notification(notification.id))?;
    let key = record.and_then(|record| record.message_key);
    let Some(reminder) = key.and_then(|key| Reminder::from_key(&key, event_id)) else { return Ok(false) };
    let look = database_retry.until_ok(|| store.begin_reminder_look())?;
    Ok(look.clock >= reminder.starts_at)
}

/// A date begins at midnight of the event's zone.
fn start_of(starts_at: DateOrTime, event: &Event) -> chrono::DateTime<chrono::Utc> {
    match starts_at {
        DateOrTime::Time(time) => time,
        DateOrTime::Date(date) => event.zone().start_of(date),
    }
}
