//! One function for each change of state that operators read about. It writes the log line and updates health and metrics, so that a
//! state machine makes one call and holds no sentences. Health and metrics change before the line is written: an
//! alert that reacts to the line finds them changed. When a change is worth an event is left to its caller.

use std::time::Duration;

pub mod bounces;
pub mod broker;
pub mod coalescing;
pub mod consul;
pub mod database;
pub mod dead_letters;
pub mod deferrals;
mod fields;
pub mod http;
pub mod mail;
pub mod notification;
pub mod outbox;
pub mod pace;
pub mod publications;
pub mod reach;
pub mod redelivery;
pub mod relay;
pub mod reminders;
pub mod routes;
pub mod set_aside;
pub mod superseding;
pub mod unsubscribing;
pub mod webhooks;
pub mod without_message;

/// How often the log repeats that a part is away, and the same that no change is: a night of eight hours has 48 lines of it.
pub const REMINDER: Duration = Duration::from_secs(10 * 60);
