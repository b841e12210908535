//! SQLite.

pub(crate) mod connect;
pub(crate) mod dialect;
pub(crate) mod errors;
pub(crate) mod event_keys;
pub(crate) mod outbox;
pub(crate) mod snapshots;
pub(crate) mod starts;
pub(crate) mod types;
pub(crate) mod values;
