//! SQLite.

pub(crate) mod connect;
pub(crate) mod dialect;
