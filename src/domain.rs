//! The plain types that all other modules share, and the decoding of message bodies. No I/O.

pub mod audience;
pub mod backoff;
pub mod channel;
pub mod content;
pub mod event;
pub mod event_key;
pub mod event_key_type;
pub mod event_snapshot;
pub mod ids;
pub mod installation;
pub mod kind;
pub mod lease;
pub mod message;
pub mod missing_event;
pub mod notification;
pub mod notification_facts;
pub mod outcome;
pub mod participant;
pub mod priority;
pub mod reminder;
pub mod reply_to;
pub mod session;
pub mod superseding;
pub mod time_zone;
pub mod times;
pub mod user;
