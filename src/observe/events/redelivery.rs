//! Messages that the broker delivers again.

use log::Level;

use crate::domain::message::Message;
use crate::domain::notification::Notification;
use crate::domain::traceparent::TraceParent;
use crate::observe::events::fields::log_about;
use crate::process_id;

/// The broker delivered a message again whose fan-out runs here.
pub fn redelivered(notification: &Notification, message: &Message) {
    log_about!(
        Level::Info, notification;
        "the message {message} was redelivered; its fan-out continues"
    );
}

/// A redelivered message has no id, and fits a notification whose message another worker may still hold. `session`: the
/// connection of that worker to the broker.
pub fn held_by_another_worker(notification: &Notification, session: &str) {
    log_about!(
        Level::Info, notification, other_worker = process_id::display_name(session);
        "a message {notification} without an id was redelivered; it waits until it is known whether worker {} still has the \
         message of notification {}",
        process_id::display_name(session),
        notification.id
    );
}

/// The worker is gone that might have held the message of a notification.
pub fn holder_is_gone(notification: &Notification, session: &str) {
    log_about!(
        Level::Info, notification, other_worker = process_id::display_name(session);
        "worker {} does not have the message of notification {} ({notification}) any more: it is gone, or cut off from the \
         broker",
        process_id::display_name(session),
        notification.id
    );
}

/// A redelivered message has no id, and fits no notification, but a worker that received it before may still open it.
/// `session`: the connection of that worker to the broker.
pub fn may_be_opened_by_another_worker(message: &Message, traceparent: Option<TraceParent>, session: &str) {
    log::debug!(
        event = message.event_id,
        kind = message.kind,
        other_worker = process_id::display_name(session),
        traceparent = traceparent;
        "a message {message} without an id was redelivered; it waits until it is known whether worker {} has received it before",
        process_id::display_name(session)
    );
}

/// The worker is gone that may have received a message before.
pub fn other_worker_is_gone(message: &Message, traceparent: Option<TraceParent>, session: &str) {
    log::info!(
        event = message.event_id,
        kind = message.kind,
        other_worker = process_id::display_name(session),
        traceparent = traceparent;
        "worker {} is gone, or cut off from the broker; a message {message} that it may have received waits no longer for it",
        process_id::display_name(session)
    );
}

/// A message was delivered again after its notification had been completed.
pub fn already_completed(notification: &Notification) {
    log_about!(
        Level::Info, notification;
        "notification {} ({notification}) was completed before; message acked",
        notification.id
    );
}
