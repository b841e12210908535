//! Reminders of events.

use crate::domain::ids::EventId;
use crate::domain::notification::Notification;
use crate::domain::reminder::Reminder;
use crate::observe::health::{Health, Part};
use crate::text::count::count;
use crate::text::timestamp::to_the_second;

/// How many are named.
const MAX_NAMED: usize = 5;

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
    log::info!("notification {} ({notification}) is not sent: {reason}", notification.id);
}

/// The event does not take place.
pub fn cancelled(event_id: EventId) {
    log::debug!("event {event_id} is cancelled: no reminder");
}

/// Which events start soon cannot be read. It is tried again.
pub fn unreadable(health: &Health, reason: &str) {
    let text = format!("no reminder is sent: {reason}. Correct the data or the view");
    log::warn!("reminders: {text}");
    health.set_problem(Part::Reminders, text);
}

/// They could be read.
pub fn readable(health: &Health) {
    health.clear_problem(Part::Reminders);
}

/// Some starts are not found.
pub fn odd_starts(health: &Health, sentence: String) {
    log::warn!("reminders: {sentence}");
    health.set_note(Part::Reminders, sentence);
}

/// Whether there are such starts is not known.
pub fn uncounted(health: &Health, reason: &str) {
    odd_starts(health, format!("whether each event is found by its start is not known: {reason}"));
}

/// There are none any more.
pub fn no_odd_starts(health: &Health) {
    health.clear_note(Part::Reminders);
}
