//! Reminders of events.

use std::collections::BTreeMap;

use log::Level;

use crate::domain::ids::EventId;
use crate::domain::notification::Notification;
use crate::domain::reminder::Reminder;
use crate::observe::events::fields::log_about;
use crate::observe::health::{Health, Part};
use crate::text::clean::cut;
use crate::text::count::count;
use crate::text::mask::masked_line;
use crate::text::timestamp::to_the_second;

/// How many are named.
const MAX_NAMED: usize = 5;
/// How much of a key is shown, in characters.
const KEY_SHOWN: usize = 80;

/// What begins the reason of a reminder that was missed.
pub const MISSED: &str = "missed: ";

/// So many of these reminders are new in the ledger as missed.
pub fn missed(new: u64, reminders: &[Reminder]) {
    if new == 0 {
        return;
    }
    let name = |reminder: &Reminder| format!("event {} ({})", reminder.event_id, reminder.offset);
    let named: Vec<String> = reminders.iter().take(MAX_NAMED).map(name).collect();
    let others = if reminders.len() > MAX_NAMED { ", …" } else { "" };
    log::warn!(
        missed = new;
        "{} missed and not sent, because no worker sent them when they were due: {}{others}. See: fanmail status --all",
        count(new, "reminder"),
        named.join(", "),
    );
}

/// Why a reminder is too late.
#[must_use]
pub fn too_late(reminder: &Reminder) -> String {
    format!(
        "{MISSED}due at {}, and more than a tenth of {} late",
        to_the_second(reminder.offset.due_at(reminder.starts_at)),
        reminder.offset
    )
}

/// It was opened, and is not sent.
pub fn left_out(notification: &Notification, reason: &str) {
    log_about!(
        Level::Info, notification, reason = reason;
        "notification {} ({notification}) is not sent: {reason}",
        notification.id
    );
}

/// The event does not take place.
pub fn cancelled(event_id: EventId) {
    log::debug!(event = event_id; "event {event_id} is cancelled: no reminder");
}

/// Which events start soon cannot be read. It is tried again.
pub fn unreadable(health: &Health, reason: &str) {
    let text = format!("no reminder is sent: {reason}. Correct the data or the view");
    log::warn!(reason = reason; "reminders: {text}");
    health.set_problem(Part::Reminders, text);
}

/// They could be read, but for the events with these keys, each with the reason. `odd_starts`: what is said of starts that are not found.
pub fn readable(health: &Health, odd_starts: Option<&str>, unreadable: &BTreeMap<String, String>) {
    health.clear_problem(Part::Reminders);
    let unreadable = (!unreadable.is_empty()).then(|| describe(unreadable));
    let notes: Vec<&str> = odd_starts.into_iter().chain(unreadable.as_deref()).collect();
    if notes.is_empty() {
        health.clear_note(Part::Reminders);
    } else {
        health.set_note(Part::Reminders, notes.join("; "));
    }
}

/// The events that cannot be read are others than at the last look.
pub fn unreadable_events(unreadable: &BTreeMap<String, String>) {
    if unreadable.is_empty() {
        log::info!("reminders: all events that start soon can be read again");
    } else {
        log::warn!("reminders: {}. Correct the data or the view", describe(unreadable));
    }
}

fn describe(unreadable: &BTreeMap<String, String>) -> String {
    let name = |(key, reason): (&String, &String)| {
        format!("event {} ({})", cut(key.as_str(), KEY_SHOWN), masked_line(reason))
    };
    let named: Vec<String> = unreadable.iter().take(MAX_NAMED).map(name).collect();
    let others = if unreadable.len() > MAX_NAMED { ", …" } else { "" };
    format!(
        "no reminder is sent for {} that cannot be read: {}{others}",
        count(unreadable.len() as u64, "event"),
        named.join(", ")
    )
}

/// Some starts are not found.
pub fn odd_starts(sentence: &str) {
    log::warn!("reminders: {sentence}");
}

/// Whether there are such starts is not known.
#[must_use]
pub fn uncounted(reason: &str) -> String {
    format!("whether each event is found by its start is not known: {reason}")
}
